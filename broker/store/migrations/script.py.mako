"""${message}

Revision: ${up_revision}, after ${down_revision | comma,n}
"""

import sqlalchemy as sa
from alembic import op

from broker.store.columns import Micros, UtcTime
from broker.store.triggers import create_triggers
${imports if imports else ""}
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}


def upgrade() -> None:
    """Bring the schema up."""
    ${upgrades if upgrades else "pass"}
    create_triggers(op.get_bind())


def downgrade() -> None:
    """Take the schema back."""
    ${downgrades if downgrades else "pass"}
