"""Keeps with each delivery the relay that had the letter last.

Revision 0004, after 0003. Old code leaves the column empty.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; it takes no time, however many rows there are."""
    op.add_column("delivery", sa.Column("relay", sa.String(length=80), nullable=True))
