"""Who wrote a mail that is kept and not read yet is sent no promotion meanwhile.

Revision 0018, after 0017. Old code goes on; an old worker holds nobody back for a mail that waits to be read.
"""

import sqlalchemy as sa
from alembic import op

from kit.db import BigKey

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "unread",
        sa.Column("mail_id", BigKey, autoincrement=False, nullable=False),
        sa.Column("subscriber_id", BigKey, nullable=False),
        sa.ForeignKeyConstraint(["subscriber_id"], ["subscriber.id"], name=op.f("fk_unread_subscriber_id_subscriber")),
        sa.PrimaryKeyConstraint("mail_id", "subscriber_id", name=op.f("pk_unread")),
    )
