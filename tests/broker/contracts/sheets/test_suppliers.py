"""A supplier has one key however its name is written, and no supplier gets another's key."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.contracts.sheets.suppliers import KnownSupplier, supplier_names, supplier_slug
from tests.broker.contracts.sheets.sheet_builders import a_row, errors, only, read


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Harbor Compute", "harbor-compute"),
        ("HARBOR  COMPUTE, INC.", "harbor-compute"),
        ("Harbor-Compute L.L.C.", "harbor-compute"),
        ("Blue Mesa AI", "blue-mesa-ai"),
        ("Rheintal Rechenzentrum GmbH & Co. KG", "rheintal-rechenzentrum"),
        ("Électricité S.A.", "electricite"),
        ("Großrechner AG", "grossrechner"),
        ("Co", "co"),
        ("O'Hara Compute", "ohara-compute"),
    ],
)
def test_a_name_is_folded_and_loses_its_legal_form(name: str, key: str) -> None:
    assert supplier_slug(name) == key


@given(name=st.text(max_size=30))
def test_the_key_of_a_key_is_the_key(name: str) -> None:
    assert supplier_slug(supplier_slug(name)) == supplier_slug(name)


def test_a_known_alias_gives_the_key_of_the_books() -> None:
    known = [KnownSupplier(key="harbor", aliases=["Harbor Compute", "HC Holdings"])]

    assert only(read(a_row(supplier="HC Holdings, Inc."), suppliers=known)).supplier_key == "harbor"


def test_a_similar_name_is_another_supplier() -> None:
    known = [KnownSupplier(key="harbor-compute")]

    assert supplier_names(known)("Harbour Compute") == "harbour-compute"


def test_an_alias_of_two_suppliers_is_refused() -> None:
    known = [
        KnownSupplier(key="harbor-us", aliases=["Harbor"]),
        KnownSupplier(key="harbor-eu", aliases=["harbor"]),
    ]

    sheet = read(a_row(supplier="Harbor"), suppliers=known)

    assert errors(sheet) == [(2, "supplier_key", "unknown_value")]
    assert "harbor-eu and harbor-us" in sheet.issues[0].message


def test_a_name_without_letters_is_refused() -> None:
    assert errors(read(a_row(supplier="???"))) == [(2, "supplier_key", "unknown_value")]
