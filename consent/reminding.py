"""Whom to remind of their preferences, and when (P6). It writes nothing to anybody; :mod:`mailer.notices` does.

A reminder is due some time after the last one or after the joining. It goes only to those who receive something, may be
mailed, and have not ended the reminders.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from consent.model import Purpose, State, SubscriberId
from consent.standing import may_be_mailed
from consent.tables import StandingRow, SubscriberRow
from kit.addresses import EmailAddress, try_address

LOOK_AGAIN = timedelta(days=7)  # at somebody who could not be reminded now: paused, say


@dataclass(frozen=True, slots=True)
class Reached:
    """Somebody who is written to, and how."""

    person: SubscriberId
    address: EmailAddress
    language: str
    topics: tuple[str, ...]  # what they receive


async def due(session: AsyncSession, *, every: timedelta, at: datetime, most: int) -> list[SubscriberId]:
    """Return people who are to be looked at, held against others who look."""
    joined = sa.and_(SubscriberRow.remind_at.is_(None), SubscriberRow.created_at <= at - every)
    found: list[SubscriberId] = []
    for is_due, order in ((SubscriberRow.remind_at <= at, SubscriberRow.remind_at), (joined, SubscriberRow.created_at)):
        if len(found) < most:
            rows = await session.scalars(
                sa.select(SubscriberRow.id)
                .where(is_due, SubscriberRow.erased_at.is_(None))
                .order_by(order)
                .limit(most - len(found))
                .with_for_update(skip_locked=True)
            )
            found += [SubscriberId(number) for number in rows]
    return found


async def reachable(
    session: AsyncSession, people: Collection[int], *, purpose: Purpose, require_age: bool, at: datetime
) -> dict[SubscriberId, Reached]:
    """Return those of some people who receive something, may be mailed, and have not ended mail of this purpose.

    A pause is one from promotions and reminders, not from news about their agreement.
    """
    further = aliased(StandingRow)
    ended = sa.exists().where(
        further.subscriber_id == SubscriberRow.id,
        further.purpose == purpose.value,
        further.topic == "",
        further.state == State.WITHDRAWN.value,
    )
    rows = await session.execute(
        sa.select(SubscriberRow.id, SubscriberRow.address, SubscriberRow.language, StandingRow.topic)
        .join(StandingRow, StandingRow.subscriber_id == SubscriberRow.id)
        .where(
            SubscriberRow.id.in_(sorted(people)),
            StandingRow.purpose == Purpose.PROMOTION.value,
            StandingRow.state == State.GRANTED.value,
            ~ended,
            *may_be_mailed(now=at, require_age=require_age, even_paused=purpose is not Purpose.REMINDER),
        )
        .order_by(SubscriberRow.id, StandingRow.topic)
    )
    found: dict[SubscriberId, Reached] = {}
    for number, text, language, topic in rows:
        address, person = try_address(text or ""), SubscriberId(number)
        if address is not None:
            known = found[person].topics if person in found else ()
            found[person] = Reached(person, address, language, (*known, topic))
    return found


async def put_off(
    session: AsyncSession, reminded: Collection[int], others: Collection[int], *, every: timedelta, at: datetime
) -> None:
    """Plan the next look: at those who were reminded after the interval, at the others sooner."""
    plans = (
        (reminded, {"remind_at": at + every, "reminded_at": at}),
        (others, {"remind_at": at + min(every, LOOK_AGAIN)}),
    )
    for people, values in plans:
        if people:
            await session.execute(
                sa.update(SubscriberRow)
                .where(SubscriberRow.id.in_(sorted(people)))
                .values(**values)
                .execution_options(synchronize_session=False)
            )


async def count_since(session: AsyncSession, since: datetime) -> int:
    """Return how many people were reminded since a moment."""
    reminded = sa.select(sa.func.count()).where(SubscriberRow.reminded_at > since)
    return await session.scalar(reminded) or 0


async def receiving(session: AsyncSession, *, after: int, most: int) -> list[SubscriberId]:
    """Return the next people, by number, who receive anything at all."""
    receives = sa.exists().where(
        StandingRow.subscriber_id == SubscriberRow.id,
        StandingRow.purpose == Purpose.PROMOTION.value,
        StandingRow.state == State.GRANTED.value,
    )
    rows = await session.scalars(
        sa.select(SubscriberRow.id)
        .where(SubscriberRow.id > after, SubscriberRow.erased_at.is_(None), receives)
        .order_by(SubscriberRow.id)
        .limit(most)
    )
    return [SubscriberId(number) for number in rows]
