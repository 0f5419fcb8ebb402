"""The site that procurement is measured on: the same for the same seed, and an input like any."""

from benchmarks.procurement import Size, make_site, measure
from broker.procurement.input_json import input_document
from broker.procurement.input_reading import read_input

TINY = Size(suppliers=3, geos=1, classes=3, months=6, contracts=4, quotes=6, b200s=4_000)


def test_a_seed_makes_one_site_and_it_reads_back() -> None:
    site = make_site(7, TINY)

    assert make_site(7, TINY) == site
    assert make_site(8, TINY) != site
    assert read_input(input_document(site)) == site


def test_the_plan_costs_no_more_than_a_monthly_buyer_and_no_less_than_the_relaxation() -> None:
    found = measure(7, TINY, gap=1e-4)

    assert found.relaxation <= found.cost * (1 + 1e-6)
    assert found.cost <= found.month_by_month * (1 + 1e-4)
    assert 0 <= found.gap <= 1e-4
