"""Importing people on evidence of their consent: added, and granted what they never withdrew.

Written in batches, each a transaction of its own, so that an import of a million never keeps an opt-out waiting; a
batch is whole or not there, and a second run of the same file changes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from consent import ledger, subscribers
from consent.ledger import Source
from consent.model import Act, Event, Purpose, Standing, State, SubscriberId
from consent.rules import fold
from consent.standing import events_of_all, write_standings
from consent.subscribers import Profile
from kit.secrets import Secrets

BATCH = 1000  # people in one transaction: a few tens of milliseconds


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What one batch came to."""

    added: int = 0  # people who were not known before
    granted: int = 0  # people for whom at least one topic was newly granted
    left_before: int = 0  # people who had left at least one of the topics: their opt-out stands (promise 6)
    erased: int = 0  # addresses whose owner asked to be erased: nothing of them is kept


async def enrol(
    session: AsyncSession,
    profiles: Sequence[Profile],
    topics: Sequence[str],
    *,
    source: Source,
    secrets: Secrets,
    at: datetime,
    share: bool = False,
) -> Enrolled:
    """Add one batch of people; confirm the topics, and sharing if it was agreed to (P10), on the source's evidence."""
    await ledger.hold(session)  # so that nobody leaves between the look at their events and the writing
    erased = await subscribers.erased_among(session, [one.address for one in profiles], secrets=secrets)
    given, profiles = profiles, [one for one in profiles if one.address not in erased]
    keys = [profile.address.key for profile in profiles]
    known = await subscribers.numbers(session, keys)
    numbers = await subscribers.add(session, profiles, secrets=secrets, at=at)
    wanted = tuple(sorted(set(topics)))
    agreed = [(Purpose.PROMOTION, wanted), *([(Purpose.THIRD_PARTY_SHARING, ())] if share else [])]
    before = await events_of_all(session, [numbers[key] for key in keys if key in known])
    new: list[Event] = []
    standings: dict[SubscriberId, Standing] = {}
    left = 0
    for key in dict.fromkeys(keys):
        person = numbers[key]
        events = list(before.get(person, []))
        now = fold(events)
        for purpose, names in agreed:
            event = ledger.event_of(Act.CONFIRM, person, names, source, at, purpose=purpose)
            events.append(replace(event, seq=events[-1].seq + 1 if events else 1))
            was, now = now, fold(events)
            if dict(now.states) != dict(was.states):
                new.append(event)
                standings[person] = now
        left += any(now.state(purpose, name) is State.WITHDRAWN for purpose, names in agreed for name in names or ("",))
    await ledger.append_events(session, new)
    await write_standings(session, standings)
    return Enrolled(len(numbers) - len(known), len(standings), left, erased=len(given) - len(profiles))
