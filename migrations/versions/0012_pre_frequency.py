"""Keeps how often a person wants to hear from us at most, and who had the last turn.

Revision 0012, after 0011. Safe while old workers run: they send as before, and the limit holds once they are gone.
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the columns; nobody has a limit yet."""
    op.add_column("subscriber", sa.Column("frequency_days", sa.SmallInteger(), nullable=False, server_default="0"))
    op.add_column("subscriber", sa.Column("promoted_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("subscriber", sa.Column("promoted_by", NUMBER, nullable=True))
