"""Reports to advertisers.

Revision 0017, after 0016.
"""

import sqlalchemy as sa
from alembic import op

from kit.db import BigKey, UtcDateTime

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "report_measure",
        sa.Column("measure", sa.String(length=20), nullable=False),
        sa.Column("shift", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("measure", name=op.f("pk_report_measure")),
    )
    op.create_table(
        "report_cell",
        sa.Column("measure", sa.String(length=20), nullable=False),
        sa.Column("subscriber_id", BigKey, autoincrement=False, nullable=False),
        sa.Column("cell", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("measure", "subscriber_id", name=op.f("pk_report_cell")),
    )
    op.create_table(
        "report_answer",
        sa.Column("campaign_id", BigKey, autoincrement=False, nullable=False),
        sa.Column("measure", sa.String(length=20), nullable=False),
        sa.Column("at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("people", sa.Integer(), nullable=True),
        sa.Column("average", sa.Float(), nullable=True),
        sa.Column("step", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name=op.f("fk_report_answer_campaign_id_campaign")),
        sa.PrimaryKeyConstraint("campaign_id", "measure", name=op.f("pk_report_answer")),
    )
