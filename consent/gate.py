"""The last look: may we write to these people, about this, now? The only maker of a :class:`~consent.model.Clearance`.

Called inside the transaction that claims a slice, so that claim and consent are one decision (promise 2). When in doubt
the answer is no.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import cache

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from consent.habits import take_turns
from consent.model import Clearance, Purpose, Refusal, Refused, State, SubscriberId
from consent.standing import asked, asked_anew, mailable_when_asked, states_of
from consent.tables import LedgerHeadRow, StandingRow, SubscriberRow, SuppressionRow
from kit.addresses import try_address
from kit.db import is_sqlite
from kit.rows import Gathered, among, listing


async def clear(
    session: AsyncSession,
    people: Sequence[SubscriberId],
    topic: str,
    *,
    now: datetime,
    require_age: bool = False,
    purpose: Purpose = Purpose.PROMOTION,
    mailing: int = 0,
) -> dict[SubscriberId, Clearance | Refused]:
    """Return for each person a clearance, or the reason why there is none.

    Who wants one promotion a week or month gives this turn to ``mailing``, or is refused (:mod:`consent.habits`).

    The end of the ledger is read in the statement that reads the standings, so a withdrawal that this look missed has a
    later place, and :class:`consent.hearing.Hearing` can hold it against the clearance.
    """
    of_sqlite = is_sqlite(session)
    allowed = _allowed(of_sqlite=of_sqlite, require_age=require_age, purpose=purpose)
    rows = await allowed.rows(session, {**asked(topic, now=now), "people": listing(people, of_sqlite=of_sqlite)})
    answers: dict[SubscriberId, Clearance | Refused] = {}
    sparing: list[SubscriberId] = []
    for number, text, name, language, attributes, days, seq in rows:
        person = SubscriberId(number)
        address = try_address(text)
        if address is None:  # can't happen by our own doors; fail closed all the same
            answers[person] = Refused(person, Refusal.ERASED)
            continue
        answers[person] = Clearance(person, address, topic, now, seq or 0, name, language, attributes)
        if days:
            sparing.append(person)
    if sparing and purpose is Purpose.PROMOTION:
        granted = await take_turns(session, sparing, mailing=mailing, now=now)
        answers |= {person: Refused(person, Refusal.FREQUENCY) for person in sparing if person not in granted}
    refused = [person for person in people if person not in answers]
    if refused:
        answers |= await _reasons(session, refused, topic, now=now, purpose=purpose)
    return answers


@cache
def _allowed(*, of_sqlite: bool, require_age: bool, purpose: Purpose) -> Gathered:
    """Return the statement that finds those of the given people who may be mailed; made once."""
    seq = sa.select(LedgerHeadRow.seq).scalar_subquery()
    # PostgreSQL carries a list over a join no more than it must, and would read the standings of everybody
    twice = () if of_sqlite else (among(StandingRow.subscriber_id, "people", of_sqlite=of_sqlite),)
    found = (
        mailable_when_asked(require_age=require_age, purpose=purpose)
        .with_only_columns(
            SubscriberRow.id, SubscriberRow.address, SubscriberRow.name, SubscriberRow.language,
            SubscriberRow.attributes, SubscriberRow.frequency_days, seq,
            maintain_column_froms=True,
        )
        .where(among(SubscriberRow.id, "people", of_sqlite=of_sqlite), *twice)
    )  # fmt: skip
    return Gathered(found, of_sqlite=of_sqlite)


async def _reasons(
    session: AsyncSession, people: Sequence[SubscriberId], topic: str, *, now: datetime, purpose: Purpose
) -> dict[SubscriberId, Clearance | Refused]:
    """Say why these people were not cleared; the order is that of what a person would want to know first."""
    suppressed = sa.exists().where(
        SuppressionRow.address_hash == SubscriberRow.address_hash, SuppressionRow.lifted_at.is_(None)
    )
    rows = await session.execute(
        sa.select(SubscriberRow.id, SubscriberRow.address, SubscriberRow.paused_until, suppressed).where(
            SubscriberRow.id.in_(people)
        )
    )
    facts = {number: (address, paused_until, is_suppressed) for number, address, paused_until, is_suppressed in rows}
    states = await states_of(session, people, topic, purpose)
    to_agree = await asked_anew(session, people, topic, purpose, now=now)
    return {
        person: Refused(
            person, _reason(facts.get(person), states.get(person, State.NONE), now, has_to_agree=person in to_agree)
        )
        for person in people
    }


def _reason(
    facts: tuple[str | None, datetime | None, bool] | None, state: State, now: datetime, *, has_to_agree: bool
) -> Refusal:
    if facts is None or facts[0] is None:
        return Refusal.ERASED
    _, paused_until, is_suppressed = facts
    if state is State.WITHDRAWN:
        return Refusal.WITHDRAWN
    if is_suppressed:
        return Refusal.SUPPRESSED
    if state is not State.GRANTED:
        return Refusal.PENDING if state is State.PENDING else Refusal.NO_CONSENT
    if has_to_agree:
        return Refusal.POLICY
    if paused_until is not None and paused_until > now:
        return Refusal.PAUSED
    return Refusal.UNDER_AGE
