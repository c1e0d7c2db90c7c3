"""The mailings themselves, as other rooms may know them: what was written, about which topic."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from kit.db import is_sqlite
from kit.rows import among, listing
from mailer.tables import DeliveryRow, MailingRow


@dataclass(frozen=True, slots=True)
class Mailing:
    """One letter to many, as it was written."""

    id: int
    name: str
    topic: str
    subject: str
    text: str
    html: str
    template: str
    values: Mapping[str, Any]
    gate: str
    created_at: datetime


async def load(session: AsyncSession, mailing_id: int) -> Mailing | None:
    """Return a mailing, or None where there is no such one."""
    row = await session.get(MailingRow, mailing_id, populate_existing=True)
    return None if row is None else _value(row)


async def topics(session: AsyncSession, ids: Collection[int]) -> dict[int, str]:
    """Return the topics of some mailings, by number; who is not known is left out."""
    of_sqlite = is_sqlite(session)
    rows = await session.execute(_topics(of_sqlite=of_sqlite), {"ids": listing(ids, of_sqlite=of_sqlite)})
    return {int(number): str(topic) for number, topic in rows}


@cache
def _topics(*, of_sqlite: bool) -> sa.Select[int, str]:
    return sa.select(MailingRow.id, MailingRow.topic).where(among(MailingRow.id, "ids", of_sqlite=of_sqlite))


async def latest(session: AsyncSession, most: int) -> tuple[Mailing, ...]:
    """Return the mailings written last, the newest first."""
    rows = await session.scalars(sa.select(MailingRow).order_by(MailingRow.id.desc()).limit(most))
    return tuple(_value(row) for row in rows)


def recipients(mailing_id: int) -> sa.Select[int]:
    """Return the SELECT of those who got a mailing: a mail server took the letter."""
    return sa.select(DeliveryRow.subscriber_id).where(DeliveryRow.mailing_id == mailing_id, DeliveryRow.state == "sent")


def _value(row: MailingRow) -> Mailing:
    return Mailing(
        row.id, row.name, row.topic, row.subject, row.text, row.html, row.template, row.values, row.gate, row.created_at
    )


async def highest(session: AsyncSession) -> int:
    """Return the highest number that any mailing has."""
    return await session.scalar(sa.select(sa.func.max(MailingRow.id))) or 0
