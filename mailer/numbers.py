"""Numbers of what goes out, over all workers, for monitoring: no address, no letter, no domain. Reads only."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from kit.db import is_sqlite
from mailer.statements import DELIVERY
from mailer.tables import MailingRow, OutboxRow, PaceRow

#: of a mailing that is not over
IS_UNDER_WAY = DELIVERY.c.mailing_id.in_(sa.select(MailingRow.id).where(MailingRow.gate.in_(("open", "held"))))


async def deliveries(session: AsyncSession) -> list[tuple[int, str, str, str, int]]:
    """Return (mailing, state, reason, class of the status code, number) of all mailings that are not over."""
    class_ = sa.func.substr(DELIVERY.c.enhanced, 1, 3)  # RFC 3463 2: class and subject, such as 4.7
    rows: Any = await session.execute(
        sa.select(DELIVERY.c.mailing_id, DELIVERY.c.state, DELIVERY.c.reason, class_, sa.func.count())
        .where(IS_UNDER_WAY)
        .group_by(DELIVERY.c.mailing_id, DELIVERY.c.state, DELIVERY.c.reason, sa.literal_column("4"))
    )
    return [tuple(row) for row in rows]


async def retries(session: AsyncSession) -> list[tuple[int, int, int]]:
    """Return (mailing, class of the last code, number of tries after the first) of all mailings that are not over."""
    class_ = DELIVERY.c.code // 100  # RFC 5321 4.2.1: its first digit; 0 where no relay answered
    rows: Any = await session.execute(
        sa.select(DELIVERY.c.mailing_id, class_, sa.func.sum(DELIVERY.c.attempt - 1))
        .where(IS_UNDER_WAY, DELIVERY.c.attempt > 1)
        .group_by(DELIVERY.c.mailing_id, sa.literal_column("2"))
    )
    return [(mailing, int(digit), int(number)) for mailing, digit, number in rows]


async def latencies(session: AsyncSession, bounds: Sequence[float]) -> tuple[list[int], float]:
    """Return how many letters were sent within so many seconds of their first claim, then all of them, and the sum.

    Of all mailings that are not over; each bound counts those of the lower ones too.
    """
    first, done = DELIVERY.c.first_at, DELIVERY.c.done_at
    took: sa.ColumnElement[Any] = (
        (sa.func.julianday(done) - sa.func.julianday(first)) * 86_400
        if is_sqlite(session)
        else sa.extract("epoch", done) - sa.extract("epoch", first)
    )
    took = sa.cast(took, sa.Float)
    within = [sa.func.coalesce(sa.func.sum(sa.case((took <= bound + 0.001, 1), else_=0)), 0) for bound in bounds]
    row: Any = await session.execute(
        sa.select(*within, sa.func.count(), sa.func.coalesce(sa.func.sum(took), 0.0)).where(
            IS_UNDER_WAY, DELIVERY.c.state == "sent", first.is_not(None), done.is_not(None)
        )
    )
    *counts, total = row.one()
    return [int(count) for count in counts], float(total)


async def drained(session: AsyncSession) -> list[tuple[str, int]]:
    """Return (name, 1) of each relay to which staff want nothing given."""
    rows = await session.scalars(sa.select(PaceRow.scope).where(PaceRow.is_drained).order_by(PaceRow.scope))
    return [(scope.removeprefix("relay "), 1) for scope in rows]


async def outbox(session: AsyncSession) -> list[tuple[str, str, int]]:
    """Return (kind, state, number) of the letters outside campaigns."""
    rows: Any = await session.execute(
        sa.select(OutboxRow.kind, OutboxRow.state, sa.func.count()).group_by(OutboxRow.kind, OutboxRow.state)
    )
    return [tuple(row) for row in rows]
