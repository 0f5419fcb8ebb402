"""Reading a procurement input from a JSON document: every fault at once, each with its path."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Final

from broker.errors import BadInputError, Fault
from broker.procurement.json_reading import HARMLESS_DAY, Node, finite
from broker.procurement.procurement_input import (
    DemandSeries,
    Factor,
    HeldContract,
    OnDemandOffer,
    ProcurementInput,
    ProcurementPolicy,
    ProcurementQuote,
    Scenario,
    Slip,
    SurvivalDemand,
    SurvivalPriority,
)
from pricing.money import USD, Currency, currency

DEFAULT_MONTHS: Final = 24
MAX_MONTHS: Final = 60
MAX_TERM_MONTHS: Final = 240
MAX_DEMAND: Final = 1e9
SURE: Final = 1e-6
"""By how much the probabilities of all scenarios may miss 1."""

_ONE_DAY = timedelta(days=1)


def read_input(document: object) -> ProcurementInput:
    """Return the input, or raise BadInputError with every fault and the path where it stands."""
    faults: list[Fault] = []
    root = Node(document, path="", faults=faults)
    months = root.whole("months", least=1, most=MAX_MONTHS, default=DEFAULT_MONTHS)
    policy = root.child("policy")
    contracts = list(root.children("contracts"))
    quotes = list(root.children("quotes"))
    found = ProcurementInput(
        as_of=root.day("as_of"),
        months=months,
        currency=_currency(root),
        factors=tuple(_factor(each) for each in root.children("factors", least=1)),
        scenarios=_scenarios(root, months),
        contracts=tuple(_contract(each) for each in contracts),
        quotes=tuple(_quote(each) for each in quotes),
        on_demand=tuple(_on_demand(each) for each in root.children("on_demand")),
        policy=ProcurementPolicy() if policy is None else _policy(policy),
    )
    root.close()
    _check_contracts(found, contracts)
    _check_quotes(found, quotes)
    if faults:
        raise BadInputError(f"the procurement input has {len(faults)} faults", tuple(faults))
    return found


def _currency(root: Node) -> Currency:
    code = root.text("currency", default=USD)
    try:
        return currency(code)
    except ValueError as unknown:
        root.refuse("currency", str(unknown))
        return USD


def _factor(node: Node) -> Factor:
    found = Factor(
        class_name=node.text("class"),
        gpu_model=node.text("gpu_model"),
        b200_equivalents=node.amount("b200_equivalents"),
        valid_from=node.maybe_day("valid_from") or HARMLESS_DAY,
        source=node.text("source", default=""),
    )
    node.close()
    return found


def _scenarios(root: Node, months: int) -> tuple[Scenario, ...]:
    nodes = list(root.children("scenarios", least=1))
    found = tuple(_scenario(each, months) for each in nodes)
    _refuse_repeated(nodes, [each.scenario for each in found], "scenario")
    total = sum(each.probability for each in found)
    if found and abs(total - 1) > SURE:
        root.refuse("scenarios", f"the probabilities add up to {total:g}; they must add up to 1")
    return found


def _scenario(node: Node, months: int) -> Scenario:
    rows = list(node.children("demand", least=1))
    series = tuple(_series(each, months) for each in rows)
    _refuse_repeated(rows, [f"{each.class_name} in {each.geo}" for each in series], "class")
    found = Scenario(
        scenario=node.text("scenario"),
        probability=node.number("probability"),
        demand=series,
    )
    node.close()
    return found


def _series(node: Node, months: int) -> DemandSeries:
    found = DemandSeries(
        class_name=node.text("class"),
        geo=node.text("geo"),
        b200_equivalents=_by_month(node, "b200_equivalents", months),
    )
    node.close()
    return found


def _by_month(node: Node, name: str, months: int) -> tuple[float, ...]:
    """Return one number for each month: a list of them, or one number for all."""
    value = node.raw(name)
    numbers = value if isinstance(value, list) else [value] * months
    if value is None:
        return (0.0,) * months
    found = [finite(each) for each in numbers]
    if len(found) != months or not all(
        each is not None and 0 <= each <= MAX_DEMAND for each in found
    ):
        node.refuse(name, f"write a number of 0 or more, or a list of {months} of them")
        return (0.0,) * months
    return tuple(each or 0.0 for each in found)


def _contract(node: Node) -> HeldContract:
    found = HeldContract(
        contract=node.text("contract"),
        supplier=node.text("supplier"),
        gpu_model=node.text("gpu_model"),
        geo=node.text("geo"),
        gpus=node.whole("gpus", least=1),
        price_per_gpu_hour=node.amount("price_per_gpu_hour"),
        end_on=node.day("last_day_of_service") + _ONE_DAY,
        notice_by=node.maybe_day("notice_by"),
        start_on=node.maybe_day("first_day_of_service"),
    )
    node.close()
    return found


def _quote(node: Node) -> ProcurementQuote:
    slip = node.child("slip")
    most = node.whole("max_gpus", least=1)
    found = ProcurementQuote(
        quote=node.text("quote"),
        renews=node.maybe_text("renews"),
        supplier=node.text("supplier"),
        gpu_model=node.text("gpu_model"),
        geo=node.text("geo"),
        price_per_gpu_hour=node.amount("price_per_gpu_hour"),
        min_gpus=node.whole("min_gpus", least=1, default=1),
        max_gpus=most,
        lot_gpus=node.whole("lot_gpus", least=1, default=1),
        term_months=node.whole("term_months", least=1, most=MAX_TERM_MONTHS),
        valid_until=node.day("valid_until"),
        lead_months=node.whole("lead_months", most=MAX_TERM_MONTHS, default=0),
        delivery_on=node.maybe_day("delivery_on"),
        fixed_cost=node.amount("fixed_cost", default=Decimal(0)),
        switching_cost_per_gpu=node.amount("switching_cost_per_gpu", default=Decimal(0)),
        slip=None if slip is None else _slip(slip),
    )
    node.close()
    return found


def _slip(node: Node) -> Slip:
    found = Slip(
        months=node.whole("months", least=1, most=MAX_TERM_MONTHS),
        probability=node.number("probability"),
    )
    node.close()
    return found


def _on_demand(node: Node) -> OnDemandOffer:
    found = OnDemandOffer(
        gpu_model=node.text("gpu_model"),
        geo=node.text("geo"),
        price_per_gpu_hour=node.amount("price_per_gpu_hour"),
        max_gpus=node.whole("max_gpus"),
        supplier=node.maybe_text("supplier"),
    )
    node.close()
    return found


def _policy(node: Node) -> ProcurementPolicy:
    usual = ProcurementPolicy()
    found = ProcurementPolicy(
        shortage_penalty_per_hour=node.amount(
            "shortage_penalty_per_hour", default=usual.shortage_penalty_per_hour
        ),
        survival=node.number("survival", default=usual.survival),
        survival_penalty_per_hour=node.amount(
            "survival_penalty_per_hour", default=usual.survival_penalty_per_hour
        ),
        survival_demand=node.choice(
            "survival_demand", SurvivalDemand, default=usual.survival_demand
        ),
        survival_priority=node.choice(
            "survival_priority", SurvivalPriority, default=usual.survival_priority
        ),
        survival_on_demand_share=node.number(
            "survival_on_demand_share", default=usual.survival_on_demand_share
        ),
        max_supplier_share=node.number("max_supplier_share", default=usual.max_supplier_share),
        yearly_rate=node.number("yearly_rate", default=usual.yearly_rate),
    )
    node.close()
    return found


def _check_contracts(found: ProcurementInput, nodes: Sequence[Node]) -> None:
    _refuse_repeated(nodes, [each.contract for each in found.contracts], "contract")
    usable = {each.gpu_model for each in found.factors}
    for node, each in zip(nodes, found.contracts, strict=True):
        _refuse_unusable(node, each.gpu_model, usable)
        if each.notice_by is not None and each.notice_by >= each.end_on:
            node.refuse("notice_by", "lies after the last day of service")
        if each.start_on is not None and each.start_on >= each.end_on:
            node.refuse("first_day_of_service", "lies after the last day of service")


def _check_quotes(found: ProcurementInput, nodes: Sequence[Node]) -> None:
    _refuse_repeated(nodes, [each.quote for each in found.quotes], "quote")
    usable = {each.gpu_model for each in found.factors}
    for node, each in zip(nodes, found.quotes, strict=True):
        _refuse_unusable(node, each.gpu_model, usable)
        if each.min_gpus > each.max_gpus:
            node.refuse("min_gpus", "is above max_gpus")
        elif each.max_lots < each.min_lots:
            node.refuse("lot_gpus", "no whole number of lots lies between min_gpus and max_gpus")
        if each.renews is not None:
            _check_renewal(node, each, found)


def _check_renewal(node: Node, quote: ProcurementQuote, found: ProcurementInput) -> None:
    contract = found.contracts_by_name.get(quote.renews or "")
    if contract is None:
        node.refuse("renews", "names no contract of this document")
        return
    same: tuple[tuple[str, Callable[[HeldContract | ProcurementQuote], str]], ...] = (
        ("supplier", lambda each: each.supplier),
        ("gpu_model", lambda each: each.gpu_model),
        ("geo", lambda each: each.geo),
    )
    for name, of in same:
        if of(contract) != of(quote):
            node.refuse(name, "differs from that of the contract it renews")


def _refuse_unusable(node: Node, gpu_model: str, usable: Iterable[str]) -> None:
    if gpu_model and gpu_model not in usable:
        node.refuse("gpu_model", "has no row in factors, so no work can be done on it")


def _refuse_repeated(nodes: Sequence[Node], names: Sequence[str], member: str) -> None:
    seen: set[str] = set()
    for node, name in zip(nodes, names, strict=True):
        if name and name in seen:
            node.refuse(member, "appears twice")
        seen.add(name)
