"""Google's price list: which SKU prices what, and what a machine comes to."""

from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pricing.offer import Terms
from providers.gcp_prices import Machine, Part, PriceList, Sku, Tag, concerns_gpus, tag_of

VIRGINIA = "us-east4"
ON_DEMAND = (Terms.ON_DEMAND, None)
LISTED_BY_GOOGLE = Decimal("88.490000119")

A3_HIGH = Machine(
    name="a3-highgpu-8g",
    cpus=208,
    memory_gib=Decimal(1872),
    accelerator="nvidia-h100-80gb",
    gpu_count=8,
    ssd_gib=6000,
)

nanos = st.integers(min_value=1, max_value=20 * 10**9)


def a_sku(
    description: str,
    price: str,
    *,
    unit: str = "h",
    region: str = VIRGINIA,
    usage: str = "OnDemand",
    sku_id: str | None = None,
    currency: str = "USD",
) -> Sku:
    units, _, fraction = price.partition(".")
    amount: dict[str, Any] = {
        "currencyCode": currency,
        "units": units,
        "nanos": int(f"{fraction:0<9}"),
    }
    return Sku.model_validate(
        {
            "skuId": sku_id or f"{description} {region}",
            "description": description,
            "category": {"usageType": usage},
            "serviceRegions": [region],
            "pricingInfo": [
                {
                    "pricingExpression": {
                        "usageUnit": unit,
                        "tieredRates": [{"unitPrice": amount}],
                    }
                }
            ],
        }
    )


def a3_parts(core: str, ram: str, gpu: str, ssd: str) -> list[Sku]:
    return [
        a_sku("A3 Instance Core running in Virginia", core),
        a_sku("A3 Instance Ram running in Virginia", ram, unit="GiBy.h"),
        a_sku("Nvidia H100 80GB GPU running in Virginia", gpu),
        a_sku("SSD backed Local Storage in Virginia", ssd, unit="GiBy.mo"),
    ]


def a_list(*skus: Sku) -> PriceList:
    prices = PriceList()
    for sku in skus:
        prices.add(sku)
    return prices


def written(billionths: int) -> str:
    return f"{billionths // 10**9}.{billionths % 10**9:09d}"


def test_an_a3_machine_in_virginia_costs_the_sum_of_its_parts_to_the_last_digit() -> None:
    prices = a_list(*a3_parts("0.025497998", "0.002220340", "9.796551250", "0.08"))

    hourly = prices.machine_hour(A3_HIGH, VIRGINIA, ON_DEMAND)

    host, gpus, ssd = Decimal("9.460060064"), Decimal("78.37241"), Decimal(6000) * 8 / 100 / 730
    assert host == 208 * Decimal("0.025497998") + 1872 * Decimal("0.002220340")
    assert gpus == 8 * Decimal("9.796551250")
    assert isinstance(hourly, Decimal)
    assert hourly == host + gpus + ssd
    assert hourly.quantize(Decimal("0.000001"), rounding=ROUND_HALF_EVEN) == Decimal("88.490004")
    assert abs(hourly - LISTED_BY_GOOGLE) < Decimal("0.00001")


@given(core=nanos, ram=nanos, gpu=nanos, ssd=nanos)
@settings(max_examples=50)
def test_no_digit_of_any_part_is_lost(core: int, ram: int, gpu: int, ssd: int) -> None:
    prices = a_list(*a3_parts(written(core), written(ram), written(gpu), written(ssd)))

    hourly = prices.machine_hour(A3_HIGH, VIRGINIA, ON_DEMAND)

    exact = Fraction(208 * core + 1872 * ram + 8 * gpu, 10**9) + Fraction(6000 * ssd, 730 * 10**9)
    assert isinstance(hourly, Decimal)
    assert abs(Fraction(hourly) - exact) < Fraction(1, 10**18)


