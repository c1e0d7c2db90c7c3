"""The deliveries of a canary: marked, claimed alone while their mailing is open for them only, counted. No commits."""

from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from consent.tables import SubscriberRow
from kit.db import is_sqlite
from kit.rows import among, listing
from mailer.statements import CANARY, DELIVERY, IS_CLAIMED, IS_WAITING
from mailer.tables import MailingRow


async def mark(
    session: AsyncSession,
    mailing_id: int,
    size: int,
    *,
    places: Callable[[int, int, int, int], list[int]],
    choose: Callable[[Sequence[tuple[int, str]], int, int], list[int]],
) -> int:
    """Mark about ``size`` deliveries and open the mailing for them alone; return how many they are."""
    ends = sa.select(sa.func.min(DELIVERY.c.id), sa.func.max(DELIVERY.c.id))
    first, last = (await session.execute(ends.where(DELIVERY.c.mailing_id == mailing_id, IS_WAITING))).one()
    if first is None:
        return 0
    of_sqlite = is_sqlite(session)
    looked_at = {"ids": listing(places(first, last, size, mailing_id), of_sqlite=of_sqlite)}
    rows = await session.execute(
        sa.select(DELIVERY.c.id, SubscriberRow.address)
        .join_from(DELIVERY, SubscriberRow, SubscriberRow.id == DELIVERY.c.subscriber_id)
        .where(among(DELIVERY.c.id, "ids", of_sqlite=of_sqlite), DELIVERY.c.mailing_id == mailing_id)
        .order_by(DELIVERY.c.id),
        looked_at,
    )
    chosen = choose([(id_, (address or "").rpartition("@")[2]) for id_, address in rows], size, mailing_id)
    marked = sa.update(DELIVERY).where(among(DELIVERY.c.id, "ids", of_sqlite=of_sqlite)).values(reason=CANARY)
    await session.execute(marked, {"ids": listing(chosen, of_sqlite=of_sqlite)})
    await _set(session, mailing_id, only_canary=True)
    return len(chosen)


async def open_for_all(session: AsyncSession, mailing_id: int) -> None:
    """Let everybody who waits be claimed."""
    await _set(session, mailing_id, only_canary=False)


async def are_under_way(session: AsyncSession, mailing_id: int) -> bool:
    """Whether one of the canary waits for its first try, or is in a worker's hands."""
    of_it = DELIVERY.c.mailing_id == mailing_id
    waits = sa.exists().where(of_it, IS_WAITING, DELIVERY.c.reason == CANARY)
    is_held = sa.exists().where(of_it, IS_CLAIMED)  # asked first: it never has to walk along all who wait
    return bool(await session.scalar(sa.select(sa.or_(is_held, waits))))


async def answered(session: AsyncSession, mailing_id: int, *, most: int | None = None) -> int:
    """Return how many letters a relay took or refused for good; counting ends at ``most``."""
    ended = sa.select(DELIVERY.c.id).where(
        DELIVERY.c.mailing_id == mailing_id, DELIVERY.c.state.in_(("sent", "failed"))
    )
    return await session.scalar(sa.select(sa.func.count()).select_from(ended.limit(most).subquery())) or 0


def got(mailing_id: int, person: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    """Return the condition that a person was written to in a mailing; others join it."""
    return sa.exists().where(
        DELIVERY.c.mailing_id == mailing_id, DELIVERY.c.subscriber_id == person,
        DELIVERY.c.state.in_(("sent", "failed", "unknown")),
    )  # fmt: skip


async def _set(session: AsyncSession, mailing_id: int, *, only_canary: bool) -> None:
    await session.execute(sa.update(MailingRow).where(MailingRow.id == mailing_id).values(only_canary=only_canary))
