"""Offers, holdings and job runs

Revision: 0002, after 0001
"""

import sqlalchemy as sa
from alembic import op

from broker.store.columns import Micros, UtcTime
from broker.store.triggers import create_triggers, drop_triggers

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema up."""
    op.create_table(
        "job_run",
        sa.Column("job", sa.String(), nullable=False),
        sa.Column("slot", sa.BigInteger(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("started_at", UtcTime(), nullable=False),
        sa.Column("beat_at", UtcTime(), nullable=False),
        sa.Column("finished_at", UtcTime(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("job", "slot", name=op.f("pk_job_run")),
    )
    with op.batch_alter_table("job_run", schema=None) as batch_op:
        batch_op.create_index(
            "uq_job_run_running",
            ["job"],
            unique=True,
            sqlite_where=sa.text("state = 'running'"),
            postgresql_where=sa.text("state = 'running'"),
        )

    op.create_table(
        "offer",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("supplier", sa.String(), nullable=False),
        sa.Column("native_id", sa.String(), nullable=False),
        sa.Column("region", sa.String(), nullable=True),
        sa.Column("zone", sa.String(), nullable=True),
        sa.Column("terms", sa.String(), nullable=False),
        sa.Column("offer_class", sa.String(), nullable=True),
        sa.Column("gpu_model", sa.String(), nullable=False),
        sa.Column("part", sa.String(), nullable=True),
        sa.Column("form_factor", sa.String(), nullable=True),
        sa.Column("gpu_memory_gb", sa.Integer(), nullable=True),
        sa.Column("gpu_as_quoted", sa.String(), nullable=False),
        sa.Column("gpu_count", sa.Integer(), nullable=False),
        sa.Column("quoted_amount", sa.String(), nullable=True),
        sa.Column("quoted_unit", sa.String(), nullable=True),
        sa.Column("currency", sa.String(), nullable=True),
        sa.Column("price_per_instance", Micros(), nullable=True),
        sa.Column("usd_per_gpu_hour", Micros(), nullable=True),
        sa.Column("executable_price", Micros(), nullable=True),
        sa.Column("upfront_fee", Micros(), nullable=True),
        sa.Column("is_listed", sa.Boolean(), nullable=False),
        sa.Column("stock_state", sa.String(), nullable=False),
        sa.Column("stock_count", sa.Integer(), nullable=True),
        sa.Column("stock_unit", sa.String(), nullable=True),
        sa.Column("stock_at_least", sa.Boolean(), nullable=False),
        sa.Column("stock_raw", sa.String(), nullable=True),
        sa.Column("vcpus", sa.Integer(), nullable=True),
        sa.Column("memory_gib", Micros(), nullable=True),
        sa.Column("interconnect", sa.String(), nullable=True),
        sa.Column("upstream", sa.String(), nullable=True),
        sa.Column("window_start", UtcTime(), nullable=True),
        sa.Column("window_end", UtcTime(), nullable=True),
        sa.Column("term_months", sa.Integer(), nullable=True),
        sa.Column("min_units", sa.Integer(), nullable=False),
        sa.Column("unit_step", sa.Integer(), nullable=False),
        sa.Column("price_kind", sa.String(), nullable=True),
        sa.Column("flags", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("first_seen_at", UtcTime(), nullable=False),
        sa.Column("changed_at", UtcTime(), nullable=False),
        sa.Column("gone_at", UtcTime(), nullable=True),
        sa.CheckConstraint("price_per_instance > 0", name=op.f("ck_offer_above_zero")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_offer")),
    )
    with op.batch_alter_table("offer", schema=None) as batch_op:
        batch_op.create_index(
            "ix_offer_search",
            ["gpu_model", "usd_per_gpu_hour", "gpu_count"],
            unique=False,
            sqlite_where=sa.text("gone_at IS NULL"),
            postgresql_where=sa.text("gone_at IS NULL"),
        )
        batch_op.create_index(
            "ix_offer_place",
            ["gpu_model", "region", "gpu_count", "usd_per_gpu_hour"],
            unique=False,
            sqlite_where=sa.text("gone_at IS NULL"),
            postgresql_where=sa.text("gone_at IS NULL"),
        )
        batch_op.create_index("ix_offer_supplier", ["supplier", "region"], unique=False)

    op.create_table(
        "poll",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("supplier", sa.String(), nullable=False),
        sa.Column("started_at", UtcTime(), nullable=False),
        sa.Column("finished_at", UtcTime(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("offers", sa.Integer(), nullable=False),
        sa.Column("changes", sa.Integer(), nullable=False),
        sa.Column("skips", sa.Integer(), nullable=False),
        sa.Column("error_kind", sa.String(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("actor", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_poll")),
    )
    with op.batch_alter_table("poll", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_poll_started_at"), ["started_at"], unique=False)
        batch_op.create_index("ix_poll_supplier", ["supplier", "started_at"], unique=False)

    op.create_table(
        "poll_place",
        sa.Column("supplier", sa.String(), nullable=False),
        sa.Column("region", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("tried_at", UtcTime(), nullable=False),
        sa.Column("seen_at", UtcTime(), nullable=True),
        sa.Column("offers", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("error_kind", sa.String(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("supplier", "region", name=op.f("pk_poll_place")),
    )
    op.create_table(
        "poll_skip",
        sa.Column("supplier", sa.String(), nullable=False),
        sa.Column("native_id", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("seen_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("supplier", "native_id", "reason", name=op.f("pk_poll_skip")),
    )
    op.create_table(
        "quota",
        sa.Column("supplier", sa.String(), nullable=False),
        sa.Column("region", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("limit", Micros(), nullable=False),
        sa.Column("used", Micros(), nullable=True),
        sa.Column("seen_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("supplier", "region", "name", name=op.f("pk_quota")),
    )
    op.create_table(
        "spot_price",
        sa.Column("supplier", sa.String(), nullable=False),
        sa.Column("native_id", sa.String(), nullable=False),
        sa.Column("region", sa.String(), nullable=False),
        sa.Column("zone", sa.String(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("price_per_instance", Micros(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint(
            "supplier", "native_id", "region", "zone", "at", name=op.f("pk_spot_price")
        ),
    )
    op.create_table(
        "offer_change",
        sa.Column("offer_id", sa.String(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("is_present", sa.Boolean(), nullable=False),
        sa.Column("price_per_instance", Micros(), nullable=True),
        sa.Column("currency", sa.String(), nullable=True),
        sa.Column("stock_state", sa.String(), nullable=False),
        sa.Column("stock_count", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["offer_id"], ["offer.id"], name=op.f("fk_offer_change_offer_id_offer")
        ),
        sa.PrimaryKeyConstraint("offer_id", "at", name=op.f("pk_offer_change")),
    )
    op.create_table(
        "holding",
        sa.Column("supplier", sa.String(), nullable=False),
        sa.Column("resource_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=True),
        sa.Column("region", sa.String(), nullable=True),
        sa.Column("zone", sa.String(), nullable=True),
        sa.Column("native_type", sa.String(), nullable=True),
        sa.Column("gpu_model", sa.String(), nullable=True),
        sa.Column("part", sa.String(), nullable=True),
        sa.Column("gpus_per_unit", sa.Integer(), nullable=True),
        sa.Column("quantity", sa.Integer(), nullable=True),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("used", sa.Integer(), nullable=True),
        sa.Column("start_at", UtcTime(), nullable=True),
        sa.Column("end_at", UtcTime(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("provider_state", sa.String(), nullable=False),
        sa.Column("next_change_at", UtcTime(), nullable=True),
        sa.Column("next_change_to", sa.Integer(), nullable=True),
        sa.Column("delivered_at", UtcTime(), nullable=True),
        sa.Column("price_per_gpu_hour", Micros(), nullable=True),
        sa.Column("upfront_fee", Micros(), nullable=True),
        sa.Column("hourly_commitment", Micros(), nullable=True),
        sa.Column("currency", sa.String(), nullable=True),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("first_seen_at", UtcTime(), nullable=False),
        sa.Column("seen_at", UtcTime(), nullable=False),
        sa.Column("gone_at", UtcTime(), nullable=True),
        sa.Column("contract_id", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["contract_id"], ["contract.id"], name=op.f("fk_holding_contract_id_contract")
        ),
        sa.PrimaryKeyConstraint("supplier", "resource_id", name=op.f("pk_holding")),
    )
    create_triggers(op.get_bind())


def downgrade() -> None:
    """Take the schema back."""
    drop_triggers(op.get_bind())
    op.drop_table("holding")
    op.drop_table("offer_change")
    op.drop_table("spot_price")
    op.drop_table("quota")
    op.drop_table("poll_skip")
    op.drop_table("poll_place")
    with op.batch_alter_table("poll", schema=None) as batch_op:
        batch_op.drop_index("ix_poll_supplier")
        batch_op.drop_index(batch_op.f("ix_poll_started_at"))

    op.drop_table("poll")
    with op.batch_alter_table("offer", schema=None) as batch_op:
        batch_op.drop_index("ix_offer_supplier")
        batch_op.drop_index(
            "ix_offer_place",
            sqlite_where=sa.text("gone_at IS NULL"),
            postgresql_where=sa.text("gone_at IS NULL"),
        )
        batch_op.drop_index(
            "ix_offer_search",
            sqlite_where=sa.text("gone_at IS NULL"),
            postgresql_where=sa.text("gone_at IS NULL"),
        )

    op.drop_table("offer")
    with op.batch_alter_table("job_run", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_job_run_running",
            sqlite_where=sa.text("state = 'running'"),
            postgresql_where=sa.text("state = 'running'"),
        )

    op.drop_table("job_run")
    create_triggers(op.get_bind())
