"""Notes of what the rules of retention deleted.

Revision 0003, after 0002. A new table that old workers don't know.
"""

import sqlalchemy as sa
from alembic import op

import kit.db

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "retention_note",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("rule", sa.String(length=40), nullable=False),
        sa.Column("act", sa.String(length=8), nullable=False),
        sa.Column("at", kit.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("up_to", kit.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_retention_note")),
    )
    op.create_index(op.f("ix_retention_note_rule"), "retention_note", ["rule"])
