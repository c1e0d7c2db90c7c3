"""The tables of consent. Mapped classes, no behaviour."""

from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from kit.db import Base, BigKey, Json, UtcDateTime, append_only


class SubscriberRow(Base):
    """A person; an erased one keeps the number and loses everything else."""

    __tablename__ = "subscriber"
    __table_args__ = (
        sa.Index("ix_subscriber_remind", "remind_at", "created_at"),
        sa.Index("ix_subscriber_reminded", "reminded_at"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=True)
    #: the address as written, and the form that compares equal; both NULL after erasure
    address: Mapped[str | None] = mapped_column(sa.String(320))
    address_key: Mapped[str | None] = mapped_column(sa.String(320), unique=True)
    #: the form in which all spellings of one mailbox are equal; NULL after erasure
    mailbox_key: Mapped[str | None] = mapped_column(sa.String(320), index=True)
    #: keyed hash; joins to suppressions, which outlive the address
    address_hash: Mapped[str | None] = mapped_column(sa.String(64), index=True)
    name: Mapped[str] = mapped_column(sa.String(200), default="")
    language: Mapped[str] = mapped_column(sa.String(35), default="")
    time_zone: Mapped[str] = mapped_column(sa.String(64), default="")
    country: Mapped[str] = mapped_column(sa.String(2), default="")
    phone: Mapped[str] = mapped_column(sa.String(40), default="")
    billing_address: Mapped[str] = mapped_column(sa.String(1000), default="", server_default="")
    birth_date: Mapped[date | None] = mapped_column(sa.Date)
    age_band: Mapped[str] = mapped_column(sa.String(10), default="unknown")
    guardian_agreed: Mapped[bool] = mapped_column(sa.Boolean, default=False)
    attributes: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    paused_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: when the next reminder is looked at (NULL: counted from the joining), and when the last one was written (P6)
    remind_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    reminded_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: at most one promotion in so many days; 0 is no limit. The other two are kept only for who has one
    frequency_days: Mapped[int] = mapped_column(sa.SmallInteger, default=0, server_default="0")
    promoted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    promoted_by: Mapped[int | None] = mapped_column(BigKey)  # the mailing that had the turn
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    erased_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class TopicRow(Base):
    """A topic of promotions. The key never changes, and with it the List-Id (RFC 2919)."""

    __tablename__ = "topic"

    key: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(200))
    about: Mapped[str] = mapped_column(sa.Text, default="")
    position: Mapped[int] = mapped_column(sa.Integer, default=0)


class PolicyVersionRow(Base):
    """A version of the privacy policy with its whole text (P15)."""

    __tablename__ = "policy_version"

    version: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    text: Mapped[str] = mapped_column(sa.Text)
    sha256: Mapped[str] = mapped_column(sa.String(64))
    effective_at: Mapped[datetime] = mapped_column(UtcDateTime)
    #: the last person who was told of it; NULL where nobody is to be told (any more)
    told_up_to: Mapped[int | None] = mapped_column(BigKey)


class PolicyAskRow(Base):
    """That a version of the policy asks for consent anew: for one topic, or for all ("*")."""

    __tablename__ = "policy_ask"

    version: Mapped[str] = mapped_column(sa.ForeignKey("policy_version.version"), primary_key=True)
    topic: Mapped[str] = mapped_column(sa.String(40), primary_key=True)


class WordingRow(Base):
    """A wording that people were shown when they agreed, once each."""

    __tablename__ = "wording"

    sha256: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    text: Mapped[str] = mapped_column(sa.Text)


class ConsentEventRow(Base):
    """The ledger. Append only: the database itself refuses UPDATE and DELETE."""

    __tablename__ = "consent_event"

    seq: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=False)
    subscriber_id: Mapped[int] = mapped_column(sa.ForeignKey("subscriber.id"), index=True)
    act: Mapped[str] = mapped_column(sa.String(20))
    purpose: Mapped[str] = mapped_column(sa.String(20))
    topics: Mapped[list[str]] = mapped_column(Json)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    door: Mapped[str] = mapped_column(sa.String(12))
    proof: Mapped[str] = mapped_column(sa.String(16))
    evidence: Mapped[dict[str, str]] = mapped_column(Json)
    wording_sha256: Mapped[str] = mapped_column(sa.String(64), default="")
    policy_version: Mapped[str] = mapped_column(sa.String(40), default="")
    hash: Mapped[str] = mapped_column(sa.String(64))


