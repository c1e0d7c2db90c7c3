"""Deliveries with fewer and smaller indexes, without foreign keys; campaigns that are gathered piece by piece.

Revision 0006, after 0005. Old code goes on: what it asks is answered by the new indexes too. A launch by old code of
what new code has begun to gather fails whole (the pair is unique) and is done by new code.
"""

import sqlalchemy as sa
from alembic import op

from kit.db import BigKey, UtcDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

WAITING = "state = 'waiting'"


def upgrade() -> None:
    """Change keys and indexes of the largest table; add the two columns."""
    for index in ("ix_delivery_due", "ix_delivery_subscriber_id", "ix_delivery_work", "ix_delivery_worker"):
        op.drop_index(index, "delivery")
    with op.batch_alter_table("delivery") as delivery:  # SQLite copies the table, PostgreSQL only forgets the keys
        delivery.drop_constraint("fk_delivery_mailing_id_mailing", type_="foreignkey")
        delivery.drop_constraint("fk_delivery_subscriber_id_subscriber", type_="foreignkey")
    _index("ix_delivery_waiting", ["mailing_id", "id"], WAITING)
    _index("ix_delivery_due", ["mailing_id", "next_at"], f"{WAITING} AND next_at IS NOT NULL")
    _index("ix_delivery_held", ["mailing_id", "state", "worker"], "state IN ('claimed', 'unknown')")
    op.add_column("campaign", sa.Column("gathered_at", UtcDateTime(timezone=True), nullable=True))
    op.add_column("campaign", sa.Column("gathered_to", BigKey, nullable=False, server_default="0"))


def _index(name: str, columns: list[str], where: str) -> None:
    op.create_index(name, "delivery", columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))
