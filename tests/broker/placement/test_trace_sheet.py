"""Public traces as metered use: ServeGen and the Azure inference trace.

The figures of the real traces are asked of the files themselves, where they are at hand.
"""

import csv
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from broker.placement.demand_rates import Counted, SizedDemand, overlaps, size_demand
from broker.placement.quantile import RateWindow, size_rates
from broker.placement.trace_sheet import TraceFormat, TraceOrigin, read_trace

DEMAND = Path(__file__).parents[3] / "../shared/data/demand"
SERVEGEN = DEMAND / "servegen_10min.csv"
AZURE = DEMAND / "azure_llm_2023_per_min.csv"

ORIGIN = TraceOrigin(node="us", class_name="chat", started_at=datetime(2026, 5, 1, tzinfo=UTC))
SERVEGEN_HEADER = "model,t_s,req_per_s,in_tok_per_s,out_tok_per_s,active_clients"
AZURE_HEADER = "trace,minute,requests,in_tok_per_s,out_tok_per_s"


def content(path: Path) -> bytes:
    if not path.exists():
        pytest.skip("the shared traces are not on this machine")
    return path.read_bytes()


def test_rates_of_servegen_become_tokens_of_ten_minutes() -> None:
    rows = (SERVEGEN_HEADER, "m,0,1.5,100,10.25,3", "m,600,1.5,200,20,3", "n,0,1.5,,,3")

    found, faults = read_trace("\n".join(rows).encode(), TraceFormat.SERVEGEN, ORIGIN)

    assert faults == []
    assert [(use.started_at, use.input_tokens, use.output_tokens) for use in found.values()] == [
        (ORIGIN.started_at, 60_000, 6_150),
        (ORIGIN.started_at + timedelta(minutes=10), 120_000, 12_000),
    ]
    assert {(use.node, use.class_name) for use in found.values()} == {("us", "chat")}


def test_a_minute_that_the_azure_trace_leaves_out_had_no_requests() -> None:
    rows = (AZURE_HEADER, "code,2023-11-16 18:17,3,10,1", "code,2023-11-16 18:20,5,20,2")

    found, faults = read_trace("\n".join(rows).encode(), TraceFormat.AZURE, ORIGIN)

    tokens = [use.output_tokens for use in sorted(found.values(), key=lambda use: use.started_at)]
    assert faults == []
    assert tokens == [60, 0, 0, 120]


def test_faults_of_a_trace_are_told_at_once() -> None:
    rows = (AZURE_HEADER, "code,18:17,3,10,1", "code,2023-11-16 18:20,5,20,", ",,1,x,1")

    _, faults = read_trace("\n".join(rows).encode(), TraceFormat.AZURE, ORIGIN)

    assert [(fault.line, fault.field) for fault in faults] == [
        (2, "minute"),
        (3, "out_tok_per_s"),
        (4, "minute"),
        (4, "trace"),
    ]


def test_a_window_that_stands_twice_is_refused() -> None:
    rows = (SERVEGEN_HEADER, "m,0,1,1,1,3", "m,0,1,1,1,3")

    _, (fault,) = read_trace("\n".join(rows).encode(), TraceFormat.SERVEGEN, ORIGIN)

    assert (fault.line, fault.field) == (3, "t_s")


def servegen_sizes(counted: Counted) -> dict[str, SizedDemand]:
    found, faults = read_trace(content(SERVEGEN), TraceFormat.SERVEGEN, ORIGIN)
    assert faults == []
    models = {use.model for use in found.values()}
    sized = size_demand(found.values(), counted=dict.fromkeys(models, counted))
    return {one.key.model: one for one in sized}


def test_requests_of_production_services_peak_at_1_4_to_2_6_times_their_mean() -> None:
    by_model: dict[str, list[RateWindow]] = {}
    for row in csv.DictReader(content(SERVEGEN).decode().splitlines()):
        window = RateWindow(tokens_per_second=float(row["req_per_s"]), seconds=600)
        by_model.setdefault(row["model"], []).append(window)
    sizes = {model: size_rates(windows) for model, windows in by_model.items()}

    factors = {model: size.peak_factor for model, size in sizes.items() if size is not None}
    assert set(factors) == {"m-large", "m-mid", "m-small", "deepseek-r1", "mm-image"}
    assert all(factor is not None and 1.38 < factor < 2.6 for factor in factors.values())


def test_their_tokens_peak_higher_still_so_tokens_are_what_is_sized() -> None:
    factors = {
        model: one.sizing.peak_factor for model, one in servegen_sizes(Counted.OUTPUT).items()
    }

    assert factors == {
        "deepseek-r1": pytest.approx(1.98, abs=0.01),
        "m-large": pytest.approx(4.79, abs=0.01),
        "m-mid": pytest.approx(2.01, abs=0.01),
        "m-small": pytest.approx(2.93, abs=0.01),
    }


def test_windows_that_a_meter_missed_are_left_out_of_production_services() -> None:
    sizes = servegen_sizes(Counted.TOTAL)

    assert sizes["m-mid"].left_out > 50
    assert sizes["m-large"].left_out == 0
    for one in sizes.values():
        assert one.sizing.peak_factor is not None
        assert 1.5 < one.sizing.peak_factor < 2.9


def test_an_hour_of_azure_is_whole_and_code_comes_in_bursts() -> None:
    found, faults = read_trace(content(AZURE), TraceFormat.AZURE, ORIGIN)
    code, conversation = size_demand(found.values(), counted={})

    assert faults == []
    assert overlaps(found.values()) == []
    assert (code.key.model, conversation.key.model) == ("code", "conv")
    assert conversation.sizing.windows + conversation.left_out == 60
    assert conversation.sizing.peak_factor == pytest.approx(1.38, abs=0.01)
    assert code.left_out > 10
    assert code.sizing.peak_factor is not None
    assert code.sizing.peak_factor > 2.5
