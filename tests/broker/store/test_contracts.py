"""Contracts and lines by the names that people write, and contracts a page at a time."""

import pytest
from sqlmodel import Session

from broker.contracts.event import contract_stream, supplier_stream
from broker.errors import BadInputError, NotFoundError
from broker.store import ledger
from broker.store.contracts import (
    all_contracts,
    all_suppliers,
    contract_by_id,
    contract_id_of,
    contract_ids_after,
    find_contract,
    find_line,
    stream_of_quote,
    supplier_by_key,
)
from broker.store.engine import Database
from tests.builders import (
    NOON,
    a_quote,
    contract_recorded,
    line_recorded,
    quote_recorded,
    supplier_recorded,
)

HARBOR, KESTREL = "harbor-compute", "kestrel-cloud"


def sign(
    session: Session, ref: str, *, contract_id: str, supplier: str = HARBOR, lines: int = 1
) -> None:
    stream = supplier_stream(supplier)
    if not ledger.events_of(session, stream):
        ledger.append(session, stream, [supplier_recorded(supplier)], recorded_at=NOON)
    drafts = [
        contract_recorded(contract_id, ref=ref, supplier_key=supplier),
        *(line_recorded(line_no=number) for number in range(1, lines + 1)),
    ]
    ledger.append(session, contract_stream(contract_id), drafts, recorded_at=NOON)


@pytest.mark.parametrize(
    "name",
    [
        "HC-2025-B200-01",
        "hc-2025-b200-01",
        " HC\u20112025-B200-01 ",
        "harbor-compute:hc-2025-B200-01",
    ],
)
def test_a_contract_is_found_however_its_name_is_spelt(database: Database, name: str) -> None:
    with database.writing() as session:
        sign(session, "HC-2025-B200-01", contract_id="c1")

        assert find_contract(session, name).id == "c1"
        assert find_contract(session, "c1").ref == "HC-2025-B200-01"


@pytest.mark.parametrize("name", ["", "HC", "kestrel-cloud:HC-1", "HC-1/2/3", "%", ":"])
def test_a_name_that_nothing_has_is_not_found(sqlite: Database, name: str) -> None:
    with sqlite.writing() as session:
        sign(session, "HC-1", contract_id="c1")

        with pytest.raises(NotFoundError, match="tonnage contracts list"):
            find_contract(session, name)


def test_a_reference_of_two_suppliers_needs_the_supplier(database: Database) -> None:
    with database.writing() as session:
        sign(session, "A-1", contract_id="c1")
        sign(session, "a-1", contract_id="c2", supplier=KESTREL)

        with pytest.raises(BadInputError, match="harbor-compute:A-1, kestrel-cloud:a-1"):
            find_contract(session, "A-1")
        assert find_contract(session, "kestrel-cloud:A-1").id == "c2"


def test_a_reference_may_hold_a_colon(sqlite: Database) -> None:
    with sqlite.writing() as session:
        sign(session, "MSA:2025:1", contract_id="c1")

        assert find_contract(session, "MSA:2025:1").id == "c1"
        assert find_contract(session, "harbor-compute:MSA:2025:1").id == "c1"


def test_a_line_is_found_by_contract_and_number_or_by_its_id(database: Database) -> None:
    with database.writing() as session:
        sign(session, "A-1", contract_id="c1", lines=2)
        line_id = contract_by_id(session, "c1").line(2).id

        for name in ("A-1/2", "harbor-compute:a-1/2", "c1/2", line_id):
            assert find_line(session, name)[1].line_no == 2


def test_a_contract_of_one_line_names_that_line(sqlite: Database) -> None:
    with sqlite.writing() as session:
        sign(session, "A-1", contract_id="c1")
        sign(session, "A-2", contract_id="c2", lines=2)

        assert find_line(session, "A-1")[1].line_no == 1
        with pytest.raises(BadInputError, match="say which: A-2/1, A-2/2"):
            find_line(session, "A-2")


@pytest.mark.parametrize("name", ["A-1/9", "A-2/1", "nothing", "A-1/" + "9" * 5000])
def test_a_line_that_there_is_not_is_not_found(sqlite: Database, name: str) -> None:
    with sqlite.writing() as session:
        sign(session, "A-1", contract_id="c1")

        with pytest.raises(NotFoundError):
            find_line(session, name)


def test_a_reference_may_end_in_a_slash_and_a_number(sqlite: Database) -> None:
    with sqlite.writing() as session:
        sign(session, "HC/2025/7", contract_id="c1")

        assert find_line(session, "HC/2025/7")[0].id == "c1"
        assert find_line(session, "HC/2025/7/1")[0].id == "c1"


def test_a_name_that_is_a_contract_and_a_line_is_not_guessed(sqlite: Database) -> None:
    with sqlite.writing() as session:
        sign(session, "HC", contract_id="c1")
        sign(session, "HC/1", contract_id="c2")

        with pytest.raises(BadInputError, match="write HC/1/1"):
            find_line(session, "HC/1")
        assert find_line(session, "HC/1/1")[0].id == "c2"


def test_a_page_goes_on_where_the_last_one_ended(database: Database) -> None:
    with database.writing() as session:
        for number in range(5):
            sign(session, f"B-{number}", contract_id=f"b{number}", supplier=KESTREL)
        sign(session, "A-1", contract_id="a1")

        pages = [contract_ids_after(session, None, limit=2)]
        while pages[-1]:
            pages.append(contract_ids_after(session, pages[-1][-1], limit=2))

        assert pages == [["a1", "b0"], ["b1", "b2"], ["b3", "b4"], []]
        assert [each.id for each in all_contracts(session)] == [
            one for page in pages for one in page
        ]
        with pytest.raises(BadInputError, match="page_token"):
            contract_ids_after(session, "nobody", limit=2)


def test_what_is_not_there_is_said_to_be_not_there(sqlite: Database) -> None:
    with sqlite.reading() as session:
        assert contract_id_of(session, HARBOR, "A-1") is None
        with pytest.raises(NotFoundError, match="no contract c1"):
            contract_by_id(session, "c1")
        with pytest.raises(NotFoundError, match="tonnage suppliers list"):
            supplier_by_key(session, HARBOR)
        with pytest.raises(NotFoundError, match="no quote q1"):
            stream_of_quote(session, "q1")
        assert all_suppliers(session) == []


def test_a_quote_knows_its_stream(sqlite: Database) -> None:
    quote = a_quote()
    with sqlite.writing() as session:
        sign(session, "A-1", contract_id="c1")
        stream = contract_stream("c1")
        ledger.append(session, stream, [quote_recorded(quote)], recorded_at=NOON)

        assert stream_of_quote(session, quote.id) == stream
