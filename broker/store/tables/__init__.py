"""Every table, by noun. A table only stores; whatever enters has been checked by the rules."""

from broker.store.tables.alerts import (
    AlertEventRow,
    AlertRow,
    AlertRuleRow,
    EvaluationRow,
    OutboxRow,
)
from broker.store.tables.contracts import (
    AmendmentRow,
    AssumptionRow,
    ContractLineRow,
    ContractRow,
    FxRateRow,
    ImportBatchRow,
    ObligationRow,
    PricePeriodRow,
    QuoteRow,
    RenewalTermRow,
    SupplierRow,
    SupplierTierRow,
    TrancheRow,
)
from broker.store.tables.holdings import HoldingRow
from broker.store.tables.jobs import JobRunRow
from broker.store.tables.keys import ApiKeyRow
from broker.store.tables.ledger import EventRow, StreamHeadRow
from broker.store.tables.offers import (
    OfferChangeRow,
    OfferRow,
    PollPlaceRow,
    PollRow,
    PollSkipRow,
    QuotaRow,
    SpotPriceRow,
)
from broker.store.tables.prices import (
    PriceImportRow,
    PriceLevelRow,
    PriceSeriesRow,
    PriceSightingRow,
    PriceUnmappedRow,
)
from broker.store.tables.root import Table

__all__ = [
    "AlertEventRow",
    "AlertRow",
    "AlertRuleRow",
    "AmendmentRow",
    "ApiKeyRow",
    "AssumptionRow",
    "ContractLineRow",
    "ContractRow",
    "EvaluationRow",
    "EventRow",
    "FxRateRow",
    "HoldingRow",
    "ImportBatchRow",
    "JobRunRow",
    "ObligationRow",
    "OfferChangeRow",
    "OfferRow",
    "OutboxRow",
    "PollPlaceRow",
    "PollRow",
    "PollSkipRow",
    "PriceImportRow",
    "PriceLevelRow",
    "PricePeriodRow",
    "PriceSeriesRow",
    "PriceSightingRow",
    "PriceUnmappedRow",
    "QuotaRow",
    "QuoteRow",
    "RenewalTermRow",
    "SpotPriceRow",
    "StreamHeadRow",
    "SupplierRow",
    "SupplierTierRow",
    "Table",
    "TrancheRow",
]
