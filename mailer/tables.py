"""The tables of what goes out. Mapped classes, no behaviour."""

from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from kit.db import Base, BigKey, Json, UtcDateTime


class MailingRow(Base):
    """One letter to many: its content, its topic, and whether it may go out at this moment."""

    __tablename__ = "mailing"

    id: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=True)
    name: Mapped[str] = mapped_column(sa.String(200))
    topic: Mapped[str] = mapped_column(sa.ForeignKey("topic.key"))
    subject: Mapped[str] = mapped_column(sa.Text)
    text: Mapped[str] = mapped_column(sa.Text, default="")
    html: Mapped[str] = mapped_column(sa.Text, default="")
    template: Mapped[str] = mapped_column(sa.String(100), default="")
    #: what the template sees as ``campaign``
    values: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    #: "draft", "open" (slices may be claimed), "held" (paused), "cancelled", "done"
    gate: Mapped[str] = mapped_column(sa.String(10), default="draft")
    #: while it is open: only the deliveries of its canary may be claimed
    only_canary: Mapped[bool | None] = mapped_column(sa.Boolean)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


def _partial(name: str, *columns: str, where: str) -> sa.Index:
    return sa.Index(name, *columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


class DeliveryRow(Base):
    """One letter to one person. The pair is unique: nobody gets a campaign twice (promise 3).

    The largest table. Each index is paid for by every letter, so all but two hold only the rows under work: what a
    claim costs does not depend on how many were sent before. There are no foreign keys: a million rows are written from
    the rows that they name, those are never deleted, and on PostgreSQL the check would lock each subscriber's row.
    """

    __tablename__ = "delivery"
    __table_args__ = (
        sa.UniqueConstraint("mailing_id", "subscriber_id"),
        _partial("ix_delivery_waiting", "mailing_id", "id", where="state = 'waiting'"),
        _partial("ix_delivery_due", "mailing_id", "next_at", where="state = 'waiting' AND next_at IS NOT NULL"),
        _partial("ix_delivery_held", "mailing_id", "state", "worker", where="state IN ('claimed', 'unknown')"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=True)
    mailing_id: Mapped[int] = mapped_column(BigKey)  # a mailing
    subscriber_id: Mapped[int] = mapped_column(BigKey)  # a subscriber
    #: "waiting", "claimed", "sent", "failed", "skipped", "unknown"
    state: Mapped[str] = mapped_column(sa.String(8), default="waiting")
    reason: Mapped[str] = mapped_column(sa.String(20), default="")
    #: who works on it, and the token that fences the result
    worker: Mapped[str] = mapped_column(sa.String(80), default="")
    claim: Mapped[str] = mapped_column(sa.String(32), default="")
    attempt: Mapped[int] = mapped_column(sa.Integer, default=0)
    first_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: a waiting row without it is covered by a job that is enqueued; one with it is the runner's, from that moment on
    next_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    done_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: the relay that had the letter last; none where none had it, or where only a journal tells
    relay: Mapped[str | None] = mapped_column(sa.String(80))
    code: Mapped[int] = mapped_column(sa.Integer, default=0)
    enhanced: Mapped[str] = mapped_column(sa.String(12), default="")
    response: Mapped[str] = mapped_column(sa.String(500), default="")


class DeliveryTotalRow(Base):
    """How many letters of an old mailing ended in one way; their rows are gone (:mod:`mailer.compaction`)."""

    __tablename__ = "delivery_total"

    mailing_id: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=False)
    #: "sent", "failed", "skipped"
    state: Mapped[str] = mapped_column(sa.String(8), primary_key=True)
    reason: Mapped[str] = mapped_column(sa.String(20), primary_key=True)
    code: Mapped[int] = mapped_column(sa.Integer, primary_key=True, autoincrement=False)
    enhanced: Mapped[str] = mapped_column(sa.String(12), primary_key=True)
    #: empty where no relay had it
    relay: Mapped[str] = mapped_column(sa.String(80), primary_key=True)
    number: Mapped[int] = mapped_column(BigKey)


class PaceRow(Base):
    """What all workers together know of one limit: what was leased of it, what its day held, what was slowed down.

    ``scope`` is its name (:mod:`mailer.speeds`). Small: a row for each relay, and for each domain with a limit; rows
    that say nothing any more are deleted. Moments are seconds since 1970 by the database's clock.
    """

    __tablename__ = "pace"

    scope: Mapped[str] = mapped_column(sa.String(400), primary_key=True)
    #: [moment, worker, count, is_hungry] of each lease that a window may still see
    log: Mapped[list[list[Any]]] = mapped_column(Json, default=list)
    touched_at: Mapped[float] = mapped_column(sa.Float, default=0.0)
    #: warm-up: the first day of the plan, the day that ``used`` counts
    first_on: Mapped[date | None] = mapped_column(sa.Date)
    day: Mapped[date | None] = mapped_column(sa.Date)
    used: Mapped[int] = mapped_column(sa.Integer, default=0)
    #: slowed down: messages a second, the speed at the first refusal, moments of the last change and refusal
    slow_rate: Mapped[float | None] = mapped_column(sa.Float)
    slow_was: Mapped[float] = mapped_column(sa.Float, default=0.0)
    slow_at: Mapped[float] = mapped_column(sa.Float, default=0.0)
    refused_at: Mapped[float] = mapped_column(sa.Float, default=0.0)
    slow_why: Mapped[str] = mapped_column(sa.String(200), default="")
    #: staff want nothing given to this relay
    is_drained: Mapped[bool] = mapped_column(sa.Boolean, default=False)


class OutboxRow(Base):
    """One letter to one person outside any campaign: a receipt, a question, a customer's own letter handed on.

    It is written in the transaction of the decision that calls for it and sent afterwards. What is personal in it
    (address, raw letter) is emptied once it was sent; the keyed hash stays, for the rule of one a week.
    """

    __tablename__ = "outbox"
    __table_args__ = (
        sa.Index("ix_outbox_work", "state", "next_at"),
        sa.Index("ix_outbox_recent", "address_hash", "kind", "created_at"),
        sa.Index("ix_outbox_kind", "kind", "created_at"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=True)
    kind: Mapped[str] = mapped_column(sa.String(20))
    address: Mapped[str] = mapped_column(sa.String(320))
    address_hash: Mapped[str] = mapped_column(sa.String(64))
    subscriber_id: Mapped[int | None] = mapped_column(sa.ForeignKey("subscriber.id"))
    mailing_id: Mapped[int | None] = mapped_column(sa.ForeignKey("mailing.id"))
    details: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    raw: Mapped[bytes | None] = mapped_column(sa.LargeBinary)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    #: "waiting", "claimed", "sent", "failed", "unknown"
    state: Mapped[str] = mapped_column(sa.String(8), default="waiting")
    worker: Mapped[str] = mapped_column(sa.String(80), default="")
    claim: Mapped[str] = mapped_column(sa.String(32), default="")
    attempt: Mapped[int] = mapped_column(sa.Integer, default=0)
    next_at: Mapped[datetime] = mapped_column(UtcDateTime)
    done_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    response: Mapped[str] = mapped_column(sa.String(500), default="")
