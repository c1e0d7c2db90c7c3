"""The registers of the privacy officer: requests of people, disclosures.

Revision 0008, after 0007. New tables that old workers don't know.
"""

import sqlalchemy as sa
from alembic import op

import kit.db

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = kit.db.UtcDateTime(timezone=True)
APPEND_ONLY = ("privacy_request", "privacy_request_step", "disclosure", "disclosure_person")


def upgrade() -> None:
    """Add the tables; they refuse changes from their first row on."""
    op.create_table(
        "privacy_request",
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("subscriber_id", KEY, nullable=True),
        sa.Column("reference", sa.String(length=200), nullable=False),
        sa.Column("received_on", sa.Date(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("by", sa.String(length=100), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["subscriber_id"], ["subscriber.id"], name=op.f("fk_privacy_request_subscriber_id_subscriber")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_privacy_request")),
    )
    op.create_index(op.f("ix_privacy_request_subscriber_id"), "privacy_request", ["subscriber_id"])
    op.create_table(
        "privacy_request_step",
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("request_id", KEY, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("act", sa.String(length=10), nullable=False),
        sa.Column("by", sa.String(length=100), nullable=False),
        sa.Column("note", sa.String(length=500), nullable=False),
        sa.Column("outcome", sa.String(length=10), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(
            ["request_id"], ["privacy_request.id"], name=op.f("fk_privacy_request_step_request_id_privacy_request")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_privacy_request_step")),
    )
    op.create_index(op.f("ix_privacy_request_step_request_id"), "privacy_request_step", ["request_id"])
    op.create_table(
        "disclosure",
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("sort", sa.String(length=12), nullable=False),
        sa.Column("recipient", sa.String(length=200), nullable=False),
        sa.Column("ground", sa.String(length=12), nullable=False),
        sa.Column("reference", sa.String(length=200), nullable=False),
        sa.Column("given", sa.String(length=500), nullable=False),
        sa.Column("by", sa.String(length=100), nullable=False),
        sa.Column("people", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_disclosure")),
    )
    op.create_table(
        "disclosure_person",
        sa.Column("disclosure_id", KEY, nullable=False),
        sa.Column("subscriber_id", KEY, nullable=False),
        sa.ForeignKeyConstraint(
            ["disclosure_id"], ["disclosure.id"], name=op.f("fk_disclosure_person_disclosure_id_disclosure")
        ),
        sa.ForeignKeyConstraint(
            ["subscriber_id"], ["subscriber.id"], name=op.f("fk_disclosure_person_subscriber_id_subscriber")
        ),
        sa.PrimaryKeyConstraint("disclosure_id", "subscriber_id", name=op.f("pk_disclosure_person")),
    )
    op.create_index(op.f("ix_disclosure_person_subscriber_id"), "disclosure_person", ["subscriber_id"])
    dialect = op.get_bind().dialect.name
    for table in APPEND_ONLY:
        for statement, for_dialect in kit.db.append_only_ddl(table):
            if for_dialect == dialect:
                op.execute(statement)
