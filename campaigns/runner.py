"""The runner: launches planned campaigns, brings back who waits for a moment, finishes what is done.

Any number of runners may work at once: every move is a conditional UPDATE, and jobs are enqueued in its transaction.
Looking costs a few short reads; a transaction that writes is opened only when there is something to write. It sends
nothing itself; the jobs do (:mod:`mailer.courier`).
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

from campaigns import store, watching
from campaigns.canary import Canary
from campaigns.launching import Ready, launch
from campaigns.model import Changed, Outcome
from campaigns.schedule import is_too_late
from campaigns.store import Enqueue
from kit.clock import Clock, utc_now
from kit.db import Database
from kit.errors import Permanent, Temporary
from kit.log import logger
from kit.processes import lasting_seconds
from mailer import delivery

TICK_SECONDS = 0.5
WATCH_SECONDS = 5.0  # how often it is looked at what came back of campaigns
WATCH_SHARE = 20  # a look that takes long is taken so seldom that it takes up a twentieth of the time at most
LOST_JOBS_EACH_SECONDS = 30.0  # how often it is looked for people whose job has vanished
MOST_LATE = timedelta(hours=24)
HOUR = timedelta(hours=1)

_log = logger("campaigns.runner")


class Runner:
    """What moves campaigns on by itself."""

    def __init__(
        self,
        database: Database,
        enqueue: Enqueue,
        *,
        jobs_alive: Callable[[str], Awaitable[int]] | None = None,
        chunk_size: int = 1000,
        require_age: bool = False,
        ready: Ready | None = None,
        canary: Canary | None = None,
        most_late: timedelta = MOST_LATE,
        clock: Clock = utc_now,
    ) -> None:
        """Take the database and the door to the jobs; ``jobs_alive`` counts the jobs whose ids begin with a prefix.

        ``ready`` is asked before each launch and may refuse it (:mod:`campaigns.launching`). A launch later than
        ``most_late`` is left to a person.
        """
        self._database, self._enqueue, self._jobs_alive = database, enqueue, jobs_alive
        self._chunk_size, self._require_age, self._clock = chunk_size, require_age, clock
        self._ready, self._canary, self._most_late = ready or _always, canary, most_late
        self._watches_from = float("-inf")
        self._looked_at = self._launches_from = lasting_seconds()

    async def run(self) -> None:
        """Tick until cancelled."""
        while True:
            await self.tick()
            await asyncio.sleep(TICK_SECONDS)

    async def tick(self) -> None:
        """Do what is due now. Repeating it, or doing it elsewhere at the same time, changes nothing more."""
        now = self._clock()
        async with self._database.reading() as session:
            due = await store.due(session, now=now)
            waiting = await delivery.due_mailings(session, now=now)
            done = await store.done(session)
        for campaign_id, launch_at in due:
            if is_too_late(launch_at, now, self._most_late):
                hours = f"{self._most_late / HOUR:g}"
                why = f"its time was more than {hours} hours ago when it could have been launched; plan it anew"
                await self._do("campaign.held", campaign_id, store.hold, why=why)
            else:
                await self._launch(campaign_id, now)
        for campaign_id in waiting:
            await self._bring_back(campaign_id)
        for campaign_id in done:
            await self._do("campaign.finished", campaign_id, store.finish, now=now)
        if self._canary is not None and lasting_seconds() >= self._watches_from:
            begun = lasting_seconds()
            await self._watch(self._canary, now)
            took = lasting_seconds() - begun
            self._watches_from = lasting_seconds() + max(WATCH_SECONDS, took * WATCH_SHARE)
        if lasting_seconds() - self._looked_at > LOST_JOBS_EACH_SECONDS:
            self._looked_at = lasting_seconds()
            await self.replace_lost_jobs()

    async def replace_lost_jobs(self) -> None:
        """Enqueue anew where people wait for a job and no job of their campaign is alive: nobody is forgotten."""
        if self._jobs_alive is None:
            return
        async with self._database.reading() as session:
            waiting = await store.uncovered(session)
        for campaign_id in waiting:
            if await self._jobs_alive(store.job_prefix(campaign_id)):
                continue
            async with self._database.transaction() as session:
                number = await store.cover(session, campaign_id, enqueue=self._enqueue, chunk_size=self._chunk_size)
            _log.warning("campaign.jobs_replaced", campaign_id=campaign_id, jobs=number)

    async def _watch(self, canary: Canary, now: datetime) -> None:
        """Look at the campaigns that began with a few people: stop them, let the rest go, or let them be."""
        async with self._database.reading() as session:
            under_watch = await watching.watched(session)
            due = [one for one in under_watch if await watching.is_due(session, one, canary, now=now)]
        for campaign_id in due:
            async with self._database.transaction() as session:
                what = await watching.step(
                    session, campaign_id, canary, enqueue=self._enqueue, chunk_size=self._chunk_size, now=now
                )
            if what == "stopped":
                _log.error("canary.stopped", campaign_id=campaign_id)
            elif what:
                _log.info("canary.moved", campaign_id=campaign_id, to=what)

    async def hold_broken(self, campaign_id: int, why: str) -> None:
        """Pause a campaign whose letters can't be made, with the reason for staff to read."""
        await self._do("campaign.broken", campaign_id, store.pause, note=why)

    async def _launch(self, campaign_id: int, now: datetime) -> None:
        """Launch a campaign, put it off, or hold it for staff to read why."""
        if lasting_seconds() < self._launches_from:
            return
        try:
            outcome = await launch(
                self._database, campaign_id, ready=self._ready, enqueue=self._enqueue, now=now,
                chunk_size=self._chunk_size, require_age=self._require_age, canary=self._canary,
            )  # fmt: skip
        except Temporary as trouble:
            self._launches_from = lasting_seconds() + trouble.delay
            _log.warning("campaign.put_off", campaign_id=campaign_id, why=trouble.public)
        except Permanent as refusal:
            await self._do("campaign.held", campaign_id, store.hold, why=refusal.public)
        else:
            if isinstance(outcome, Changed):
                _log.info("campaign.launched", campaign_id=campaign_id)

    async def _bring_back(self, campaign_id: int) -> None:
        """Give those whose moment has come to new jobs; the rows change hands in the transaction that enqueues."""
        async with self._database.transaction() as session:
            chunks = await delivery.adopt_due(session, campaign_id, size=self._chunk_size, now=self._clock())
            await store.enqueue_chunks(session, campaign_id, chunks, enqueue=self._enqueue)
        if chunks:
            _log.debug("campaign.retried", campaign_id=campaign_id, jobs=len(chunks))

    async def _do(self, event: str, campaign_id: int, move: Callable[..., Awaitable[Outcome]], **options: Any) -> None:
        async with self._database.transaction() as session:
            outcome = await move(session, campaign_id, **options)
        if isinstance(outcome, Changed):
            _log.info(event, campaign_id=campaign_id)


async def _always() -> None:
    """Refuse nothing."""
