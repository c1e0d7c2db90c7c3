"""How a person wants to be written to: how often at most, in which language, by which clock, and from when on.

Who wants one promotion in 7 or 30 days gets no second one within them, whatever its topic. That is decided where a
letter is claimed, in the same transaction: the turn is taken by one conditional UPDATE, so of two
campaigns that claim the same person at once one gets it. The next try of a letter keeps the turn of its mailing. A
letter that was never sent uses the turn up all the same: too few mails is the error that the person would choose.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from consent import subscribers
from consent.model import Purpose, State, Subscriber, SubscriberId
from consent.tables import StandingRow, SubscriberRow

#: what a person can choose, by its name on pages and in words: days, 0 for no limit
FREQUENCIES: Mapping[str, int] = {"all": 0, "weekly": 7, "monthly": 30}


def frequency_name(days: int) -> str:
    """Return the name of a frequency; a number that is none of ours is the nearest rarer one."""
    return next((name for name, limit in FREQUENCIES.items() if limit >= days), "monthly")


async def take_turns(
    session: AsyncSession, people: Sequence[SubscriberId], *, mailing: int, now: datetime
) -> frozenset[SubscriberId]:
    """Give the turn of these people to a mailing, as far as they have one; return who had."""
    in_order = sa.select(SubscriberRow.id).where(SubscriberRow.id.in_(people)).order_by(SubscriberRow.id)
    await session.execute(in_order.with_for_update())  # so that two who claim the same people never dead-lock
    row = SubscriberRow
    is_free = sa.or_(
        row.promoted_at.is_(None),
        row.promoted_by == mailing,
        *(
            sa.and_(row.frequency_days == days, row.promoted_at <= now - timedelta(days=days))
            for days in FREQUENCIES.values()
        ),
    )
    statement = (
        sa.update(row)
        .where(row.id.in_(people), is_free)
        .values(
            promoted_at=sa.case((row.promoted_by == mailing, row.promoted_at), else_=now),
            promoted_by=mailing,
        )
        .returning(row.id)
        .execution_options(synchronize_session=False)
    )
    return frozenset(SubscriberId(number) for number in await session.scalars(statement))


@dataclass(frozen=True, slots=True)
class Habits:
    """A person with their wishes and where each topic stands, as the preference page shows them."""

    person: Subscriber
    frequency_days: int
    paused_until: datetime | None
    states: Mapping[str, State]
    is_shared: bool = False  # whether partners may be given the person's data (P10)

    def is_held(self, topic: str) -> bool:
        """Whether a topic is received, or waits for its confirmation."""
        return self.states.get(topic) in {State.GRANTED, State.PENDING}


#: made once: the preference page is asked for often
_HABITS = (
    sa.select(
        cast("sa.Table", SubscriberRow.__table__),
        StandingRow.purpose.label("of_purpose"),
        StandingRow.topic.label("of_topic"),
        StandingRow.state.label("of_state"),
    )
    .outerjoin(
        StandingRow,
        sa.and_(
            StandingRow.subscriber_id == SubscriberRow.id,
            StandingRow.purpose.in_([Purpose.PROMOTION.value, Purpose.THIRD_PARTY_SHARING.value]),
        ),
    )
    .where(SubscriberRow.id == sa.bindparam("person"))
)


async def habits_of(session: AsyncSession, person: SubscriberId) -> Habits | None:
    """Return a person's wishes in one look, or None for nobody."""
    rows = (await session.execute(_HABITS, {"person": person})).all()
    if not rows:
        return None
    states = {row.of_topic: State(row.of_state) for row in rows if row.of_purpose == Purpose.PROMOTION.value}
    is_shared = any(
        row.of_purpose == Purpose.THIRD_PARTY_SHARING.value and row.of_state == State.GRANTED.value for row in rows
    )
    return Habits(subscribers.from_row(rows[0]), rows[0].frequency_days, rows[0].paused_until, states, is_shared)


async def keep_habits(
    session: AsyncSession, person: SubscriberId, *, frequency_days: int, language: str, time_zone: str
) -> None:
    """Keep how a person wants to be written to."""
    await session.execute(
        sa.update(SubscriberRow)
        .where(SubscriberRow.id == person, SubscriberRow.erased_at.is_(None))
        .values(frequency_days=frequency_days, language=language, time_zone=time_zone)
        .execution_options(synchronize_session=False)
    )
