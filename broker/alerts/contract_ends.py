"""Contracts in force as the deadline rules see them: one end for each line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from broker.alerts.deadlines import ContractEnd
from broker.alerts.thresholds import Reach
from broker.contracts.contract import Contract
from broker.contracts.line import Line
from broker.contracts.line_terms import RenewalType
from broker.contracts.state import IN_FORCE, ContractState
from broker.renewals.obligations import ObligationKind, ObligationState, obligations_of

REFERENCE_MODEL = "B200"

_NOTICES = (ObligationKind.NOTICE_DEADLINE, ObligationKind.OPTION_DEADLINE)


def contract_ends(
    contracts: Iterable[Contract],
    *,
    countries: Mapping[str, str | None],
    b200_factors: Mapping[str, Decimal],
) -> list[ContractEnd]:
    """Return the end of every line of the contracts in force.

    `countries` gives each supplier's country, whose working days move its notice deadlines;
    `b200_factors` says how many B200 one GPU of a model is worth.
    """
    live = [contract for contract in contracts if contract.state in IN_FORCE]
    in_force = {contract.id for contract in live}
    shares = fleet_shares((line for contract in live for line in contract.lines), b200_factors)
    return [
        _end(
            contract,
            line,
            country=countries.get(contract.supplier_key),
            share=shares[line.id],
            is_succeeded=contract.successor_id in in_force,
        )
        for contract in live
        for line in contract.lines
    ]


def fleet_shares(
    lines: Iterable[Line], b200_factors: Mapping[str, Decimal]
) -> dict[str, Decimal | None]:
    """Return each line's part of all GPUs on order, in B200-equivalents, by line id.

    GPUs of one model are simply counted. Where models differ and the factor of one of them is not
    known, no share is.
    """
    lines = list(lines)
    models = {line.gpu_model for line in lines}
    factors = {REFERENCE_MODEL: Decimal(1), **b200_factors}
    if len(models) == 1:
        factors = dict.fromkeys(models, Decimal(1))
    if not models <= factors.keys():
        return {line.id: None for line in lines}
    fleet = sum((line.gpu_count * factors[line.gpu_model] for line in lines), Decimal(0))
    return {line.id: line.gpu_count * factors[line.gpu_model] / fleet for line in lines}


def line_subject(contract: Contract, line: Line) -> str:
    """Return a line for people: supplier, reference, number, and its GPUs."""
    gpus = f"{line.gpu_count:,} \N{MULTIPLICATION SIGN} {line.gpu_model}"
    return f"{contract.supplier_key} {contract.ref}/{line.line_no} ({gpus})"


def line_reach(contract: Contract, line: Line) -> Reach:
    """Return what thresholds a line falls under."""
    return Reach(
        supplier=contract.supplier_key,
        contract=contract_scope_key(contract.supplier_key, contract.ref),
        gpu_model=line.gpu_model,
    )


def contract_scope_key(supplier_key: str, ref: str) -> str:
    """Return the name under which thresholds of one contract are kept: "acme:A-7"."""
    return f"{supplier_key}:{ref}"


def _end(
    contract: Contract,
    line: Line,
    *,
    country: str | None,
    share: Decimal | None,
    is_succeeded: bool,
) -> ContractEnd:
    notice_due_on = next(
        (
            each.due_on
            for each in obligations_of(contract, country=country)
            if each.line_no == line.line_no
            and each.kind in _NOTICES
            and each.state is ObligationState.OPEN
        ),
        None,
    )
    return ContractEnd(
        object_id=line.id,
        subject=line_subject(contract, line),
        notice_due_on=notice_due_on,
        last_service_on=None if _rolls(contract, line) else line.last_day_of_service,
        has_signed_successor=is_succeeded,
        is_renewal_accepted=contract.accepted_renewal(line) is not None,
        fleet_share=share,
        reach=line_reach(contract, line),
    )


def _rolls(contract: Contract, line: Line) -> bool:
    """Say whether service goes on by itself: an end that renews itself needs no successor."""
    by_itself = line.renewal.renewal_type in (RenewalType.AUTO, RenewalType.EVERGREEN)
    return by_itself and contract.state is not ContractState.IN_NOTICE
