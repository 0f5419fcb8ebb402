"""Ledger, prices, alerts and keys

Revision: 0001, the first
"""

import sqlalchemy as sa
from alembic import op

from broker.store.columns import Micros, UtcTime
from broker.store.triggers import create_triggers, drop_triggers

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema up."""
    op.create_table(
        "alert",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("severity", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("object_id", sa.String(), nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.Column("raised_on", sa.Date(), nullable=False),
        sa.Column("recorded_at", UtcTime(), nullable=False),
        sa.Column("deadline_on", sa.Date(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("assignee", sa.String(), nullable=True),
        sa.Column("snoozed_until", sa.Date(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert")),
        sa.UniqueConstraint("fingerprint", name=op.f("uq_alert_fingerprint")),
    )
    with op.batch_alter_table("alert", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_alert_object_id"), ["object_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_alert_raised_on"), ["raised_on"], unique=False)
        batch_op.create_index(batch_op.f("ix_alert_rule"), ["rule"], unique=False)
        batch_op.create_index(batch_op.f("ix_alert_state"), ["state"], unique=False)

    op.create_table(
        "alert_rule",
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("scope_kind", sa.String(), nullable=False),
        sa.Column("scope_value", sa.String(), nullable=False),
        sa.Column("thresholds", sa.Text(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("recorded_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("rule", "scope_kind", "scope_value", name=op.f("pk_alert_rule")),
    )
    op.create_table(
        "api_key",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("last4", sa.String(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("expires_at", UtcTime(), nullable=True),
        sa.Column("revoked_at", UtcTime(), nullable=True),
        sa.Column("last_used_at", UtcTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_key")),
    )
    with op.batch_alter_table("api_key", schema=None) as batch_op:
        batch_op.create_index(
            "uq_api_key_live_name",
            ["name"],
            unique=True,
            sqlite_where=sa.text("revoked_at IS NULL"),
            postgresql_where=sa.text("revoked_at IS NULL"),
        )

    op.create_table(
        "assumption",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("recorded_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assumption")),
    )
    with op.batch_alter_table("assumption", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_assumption_name"), ["name"], unique=False)
        batch_op.create_index(batch_op.f("ix_assumption_scope"), ["scope"], unique=False)

    op.create_table(
        "evaluation",
        sa.Column("rules", sa.String(), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("rules", name=op.f("pk_evaluation")),
    )
    op.create_table(
        "event",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("stream", sa.String(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("recorded_at", UtcTime(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("document", sa.String(), nullable=True),
        sa.Column("prev_hash", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event")),
        sa.UniqueConstraint("stream", "prev_hash", name=op.f("uq_event_stream_prev_hash")),
        sa.UniqueConstraint("stream", "seq", name=op.f("uq_event_stream_seq")),
    )
    op.create_table(
        "fx_rate",
        sa.Column("base", sa.String(), nullable=False),
        sa.Column("quote", sa.String(), nullable=False),
        sa.Column("on", sa.Date(), nullable=False),
        sa.Column("rate", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("base", "quote", "on", name=op.f("pk_fx_rate")),
    )
    op.create_table(
        "import_batch",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("file", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("recorded_at", UtcTime(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_import_batch")),
    )
    with op.batch_alter_table("import_batch", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_import_batch_sha256"), ["sha256"], unique=False)

    op.create_table(
        "outbox",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("due_at", UtcTime(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("claimed_until", UtcTime(), nullable=True),
        sa.Column("delivered_at", UtcTime(), nullable=True),
        sa.Column("last_error", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sa.UniqueConstraint("fingerprint", "channel", name=op.f("uq_outbox_fingerprint_channel")),
    )
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_outbox_due_at"), ["due_at"], unique=False)

    op.create_table(
        "price_import",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("file", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("recorded_at", UtcTime(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_price_import")),
    )
    with op.batch_alter_table("price_import", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_price_import_sha256"), ["sha256"], unique=False)

    op.create_table(
        "price_series",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("gpu_as_quoted", sa.String(), nullable=False),
        sa.Column("memory_gb", sa.Integer(), nullable=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("gpu_model", sa.String(), nullable=False),
        sa.Column("part", sa.String(), nullable=True),
        sa.Column("form_factor", sa.String(), nullable=True),
        sa.Column("memory_differs", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_price_series")),
    )
    with op.batch_alter_table("price_series", schema=None) as batch_op:
        batch_op.create_index("ix_price_series_model", ["gpu_model", "kind"], unique=False)
        batch_op.create_index(batch_op.f("ix_price_series_provider"), ["provider"], unique=False)

    op.create_table(
        "stream_head",
        sa.Column("stream", sa.String(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("stream", name=op.f("pk_stream_head")),
    )
    op.create_table(
        "supplier",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("legal_name", sa.String(), nullable=False),
        sa.Column("aliases", sa.Text(), nullable=False),
        sa.Column("country", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_supplier")),
    )
    op.create_table(
        "alert_event",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("alert_id", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("detail", sa.String(), nullable=True),
        sa.Column("recorded_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["alert_id"], ["alert.id"], name=op.f("fk_alert_event_alert_id_alert")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_event")),
    )
    with op.batch_alter_table("alert_event", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_alert_event_alert_id"), ["alert_id"], unique=False)

    op.create_table(
        "contract",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("supplier_key", sa.String(), nullable=False),
        sa.Column("ref", sa.String(), nullable=False),
        sa.Column("folded_ref", sa.String(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("timezone", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=True),
        sa.Column("start_on", sa.Date(), nullable=True),
        sa.Column("end_on", sa.Date(), nullable=True),
        sa.Column("head_hash", sa.String(), nullable=False),
        sa.Column("recorded_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["supplier_key"], ["supplier.key"], name=op.f("fk_contract_supplier_key_supplier")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contract")),
        sa.UniqueConstraint(
            "supplier_key", "folded_ref", name=op.f("uq_contract_supplier_key_folded_ref")
        ),
    )
    with op.batch_alter_table("contract", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_contract_supplier_key"), ["supplier_key"], unique=False
        )

    op.create_table(
        "price_level",
        sa.Column("series_id", sa.String(), nullable=False),
        sa.Column("first_seen_on", sa.Date(), nullable=False),
        sa.Column("price_per_gpu_hour", Micros(), nullable=False),
        sa.Column("last_seen_on", sa.Date(), nullable=False),
        sa.CheckConstraint("price_per_gpu_hour > 0", name=op.f("ck_price_level_above_zero")),
        sa.ForeignKeyConstraint(
            ["series_id"], ["price_series.id"], name=op.f("fk_price_level_series_id_price_series")
        ),
        sa.PrimaryKeyConstraint(
            "series_id", "first_seen_on", "price_per_gpu_hour", name=op.f("pk_price_level")
        ),
    )
    with op.batch_alter_table("price_level", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_price_level_last_seen_on"), ["last_seen_on"], unique=False
        )

    op.create_table(
        "price_sighting",
        sa.Column("import_id", sa.String(), nullable=False),
        sa.Column("line_no", sa.Integer(), nullable=False),
        sa.Column("series_id", sa.String(), nullable=False),
        sa.Column("observed_on", sa.Date(), nullable=False),
        sa.Column("price_per_gpu_hour", Micros(), nullable=False),
        sa.Column("fetched_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["import_id"],
            ["price_import.id"],
            name=op.f("fk_price_sighting_import_id_price_import"),
        ),
        sa.ForeignKeyConstraint(
            ["series_id"],
            ["price_series.id"],
            name=op.f("fk_price_sighting_series_id_price_series"),
        ),
        sa.PrimaryKeyConstraint("import_id", "line_no", name=op.f("pk_price_sighting")),
        sa.UniqueConstraint(
            "series_id",
            "observed_on",
            "price_per_gpu_hour",
            "fetched_at",
            name="uq_price_sighting_once",
        ),
    )
    op.create_table(
        "price_unmapped",
        sa.Column("import_id", sa.String(), nullable=False),
        sa.Column("line_no", sa.Integer(), nullable=False),
        sa.Column("raw", sa.Text(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["import_id"],
            ["price_import.id"],
            name=op.f("fk_price_unmapped_import_id_price_import"),
        ),
        sa.PrimaryKeyConstraint("import_id", "line_no", name=op.f("pk_price_unmapped")),
    )
    op.create_table(
        "supplier_tier",
        sa.Column("supplier_key", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("scheme", sa.String(), nullable=False),
        sa.Column("edition", sa.String(), nullable=False),
        sa.Column("tier", sa.String(), nullable=False),
        sa.Column("on", sa.Date(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["supplier_key"], ["supplier.key"], name=op.f("fk_supplier_tier_supplier_key_supplier")
        ),
        sa.PrimaryKeyConstraint("supplier_key", "position", name=op.f("pk_supplier_tier")),
    )
    op.create_table(
        "amendment",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("contract_id", sa.String(), nullable=False),
        sa.Column("line_no", sa.Integer(), nullable=False),
        sa.Column("changes", sa.Text(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("proposed_at", UtcTime(), nullable=False),
        sa.Column("proposed_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["contract_id"], ["contract.id"], name=op.f("fk_amendment_contract_id_contract")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_amendment")),
    )
    with op.batch_alter_table("amendment", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_amendment_contract_id"), ["contract_id"], unique=False)

    op.create_table(
        "contract_line",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("contract_id", sa.String(), nullable=False),
        sa.Column("line_no", sa.Integer(), nullable=False),
        sa.Column("gpu_model", sa.String(), nullable=False),
        sa.Column("form_factor", sa.String(), nullable=True),
        sa.Column("gpu_count", sa.Integer(), nullable=False),
        sa.Column("gpus_per_node", sa.Integer(), nullable=True),
        sa.Column("region", sa.String(), nullable=True),
        sa.Column("site", sa.String(), nullable=True),
        sa.Column("interconnect", sa.String(), nullable=True),
        sa.Column("start_on", sa.Date(), nullable=False),
        sa.Column("end_on", sa.Date(), nullable=True),
        sa.Column("term_months", sa.Integer(), nullable=True),
        sa.Column("prepay_pct", Micros(), nullable=True),
        sa.Column("take_or_pay_pct", Micros(), nullable=True),
        sa.Column("sla_pct", Micros(), nullable=True),
        sa.Column("payment_terms_days", sa.Integer(), nullable=True),
        sa.Column("owner", sa.String(), nullable=True),
        sa.Column("notes", sa.Text(), nullable=True),
        sa.Column("source", sa.String(), nullable=False),
        sa.CheckConstraint(
            "end_on IS NULL OR start_on < end_on", name=op.f("ck_contract_line_runs_forward")
        ),
        sa.CheckConstraint("gpu_count > 0", name=op.f("ck_contract_line_gpus_above_zero")),
        sa.ForeignKeyConstraint(
            ["contract_id"], ["contract.id"], name=op.f("fk_contract_line_contract_id_contract")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contract_line")),
        sa.UniqueConstraint(
            "contract_id", "line_no", name=op.f("uq_contract_line_contract_id_line_no")
        ),
    )
    with op.batch_alter_table("contract_line", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_contract_line_contract_id"), ["contract_id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_contract_line_end_on"), ["end_on"], unique=False)
        batch_op.create_index(batch_op.f("ix_contract_line_gpu_model"), ["gpu_model"], unique=False)

    op.create_table(
        "obligation",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("contract_id", sa.String(), nullable=False),
        sa.Column("line_no", sa.Integer(), nullable=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("computed_from", sa.String(), nullable=False),
        sa.Column("rule_version", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("closed_by", sa.String(), nullable=True),
        sa.Column("evidence", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["contract_id"], ["contract.id"], name=op.f("fk_obligation_contract_id_contract")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_obligation")),
    )
    with op.batch_alter_table("obligation", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_obligation_contract_id"), ["contract_id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_obligation_due_on"), ["due_on"], unique=False)

    op.create_table(
        "quote",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("stream", sa.String(), nullable=False),
        sa.Column("supplier_key", sa.String(), nullable=False),
        sa.Column("contract_id", sa.String(), nullable=True),
        sa.Column("renews_line_no", sa.Integer(), nullable=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("gpu_model", sa.String(), nullable=False),
        sa.Column("form_factor", sa.String(), nullable=True),
        sa.Column("gpu_count", sa.Integer(), nullable=False),
        sa.Column("region", sa.String(), nullable=True),
        sa.Column("term_months", sa.Integer(), nullable=True),
        sa.Column("unit_price", Micros(), nullable=False),
        sa.Column("price_basis", sa.String(), nullable=False),
        sa.Column("price_per_gpu_hour", Micros(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("prepay_pct", Micros(), nullable=True),
        sa.Column("delivery_on", sa.Date(), nullable=True),
        sa.Column("lead_time_days", sa.Integer(), nullable=True),
        sa.Column("received_on", sa.Date(), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("supersedes", sa.String(), nullable=True),
        sa.Column("document", sa.String(), nullable=True),
        sa.CheckConstraint("gpu_count > 0", name=op.f("ck_quote_gpus_above_zero")),
        sa.CheckConstraint(
            "price_per_gpu_hour >= 0 AND unit_price >= 0", name=op.f("ck_quote_not_negative")
        ),
        sa.ForeignKeyConstraint(
            ["contract_id"], ["contract.id"], name=op.f("fk_quote_contract_id_contract")
        ),
        sa.ForeignKeyConstraint(
            ["supplier_key"], ["supplier.key"], name=op.f("fk_quote_supplier_key_supplier")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quote")),
    )
    with op.batch_alter_table("quote", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_quote_contract_id"), ["contract_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_quote_gpu_model"), ["gpu_model"], unique=False)
        batch_op.create_index(batch_op.f("ix_quote_stream"), ["stream"], unique=False)
        batch_op.create_index(batch_op.f("ix_quote_supplier_key"), ["supplier_key"], unique=False)

    op.create_table(
        "price_period",
        sa.Column("line_id", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("tranche_no", sa.Integer(), nullable=True),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("unit_price", Micros(), nullable=False),
        sa.Column("price_basis", sa.String(), nullable=False),
        sa.Column("price_per_gpu_hour", Micros(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("recorded_at", UtcTime(), nullable=False),
        sa.Column("superseded_at", UtcTime(), nullable=True),
        sa.Column("source_event", sa.String(), nullable=False),
        sa.CheckConstraint(
            "price_per_gpu_hour >= 0 AND unit_price >= 0", name=op.f("ck_price_period_not_negative")
        ),
        sa.CheckConstraint(
            "valid_to IS NULL OR valid_from < valid_to", name=op.f("ck_price_period_runs_forward")
        ),
        sa.ForeignKeyConstraint(
            ["line_id"], ["contract_line.id"], name=op.f("fk_price_period_line_id_contract_line")
        ),
        sa.PrimaryKeyConstraint("line_id", "position", name=op.f("pk_price_period")),
    )
    op.create_table(
        "renewal_term",
        sa.Column("line_id", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("renewal_type", sa.String(), nullable=True),
        sa.Column("renewal_term_months", sa.Integer(), nullable=True),
        sa.Column("notice_period", sa.String(), nullable=True),
        sa.Column("uplift_cap_pct", Micros(), nullable=True),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("recorded_at", UtcTime(), nullable=False),
        sa.Column("superseded_at", UtcTime(), nullable=True),
        sa.Column("source_event", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["line_id"], ["contract_line.id"], name=op.f("fk_renewal_term_line_id_contract_line")
        ),
        sa.PrimaryKeyConstraint("line_id", "position", name=op.f("pk_renewal_term")),
    )
    op.create_table(
        "tranche",
        sa.Column("line_id", sa.String(), nullable=False),
        sa.Column("tranche_no", sa.Integer(), nullable=False),
        sa.Column("gpu_count", sa.Integer(), nullable=False),
        sa.Column("delivery_on", sa.Date(), nullable=False),
        sa.Column("accept_by", sa.Date(), nullable=True),
        sa.Column("drop_dead_on", sa.Date(), nullable=True),
        sa.Column("late_credit_pct_per_week", Micros(), nullable=True),
        sa.Column("site", sa.String(), nullable=True),
        sa.Column("accepted_on", sa.Date(), nullable=True),
        sa.CheckConstraint("gpu_count > 0", name=op.f("ck_tranche_gpus_above_zero")),
        sa.ForeignKeyConstraint(
            ["line_id"], ["contract_line.id"], name=op.f("fk_tranche_line_id_contract_line")
        ),
        sa.PrimaryKeyConstraint("line_id", "tranche_no", name=op.f("pk_tranche")),
    )
    create_triggers(op.get_bind())


def downgrade() -> None:
    """Take the schema back."""
    drop_triggers(op.get_bind())
    op.drop_table("tranche")
    op.drop_table("renewal_term")
    op.drop_table("price_period")
    with op.batch_alter_table("quote", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_quote_supplier_key"))
        batch_op.drop_index(batch_op.f("ix_quote_stream"))
        batch_op.drop_index(batch_op.f("ix_quote_gpu_model"))
        batch_op.drop_index(batch_op.f("ix_quote_contract_id"))

    op.drop_table("quote")
    with op.batch_alter_table("obligation", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_obligation_due_on"))
        batch_op.drop_index(batch_op.f("ix_obligation_contract_id"))

    op.drop_table("obligation")
    with op.batch_alter_table("contract_line", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_contract_line_gpu_model"))
        batch_op.drop_index(batch_op.f("ix_contract_line_end_on"))
        batch_op.drop_index(batch_op.f("ix_contract_line_contract_id"))

    op.drop_table("contract_line")
    with op.batch_alter_table("amendment", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_amendment_contract_id"))

    op.drop_table("amendment")
    op.drop_table("supplier_tier")
    op.drop_table("price_unmapped")
    op.drop_table("price_sighting")
    with op.batch_alter_table("price_level", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_price_level_last_seen_on"))

    op.drop_table("price_level")
    with op.batch_alter_table("contract", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_contract_supplier_key"))

    op.drop_table("contract")
    with op.batch_alter_table("alert_event", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_alert_event_alert_id"))

    op.drop_table("alert_event")
    op.drop_table("supplier")
    op.drop_table("stream_head")
    with op.batch_alter_table("price_series", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_price_series_provider"))
        batch_op.drop_index("ix_price_series_model")

    op.drop_table("price_series")
    with op.batch_alter_table("price_import", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_price_import_sha256"))

    op.drop_table("price_import")
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_outbox_due_at"))

    op.drop_table("outbox")
    with op.batch_alter_table("import_batch", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_import_batch_sha256"))

    op.drop_table("import_batch")
    op.drop_table("fx_rate")
    op.drop_table("event")
    op.drop_table("evaluation")
    with op.batch_alter_table("assumption", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_assumption_scope"))
        batch_op.drop_index(batch_op.f("ix_assumption_name"))

    op.drop_table("assumption")
    with op.batch_alter_table("api_key", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_api_key_live_name",
            sqlite_where=sa.text("revoked_at IS NULL"),
            postgresql_where=sa.text("revoked_at IS NULL"),
        )

    op.drop_table("api_key")
    op.drop_table("alert_rule")
    with op.batch_alter_table("alert", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_alert_state"))
        batch_op.drop_index(batch_op.f("ix_alert_rule"))
        batch_op.drop_index(batch_op.f("ix_alert_raised_on"))
        batch_op.drop_index(batch_op.f("ix_alert_object_id"))

    op.drop_table("alert")
