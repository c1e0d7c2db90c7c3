"""Who may be given to a partner, and who of those given has withdrawn since (P10).

Sharing is a purpose of its own: neither agreeing to promotions nor a guardian's consent to mail says anything about it.
Who is chosen by the SELECT that campaigns use is looked up once more in the ledger itself before a line is written.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from consent import disclosures, ledger, standing, subscribers
from consent.age import held_age
from consent.disclosures import Sort
from consent.ledger import NeedsGuardian, Outcome, Source
from consent.model import AgeBand, Purpose, State, Subscriber, SubscriberId
from consent.rules import fold
from consent.tables import DisclosurePersonRow, DisclosureRow, StandingRow, SubscriberRow

PAGE = 500  # people in one look; SQLite bounds the parameters of a statement
SHARING = Purpose.THIRD_PARTY_SHARING


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """A person whom a partner was given, and may not keep; an erased one has the number alone."""

    number: int
    email: str
    erased: bool


def may_be_asked(person: Subscriber, *, today: date) -> bool:
    """Whether somebody may be asked at all: nobody who is known to be under 13, whatever a guardian said of mail (P8).

    16 CFR 312.5(a)(2): a guardian can agree to what we do without agreeing that others get the child's data.
    """
    return held_age(person.birth_date, person.age_band, today=today) is not AgeBand.UNDER_13


async def agree(session: AsyncSession, person: Subscriber, *, source: Source, at: datetime) -> Outcome:
    """Grant sharing by the person's own word, at a door that only the owner of the address gets to."""
    if not may_be_asked(person, today=at.date()):
        return NeedsGuardian(await ledger.standing_of(session, person.id), "nobody under 13 is shared")
    await ledger.subscribe(session, person.id, (), source=source, at=at, purpose=SHARING)
    return await ledger.confirm(session, person.id, (), source=source, at=at, purpose=SHARING)


async def end(session: AsyncSession, person: SubscriberId, *, source: Source, at: datetime) -> Outcome:
    """End a person's agreement to sharing, and nothing else."""
    return await ledger.withdraw(session, person, (), source=source, at=at, purpose=SHARING)


async def may_be_shared(
    session: AsyncSession, topics: Sequence[str], *, now: datetime, require_age: bool
) -> AsyncIterator[list[Subscriber]]:
    """Yield, page by page, those who agreed to sharing and are granted one of the topics.

    Both by :func:`consent.standing.mailable`: not suppressed, paused, erased or under age, and under a policy that
    still counts. Then each one's own events must say so, too.
    """
    wanted = standing.mailable("", now=now, require_age=require_age, purpose=SHARING)
    granted = [SubscriberRow.id.in_(standing.mailable(topic, now=now, require_age=require_age)) for topic in topics]
    last = 0
    while True:
        page = wanted.where(sa.or_(*granted), SubscriberRow.id > last).order_by(SubscriberRow.id).limit(PAGE)
        numbers = [SubscriberId(number) for number in await session.scalars(page)]
        if not numbers:
            return
        last = numbers[-1]
        agreed = await _agreed(session, numbers, topics)
        people = await subscribers.among(session, numbers=agreed, addresses=())
        yield sorted((one for one in people if may_be_asked(one, today=now.date())), key=lambda one: one.id)


async def _agreed(session: AsyncSession, people: Sequence[SubscriberId], topics: Sequence[str]) -> list[SubscriberId]:
    """Return those whose events, folded here and now, grant sharing and one of the topics."""
    folds = {person: fold(events) for person, events in (await standing.events_of_all(session, people)).items()}
    return [
        person
        for person, now in folds.items()
        if now.state(SHARING) is State.GRANTED and set(topics) & set(now.granted(Purpose.PROMOTION))
    ]


async def withdrawn(session: AsyncSession, partner: str) -> list[Withdrawn]:
    """Return those whom a partner was given and who do not agree to sharing any more, by number."""
    given = (
        sa.select(DisclosurePersonRow.subscriber_id)
        .join(DisclosureRow, DisclosureRow.id == DisclosurePersonRow.disclosure_id)
        .where(DisclosureRow.sort == Sort.SHARE.value, DisclosureRow.recipient == disclosures.kept_name(partner))
    )
    agreeing = sa.select(StandingRow.subscriber_id).where(
        StandingRow.purpose == SHARING.value, StandingRow.topic == "", StandingRow.state == State.GRANTED.value
    )
    rows = await session.execute(
        sa.select(SubscriberRow.id, SubscriberRow.address, SubscriberRow.erased_at)
        .where(
            SubscriberRow.id.in_(given),
            sa.or_(SubscriberRow.id.not_in(agreeing), SubscriberRow.erased_at.is_not(None)),
        )
        .order_by(SubscriberRow.id)
    )
    return [Withdrawn(number, address or "", erased is not None) for number, address, erased in rows]