@pytest.mark.parametrize(
    ("left_out", "lacking"),
    [(0, Part.CORE), (1, Part.RAM), (2, Part.GPU), (3, Part.SSD)],
)
def test_a_machine_without_the_price_of_one_part_has_no_price(left_out: int, lacking: Part) -> None:
    """Host-only prices of 9.46 for eight H100 have been published as if they were the machine's."""
    parts = a3_parts("0.0255", "0.0022", "9.8", "0.08")
    del parts[left_out]

    assert a_list(*parts).machine_hour(A3_HIGH, VIRGINIA, ON_DEMAND) == (lacking,)


def test_one_slice_per_gpu_covers_the_whole_machine() -> None:
    prices = a_list(a_sku("DWS Calendar Mode A4 Nvidia B200 (1 gpu slice) in Seoul", "11.28"))
    a4 = Machine(
        name="a4-highgpu-8g",
        cpus=224,
        memory_gib=Decimal(3968),
        accelerator="nvidia-b200",
        gpu_count=8,
        ssd_gib=12000,
    )

    hourly = prices.machine_hour(a4, VIRGINIA, (Terms.CAPACITY_BLOCK, None))

    assert hourly == Decimal("90.24")


H100, MEGA = "nvidia-h100-80gb", "nvidia-h100-mega-80gb"


@pytest.mark.parametrize(
    ("description", "usage", "part", "name", "terms"),
    [
        ("A3 Instance Core running in Virginia", "OnDemand", Part.CORE, "a3", Terms.ON_DEMAND),
        ("A3Plus Instance Ram running in Iowa", "OnDemand", Part.RAM, "a3plus", Terms.ON_DEMAND),
        (
            "Spot Preemptible A3 Instance Core running in Iowa",
            "Preemptible",
            Part.CORE,
            "a3",
            Terms.SPOT,
        ),
        (
            "DWS Defined Duration A3 Ram running in Americas",
            "OnDemand",
            Part.RAM,
            "a3",
            Terms.FLEX_START,
        ),
        ("Nvidia H100 80GB GPU running in Iowa", "OnDemand", Part.GPU, H100, Terms.ON_DEMAND),
        ("Nvidia H100 80GB Mega GPU running in Iowa", "OnDemand", Part.GPU, MEGA, Terms.ON_DEMAND),
        ("Nvidia H100 Mega 80GB GPU running in Iowa", "OnDemand", Part.GPU, MEGA, Terms.ON_DEMAND),
        ("Nvidia H100 80GB Plus GPU running in Iowa", "OnDemand", Part.GPU, MEGA, Terms.ON_DEMAND),
        (
            "Nvidia H100 80GB GPU attached to DWS Defined Duration VMs running in Iowa",
            "OnDemand",
            Part.GPU,
            H100,
            Terms.FLEX_START,
        ),
        (
            "Reserved Nvidia H100 80GB Mega GPU in Americas in Calendar Mode",
            "OnDemand",
            Part.GPU,
            MEGA,
            Terms.CAPACITY_BLOCK,
        ),
        (
            "Spot Preemptible A4 Nvidia B200 (1 gpu slice) running in Seoul",
            "OnDemand",
            Part.SLICE,
            "nvidia-b200",
            Terms.SPOT,
        ),
        (
            "Nvidia Tesla A100 80GB GPU attached to Spot Preemptible VMs running in Iowa",
            "Preemptible",
            Part.GPU,
            "nvidia-a100-80gb",
            Terms.SPOT,
        ),
        (
            "Nvidia Tesla A100 GPU running in Americas",
            "OnDemand",
            Part.GPU,
            "nvidia-tesla-a100",
            Terms.ON_DEMAND,
        ),
        ("H200 141GB GPU running in Iowa", "OnDemand", Part.GPU, "nvidia-h200-141gb", Terms.ON_DEMAND),
        ("RTX 6000 96GB running in Iowa", "OnDemand", Part.GPU, "nvidia-rtx-pro-6000", Terms.ON_DEMAND),
        ("SSD backed Local Storage in Virginia", "OnDemand", Part.SSD, "", Terms.ON_DEMAND),
        (
            "SSD backed Local Storage attached to Spot Preemptible VMs",
            "Preemptible",
            Part.SSD,
            "",
            Terms.SPOT,
        ),
        (
            "DWS Defined Duration SSD backed Local Storage running in Iowa",
            "OnDemand",
            Part.SSD,
            "",
            Terms.FLEX_START,
        ),
    ],
)  # fmt: skip
def test_a_sku_is_for_what_its_description_says_whatever_its_usage_type(
    description: str, usage: str, part: Part, name: str, terms: Terms
) -> None:
    assert tag_of(description, usage) == Tag(part=part, name=name, terms=terms)
    assert concerns_gpus({"description": description})


