"""What a person does with a campaign: the move, and who made it, written down in the same transaction.

For every door at which staff steer; what the software does by itself is in :mod:`campaigns.runner` and
:mod:`campaigns.watching`. Store functions only: they take a session and never commit.
"""

from datetime import datetime

from campaigns import acts, store, watching
from campaigns.model import Outcome
from campaigns.schedule import Planned
from campaigns.store import Enqueue
from kit.db import Session


async def plan(session: Session, campaign_id: int, planned: Planned, *, by: str, now: datetime) -> Outcome:
    """Plan a launch, or plan it anew."""
    outcome = await store.schedule(session, campaign_id, planned.at, time_zone=planned.time_zone)
    await acts.note_move(session, outcome, "scheduled", by=by, at=now, details={"for": planned.at.isoformat()})
    return outcome


async def pause(session: Session, campaign_id: int, *, by: str, now: datetime) -> Outcome:
    """Begin no more letters until somebody resumes it."""
    outcome = await store.pause(session, campaign_id)
    await acts.note_move(session, outcome, "paused", by=by, at=now)
    return outcome


async def resume(
    session: Session, campaign_id: int, *, by: str, now: datetime, enqueue: Enqueue, chunk_size: int
) -> Outcome:
    """Go on with a paused campaign, also where the software had stopped it."""
    await watching.overrule(session, campaign_id)
    outcome = await store.resume(session, campaign_id, enqueue=enqueue, chunk_size=chunk_size)
    await acts.note_move(session, outcome, "resumed", by=by, at=now)
    return outcome


async def cancel(session: Session, campaign_id: int, *, by: str, now: datetime) -> Outcome:
    """End a campaign for good."""
    outcome = await store.cancel(session, campaign_id, now=now)
    await acts.note_move(session, outcome, "cancelled", by=by, at=now)
    return outcome
