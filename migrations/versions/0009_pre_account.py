"""What the account page stands on: addresses, changes of address, purchases; policy versions that ask anew; reminders.

Revision 0009, after 0008.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add columns that old workers do without, and the tables."""
    op.add_column("subscriber", sa.Column("billing_address", sa.String(1000), nullable=False, server_default=""))
    op.add_column("subscriber", sa.Column("remind_at", MOMENT, nullable=True))
    op.add_column("subscriber", sa.Column("reminded_at", MOMENT, nullable=True))
    op.create_index("ix_subscriber_remind", "subscriber", ["remind_at", "created_at"])
    op.create_index("ix_subscriber_reminded", "subscriber", ["reminded_at"])
    op.add_column("standing", sa.Column("policy_version", sa.String(40), nullable=False, server_default=""))
    op.add_column("policy_version", sa.Column("told_up_to", NUMBER, nullable=True))
    op.create_table(
        "policy_ask",
        sa.Column("version", sa.String(40), nullable=False),
        sa.Column("topic", sa.String(40), nullable=False),
        sa.ForeignKeyConstraint(
            ["version"], ["policy_version.version"], name=op.f("fk_policy_ask_version_policy_version")
        ),
        sa.PrimaryKeyConstraint("version", "topic", name=op.f("pk_policy_ask")),
    )
    op.create_table(
        "known_address",
        sa.Column("subscriber_id", NUMBER, nullable=False),
        sa.Column("mailbox_hash", sa.String(64), nullable=False),
        sa.Column("address_hash", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("since", MOMENT, nullable=False),
        _of_subscriber("known_address"),
        sa.PrimaryKeyConstraint("subscriber_id", "mailbox_hash", name=op.f("pk_known_address")),
    )
    op.create_index(op.f("ix_known_address_mailbox_hash"), "known_address", ["mailbox_hash"])
    op.create_table(
        "move",
        sa.Column("id", NUMBER, autoincrement=True, nullable=False),
        sa.Column("subscriber_id", NUMBER, nullable=False),
        sa.Column("old_address", sa.String(320), nullable=False),
        sa.Column("new_address", sa.String(320), nullable=False),
        sa.Column("asked_at", MOMENT, nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("until", MOMENT, nullable=False),
        sa.Column("done_at", MOMENT, nullable=True),
        _of_subscriber("move"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_move")),
    )
    op.create_index(op.f("ix_move_subscriber_id"), "move", ["subscriber_id"])
    op.create_index(op.f("ix_move_until"), "move", ["until"])
    op.create_table(
        "purchase",
        sa.Column("id", NUMBER, autoincrement=True, nullable=False),
        sa.Column("subscriber_id", NUMBER, nullable=False),
        sa.Column("item", sa.String(200), nullable=False),
        sa.Column("bought_on", sa.Date(), nullable=False),
        _of_subscriber("purchase"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_purchase")),
        sa.UniqueConstraint(
            "subscriber_id", "item", "bought_on", name=op.f("uq_purchase_subscriber_id_item_bought_on")
        ),
    )
    op.create_index(op.f("ix_purchase_subscriber_id"), "purchase", ["subscriber_id"])
    op.create_index(op.f("ix_purchase_item"), "purchase", ["item"])
    _fill_versions()


def _of_subscriber(table: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_subscriber_id_subscriber")
    return sa.ForeignKeyConstraint(["subscriber_id"], ["subscriber.id"], name=name)


def _fill_versions() -> None:
    """Note beside each granted standing the version that its last confirmation named: before now none asked anew."""
    op.execute(
        "UPDATE standing SET policy_version = COALESCE((SELECT e.policy_version FROM consent_event e "
        "WHERE e.subscriber_id = standing.subscriber_id AND e.act = 'confirm' AND e.purpose = standing.purpose "
        "ORDER BY e.seq DESC LIMIT 1), '') WHERE state = 'granted'"
    )
