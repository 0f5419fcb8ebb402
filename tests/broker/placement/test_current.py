from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings

from broker.placement.current import with_current
from broker.placement.snapshot import Running, Snapshot
from tests.broker.placement.strategies import snapshots


@given(snapshots())
@settings(max_examples=30)
def test_what_runs_by_the_snapshot_itself_changes_nothing(snapshot: Snapshot) -> None:
    assert with_current(snapshot, snapshot.current) == (snapshot, ())


@given(snapshots())
@settings(max_examples=30)
def test_replicas_that_must_stay_do_so_by_whatever_plan_they_run(snapshot: Snapshot) -> None:
    placed = [replace(row, must_stay=0) for row in snapshot.current]

    assert with_current(snapshot, placed) == (snapshot, ())


@given(snapshots())
@settings(max_examples=30)
def test_what_runs_in_two_rows_of_a_plan_is_added_up(snapshot: Snapshot) -> None:
    changed, notes = with_current(snapshot, [*snapshot.current, *snapshot.current])

    assert notes == ()
    assert [row.replicas for row in changed.current] == [
        2 * row.replicas for row in snapshot.current
    ]


@given(snapshots())
@settings(max_examples=30)
def test_what_runs_nowhere_that_is_known_is_noted(snapshot: Snapshot) -> None:
    stray = Running(model="m0", config="H100-tp8", pool="gone", replicas=2)

    changed, (note,) = with_current(snapshot, [stray])

    assert changed.current == ()
    assert "2 replicas of m0 ran as H100-tp8 on gone" in note
