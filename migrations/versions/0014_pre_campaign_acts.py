"""What staff did with campaigns, append only.

Revision 0014, after 0013.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from kit.db import BigKey, UtcDateTime, append_only_ddl

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table, and make it append-only."""
    op.create_table(
        "campaign_act",
        sa.Column("id", BigKey, autoincrement=True, nullable=False),
        sa.Column("campaign_id", BigKey, nullable=False),
        sa.Column("at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("act", sa.String(length=20), nullable=False),
        sa.Column("by", sa.String(length=80), nullable=False),
        sa.Column("details", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name=op.f("fk_campaign_act_campaign_id_campaign")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_campaign_act")),
    )
    op.create_index(op.f("ix_campaign_act_campaign_id"), "campaign_act", ["campaign_id"])
    for statement, dialect in append_only_ddl("campaign_act"):
        if dialect == op.get_bind().dialect.name:
            op.execute(statement)
