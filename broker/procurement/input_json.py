"""A procurement input as a JSON document: the other way round of reading one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from broker.procurement.procurement_input import (
    HeldContract,
    OnDemandOffer,
    ProcurementInput,
    ProcurementPolicy,
    ProcurementQuote,
    Scenario,
)
from pricing.money import plain

_ONE_DAY = timedelta(days=1)


def input_document(given: ProcurementInput) -> dict[str, Any]:
    """Return the document that reads back as this input."""
    return {
        "as_of": given.as_of.isoformat(),
        "months": given.months,
        "currency": given.currency,
        "factors": [
            {
                "class": each.class_name,
                "gpu_model": each.gpu_model,
                "b200_equivalents": plain(each.b200_equivalents),
                "valid_from": each.valid_from.isoformat(),
                **({"source": each.source} if each.source else {}),
            }
            for each in given.factors
        ],
        "scenarios": [_scenario(each) for each in given.scenarios],
        "contracts": [_contract(each) for each in given.contracts],
        "quotes": [_quote(each) for each in given.quotes],
        "on_demand": [_on_demand(each) for each in given.on_demand],
        "policy": _policy(given.policy),
    }


def _scenario(scenario: Scenario) -> dict[str, Any]:
    return {
        "scenario": scenario.scenario,
        "probability": scenario.probability,
        "demand": [
            {
                "class": each.class_name,
                "geo": each.geo,
                "b200_equivalents": list(each.b200_equivalents),
            }
            for each in scenario.demand
        ],
    }


def _contract(held: HeldContract) -> dict[str, Any]:
    return {
        "contract": held.contract,
        "supplier": held.supplier,
        "gpu_model": held.gpu_model,
        "geo": held.geo,
        "gpus": held.gpus,
        "price_per_gpu_hour": plain(held.price_per_gpu_hour),
        "first_day_of_service": None if held.start_on is None else held.start_on.isoformat(),
        "last_day_of_service": (held.end_on - _ONE_DAY).isoformat(),
        "notice_by": None if held.notice_by is None else held.notice_by.isoformat(),
    }


def _quote(quote: ProcurementQuote) -> dict[str, Any]:
    slip = quote.slip
    return {
        "quote": quote.quote,
        "renews": quote.renews,
        "supplier": quote.supplier,
        "gpu_model": quote.gpu_model,
        "geo": quote.geo,
        "price_per_gpu_hour": plain(quote.price_per_gpu_hour),
        "min_gpus": quote.min_gpus,
        "max_gpus": quote.max_gpus,
        "lot_gpus": quote.lot_gpus,
        "term_months": quote.term_months,
        "valid_until": quote.valid_until.isoformat(),
        "lead_months": quote.lead_months,
        "delivery_on": None if quote.delivery_on is None else quote.delivery_on.isoformat(),
        "fixed_cost": plain(quote.fixed_cost),
        "switching_cost_per_gpu": plain(quote.switching_cost_per_gpu),
        "slip": None if slip is None else {"months": slip.months, "probability": slip.probability},
    }


def _on_demand(offer: OnDemandOffer) -> dict[str, Any]:
    return {
        "gpu_model": offer.gpu_model,
        "geo": offer.geo,
        "price_per_gpu_hour": plain(offer.price_per_gpu_hour),
        "max_gpus": offer.max_gpus,
        "supplier": offer.supplier,
    }


def _policy(policy: ProcurementPolicy) -> dict[str, Any]:
    return {
        "shortage_penalty_per_hour": plain(policy.shortage_penalty_per_hour),
        "survival": policy.survival,
        "survival_penalty_per_hour": plain(policy.survival_penalty_per_hour),
        "survival_demand": policy.survival_demand.value,
        "survival_priority": policy.survival_priority.value,
        "survival_on_demand_share": policy.survival_on_demand_share,
        "max_supplier_share": policy.max_supplier_share,
        "yearly_rate": policy.yearly_rate,
    }
