"""Workers tell with their beat which version of the database their code knows.

Revision 0013, after 0012. Old code leaves the column empty, and is taken for older than anything.
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("worker_beat", sa.Column("schema_version", sa.String(length=10), nullable=False, server_default=""))
