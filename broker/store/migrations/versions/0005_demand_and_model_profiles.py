"""Demand forecasts, metered use and model profiles

Revision: 0005, after 0004
"""

import sqlalchemy as sa
from alembic import op

from broker.store.columns import Micros, UtcTime
from broker.store.triggers import create_triggers, drop_triggers

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema up."""
    op.create_table(
        "demand_forecast",
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("class_name", sa.String(), nullable=False),
        sa.Column("node", sa.String(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("workload_class", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("p50_tokens_per_second", Micros(), nullable=False),
        sa.Column("p90_tokens_per_second", Micros(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("file", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("recorded_at", UtcTime(), nullable=False),
        sa.CheckConstraint(
            "p90_tokens_per_second >= p50_tokens_per_second",
            name=op.f("ck_demand_forecast_p90_not_below"),
        ),
        sa.PrimaryKeyConstraint(
            "model",
            "class_name",
            "node",
            "month",
            "workload_class",
            "version",
            name=op.f("pk_demand_forecast"),
        ),
    )
    op.create_table(
        "demand_sample",
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("class_name", sa.String(), nullable=False),
        sa.Column("node", sa.String(), nullable=False),
        sa.Column("started_at", UtcTime(), nullable=False),
        sa.Column("seconds", sa.Integer(), nullable=False),
        sa.Column("input_tokens", sa.BigInteger(), nullable=False),
        sa.Column("output_tokens", sa.BigInteger(), nullable=False),
        sa.Column("file", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("recorded_at", UtcTime(), nullable=False),
        sa.CheckConstraint("seconds > 0", name=op.f("ck_demand_sample_lasted")),
        sa.PrimaryKeyConstraint(
            "model", "class_name", "node", "started_at", name=op.f("pk_demand_sample")
        ),
    )
    op.create_table(
        "model_profile",
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("document", sa.Text(), nullable=True),
        sa.Column("file", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("recorded_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("model", "revision", name=op.f("pk_model_profile")),
    )
    create_triggers(op.get_bind())


def downgrade() -> None:
    """Take the schema back."""
    drop_triggers(op.get_bind())
    op.drop_table("model_profile")
    op.drop_table("demand_sample")
    op.drop_table("demand_forecast")
    create_triggers(op.get_bind())
