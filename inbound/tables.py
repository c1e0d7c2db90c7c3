"""The tables of what comes in. Mapped classes, no behaviour."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from kit.db import Base, BigKey, Json, UtcDateTime


class InboundMailRow(Base):
    """A mail that was taken. Its bytes live only until it is decided (promise 5, P9)."""

    __tablename__ = "inbound_mail"

    id: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=True)
    #: equal for the same mail by whatever channel, however often it is handed over
    content_key: Mapped[str] = mapped_column(sa.String(64), unique=True)
    channel: Mapped[str] = mapped_column(sa.String(4))
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)
    #: "decided", "deferred" (a job reads it again), "quarantined" (a person must)
    state: Mapped[str] = mapped_column(sa.String(12), index=True)
    attempts: Mapped[int] = mapped_column(sa.Integer, default=0)
    envelope: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    raw: Mapped[bytes | None] = mapped_column(sa.LargeBinary)


class DecisionRow(Base):
    """What a mail was taken for, why, and what was done. No letter, no address."""

    __tablename__ = "decision"

    id: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=True)
    inbound_id: Mapped[int] = mapped_column(sa.ForeignKey("inbound_mail.id"), index=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    verdict: Mapped[str] = mapped_column(sa.String(12))
    scope: Mapped[list[str] | str | None] = mapped_column(Json)
    confidence: Mapped[float] = mapped_column(sa.Float)
    language: Mapped[str] = mapped_column(sa.String(12), default="")
    reasons: Mapped[list[str]] = mapped_column(Json)
    counted: Mapped[list[str]] = mapped_column(Json, default=list)
    ignored: Mapped[list[str]] = mapped_column(Json, default=list)
    proof: Mapped[str] = mapped_column(sa.String(16), default="none")
    subscriber_id: Mapped[int | None] = mapped_column(sa.ForeignKey("subscriber.id"), index=True)
    mailing_id: Mapped[int | None] = mapped_column(sa.ForeignKey("mailing.id"))
    actions: Mapped[list[str]] = mapped_column(Json)
    #: a member of staff should look at it
    review: Mapped[bool] = mapped_column(sa.Boolean, default=False, index=True)


class ImapCursorRow(Base):
    """How far a watched mailbox was read (RFC 3501 2.3.1.1)."""

    __tablename__ = "imap_cursor"

    mailbox: Mapped[str] = mapped_column(sa.String(400), primary_key=True)
    uid_validity: Mapped[int] = mapped_column(BigKey)
    last_uid: Mapped[int] = mapped_column(BigKey)
