"""The runner: launches once, brings back, finishes, and forgets nobody."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from campaigns import store
from campaigns.model import State
from campaigns.runner import Runner
from kit.db import Database
from kit.errors import Permanent, Temporary
from mailer.relays import Deferred, Result, Sent
from mailer.written import Ready
from tests.campaigns.test_store import given_campaign, launched, shown
from tests.database import LATER, NOW
from tests.mailer.carrying import PaperPost, a_courier


class JobList:
    """Jobs that are run by hand."""

    def __init__(self) -> None:
        self.waiting: dict[str, tuple[int, int, int]] = {}

    async def enqueue(
        self, _session: AsyncSession, _name: str, /, *args: int | str, job_id: str, is_bulk: bool = False
    ) -> None:
        mailing, first, last = args
        self.waiting[job_id] = (int(mailing), int(first), int(last))

    async def alive(self, prefix: str) -> int:
        return sum(job_id.startswith(prefix) for job_id in self.waiting)


async def test_a_planned_campaign_is_launched_once_by_two_runners(database: Database) -> None:
    """One snapshot, one set of jobs."""
    campaign = await given_campaign(database, 10)
    jobs = JobList()
    async with database.transaction() as session:
        await store.schedule(session, campaign, NOW, time_zone="UTC")
    runners = [Runner(database, jobs.enqueue, clock=lambda: NOW, chunk_size=5) for _ in range(2)]

    await asyncio.gather(*(runner.tick() for runner in runners))

    assert len(jobs.waiting) == 2
    assert (await shown(database, campaign))["snapshot"] == 10


async def test_before_its_time_nothing_is_launched_and_a_day_late_it_is_held(database: Database) -> None:
    """What missed its day is looked at by a person first."""
    campaign = await given_campaign(database, 1)
    now = [NOW]
    runner = Runner(database, JobList().enqueue, clock=lambda: now[0])
    async with database.transaction() as session:
        await store.schedule(session, campaign, LATER, time_zone="UTC")

    await runner.tick()
    assert (await shown(database, campaign))["state"] == State.SCHEDULED
    now[0] = LATER + timedelta(hours=25)
    await runner.tick()

    async with database.reading() as session:
        found = await store.load(session, campaign)
    assert found is not None
    assert found.state is State.DRAFT
    assert "24 hours" in found.note


@pytest.mark.parametrize(("hours", "state"), [(1.5, State.DRAFT), (3.0, State.RUNNING)])
async def test_how_late_is_too_late_is_the_operators_word(database: Database, hours: float, state: State) -> None:
    """Two hours late: held where the settings say less, launched where they say more."""
    campaign = await given_campaign(database, 1)
    async with database.transaction() as session:
        await store.schedule(session, campaign, NOW, time_zone="UTC")
    now, most = NOW + timedelta(hours=2), timedelta(hours=hours)

    await Runner(database, JobList().enqueue, most_late=most, clock=lambda: now).tick()

    async with database.reading() as session:
        found = await store.load(session, campaign)
    assert found is not None
    assert (found.state, "1.5 hours" in found.note) == (state, state is State.DRAFT)


async def test_what_is_not_ready_is_put_off_or_held(database: Database) -> None:
    """Trouble that passes leaves it planned; what staff must mend puts it back to the drafts, with the reason."""
    campaign, jobs = await given_campaign(database, 1), JobList()
    refusals: list[Exception] = [Temporary("the DNS is silent", delay=0), Permanent("no key is published")]

    async def ready() -> None:
        if refusals:
            raise refusals.pop(0)

    runner = Runner(database, jobs.enqueue, ready=ready, clock=lambda: NOW)
    async with database.transaction() as session:
        await store.schedule(session, campaign, NOW, time_zone="UTC")

    await runner.tick()
    assert (await shown(database, campaign))["state"] == State.SCHEDULED
    await runner.tick()
    async with database.transaction() as session:
        found = await store.load(session, campaign)
        assert found is not None
        assert (found.state, found.note) == (State.DRAFT, "no key is published")
        await store.schedule(session, campaign, NOW, time_zone="UTC")
    assert jobs.waiting == {}
    await runner.tick()

    assert (await shown(database, campaign))["state"] == State.RUNNING
    assert len(jobs.waiting) == 1


async def test_a_campaign_with_refusals_for_now_is_sent_to_the_end_and_finished(
    database: Database, tmp_path: Path
) -> None:
    """From the launch through retries to the finish, the sum exact at each step."""
    campaign = await given_campaign(database, 23)
    jobs, now = JobList(), [NOW]
    refused: set[int] = set()

    def answer(mail: Ready) -> Result:
        if mail.row.id % 3 == 0 and mail.row.id not in refused:
            refused.add(mail.row.id)
            return Deferred(450, "4.2.1", "try later")
        return Sent(250, "ok")

    runner = Runner(database, jobs.enqueue, clock=lambda: now[0], chunk_size=7)
    post = PaperPost(answer=answer)
    async with database.transaction() as session:
        await store.schedule(session, campaign, NOW, time_zone="UTC")
    async with a_courier(database, tmp_path, post, clock=lambda: now[0], slice_size=3) as courier:
        for _ in range(4):
            await runner.tick()
            while jobs.waiting:
                _, job = jobs.waiting.popitem()
                await courier.send_chunk(*job)
                await shown(database, campaign)
            now[0] += timedelta(minutes=10)

    found = await shown(database, campaign)
    assert (found["state"], found["sent"]) == ("finished", 23)
    assert len(refused) == 7


async def test_lost_jobs_are_replaced(database: Database) -> None:
    """Where people wait and no job is alive, new ones are made; otherwise not."""
    jobs = JobList()
    campaign = await launched(database, 6)
    runner = Runner(database, jobs.enqueue, jobs_alive=jobs.alive, chunk_size=2)

    await runner.replace_lost_jobs()
    assert await jobs.alive(store.job_prefix(campaign)) == 3
    await runner.replace_lost_jobs()

    assert await jobs.alive(store.job_prefix(campaign)) == 3


async def test_a_broken_campaign_is_paused_with_the_reason(database: Database) -> None:
    """Staff read why; resuming clears it."""
    campaign = await launched(database, 2)
    runner = Runner(database, JobList().enqueue)

    await runner.hold_broken(campaign, "no such template")

    async with database.reading() as session:
        found = await store.load(session, campaign)
    assert found is not None
    assert (found.state, found.note) == (State.PAUSED, "no such template")
