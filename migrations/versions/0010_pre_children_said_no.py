"""Remembers of a child's mailbox that a guardian said no.

Revision 0010, after 0009. Old code leaves the column at its default.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("not_me", sa.Column("with_guardian", sa.Boolean(), server_default=sa.false(), nullable=False))
