"""Knows people by their mailbox, however its address is spelt.

Revision 0002, after 0001. It goes before the new workers; people whom an old one adds meanwhile have no mailbox, and
are known by the token of their letters only.
"""

import sqlalchemy as sa
from alembic import op

from kit.addresses import try_address

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ROWS_AT_ONCE = 5000


def upgrade() -> None:
    """Add the column with its index, and fill it."""
    op.add_column("subscriber", sa.Column("mailbox_key", sa.String(length=320), nullable=True))
    op.create_index(op.f("ix_subscriber_mailbox_key"), "subscriber", ["mailbox_key"])
    people = sa.table(
        "subscriber",
        sa.column("id", sa.BigInteger),
        sa.column("address", sa.String),
        sa.column("mailbox_key", sa.String),
    )
    connection, last = op.get_bind(), 0
    fill = sa.update(people).where(people.c.id == sa.bindparam("number")).values(mailbox_key=sa.bindparam("mailbox"))
    while rows := connection.execute(
        sa.select(people.c.id, people.c.address)
        .where(people.c.id > last, people.c.address.is_not(None))
        .order_by(people.c.id)
        .limit(ROWS_AT_ONCE)
    ).all():
        known = [(number, address) for number, text in rows if (address := try_address(text))]
        if known:
            connection.execute(fill, [{"number": number, "mailbox": one.mailbox} for number, one in known])
        last = rows[-1][0]
