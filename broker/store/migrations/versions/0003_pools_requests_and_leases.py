"""Pools, requests and leases

Revision: 0003, after 0002
"""

import sqlalchemy as sa
from alembic import op

from broker.store.columns import Micros, UtcTime
from broker.store.grants_sql import GRANT_FUNCTIONS, grant_functions
from broker.store.triggers import create_triggers, drop_triggers

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema up."""
    op.create_table(
        "audit",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("key_id", sa.String(), nullable=True),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("object_id", sa.String(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("before_hash", sa.String(), nullable=True),
        sa.Column("after_hash", sa.String(), nullable=True),
        sa.Column("request_id", sa.String(), nullable=True),
        sa.Column("address", sa.String(), nullable=True),
        sa.Column("prev_hash", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit")),
        sa.UniqueConstraint("prev_hash", name=op.f("uq_audit_prev_hash")),
    )
    op.create_table(
        "capacity_event",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("object_id", sa.String(), nullable=False),
        sa.Column("holder", sa.String(), nullable=True),
        sa.Column("principal", sa.String(), nullable=True),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_capacity_event")),
    )
    with op.batch_alter_table("capacity_event", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_capacity_event_holder"), ["holder"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_capacity_event_object_id"), ["object_id"], unique=False
        )

    op.create_table(
        "capacity_request",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("principal", sa.String(), nullable=False),
        sa.Column("idempotency_key", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("spec", sa.Text(), nullable=False),
        sa.Column("holder", sa.String(), nullable=False),
        sa.Column("gpu_count", sa.Integer(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("lease_id", sa.String(), nullable=True),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("deadline_at", UtcTime(), nullable=True),
        sa.Column("decided_at", UtcTime(), nullable=True),
        sa.Column("rev", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_capacity_request")),
        sa.UniqueConstraint("principal", "idempotency_key", name="uq_capacity_request_key"),
    )
    with op.batch_alter_table("capacity_request", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_capacity_request_created_at"), ["created_at"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_capacity_request_holder"), ["holder"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_capacity_request_lease_id"), ["lease_id"], unique=False
        )
        batch_op.create_index(
            "ix_capacity_request_waiting",
            ["priority", "created_at"],
            unique=False,
            sqlite_where=sa.text("state = 'pending'"),
            postgresql_where=sa.text("state = 'pending'"),
        )

    op.create_table(
        "tally",
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("last_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "name", "outcome", name=op.f("pk_tally")),
    )
    # From here on they are counted as they end; so far, they are counted once from their rows.
    op.execute(
        "INSERT INTO tally (kind, name, outcome, total, last_at) "
        "SELECT 'job-run', job, state, count(*), max(finished_at) FROM job_run "
        "WHERE finished_at IS NOT NULL GROUP BY job, state"
    )
    op.execute(
        "INSERT INTO tally (kind, name, outcome, total, last_at) "
        "SELECT 'poll', supplier, state, count(*), max(finished_at) FROM poll "
        "GROUP BY supplier, state"
    )
    op.create_table(
        "fence",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_fence")),
    )
    op.create_table(
        "holder_quota",
        sa.Column("holder", sa.String(), nullable=False),
        sa.Column("gpu_model", sa.String(), nullable=False),
        sa.Column("guaranteed", sa.Integer(), nullable=False),
        sa.Column("most", sa.Integer(), nullable=True),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("recorded_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("holder", "gpu_model", name=op.f("pk_holder_quota")),
    )
    op.create_table(
        "pool",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("supplier", sa.String(), nullable=False),
        sa.Column("contract_id", sa.String(), nullable=True),
        sa.Column("contract_ref", sa.String(), nullable=True),
        sa.Column("line_no", sa.Integer(), nullable=True),
        sa.Column("gpu_model", sa.String(), nullable=False),
        sa.Column("form_factor", sa.String(), nullable=True),
        sa.Column("region", sa.String(), nullable=True),
        sa.Column("residency", sa.String(), nullable=True),
        sa.Column("tier", sa.String(), nullable=True),
        sa.Column("reliability_ppm", sa.Integer(), nullable=True),
        sa.Column("node_size", sa.Integer(), nullable=False),
        sa.Column("contracted", sa.Integer(), nullable=False),
        sa.Column("undelivered", sa.Integer(), nullable=False),
        sa.Column("available", sa.Integer(), nullable=False),
        sa.Column("held", sa.Integer(), nullable=False),
        sa.Column("leased", sa.Integer(), nullable=False),
        sa.Column("down", sa.Integer(), nullable=False),
        sa.Column("returned", sa.Integer(), nullable=False),
        sa.Column("kept_back", sa.Integer(), nullable=False),
        sa.Column("claimed", sa.Integer(), nullable=False),
        sa.Column("scheduled", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("gen", sa.BigInteger(), nullable=False),
        sa.Column("gpu_limit", sa.Integer(), nullable=True),
        sa.Column("standing", sa.String(), server_default="open", nullable=False),
        sa.Column("closing", sa.String(), nullable=True),
        sa.Column("is_cordoned", sa.Boolean(), nullable=False),
        sa.Column("is_draining", sa.Boolean(), nullable=False),
        sa.Column("opens_at", UtcTime(), nullable=True),
        sa.Column("closes_at", UtcTime(), nullable=True),
        sa.Column("marginal_price", Micros(), nullable=True),
        sa.Column("effective_price", Micros(), nullable=True),
        sa.Column("currency", sa.String(), nullable=True),
        sa.Column("usd_marginal", Micros(), nullable=True),
        sa.Column("usd_effective", Micros(), nullable=True),
        sa.Column("confirm_seconds", sa.Integer(), nullable=False),
        sa.Column("grace_seconds", sa.Integer(), nullable=False),
        sa.Column("changed_at", UtcTime(), nullable=False),
        sa.CheckConstraint("available >= 0", name=op.f("ck_pool_available")),
        sa.CheckConstraint("down >= 0", name=op.f("ck_pool_down")),
        sa.CheckConstraint("held >= 0", name=op.f("ck_pool_held")),
        sa.CheckConstraint("kept_back >= 0 AND claimed >= 0", name=op.f("ck_pool_kept_back")),
        sa.CheckConstraint("leased >= 0", name=op.f("ck_pool_leased")),
        sa.CheckConstraint("returned >= 0", name=op.f("ck_pool_returned")),
        sa.CheckConstraint("scheduled >= 0", name=op.f("ck_pool_scheduled")),
        sa.CheckConstraint(
            "undelivered + available + held + leased + down + returned = contracted",
            name=op.f("ck_pool_balance"),
        ),
        sa.CheckConstraint("undelivered >= 0", name=op.f("ck_pool_undelivered")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pool")),
        sa.UniqueConstraint("source", name=op.f("uq_pool_source")),
        postgresql_with={"fillfactor": 20},
    )
    with op.batch_alter_table("pool", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_pool_gpu_model"), ["gpu_model"], unique=False)
        batch_op.create_index(batch_op.f("ix_pool_supplier"), ["supplier"], unique=False)

    op.create_table(
        "sweep",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("swept_at", UtcTime(), nullable=False),
        sa.Column("paused_until", UtcTime(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_sweep")),
    )
    op.create_table(
        "webhook_endpoint",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("secret", sa.String(), nullable=False),
        sa.Column("kinds", sa.String(), nullable=False),
        sa.Column("next_seq", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", UtcTime(), nullable=False),
        sa.Column("claimed_until", UtcTime(), nullable=True),
        sa.Column("last_error", sa.String(), nullable=True),
        sa.Column("disabled_at", UtcTime(), nullable=True),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_endpoint")),
    )
    op.create_table(
        "capacity_transfer",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("pool_id", sa.String(), nullable=False),
        sa.Column("debit", sa.String(), nullable=False),
        sa.Column("credit", sa.String(), nullable=False),
        sa.Column("gpu_count", sa.Integer(), nullable=False),
        sa.Column("cause", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.CheckConstraint("gpu_count > 0", name=op.f("ck_capacity_transfer_above_zero")),
        sa.ForeignKeyConstraint(
            ["pool_id"], ["pool.id"], name=op.f("fk_capacity_transfer_pool_id_pool")
        ),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_capacity_transfer")),
    )
    with op.batch_alter_table("capacity_transfer", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_capacity_transfer_pool_id"), ["pool_id"], unique=False)

    op.create_table(
        "lease",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("request_id", sa.String(), nullable=False),
        sa.Column("principal", sa.String(), nullable=False),
        sa.Column("holder", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("is_live", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("is_preemptible", sa.Boolean(), nullable=False),
        sa.Column("gpu_count", sa.Integer(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("ttl_seconds", sa.Integer(), nullable=False),
        sa.Column("granted_at", UtcTime(), nullable=False),
        sa.Column("starts_at", UtcTime(), nullable=False),
        sa.Column("ends_at", UtcTime(), nullable=True),
        sa.Column("expires_at", UtcTime(), nullable=False),
        sa.Column("confirmed_at", UtcTime(), nullable=True),
        sa.Column("ended_at", UtcTime(), nullable=True),
        sa.Column("rev", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["request_id"],
            ["capacity_request.id"],
            name=op.f("fk_lease_request_id_capacity_request"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lease")),
        sa.UniqueConstraint("fence", name=op.f("uq_lease_fence")),
        sa.UniqueConstraint("request_id", name=op.f("uq_lease_request_id")),
    )
    with op.batch_alter_table("lease", schema=None) as batch_op:
        batch_op.create_index(
            "ix_lease_due",
            ["expires_at"],
            unique=False,
            sqlite_where=sa.text("is_live"),
            postgresql_where=sa.text("is_live"),
        )
        batch_op.create_index(
            "ix_lease_scheduled",
            ["starts_at"],
            unique=False,
            sqlite_where=sa.text("state = 'scheduled'"),
            postgresql_where=sa.text("state = 'scheduled'"),
        )
        batch_op.create_index(
            "ix_lease_timed",
            ["ends_at"],
            unique=False,
            sqlite_where=sa.text("is_live AND ends_at IS NOT NULL"),
            postgresql_where=sa.text("is_live AND ends_at IS NOT NULL"),
        )
        batch_op.create_index(batch_op.f("ix_lease_holder"), ["holder"], unique=False)
        batch_op.create_index(batch_op.f("ix_lease_principal"), ["principal"], unique=False)

    op.create_table(
        "lease_line",
        sa.Column("lease_id", sa.String(), nullable=False),
        sa.Column("pool_id", sa.String(), nullable=False),
        sa.Column("gpu_count", sa.Integer(), nullable=False),
        sa.Column("marginal_price", Micros(), nullable=True),
        sa.Column("effective_price", Micros(), nullable=True),
        sa.Column("currency", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["lease_id"], ["lease.id"], name=op.f("fk_lease_line_lease_id_lease")
        ),
        sa.ForeignKeyConstraint(["pool_id"], ["pool.id"], name=op.f("fk_lease_line_pool_id_pool")),
        sa.PrimaryKeyConstraint("lease_id", "pool_id", name=op.f("pk_lease_line")),
    )
    with op.batch_alter_table("lease_line", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_lease_line_pool_id"), ["pool_id"], unique=False)

    with op.batch_alter_table("api_key", schema=None) as batch_op:
        batch_op.add_column(sa.Column("first_id", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("replaced_by", sa.String(), nullable=True))
    op.drop_index("uq_api_key_live_name", table_name="api_key")
    _one_name("revoked_at IS NULL AND replaced_by IS NULL")

    op.execute("INSERT INTO fence (name, last) VALUES ('lease', 0)")
    if op.get_bind().dialect.name == "postgresql":
        for function in grant_functions():
            op.execute(function)
    create_triggers(op.get_bind())


def _one_name(live: str) -> None:
    """Let no two keys of which this is true bear one name."""
    op.create_index(
        "uq_api_key_live_name",
        "api_key",
        ["name"],
        unique=True,
        sqlite_where=sa.text(live),
        postgresql_where=sa.text(live),
    )


def downgrade() -> None:
    """Take the schema back."""
    drop_triggers(op.get_bind())
    if op.get_bind().dialect.name == "postgresql":
        for name in GRANT_FUNCTIONS:
            op.execute(f"DROP FUNCTION IF EXISTS {name}")
    with op.batch_alter_table("lease_line", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_lease_line_pool_id"))

    op.drop_table("lease_line")
    with op.batch_alter_table("lease", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_lease_principal"))
        batch_op.drop_index(batch_op.f("ix_lease_holder"))
        batch_op.drop_index("ix_lease_timed")
        batch_op.drop_index("ix_lease_scheduled")
        batch_op.drop_index(
            "ix_lease_due", sqlite_where=sa.text("is_live"), postgresql_where=sa.text("is_live")
        )

    op.drop_table("lease")
    with op.batch_alter_table("capacity_transfer", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_capacity_transfer_pool_id"))

    op.drop_table("capacity_transfer")
    op.drop_table("webhook_endpoint")
    op.drop_table("sweep")
    with op.batch_alter_table("pool", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_pool_supplier"))
        batch_op.drop_index(batch_op.f("ix_pool_gpu_model"))

    op.drop_table("pool")
    op.drop_table("holder_quota")
    op.drop_table("fence")
    op.drop_table("tally")
    with op.batch_alter_table("capacity_request", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_capacity_request_waiting",
            sqlite_where=sa.text("state = 'pending'"),
            postgresql_where=sa.text("state = 'pending'"),
        )
        batch_op.drop_index(batch_op.f("ix_capacity_request_lease_id"))
        batch_op.drop_index(batch_op.f("ix_capacity_request_holder"))
        batch_op.drop_index(batch_op.f("ix_capacity_request_created_at"))

    op.drop_table("capacity_request")
    with op.batch_alter_table("capacity_event", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_capacity_event_object_id"))
        batch_op.drop_index(batch_op.f("ix_capacity_event_holder"))

    op.drop_table("capacity_event")
    op.drop_table("audit")
    op.execute(  # of two keys of one name the older schema knows only one that is not revoked
        "UPDATE api_key SET revoked_at = created_at "
        "WHERE replaced_by IS NOT NULL AND revoked_at IS NULL"
    )
    op.drop_index("uq_api_key_live_name", table_name="api_key")
    with op.batch_alter_table("api_key", schema=None) as batch_op:
        batch_op.drop_column("replaced_by")
        batch_op.drop_column("first_id")
    _one_name("revoked_at IS NULL")
    create_triggers(op.get_bind())
