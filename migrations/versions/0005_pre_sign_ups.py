"""Sign-ups that wait for their confirmation, and mailboxes whose owners said "not me".

Revision 0005, after 0004. New tables that old workers don't know, and an index.
"""

import sqlalchemy as sa
from alembic import op

import kit.db

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_MOMENT = kit.db.UtcDateTime(timezone=True)
_JSON = kit.db.Json


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "sign_up",
        sa.Column("id", kit.db.BigKey, autoincrement=True, nullable=False),
        sa.Column("nonce", kit.db.BigKey, nullable=False),
        sa.Column("address", sa.String(length=320), nullable=False),
        sa.Column("mailbox_hash", sa.String(length=64), nullable=False),
        sa.Column("guardian", sa.String(length=320), nullable=False),
        sa.Column("topics", _JSON, nullable=False),
        sa.Column("form", sa.String(length=40), nullable=False),
        sa.Column("wording_sha256", sa.String(length=64), nullable=False),
        sa.Column("policy_version", sa.String(length=40), nullable=False),
        sa.Column("language", sa.String(length=35), nullable=False),
        sa.Column("shown_at", _MOMENT, nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("step", sa.String(length=20), nullable=False),
        sa.Column("due_at", _MOMENT, nullable=True),
        sa.Column("expires_at", _MOMENT, nullable=True),
        sa.Column("guardian_asked_at", _MOMENT, nullable=True),
        sa.Column("guardian_agreed_at", _MOMENT, nullable=True),
        sa.Column("guardian_told_at", _MOMENT, nullable=True),
        sa.Column("agreement", _JSON, nullable=False),
        sa.Column("letter_id", kit.db.BigKey, nullable=True),
        sa.Column("subscriber_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.ForeignKeyConstraint(["subscriber_id"], ["subscriber.id"], name=op.f("fk_sign_up_subscriber_id_subscriber")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_up")),
    )
    op.create_index("ix_sign_up_due", "sign_up", ["due_at"])
    op.create_index("ix_sign_up_expires", "sign_up", ["expires_at"])
    op.create_index(op.f("ix_sign_up_mailbox_hash"), "sign_up", ["mailbox_hash"])
    op.create_index(op.f("ix_sign_up_subscriber_id"), "sign_up", ["subscriber_id"])
    op.create_table(
        "not_me",
        sa.Column("mailbox_hash", sa.String(length=64), nullable=False),
        sa.Column("until", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("mailbox_hash", name=op.f("pk_not_me")),
    )
    op.create_index(op.f("ix_not_me_until"), "not_me", ["until"])
    op.create_index("ix_outbox_kind", "outbox", ["kind", "created_at"])
