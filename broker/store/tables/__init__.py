"""Every table, by noun. A table only stores; whatever enters has been checked by the rules."""

from broker.store.tables.alerts import (
    AlertEventRow,
    AlertRow,
    AlertRuleRow,
    EvaluationRow,
    OutboxRow,
)
from broker.store.tables.capacity import (
    AuditRow,
    CapacityEventRow,
    CapacityRequestRow,
    CapacityTransferRow,
    FenceRow,
    HolderQuotaRow,
    LeaseLineRow,
    LeaseRow,
    PoolRow,
    SweepRow,
    WebhookEndpointRow,
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
from broker.store.tables.demand import DemandForecastRow, DemandSampleRow, ModelProfileRow
from broker.store.tables.holdings import HoldingRow
from broker.store.tables.jobs import JobRunRow, TallyRow
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
from broker.store.tables.plans import PlanRow
from broker.store.tables.prices import (
    PriceImportRow,
    PriceLevelRow,
    PriceSeriesRow,
    PriceSightingRow,
    PriceUnmappedRow,
)
from broker.store.tables.procurement import ProcurementPlanRow
from broker.store.tables.root import Table

__all__ = [
    "AlertEventRow",
    "AlertRow",
    "AlertRuleRow",
    "AmendmentRow",
    "ApiKeyRow",
    "AssumptionRow",
    "AuditRow",
    "CapacityEventRow",
    "CapacityRequestRow",
    "CapacityTransferRow",
    "ContractLineRow",
    "ContractRow",
    "DemandForecastRow",
    "DemandSampleRow",
    "EvaluationRow",
    "EventRow",
    "FenceRow",
    "FxRateRow",
    "HolderQuotaRow",
    "HoldingRow",
    "ImportBatchRow",
    "JobRunRow",
    "LeaseLineRow",
    "LeaseRow",
    "ModelProfileRow",
    "ObligationRow",
    "OfferChangeRow",
    "OfferRow",
    "OutboxRow",
    "PlanRow",
    "PollPlaceRow",
    "PollRow",
    "PollSkipRow",
    "PoolRow",
    "PriceImportRow",
    "PriceLevelRow",
    "PricePeriodRow",
    "PriceSeriesRow",
    "PriceSightingRow",
    "PriceUnmappedRow",
    "ProcurementPlanRow",
    "QuotaRow",
    "QuoteRow",
    "RenewalTermRow",
    "SpotPriceRow",
    "StreamHeadRow",
    "SupplierRow",
    "SupplierTierRow",
    "SweepRow",
    "Table",
    "TallyRow",
    "TrancheRow",
    "WebhookEndpointRow",
]
