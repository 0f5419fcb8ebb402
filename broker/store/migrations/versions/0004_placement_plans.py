"""Placement plans

Revision: 0004, after 0003
"""

import sqlalchemy as sa
from alembic import op

from broker.store.columns import UtcTime
from broker.store.triggers import create_triggers, drop_triggers

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema up."""
    op.create_table(
        "placement_plan",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("as_of", UtcTime(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("parent_id", sa.String(), nullable=True),
        sa.Column("snapshot", sa.Text(), nullable=False),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("principal", sa.String(), nullable=True),
        sa.Column("idempotency_key", sa.String(), nullable=True),
        sa.Column("fingerprint", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["parent_id"],
            ["placement_plan.id"],
            name=op.f("fk_placement_plan_parent_id_placement_plan"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_placement_plan")),
        sa.UniqueConstraint("principal", "idempotency_key", name="uq_placement_plan_key"),
    )
    create_triggers(op.get_bind())


def downgrade() -> None:
    """Take the schema back."""
    drop_triggers(op.get_bind())
    op.drop_table("placement_plan")
    create_triggers(op.get_bind())
