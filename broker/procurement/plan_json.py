"""A procurement plan and its negotiation sheets as a JSON document.

Amounts are decimal text, days ISO, GPUs whole numbers. Without the right to see contract prices a
document keeps GPUs and days, every amount is null, and the sheets are left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal
from typing import Any

from broker.procurement.negotiation_sheet import NegotiationSheet
from broker.procurement.procurement_plan import (
    Leaving,
    MonthCost,
    ProcurementPlan,
    Shortfall,
    Signature,
    SurvivalLack,
)
from pricing.money import plain

_ONE_DAY = timedelta(days=1)
_CENT = Decimal("0.01")

_AMOUNTS_OF_SIGNATURE = (
    "price_per_gpu_hour",
    "fixed_cost",
    "switching_cost",
    "cost_inside_horizon",
    "tail_liability",
)
_AMOUNTS_OF_PLAN = ("cost", "bound", "sunk", "tail_liability")


def plan_document(plan: ProcurementPlan, sheets: Iterable[NegotiationSheet] = ()) -> dict[str, Any]:
    """Return the plan, decisions first."""
    return {
        "as_of": plan.as_of.isoformat(),
        "months": plan.months,
        "currency": plan.currency,
        "status": plan.status.value,
        "digest": plan.digest,
        "sign": [signature_document(each) for each in plan.new_signatures],
        "renew": [signature_document(each) for each in plan.renewals],
        "leave": [_leaving(each) for each in plan.leavings],
        "shortfall": [_shortfall(each) for each in plan.shortfalls],
        "survival_shortfall": [_lack(each) for each in plan.survival_lacks],
        "cost_by_month": [_month(each) for each in plan.cost_by_month],
        "cost": _amount(plan.cost),
        "bound": _amount(plan.bound),
        "gap": round(plan.gap, 6),
        "sunk": _amount(plan.sunk),
        "tail_liability": plain(plan.tail),
        "negotiation_sheets": [sheet_document(each) for each in sheets],
    }


def without_prices(document: dict[str, Any]) -> dict[str, Any]:
    """Return a plan's document for somebody who may not see contract prices."""
    hidden = dict.fromkeys(_AMOUNTS_OF_SIGNATURE)
    return {
        **document,
        **dict.fromkeys(_AMOUNTS_OF_PLAN),
        "sign": [{**each, **hidden} for each in document["sign"]],
        "renew": [{**each, **hidden} for each in document["renew"]],
        "cost_by_month": [],
        "negotiation_sheets": [],
    }


def signature_document(signature: Signature) -> dict[str, Any]:
    """Return one signature."""
    return {
        "quote": signature.quote,
        "renews": signature.renews,
        "supplier": signature.supplier,
        "gpu_model": signature.gpu_model,
        "geo": signature.geo,
        "gpus": signature.gpus,
        "sign_month": f"{signature.sign_month:%Y-%m}",
        "sign_by": signature.sign_by.isoformat(),
        "first_day_of_service": signature.start_on.isoformat(),
        "last_day_of_service": (signature.end_on - _ONE_DAY).isoformat(),
        "price_per_gpu_hour": plain(signature.price_per_gpu_hour),
        "fixed_cost": plain(signature.fixed_cost),
        "switching_cost": plain(signature.switching_cost),
        "cost_inside_horizon": plain(signature.cost_inside),
        "tail_liability": plain(signature.tail),
    }


def sheet_document(sheet: NegotiationSheet) -> dict[str, Any]:
    """Return a negotiation sheet."""
    return {
        "contract": sheet.contract,
        "quote": sheet.quote,
        "supplier": sheet.supplier,
        "gpu_model": sheet.gpu_model,
        "gpus": sheet.gpus,
        "price_now": plain(sheet.price_now),
        "ask": plain(sheet.ask),
        "naive_bill_per_year": plain(sheet.naive_bill_per_year),
        "decide_by": sheet.decide_by.isoformat(),
        "walk_away_price": plain(sheet.walk_away_price),
        "walk_away_gpus": sheet.walk_away_gpus,
        "cost_without": plain(sheet.cost_without),
        "cost_with_ask": plain(sheet.cost_with_ask),
        "gpus_renewed_at_ask": sheet.gpus_renewed_at_ask,
        "best_alternative": [signature_document(each) for each in sheet.batna],
        "gpus_needed": plain(sheet.gpus_needed),
        "prices": [
            {
                "gpus": each.gpus,
                "max_price": plain(each.max_price),
                "marginal_price": plain(each.marginal_price),
                "uncertainty": plain(each.uncertainty),
            }
            for each in sheet.prices
        ],
        "bands": [
            {
                "above": plain(each.above),
                "up_to": None if each.up_to is None else plain(each.up_to),
                "gpus": each.gpus,
            }
            for each in sheet.bands
        ],
        **_circumstances(sheet),
    }


def _circumstances(sheet: NegotiationSheet) -> dict[str, Any]:
    return {
        "break_even": [
            {
                "quote": each.quote,
                "supplier": each.supplier,
                "price_per_gpu_hour": plain(each.price_per_gpu_hour),
                "hours": each.hours,
                "switching_cost_per_gpu": plain(each.switching_cost_per_gpu),
            }
            for each in sheet.break_even
        ],
        "waiting": [
            {
                "first_month": f"{each.first_month:%Y-%m}",
                "extra_cost": plain(each.extra_cost),
                "gpus_renewed": each.gpus_renewed,
            }
            for each in sheet.waiting
        ],
        "sensitivity": [
            {
                "what": each.what,
                "change": plain(each.change),
                "max_price": plain(each.max_price),
                "cost_without": plain(each.cost_without),
            }
            for each in sheet.sensitivity
        ],
    }


def _leaving(leaving: Leaving) -> dict[str, Any]:
    return {
        "contract": leaving.contract,
        "supplier": leaving.supplier,
        "gpu_model": leaving.gpu_model,
        "geo": leaving.geo,
        "gpus_held": leaving.gpus_held,
        "gpus_left": leaving.gpus_left,
        "last_day_of_service": (leaving.end_on - _ONE_DAY).isoformat(),
        "notice_by": None if leaving.notice_by is None else leaving.notice_by.isoformat(),
    }


def _shortfall(short: Shortfall) -> dict[str, Any]:
    return {
        "scenario": short.scenario,
        "month": f"{short.month:%Y-%m}",
        "class": short.class_name,
        "geo": short.geo,
        "b200_equivalents": round(short.b200_equivalents, 3),
    }


def _lack(lack: SurvivalLack) -> dict[str, Any]:
    return {
        "scenario": lack.scenario,
        "month": f"{lack.month:%Y-%m}",
        "supplier": lack.supplier,
        "b200_equivalents": round(lack.b200_equivalents, 3),
    }


def _month(cost: MonthCost) -> dict[str, Any]:
    return {
        "month": f"{cost.month:%Y-%m}",
        "contracts": plain(cost.contracts),
        "renewals": plain(cost.renewals),
        "new": plain(cost.new),
        "one_off": plain(cost.one_off),
        "on_demand": plain(cost.on_demand),
        "shortage_penalty": plain(cost.shortage_penalty),
        "survival_penalty": plain(cost.survival_penalty),
    }


def _amount(value: float) -> str:
    return plain(Decimal(value).quantize(_CENT))
