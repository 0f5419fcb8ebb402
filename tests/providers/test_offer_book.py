"""The book of an answer: forms stated beside the name, and offers that only look alike."""

from decimal import Decimal

import pytest

from pricing.money import Currency
from pricing.offer import PriceUnit, Terms
from providers.offer_book import SPOT_ABOVE_ON_DEMAND, Asked, Machine, OfferBook
from providers.primeintellect import PROFILE as PRIME
from providers.shadeform import PROFILE as SHADEFORM
from providers.supplier import Page, Profile
from tests.providers.counterpart import NOW

PAGE = Page(call="types", url="u", body=b"", fetched_at=NOW)


def the_part(profile: Profile, spelling: str, form_factor: str | None) -> str | None:
    gpu = OfferBook(profile=profile).gpu("a machine", spelling, form_factor=form_factor)
    return gpu.part if gpu else "refused"


@pytest.mark.parametrize(
    ("spelling", "form_factor", "part"),
    [
        ("H100", "sxm5", "H100-SXM"),
        ("H100", "pcie", "H100-PCIE"),
        ("H100", None, None),
        ("A100_80G", "sxm4", "A100-SXM-80"),
        ("A100_80G", "pcie", "A100-PCIE-80"),
        ("B200", "sxm6", "B200-SXM"),
        ("H100_NVL", "pcie", "H100-NVL"),
        ("GH200", "pcie", "GH200-96"),
        ("A6000", "pcie", "RTXA6000"),
    ],
)
def test_a_form_stated_beside_the_name_decides_between_parts(
    spelling: str, form_factor: str | None, part: str | None
) -> None:
    assert the_part(SHADEFORM, spelling, form_factor) == part


def test_a_name_that_only_one_seller_uses_is_read_with_its_form() -> None:
    assert the_part(PRIME, "RTX_PRO_6000B", "PCIe") == "RTXPRO6000-SE"


def test_a_form_that_the_gpu_is_not_made_in_is_refused_and_not_overruled() -> None:
    assert the_part(PRIME, "H200_141GB", "PCIe") == "refused"
    assert the_part(PRIME, "B200_180GB", "PCIe") == "refused"


def test_one_and_eight_gpus_under_one_name_are_two_offers() -> None:
    book = OfferBook(profile=PRIME)
    for count in (1, 8):
        book.add(
            "NVIDIA H100 80GB HBM3",
            Machine(gpu="H100_80GB", form_factor="SXM5", count=count),
            Asked(amount=Decimal(3) * count, unit=PriceUnit.INSTANCE),
            page=PAGE,
            region="runpod/US-KS-2",
        )

    answer = book.answer()

    assert [offer.gpu_count for offer in answer.offers] == [1, 8]
    assert answer.warnings == ()


def flagged(*rows: tuple[Terms, str, str | None], currency: str = "USD") -> list[str]:
    """Return the prices of spot that are flagged, of one machine; a row is terms, price, zone."""
    book = OfferBook(profile=SHADEFORM)
    for terms, price, zone in rows:
        book.add(
            "gpu.8x",
            Machine(gpu="H100 SXM5", count=8),
            Asked(
                amount=Decimal(price),
                unit=PriceUnit.GPU,
                currency=Currency(currency if terms is Terms.SPOT else "USD"),
            ),
            page=PAGE,
            region="us-east",
            zone=zone,
            terms=terms,
            flags=("multi_node",),
        )
    offers = [offer for offer in book.answer().offers if SPOT_ABOVE_ON_DEMAND in offer.flags]
    assert all(offer.terms is Terms.SPOT and "multi_node" in offer.flags for offer in offers)
    return [str(offer.price.amount) for offer in offers if offer.price]


def test_a_spot_price_above_the_same_machine_on_demand_is_flagged_and_no_other() -> None:
    assert flagged((Terms.ON_DEMAND, "3", None), (Terms.SPOT, "3.01", None)) == ["3.01"]
    assert flagged((Terms.ON_DEMAND, "3", None), (Terms.SPOT, "3", None)) == []
    assert flagged((Terms.ON_DEMAND, "3", None), (Terms.RESERVED, "4", None)) == []
    assert flagged((Terms.SPOT, "4", None)) == []


def test_spot_by_zone_is_held_against_its_zone_or_else_against_the_region() -> None:
    region = (Terms.ON_DEMAND, "3", None)
    zones = (Terms.ON_DEMAND, "3", "a"), (Terms.ON_DEMAND, "5", "b")

    assert flagged(region, (Terms.SPOT, "4", "a"), (Terms.SPOT, "2", "b")) == ["4"]
    assert flagged(*zones, (Terms.SPOT, "4", "a"), (Terms.SPOT, "4.5", "b")) == ["4"]
    assert flagged(*zones, (Terms.SPOT, "4", None)) == []
    assert flagged(*zones, (Terms.SPOT, "6", "c")) == ["6"]


def test_prices_in_two_currencies_are_not_held_against_each_other() -> None:
    assert flagged((Terms.ON_DEMAND, "3", None), (Terms.SPOT, "300", None), currency="JPY") == []
