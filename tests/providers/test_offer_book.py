"""The book of an answer: forms stated beside the name, and offers that only look alike."""

from decimal import Decimal

import pytest

from pricing.offer import PriceUnit
from providers.offer_book import Asked, Machine, OfferBook
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
