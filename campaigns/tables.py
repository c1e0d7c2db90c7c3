"""The tables of campaigns. Mapped classes, no behaviour."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from kit.db import Base, BigKey, Json, UtcDateTime, append_only


class CampaignRow(Base):
    """A promotion: what the mailing says, plus to whom it goes, when, and how far it is."""

    __tablename__ = "campaign"

    id: Mapped[int] = mapped_column(BigKey, sa.ForeignKey("mailing.id"), primary_key=True, autoincrement=False)
    #: a description of the audience; "everybody" is everybody of the topic
    segment: Mapped[str] = mapped_column(sa.Text, default="everybody")
    state: Mapped[str] = mapped_column(sa.String(12), default="draft", index=True)
    launch_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    time_zone: Mapped[str] = mapped_column(sa.String(64), default="UTC")
    #: why the software itself held it back, for staff to read
    note: Mapped[str] = mapped_column(sa.Text, default="")
    #: how many people are written down as deliveries; before the launch, those gathered so far
    snapshot: Mapped[int] = mapped_column(sa.Integer, default=0)
    #: the moment as of which people are gathered, and the last number that was looked at
    gathered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    gathered_to: Mapped[int] = mapped_column(BigKey, default=0, server_default="0")
    #: a few go first: none, "sending", "waiting", "passed", "stopped", "overruled" (:mod:`campaigns.watching`)
    canary: Mapped[str | None] = mapped_column(sa.String(10))
    canary_size: Mapped[int | None] = mapped_column(sa.Integer)
    canary_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: complaints and bounces count from this place in the ledger on
    watched_from: Mapped[int | None] = mapped_column(BigKey)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    launched_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class CampaignActRow(Base):
    """What a member of staff, or the software by itself, did with a campaign. Append only, like the ledger."""

    __tablename__ = "campaign_act"

    id: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=True)
    campaign_id: Mapped[int] = mapped_column(sa.ForeignKey("campaign.id"), index=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    #: "scheduled", "launched", "paused", "resumed", "cancelled", "unknown_sent_again",
    #: "unknown_dropped", "stopped" (by the software)
    act: Mapped[str] = mapped_column(sa.String(20))
    #: who says so; for a command the user of the machine
    by: Mapped[str] = mapped_column(sa.String(80))
    #: numbers and reasons; never an address
    details: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)


append_only(CampaignActRow.__table__)  # type: ignore[arg-type]  # a mapped class's table is a Table


class ReportMeasureRow(Base):
    """Something that advertisers are told an average of; its lock makes answers wait for each other."""

    __tablename__ = "report_measure"

    measure: Mapped[str] = mapped_column(sa.String(20), primary_key=True)
    #: where roundings turn; drawn once, never told
    shift: Mapped[float] = mapped_column(sa.Float)


class ReportCellRow(Base):
    """Who was in the same answered sets as whom. It stays after an erasure, as a number about a number."""

    __tablename__ = "report_cell"

    measure: Mapped[str] = mapped_column(sa.String(20), primary_key=True)
    subscriber_id: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=False)
    cell: Mapped[int] = mapped_column(sa.Integer)


class ReportAnswerRow(Base):
    """What an advertiser was told of a campaign, once and for good; without ``people``, that nothing is told."""

    __tablename__ = "report_answer"

    campaign_id: Mapped[int] = mapped_column(
        BigKey, sa.ForeignKey("campaign.id"), primary_key=True, autoincrement=False
    )
    measure: Mapped[str] = mapped_column(sa.String(20), primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    people: Mapped[int | None] = mapped_column(sa.Integer)
    average: Mapped[float | None] = mapped_column(sa.Float)
    step: Mapped[float | None] = mapped_column(sa.Float)