@pytest.mark.parametrize(
    ("description", "usage", "months"),
    [
        ("Commitment v1: A3 Cpu in Virginia for 1 Year", "Commit1Yr", 12),
        ("Commitment v1: A3 Cpu in Virginia for 3 Years", "Commit3Yr", 36),
        ("Commitment v1: A3 Cpu in Virginia", "Commit3Yr", 36),
    ],
)
def test_a_commitment_has_a_term(description: str, usage: str, months: int) -> None:
    expected = Tag(part=Part.CORE, name="a3", terms=Terms.RESERVED, months=months)

    assert tag_of(description, usage) == expected


@pytest.mark.parametrize(
    "description",
    [
        "Reserved Nvidia H100 80GB GPU in Americas",
        "Reserved A3 Core in Virginia",
        "A3 Instance Core Sole Tenancy running in Virginia",
        "Custom A2 Instance Core running in Virginia",
        "1/8 vGPU no lssd running in Iowa",
        "N2 Instance Core running in Virginia",
        "Storage PD Capacity",
        "Nvidia Z900 1TB GPU running in Virginia",
    ],
)
def test_what_prices_no_machine_of_ours_is_left_out(description: str) -> None:
    assert tag_of(description, "OnDemand") is None


def test_a_price_of_nothing_is_no_price() -> None:
    prices = a_list(*a3_parts("0.0255", "0.0022", "0.0", "0.08"))

    assert prices.machine_hour(A3_HIGH, VIRGINIA, ON_DEMAND) == (Part.GPU,)


@pytest.mark.parametrize(("unit", "currency"), [("mo", "USD"), ("GiBy.h", "USD"), ("h", "EUR")])
def test_a_price_in_another_unit_or_currency_is_left_out_and_told(unit: str, currency: str) -> None:
    prices = a_list(
        a_sku("Nvidia H100 80GB GPU running in Iowa", "9.8", unit=unit, currency=currency)
    )

    assert prices.plans() == []
    (warning,) = prices.warnings()
    assert "it was left out" in warning


def test_two_prices_for_one_part_are_told_and_the_dearer_one_counts() -> None:
    cheap, dear = (
        a_sku("Nvidia H100 80GB GPU running in Virginia", price, sku_id=price)
        for price in ("9.6", "9.8")
    )
    parts = a3_parts("0.0255", "0.0022", "9.8", "0.08")
    del parts[2]

    prices = a_list(*parts, cheap, dear)

    assert prices.machine_hour(A3_HIGH, VIRGINIA, ON_DEMAND) == a_list(*parts, dear).machine_hour(
        A3_HIGH, VIRGINIA, ON_DEMAND
    )
    (warning,) = prices.warnings()
    assert "2 prices" in warning


def test_a_part_that_costs_less_than_half_elsewhere_raises_an_alarm() -> None:
    """So a flex-start price of 4.20 once passed as on demand beside the true 9.80."""
    name = "Nvidia H100 80GB GPU running in"
    prices = a_list(a_sku(f"{name} Virginia", "9.80"), a_sku(f"{name} Iowa", "4.20", region="iowa"))

    (warning,) = prices.warnings()

    assert "4.20 in iowa" in warning.replace("4.200000000", "4.20")


def test_spot_prices_may_differ_that_much() -> None:
    name = "Nvidia H100 80GB GPU attached to Spot Preemptible VMs running in"
    prices = a_list(
        a_sku(f"{name} Virginia", "4.00", usage="Preemptible"),
        a_sku(f"{name} Iowa", "1.00", usage="Preemptible", region="iowa"),
    )

    assert list(prices.warnings()) == []
