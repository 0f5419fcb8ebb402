"""Every spelling of a GPU is one name; what nobody can know is not guessed."""

import csv
from collections import defaultdict
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.hardware import Gpu, UnknownGpuError, canonical_gpu, known_models

ROWS = list(
    csv.DictReader(
        resources.files("pricing").joinpath("gpu_aliases.csv").read_text("utf-8").splitlines()
    )
)
UNMAPPABLE = {("coreweave", "verarubin-4x-e")}  # a new family, listed so that nobody prices it yet


@pytest.mark.parametrize("row", [row for row in ROWS if row["action"] == "map"], ids=str)
def test_every_mapped_alias_gives_its_part(row: dict[str, str]) -> None:
    gpu = canonical_gpu(row["alias"], provider=row["provider"])

    assert (gpu.model, gpu.part) == (row["family"], row["canonical_part"])
    assert (gpu.vendor, gpu.memory_gb) == (row["vendor"], int(row["memory_gb"]))


@pytest.mark.parametrize(
    "row", [row for row in ROWS if row["action"] == "ambiguous" and row["family"]], ids=str
)
def test_an_ambiguous_alias_is_never_sharper_than_its_model(row: dict[str, str]) -> None:
    answer = _answer(row["alias"], provider=row["provider"])

    if isinstance(answer, UnknownGpuError):
        assert "state the memory" in str(answer)
    else:
        assert answer.model == row["family"]
        assert answer.part is None or row["alias"] in {"l4-90", "l40s-90"}  # models of one part


@pytest.mark.parametrize("row", [row for row in ROWS if row["action"] == "exclude"], ids=str)
def test_a_fraction_of_a_gpu_is_refused(row: dict[str, str]) -> None:
    with pytest.raises(UnknownGpuError, match="fraction"):
        canonical_gpu(row["alias"], provider=row["provider"])


def test_a_slice_of_any_gpu_is_refused() -> None:
    with pytest.raises(UnknownGpuError, match="fraction"):
        canonical_gpu("NVIDIA H100 MIG 1g.10gb")


def test_a_part_has_one_model_vendor_and_memory_throughout_the_table() -> None:
    facts = defaultdict(set)
    for row in ROWS:
        if row["canonical_part"]:
            facts[row["canonical_part"]].add((row["family"], row["vendor"], row["memory_gb"]))

    assert {part: found for part, found in facts.items() if len(found) > 1} == {}


def test_a_provider_uses_one_alias_for_one_part() -> None:
    meanings = defaultdict(set)
    for row in ROWS:
        folded = "".join(filter(str.isalnum, row["alias"].upper()))
        meanings[(row["provider"], folded)].add((row["action"], row["canonical_part"]))
    several = {alias for alias, found in meanings.items() if len(found) > 1}

    assert {action for alias in several for action, _ in meanings[alias]} == {"ambiguous"}


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_the_table_has_only_known_actions_and_whole_rows(row: dict[str, str]) -> None:
    assert row["action"] in {"map", "ambiguous", "exclude"}
    assert row["provider"]
    assert row["alias"]
    if row["action"] == "map":
        assert row["canonical_part"]
    if row["action"] == "ambiguous" and not row["family"]:
        assert (row["provider"], row["alias"]) in UNMAPPABLE


@pytest.mark.parametrize(
    ("spelling", "model", "part"),
    [
        ("B200", "B200", "B200-SXM"),
        ("B300", "B300", "B300-SXM"),
        ("H100", "H100", None),
        ("H200", "H200", "H200-SXM"),
        ("GB200", "GB200", "GB200"),
        ("GB300", "GB300", "GB300"),
        ("NVIDIA H100 SXM5", "H100", "H100-SXM"),
        ("HGX B200 180GB", "B200", "B200-SXM"),
        ("HGX H100", "H100", "H100-SXM"),
        ("H100 80GB SXM5", "H100", "H100-SXM"),
        ("h100-80gb-pcie", "H100", "H100-PCIE"),
        ("GB200 NVL72", "GB200", "GB200"),
        ("A100 80GB", "A100", None),
        ("A100 SXM4 80 GB", "A100", "A100-SXM-80"),
        ("A100-PCIE-40", "A100", "A100-PCIE-40"),
        ("MI300X", "MI300X", "MI300X"),
        ("AMD Instinct MI300X OAM", "MI300X", "MI300X"),
        ("L40S", "L40S", "L40S"),
        ("8x B200", "B200", "B200-SXM"),
        ("Tesla V100 SXM2 16GB", "V100", "V100-SXM2-16"),
        ("GeForce RTX 4090", "RTX4090", "RTX4090"),
        ("NVIDIA RTX PRO 6000 Blackwell", "RTXPRO6000", None),
        ("NVIDIA RTX PRO 6000 Blackwell Server Edition", "RTXPRO6000", "RTXPRO6000-SE"),
    ],
)
def test_the_spellings_of_a_contract_sheet_are_understood(
    spelling: str, model: str, part: str | None
) -> None:
    gpu = canonical_gpu(spelling)

    assert (gpu.model, gpu.part) == (model, part)