append_only(ConsentEventRow.__table__)  # type: ignore[arg-type]  # a mapped class's table is a Table


class LedgerHeadRow(Base):
    """The end of the chain: one row, whose lock gives each event its place."""

    __tablename__ = "ledger_head"

    id: Mapped[int] = mapped_column(sa.Integer, primary_key=True, autoincrement=False)
    seq: Mapped[int] = mapped_column(BigKey)
    hash: Mapped[str] = mapped_column(sa.String(64))


class StandingRow(Base):
    """The fold of a person's events, kept beside them for the SELECT that campaigns join."""

    __tablename__ = "standing"

    purpose: Mapped[str] = mapped_column(sa.String(20), primary_key=True)
    topic: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    subscriber_id: Mapped[int] = mapped_column(sa.ForeignKey("subscriber.id"), primary_key=True, index=True)
    state: Mapped[str] = mapped_column(sa.String(10))
    #: under which version of the policy a granted one was agreed to last
    policy_version: Mapped[str] = mapped_column(sa.String(40), default="", server_default="")


class SuppressionRow(Base):
    """An address that must not be mailed, as a keyed hash only; it outlives the person's erasure."""

    __tablename__ = "suppression"

    address_hash: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    reason: Mapped[str] = mapped_column(sa.String(40))
    since: Mapped[datetime] = mapped_column(UtcDateTime)
    lifted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class SignUpRow(Base):
    """A wish to join that waits for its confirmation; for a child that joined, the guardian who answers for it (P8)."""

    __tablename__ = "sign_up"
    __table_args__ = (sa.Index("ix_sign_up_due", "due_at"), sa.Index("ix_sign_up_expires", "expires_at"))

    id: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=True)
    nonce: Mapped[int] = mapped_column(BigKey)
    address: Mapped[str] = mapped_column(sa.String(320))
    #: keyed hash of the mailbox, equal for all its spellings
    mailbox_hash: Mapped[str] = mapped_column(sa.String(64), index=True)
    guardian: Mapped[str] = mapped_column(sa.String(320), default="")
    topics: Mapped[list[str]] = mapped_column(Json)
    #: what was shown: the form, its wording, its language, and when
    form: Mapped[str] = mapped_column(sa.String(40))
    wording_sha256: Mapped[str] = mapped_column(sa.String(64))
    policy_version: Mapped[str] = mapped_column(sa.String(40))
    language: Mapped[str] = mapped_column(sa.String(35))
    shown_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    step: Mapped[str] = mapped_column(sa.String(20), default="new")
    #: when it is looked at again; NULL while it waits for an answer
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: when it is deleted; NULL for a child that joined
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    guardian_asked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    guardian_agreed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    guardian_told_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: how the guardian agreed: door and proof
    agreement: Mapped[dict[str, str]] = mapped_column(Json, default=dict)
    #: the letter under way in the outbox, which lies above this room
    letter_id: Mapped[int | None] = mapped_column(BigKey)
    subscriber_id: Mapped[int | None] = mapped_column(sa.ForeignKey("subscriber.id"), index=True)


class NotMeRow(Base):
    """A mailbox that no form may ask for a time, as a keyed hash: its owner, or a guardian, said so."""

    __tablename__ = "not_me"

    mailbox_hash: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    until: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    #: a child's, whose guardian said no: it may be asked about again, but not as somebody older
    with_guardian: Mapped[bool] = mapped_column(sa.Boolean, default=False, server_default=sa.false())


