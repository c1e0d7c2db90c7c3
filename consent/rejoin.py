"""Coming back in person: confirming what is pending, and undoing an opt-out from its receipt.

Both need a token that only the owner of the mailed address was sent. Each is the same two acts as any joining, so the
ledger tells how it came about.
"""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from consent.ledger import Nothing, Outcome, Source, confirm, standing_of, subscribe
from consent.model import Act, Event, SubscriberId
from consent.rules import fold
from consent.standing import events_of


async def confirm_pending(session: AsyncSession, person: SubscriberId, *, source: Source, at: datetime) -> Outcome:
    """Grant all topics for which the person's asking waits for its confirmation."""
    standing = await standing_of(session, person)
    pending = standing.pending()
    if not pending:
        return Nothing(standing, "nothing was waiting for a confirmation")
    return await confirm(session, person, pending, source=source, at=at)


async def undo(session: AsyncSession, person: SubscriberId, seq: int, *, source: Source, at: datetime) -> Outcome:
    """Take back the withdrawal at a place of the ledger: what was granted before it is granted again.

    Nothing happens when the person has withdrawn anew since, or when the place is not a withdrawal of theirs.
    """
    events = await events_of(session, person)
    standing = fold(events)
    topics = undoable_topics(events, seq)
    if not topics:
        return Nothing(standing, "there is nothing to undo")
    await subscribe(session, person, topics, source=source, at=at)
    return await confirm(session, person, topics, source=source, at=at)


def undoable_topics(events: list[Event], seq: int) -> tuple[str, ...]:
    """Return the topics that a withdrawal ended and that no later withdrawal covers. Pure."""
    ended = next((event for event in events if event.seq == seq and event.act in _LEAVING), None)
    if ended is None:
        return ()
    before = fold([event for event in events if event.seq < seq])
    later = [event for event in events if event.seq > seq and event.act in _LEAVING]
    if any(event.act is Act.WITHDRAW_ALL for event in later):
        return ()
    gone_since = {topic for event in later for topic in event.topics}
    ended_topics = before.granted() if ended.act is Act.WITHDRAW_ALL else ended.topics
    return tuple(t for t in before.granted() if t in ended_topics and t not in gone_since)


_LEAVING = {Act.WITHDRAW, Act.WITHDRAW_ALL}