@pytest.mark.parametrize(
    ("spelling", "form_factor"),
    [
        ("B200", "SXM"),
        ("H100", None),
        ("H100 PCIe", "PCIE"),
        ("H100 NVL", "NVL"),
        ("GB200", "NVL72"),
        ("MI355X", "OAM"),
        ("L40S", "PCIE"),
        ("A100 PCIe", "PCIE"),
        ("GH200", None),
    ],
)
def test_the_form_factor_is_stated_only_when_known(spelling: str, form_factor: str | None) -> None:
    assert canonical_gpu(spelling).form_factor == form_factor


@pytest.mark.parametrize(
    ("spelling", "model"),
    [
        ("H20", "H20"),
        ("H200", "H200"),
        ("GH200", "GH200"),
        ("B200", "B200"),
        ("GB200", "GB200"),
        ("A10", "A10"),
        ("A100", "A100"),
        ("L4", "L4"),
        ("L40", "L40"),
        ("L40S", "L40S"),
        ("RTX A6000", "RTXA6000"),
        ("RTX 6000 Ada", "RTX6000ADA"),
        ("Quadro RTX 6000", "RTX6000"),
        ("RTX 3090", "RTX3090"),
        ("RTX 3090 Ti", "RTX3090TI"),
    ],
)
def test_names_that_contain_each_other_stay_apart(spelling: str, model: str) -> None:
    assert canonical_gpu(f"NVIDIA {spelling}").model == model


NOT_ALONE = {"RTX6000"}  # the bare name is used for three generations of cards


@pytest.mark.parametrize("model", sorted(known_models() - NOT_ALONE))
def test_our_own_model_names_come_back_as_themselves(model: str) -> None:
    assert canonical_gpu(model).model == model


@given(model=st.sampled_from(sorted(known_models() - NOT_ALONE)), data=st.data())
def test_case_and_punctuation_do_not_matter(model: str, data: st.DataObject) -> None:
    breaks = st.sampled_from(["", "", "-", " ", "_", ".", "®"])

    spelling = "".join(
        data.draw(st.sampled_from([letter, letter.lower()])) + data.draw(breaks) for letter in model
    )

    assert canonical_gpu(spelling) == canonical_gpu(model)


PARTS = sorted({row["canonical_part"] for row in ROWS} - {""})


@pytest.mark.parametrize("part", PARTS)
def test_our_own_part_names_come_back_as_themselves(part: str) -> None:
    assert canonical_gpu(part).part == part
    assert canonical_gpu(part.lower().replace("-", "_")).part == part


def test_the_providers_own_name_wins_over_everybodys() -> None:
    assert canonical_gpu("A100", provider="jarvislabs").part == "A100-SXM-40"
    assert canonical_gpu("A100").part is None
    assert canonical_gpu("gpu-rtx6000", provider="nebius").part == "RTXPRO6000-SE"
    assert canonical_gpu("gpu_1x_rtx6000", provider="lambda").part == "RTX6000-TURING"


def test_a_name_that_providers_use_for_different_parts_stays_at_its_model() -> None:
    assert canonical_gpu("H100_NVLINK_80GB", provider="fluidstack").part == "H100-PCIE"
    assert canonical_gpu("H100_NVLINK_80GB", provider="coreweave").part == "H100-SXM"
    assert canonical_gpu("H100_NVLINK_80GB").part is None


def test_a_name_that_only_one_provider_uses_is_understood_without_the_provider() -> None:
    assert canonical_gpu("BM.GPU4.8").part == "A100-SXM-40"
    assert canonical_gpu("gd-8xh100ib-i128", provider="somebody else").part == "H100-SXM"


def test_a_number_inside_a_name_is_not_its_memory() -> None:
    assert canonical_gpu("A-100") == canonical_gpu("A100")
    assert canonical_gpu("H 200") == canonical_gpu("H200")