class PrivacyRequestRow(Base):
    """A request of a person: access, erasure, objection and their kin. Append only; what is done stands beside it."""

    __tablename__ = "privacy_request"

    id: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=True)
    kind: Mapped[str] = mapped_column(sa.String(16))
    subscriber_id: Mapped[int | None] = mapped_column(sa.ForeignKey("subscriber.id"), index=True)
    #: where the letter lies: a ticket of customer service, a file number
    reference: Mapped[str] = mapped_column(sa.String(200), default="")
    received_on: Mapped[date] = mapped_column(sa.Date)
    due_on: Mapped[date] = mapped_column(sa.Date)
    by: Mapped[str] = mapped_column(sa.String(100))
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class PrivacyRequestStepRow(Base):
    """What was done about a request. Append only."""

    __tablename__ = "privacy_request_step"

    id: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=True)
    request_id: Mapped[int] = mapped_column(sa.ForeignKey("privacy_request.id"), index=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    act: Mapped[str] = mapped_column(sa.String(10))
    by: Mapped[str] = mapped_column(sa.String(100))
    note: Mapped[str] = mapped_column(sa.String(500), default="")
    outcome: Mapped[str] = mapped_column(sa.String(10), default="")
    due_on: Mapped[date | None] = mapped_column(sa.Date)


class DisclosureRow(Base):
    """What was disclosed to others: to whom, on what ground, what, by whom (P10, P11). Append only."""

    __tablename__ = "disclosure"

    id: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    sort: Mapped[str] = mapped_column(sa.String(12))
    recipient: Mapped[str] = mapped_column(sa.String(200))
    ground: Mapped[str] = mapped_column(sa.String(12))
    reference: Mapped[str] = mapped_column(sa.String(200), default="")
    given: Mapped[str] = mapped_column(sa.String(500))
    by: Mapped[str] = mapped_column(sa.String(100))
    people: Mapped[int] = mapped_column(sa.Integer)


class DisclosurePersonRow(Base):
    """Whom a disclosure was about, by number. Append only."""

    __tablename__ = "disclosure_person"

    disclosure_id: Mapped[int] = mapped_column(sa.ForeignKey("disclosure.id"), primary_key=True)
    subscriber_id: Mapped[int] = mapped_column(sa.ForeignKey("subscriber.id"), primary_key=True, index=True)


for _register in (PrivacyRequestRow, PrivacyRequestStepRow, DisclosureRow, DisclosurePersonRow):
    append_only(_register.__table__)  # type: ignore[arg-type]  # a mapped class's table is a Table


class KnownAddressRow(Base):
    """A further address of a person that was proven to be theirs: a former one, or a second. Keyed hashes alone."""

    __tablename__ = "known_address"

    subscriber_id: Mapped[int] = mapped_column(sa.ForeignKey("subscriber.id"), primary_key=True)
    mailbox_hash: Mapped[str] = mapped_column(sa.String(64), primary_key=True, index=True)
    address_hash: Mapped[str] = mapped_column(sa.String(64))
    #: "former" or "second"
    kind: Mapped[str] = mapped_column(sa.String(8))
    since: Mapped[datetime] = mapped_column(UtcDateTime)


class MoveRow(Base):
    """A change of address that was asked for; the addresses are emptied when it can't be taken back any more."""

    __tablename__ = "move"

    id: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=True)
    subscriber_id: Mapped[int] = mapped_column(sa.ForeignKey("subscriber.id"), index=True)
    old_address: Mapped[str] = mapped_column(sa.String(320))
    new_address: Mapped[str] = mapped_column(sa.String(320))
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    #: "waiting", "done", "refused", "replaced", "taken_back", "over"
    state: Mapped[str] = mapped_column(sa.String(10), default="waiting")
    #: until when it can be confirmed; of a done one, until when it can be taken back
    until: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    done_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class PurchaseRow(Base):
    """Something a person bought, as the shop told us; segments and the account page read it."""

    __tablename__ = "purchase"
    __table_args__ = (sa.UniqueConstraint("subscriber_id", "item", "bought_on"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=True)
    subscriber_id: Mapped[int] = mapped_column(sa.ForeignKey("subscriber.id"), index=True)
    item: Mapped[str] = mapped_column(sa.String(200), index=True)
    bought_on: Mapped[date] = mapped_column(sa.Date)


class UnreadRow(Base):
    """A mail that is kept and not read yet, and whom we send no promotion meanwhile: it may be an opt-out."""

    __tablename__ = "unread"

    #: the mail, which lies above this room
    mail_id: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=False)
    subscriber_id: Mapped[int] = mapped_column(sa.ForeignKey("subscriber.id"), primary_key=True)
