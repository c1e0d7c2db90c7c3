"""The one door through which a campaign is launched, by hand or when its time has come: first looked at, then moved.

What is looked at (such as the DNS) may take seconds, so it comes before the transaction and never within. So does the
writing-down of the people: many short transactions with a breath between them, in which others write.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

from campaigns import acts, gathering, store, watching
from campaigns.canary import Canary
from campaigns.model import Changed, Outcome
from campaigns.store import Enqueue
from kit.db import Database

BREATH_SECONDS = 0.01  # in which other processes get their turn at SQLite's one pen

#: raises :class:`kit.errors.Permanent` where nothing may be launched as things are, ``Temporary`` where not now
Ready = Callable[[], Awaitable[None]]


async def launch(
    database: Database,
    campaign_id: int,
    *,
    ready: Ready,
    enqueue: Enqueue,
    now: datetime,
    chunk_size: int = 1000,
    require_age: bool = False,
    canary: Canary | None = None,
    by: str = acts.SOFTWARE,
) -> Outcome:
    """Launch a campaign, a few people first where a canary is wanted; where ``ready`` raises, nothing was changed.

    Who launched it is written down in the same transaction.
    """
    await ready()
    while await _gathers(database, campaign_id, now=now, require_age=require_age):  # noqa: ASYNC110 - a breath, no wait
        await asyncio.sleep(BREATH_SECONDS)
    async with database.transaction() as session:
        outcome = await store.launch(
            session, campaign_id, enqueue=enqueue, now=now, chunk_size=chunk_size, require_age=require_age
        )
        await acts.note_move(session, outcome, "launched", by=by, at=now)
        if isinstance(outcome, Changed) and canary is not None:
            await watching.release_first(session, campaign_id, canary)
        return outcome


async def _gathers(database: Database, campaign_id: int, *, now: datetime, require_age: bool) -> bool:
    async with database.transaction() as session:
        return await gathering.gather_piece(session, campaign_id, now=now, require_age=require_age)