@pytest.mark.parametrize(
    ("spelling", "provider", "memory_gb", "expected"),
    [
        ("A100", None, 40, ("A100", None, 40)),
        ("A100", None, 80, ("A100", None, 80)),
        ("A100 PCIE", "vast", 80, ("A100", "A100-PCIE-80", 80)),
        ("A100 PCIE", "vast", 40, ("A100", "A100-PCIE-40", 40)),
        ("A100 PCIE", "vast", None, ("A100", None, None)),
        ("H100", None, 94, ("H100", "H100-NVL", 94)),
        ("H100", None, 80, ("H100", None, 80)),
        ("H100", None, 79, ("H100", None, 80)),
        ("RTX 6000", None, 24, ("RTX6000", "RTX6000-TURING", 24)),
        ("RTX 6000", None, 48, ("RTX6000ADA", "RTX6000ADA", 48)),
        ("RTX 6000", None, 96, ("RTXPRO6000", None, 96)),
        ("V100", None, 32, ("V100", None, 32)),
        ("a100", "jarvislabs", 80, ("A100", "A100-SXM-80", 80)),
    ],
)
def test_memory_decides_where_the_name_does_not(
    spelling: str, provider: str | None, memory_gb: int | None, expected: tuple[object, ...]
) -> None:
    gpu = canonical_gpu(spelling, provider=provider, memory_gb=memory_gb)

    assert (gpu.model, gpu.part, gpu.memory_gb) == expected


@pytest.mark.parametrize(
    ("spelling", "memory_gb", "part"),
    [
        ("b300", 288, "B300-SXM"),
        ("b300", 262, "B300-SXM"),
        ("b300", 268, "B300-SXM"),
        ("b200", 192, "B200-SXM"),
        ("h200", 143, "H200-SXM"),
        ("h100-nvl", 80, "H100-NVL"),
        ("a40", 16, "A40"),
    ],
)
def test_an_odd_memory_is_no_reason_to_refuse(spelling: str, memory_gb: int, part: str) -> None:
    assert canonical_gpu(spelling, memory_gb=memory_gb).part == part


@pytest.mark.parametrize(
    ("spelling", "observed_gb", "differs"),
    [("b300", 288, False), ("h200", 143, False), ("a40", 16, True), ("h100-nvl", 80, True)],
)
def test_a_memory_far_from_the_parts_is_told(
    spelling: str, observed_gb: int, *, differs: bool
) -> None:
    assert canonical_gpu(spelling).memory_differs(observed_gb) is differs
    assert not canonical_gpu(spelling).memory_differs(None)


def test_an_unknown_card_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UnknownGpuError, match="did you mean B200") as refused:
        canonical_gpu("B2000")

    assert refused.value.suggestion == "B200"
    assert refused.value.spelling == "B2000"
    assert "alias table" in str(refused.value)


def test_a_card_like_no_other_is_refused_without_a_suggestion() -> None:
    with pytest.raises(UnknownGpuError, match="add a row") as refused:
        canonical_gpu("verarubin-4x-e", provider="coreweave")

    assert refused.value.suggestion is None


def test_a_bare_rtx_6000_could_be_three_cards() -> None:
    with pytest.raises(UnknownGpuError, match="state the memory"):
        canonical_gpu("NVIDIA RTX 6000")


@pytest.mark.parametrize("spelling", ["B200 PCIe", "GB200 NVL4", "MI300X SXM5"])
def test_a_form_factor_that_a_gpu_does_not_come_in_is_refused(spelling: str) -> None:
    with pytest.raises(UnknownGpuError, match="form factor"):
        canonical_gpu(spelling)


@pytest.mark.parametrize(
    "spelling",
    [
        "",
        " ",
        "-",
        "GB",
        "80GB",
        "SXM",
        "NVIDIA",
        "H",
        "H 100GB",
        "B\u0662\u0660\u0660",
        "H1000",
        "x",
    ],
)
def test_half_a_name_is_no_gpu(spelling: str) -> None:
    with pytest.raises(UnknownGpuError):
        canonical_gpu(spelling)


@given(
    spelling=st.text(max_size=40) | st.text("ABGHLMIX0123468- SXMGBNVLPCIE", max_size=16),
    provider=st.none() | st.sampled_from(["lambda", "vast", "*", ""]),
    memory_gb=st.none() | st.integers(min_value=0, max_value=9999),
)
def test_any_text_is_a_known_gpu_or_refused(
    spelling: str, provider: str | None, memory_gb: int | None
) -> None:
    answer = _answer(spelling, provider=provider, memory_gb=memory_gb)

    if isinstance(answer, UnknownGpuError):
        assert answer.spelling == spelling
        assert str(answer).isprintable()
    else:
        assert answer.model in known_models()
        assert answer.memory_gb is None or answer.memory_gb > 0


def _answer(
    spelling: str, *, provider: str | None, memory_gb: int | None = None
) -> Gpu | UnknownGpuError:
    try:
        return canonical_gpu(spelling, provider=provider, memory_gb=memory_gb)
    except UnknownGpuError as refused:
        return refused
