"""Limits that all workers keep together: what was leased, warm-up days, what is slowed down, which relays are drained.

Revision 0007, after 0006.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "pace",
        sa.Column("scope", sa.String(length=400), nullable=False),
        sa.Column("log", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("touched_at", sa.Float(), nullable=False),
        sa.Column("first_on", sa.Date(), nullable=True),
        sa.Column("day", sa.Date(), nullable=True),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.Column("slow_rate", sa.Float(), nullable=True),
        sa.Column("slow_was", sa.Float(), nullable=False),
        sa.Column("slow_at", sa.Float(), nullable=False),
        sa.Column("refused_at", sa.Float(), nullable=False),
        sa.Column("slow_why", sa.String(length=200), nullable=False),
        sa.Column("is_drained", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("scope", name=op.f("pk_pace")),
    )
