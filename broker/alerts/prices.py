"""list_price_jump: a public list price has risen. Public, so the prices may be shown."""

from __future__ import annotations

from dataclasses import dataclass

from broker.alerts.alert import Finding, RuleName, Severity, whole_percent
from pricing.jump import JumpReason, PriceJump
from pricing.money import USD, Currency, plain, priced

LISTED_KINDS = frozenset({"on-demand", "secure", "community", "serverless", "spot"})
"""Kinds whose list anyone can buy from today.

`secure` and `community` are two on-demand lists of one marketplace; `serverless` is on demand by
the second. Reserved and committed prices are left out: they are offers for a term, not a list.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedSeries:
    """One alarm each: a provider, a GPU family and a kind.

    The family (H100), not the form factor or the memory: feeds rename those from one day to the
    next while the price stays, and a repricing of every form factor is one piece of news.
    """

    provider: str
    gpu_model: str
    kind: str

    @property
    def subject(self) -> str:
        """The series for people: "digitalocean H100 on-demand"."""
        return f"{self.provider} {self.gpu_model} {self.kind}"


def jump_finding(series: ListedSeries, jump: PriceJump, *, currency: Currency = USD) -> Finding:
    """Return the finding for one jump of one series. The step is its day."""
    if jump.within_days == 1:
        within = "overnight"
    elif jump.reason is JumpReason.STEP:
        within = f"since it was last listed {jump.within_days} days before"
    else:
        within = f"within {jump.within_days} days"
    percent = whole_percent(jump.rise)
    prices = f"from {priced(jump.from_price)} to {priced(jump.to_price)} {currency}"
    return Finding(
        rule=RuleName.LIST_PRICE_JUMP,
        severity=Severity.WARN,
        subject=series.subject,
        object_id=f"{series.provider}/{series.gpu_model}/{series.kind}",
        step=f"on {jump.on.isoformat()}",
        raised_on=jump.on,
        message=f"{series.subject}: list price up {percent}, {prices} per GPU-hour, {within}.",
        details={
            "from_price": plain(jump.from_price),
            "to_price": plain(jump.to_price),
            "currency": currency,
            "rise": percent,
            "within_days": str(jump.within_days),
            "reason": jump.reason.value,
        },
    )
