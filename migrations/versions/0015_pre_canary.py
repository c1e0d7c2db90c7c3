"""Campaigns that begin with a few people.

Revision 0015, after 0014. Old code goes on; a canary of new code that an old worker takes up goes out without waiting.
"""

import sqlalchemy as sa
from alembic import op

from kit.db import BigKey, UtcDateTime

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    op.add_column("mailing", sa.Column("only_canary", sa.Boolean(), nullable=True))
    op.add_column("campaign", sa.Column("canary", sa.String(length=10), nullable=True))
    op.add_column("campaign", sa.Column("canary_size", sa.Integer(), nullable=True))
    op.add_column("campaign", sa.Column("canary_until", UtcDateTime(timezone=True), nullable=True))
    op.add_column("campaign", sa.Column("watched_from", BigKey, nullable=True))
