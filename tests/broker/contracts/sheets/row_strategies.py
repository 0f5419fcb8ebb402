"""Random contract lines that the books could hold, and the sheet that states them."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from typing import Any

from hypothesis import strategies as st

from broker.contracts.line_terms import LineTerms, RenewalType, TrancheTerms
from broker.contracts.row_values import RowValues
from broker.contracts.sheets.columns import TEMPLATE_COLUMNS
from broker.contracts.state import ContractState
from pricing.commitment import PriceBasis
from pricing.money import Currency
from tests.broker.contracts.sheets.sheet_builders import A_TRANCHE, as_csv

DIVISORS = {
    PriceBasis.PER_GPU_HOUR: 1,
    PriceBasis.PER_NODE_HOUR: 8,
    PriceBasis.PER_GPU_MONTH: 730,
}
LINE_COLUMNS = [
    name
    for name in TEMPLATE_COLUMNS
    if name not in {"start_date", "gpu_count", "unit_price", "site", "supplier"}
]

texts = st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=12
).filter(lambda text: text == text.strip())
days = st.dates(min_value=date(2020, 1, 1), max_value=date(2040, 1, 1))
counts = st.integers(min_value=1, max_value=10**6)
shares = st.none() | st.decimals(min_value=2, max_value=100, places=2)
rates = st.none() | st.decimals(min_value=0, max_value=100, places=3)
hourly = st.decimals(min_value="0.06", max_value="49", places=6)
currencies = st.sampled_from([Currency("USD"), Currency("EUR"), Currency("GBP")])
durations = st.builds("P{}{}".format, st.integers(0, 999), st.sampled_from("DWMY"))


def per_gpu_hour(unit_price: Decimal, basis: PriceBasis) -> Decimal:
    with localcontext(prec=60):
        hourly_price = unit_price / DIVISORS[basis]
        return hourly_price.quantize(Decimal("0.000001"), rounding=ROUND_HALF_EVEN)


@st.composite
def shared_terms(draw: st.DrawFn) -> dict[str, Any]:
    """Draw what a line has whether or not it comes in tranches."""
    start = draw(days)
    renewal = draw(st.none() | st.sampled_from(RenewalType))
    end: date | None = start + timedelta(days=draw(st.integers(0, 2_000)))
    months = st.integers(min_value=1, max_value=60)
    if renewal is RenewalType.EVERGREEN and draw(st.booleans()):
        end = None
    goes_on = end is not None and renewal in (RenewalType.AUTO, RenewalType.EVERGREEN)
    return {
        "gpu_model": draw(st.sampled_from(["B200", "H100", "GB300"])),
        "form_factor": "SXM",
        "region": draw(st.none() | texts),
        "interconnect": draw(st.none() | texts),
        "currency": draw(currencies),
        "start_date": start,
        "end_date": end,
        "term_months": draw(st.none() | months),
        "renewal_type": renewal,
        "renewal_term_months": draw(months if goes_on else st.none() | months),
        "notice_period": draw(st.none() | durations),
        "uplift_cap_pct": draw(shares),
        "prepay_pct": draw(shares),
        "take_or_pay_pct": draw(shares),
        "sla_pct": draw(shares),
        "payment_terms_days": draw(st.none() | st.integers(0, 365)),
    }


@st.composite
def plain_rows(draw: st.DrawFn) -> RowValues:
    basis = draw(st.sampled_from(PriceBasis))
    unit_price = draw(hourly) * DIVISORS[basis]
    terms = LineTerms(
        **draw(shared_terms()),
        gpu_count=draw(counts),
        gpus_per_node=8 if basis is PriceBasis.PER_NODE_HOUR else None,
        site=draw(st.none() | texts),
        unit_price=unit_price,
        price_per_gpu_hour=per_gpu_hour(unit_price, basis),
        price_basis=basis,
    )
    return draw(rows_with(terms))


@st.composite
def tranche_rows(draw: st.DrawFn) -> RowValues:
    shared = draw(shared_terms())
    first, last = shared["start_date"], shared["end_date"] or shared["start_date"]
    later = st.dates(min_value=first, max_value=last)
    size = draw(st.integers(min_value=1, max_value=4))
    parts = []
    for number in range(1, size + 1):
        delivery = first if number == 1 else draw(later)
        price = draw(hourly)
        limit = st.none() | st.dates(min_value=delivery, max_value=date(2050, 1, 1))
        parts.append(
            TrancheTerms(
                tranche_no=number,
                gpu_count=draw(counts),
                delivery_date=delivery,
                accept_by_date=draw(limit),
                drop_dead_date=draw(limit),
                late_credit_pct_per_week=draw(rates),
                unit_price=price,
                price_per_gpu_hour=price,
                site=draw(st.none() | texts),
            )
        )
    return draw(rows_with(terms_of(parts, shared)))


def terms_of(parts: Sequence[TrancheTerms], shared: dict[str, Any]) -> LineTerms:
    total = sum(part.gpu_count for part in parts)
    with localcontext(prec=60):
        blend = sum((part.gpu_count * part.unit_price for part in parts), Decimal(0)) / total
        blend = blend.quantize(Decimal("0.000001"), rounding=ROUND_HALF_EVEN)
    sites, quoted = {part.site for part in parts}, {part.unit_price for part in parts}
    return LineTerms(
        **shared,
        gpu_count=total,
        gpus_per_node=None,
        site=sites.pop() if len(sites) == 1 else None,
        unit_price=quoted.pop() if len(quoted) == 1 else None,
        price_per_gpu_hour=blend,
        price_basis=PriceBasis.PER_GPU_HOUR,
        tranches=tuple(parts),
    )


@st.composite
def rows_with(draw: st.DrawFn, terms: LineTerms) -> RowValues:
    """Draw a row around terms; its key is drawn so that rows of a list rarely meet."""
    return RowValues(
        supplier_key=draw(st.sampled_from(["harbor-compute", "kestrel-cloud"])),
        contract_ref=draw(texts),
        line_no=draw(counts),
        terms=terms,
        status=draw(st.sampled_from(ContractState)),
        owner=draw(st.none() | texts),
        notes=draw(st.none() | texts),
    )


def template_of(rows: Sequence[RowValues]) -> bytes:
    return as_csv(
        [
            {
                name: cell(row.as_fields()["supplier_key" if name == "supplier" else name])
                for name in TEMPLATE_COLUMNS
            }
            for row in rows
        ]
    )


def tranche_sheet_of(rows: Sequence[RowValues]) -> bytes:
    records = []
    for row in rows:
        known = row.as_fields()
        line = {name: cell(known[name]) for name in LINE_COLUMNS}
        line |= {"supplier": row.supplier_key, "line_gpu_count": cell(row.terms.gpu_count)}
        records += [line | tranche_cells(part) for part in row.terms.tranches]
    return as_csv(records)


def tranche_cells(part: TrancheTerms) -> dict[str, str]:
    own = {name: cell(getattr(part, name)) for name in TrancheTerms.__slots__ if name in A_TRANCHE}
    return own | {"tranche_gpu_count": cell(part.gpu_count)}


def cell(value: object) -> str:
    if value is None:
        return ""
    return format(value, "f") if isinstance(value, Decimal) else str(value)
