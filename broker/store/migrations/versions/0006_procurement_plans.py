"""Procurement plans

Revision: 0006, after 0005
"""

import sqlalchemy as sa
from alembic import op

from broker.store.columns import UtcTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema up."""
    op.create_table(
        "procurement_plan",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("months", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("input", sa.String(), nullable=False),
        sa.Column("plan", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_procurement_plan")),
    )
    with op.batch_alter_table("procurement_plan", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_procurement_plan_created_at"), ["created_at"], unique=False
        )


def downgrade() -> None:
    """Take the schema back."""
    with op.batch_alter_table("procurement_plan", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_procurement_plan_created_at"))

    op.drop_table("procurement_plan")
