"""Double entry: whatever the books say next, no account is below zero and nothing is lost."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.capacity.accounts import OWN, Accounts, Transfer, moves, owed
from broker.capacity.pool import Account
from broker.capacity.supply import Supply

counts = st.integers(min_value=0, max_value=40)
some_accounts = st.builds(Accounts, **{account.value: counts for account in OWN})


@st.composite
def supplies(draw: st.DrawFn) -> Supply:
    delivered, returned, undelivered = draw(counts), draw(counts), draw(counts)
    return Supply(
        contracted=delivered + returned + undelivered, delivered=delivered, returned=returned
    )


def told(transfers: tuple[Transfer, ...]) -> list[tuple[str, str, int]]:
    return [(each.debit.value, each.credit.value, each.gpu_count) for each in transfers]


@given(accounts=some_accounts, supply=supplies())
def test_the_moves_leave_no_account_below_zero_and_all_sum_to_nothing(
    accounts: Accounts, supply: Supply
) -> None:
    after = accounts.after(moves(accounts, supply))

    assert all(after.of(account) >= 0 for account in OWN)
    assert sum(after.of(account) for account in Account) == 0


@given(accounts=some_accounts, supply=supplies())
def test_the_moves_reach_the_books_unless_holders_are_in_the_way(
    accounts: Accounts, supply: Supply
) -> None:
    after = accounts.after(moves(accounts, supply))

    if owed(after, supply) == 0:
        assert after.undelivered == supply.undelivered
        assert after.returned == supply.returned
        assert after.in_service == supply.delivered
        assert after.contracted == supply.contracted
    else:
        assert after.available == after.down == 0
        assert owed(after, supply) == after.in_use - supply.delivered


@given(accounts=some_accounts, supply=supplies())
def test_moves_never_touch_what_holders_have(accounts: Accounts, supply: Supply) -> None:
    for transfer in moves(accounts, supply):
        assert {transfer.debit, transfer.credit}.isdisjoint({Account.HELD, Account.LEASED})


@given(accounts=some_accounts, supply=supplies())
def test_two_syncs_are_one(accounts: Accounts, supply: Supply) -> None:
    assert moves(accounts.after(moves(accounts, supply)), supply) == ()


@given(accounts=some_accounts, supply=supplies())
def test_what_is_owed_back_goes_back_as_leases_end(accounts: Accounts, supply: Supply) -> None:
    after = accounts.after(moves(accounts, supply))
    ended = replace(after, available=after.available + after.in_use, held=0, leased=0)

    settled = ended.after(moves(ended, supply))

    assert owed(settled, supply) == 0
    assert settled.contracted == supply.contracted


def test_a_tranche_is_signed_and_then_accepted() -> None:
    signed = Supply(contracted=512, delivered=0)
    accepted = Supply(contracted=512, delivered=512)

    assert told(moves(Accounts(), signed)) == [("supplier", "undelivered", 512)]
    assert told(moves(Accounts(undelivered=512), accepted)) == [("undelivered", "available", 512)]


def test_at_the_end_everything_goes_back_and_what_never_came_never_was_available() -> None:
    over = Supply(contracted=1024, delivered=0, returned=1024, has_ended=True)

    assert told(moves(Accounts(undelivered=512, available=500, down=12), over)) == [
        ("undelivered", "returned", 512),
        ("available", "returned", 500),
        ("down", "returned", 12),
    ]


def test_leased_gpus_stay_until_their_leases_end() -> None:
    over = Supply(contracted=16, delivered=0, returned=16)
    accounts = Accounts(available=6, held=2, leased=8)

    after = accounts.after(moves(accounts, over))

    assert after == Accounts(held=2, leased=8, returned=6)
    assert owed(after, over) == 10


def test_working_gpus_go_back_before_broken_ones_lest_we_count_on_one_that_is_gone() -> None:
    less = Supply(contracted=16, delivered=8, returned=8)

    assert told(moves(Accounts(available=12, down=4), less)) == [("available", "returned", 8)]


def test_a_line_that_was_recorded_too_large_shrinks_back_to_the_supplier() -> None:
    assert told(moves(Accounts(available=100), Supply(contracted=64, delivered=64))) == [
        ("available", "undelivered", 36),
        ("undelivered", "supplier", 36),
    ]


def test_an_account_is_never_overdrawn() -> None:
    move = Transfer(debit=Account.AVAILABLE, credit=Account.DOWN, gpu_count=9, cause="failed")

    with pytest.raises(ValueError, match="not that many GPUs available"):
        Accounts(available=8).after([move])


def test_a_transfer_moves_something_somewhere() -> None:
    with pytest.raises(ValueError, match="at least one GPU"):
        Transfer(debit=Account.AVAILABLE, credit=Account.DOWN, gpu_count=0, cause="failed")
    with pytest.raises(ValueError, match="to another"):
        Transfer(debit=Account.DOWN, credit=Account.DOWN, gpu_count=1, cause="failed")
