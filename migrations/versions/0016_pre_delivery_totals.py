"""Old deliveries as numbers.

Revision 0016, after 0015. Old code goes on; what new code folds is missing from the sums that old code shows.
"""

import sqlalchemy as sa
from alembic import op

from kit.db import BigKey

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "delivery_total",
        sa.Column("mailing_id", BigKey, nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("reason", sa.String(length=20), nullable=False),
        sa.Column("code", sa.Integer(), nullable=False),
        sa.Column("enhanced", sa.String(length=12), nullable=False),
        sa.Column("relay", sa.String(length=80), nullable=False),
        sa.Column("number", BigKey, nullable=False),
        sa.PrimaryKeyConstraint(
            "mailing_id", "state", "reason", "code", "enhanced", "relay", name=op.f("pk_delivery_total")
        ),
    )
