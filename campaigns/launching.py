"""The one door through which a campaign is launched, by hand or when its time has come: first looked at, then moved.

What is looked at (such as the DNS) may take seconds, so it comes before the transaction and never within.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime

from campaigns import store
from campaigns.model import Outcome
from campaigns.store import Enqueue
from kit.db import Database

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
) -> Outcome:
    """Launch a campaign; where ``ready`` raises, nothing has been changed."""
    await ready()
    async with database.transaction() as session:
        return await store.launch(
            session, campaign_id, enqueue=enqueue, now=now, chunk_size=chunk_size, require_age=require_age
        )
