"""Campaigns move once, whoever tries, and a launch is whole or not at all."""

import asyncio
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from campaigns import store
from campaigns.model import Changed, Missing, NotPossible, State, Unchanged
from campaigns.reports import status
from campaigns.store import InvalidCampaign
from kit.db import Database
from mailer import delivery
from mailer.delivery import Slice
from mailer.outcomes import Outcome
from tests.database import LATER, NOW, given_subscribers

CONTENT = {"name": "Winter", "topic": "deals", "subject": "Half price", "text": "Hello"}


class Jobs:
    """Remembers what was enqueued."""

    def __init__(self) -> None:
        self.enqueued: list[tuple[str, tuple[int | str, ...]]] = []

    async def __call__(
        self, _session: AsyncSession, name: str, *args: int | str, job_id: str, is_bulk: bool = False
    ) -> None:
        self.enqueued.append((name, args))


async def given_campaign(database: Database, people: int = 0) -> int:
    await given_subscribers(database, people)
    async with database.transaction() as session:
        return await store.new(session, CONTENT, now=NOW)


async def launched(database: Database, people: int, jobs: Jobs | None = None) -> int:
    campaign = await given_campaign(database, people)
    async with database.transaction() as session:
        await store.launch(session, campaign, enqueue=jobs or Jobs(), now=NOW, chunk_size=4)
    return campaign


async def shown(database: Database, campaign: int) -> dict[str, Any]:
    async with database.reading() as session:
        found = await status(session, campaign)
    assert found is not None
    assert found["snapshot"] == (
        found["sent"] + found["failed"] + sum(found["skipped"].values()) + found["unknown"] + found["waiting"]
    )
    return found


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"subjekt": "x"}, "subjekt"),
        ({"topic": "none"}, "deals"),
        ({"name": " "}, "name"),
        ({"text": ""}, "text"),
        ({"text": 7}, "text"),
        ({"segment": "half of them"}, "segment"),
    ],
)
async def test_what_can_not_be_a_campaign_is_refused_with_the_reason(
    database: Database, change: dict[str, Any], named: str
) -> None:
    """The message names what is wrong."""
    await given_subscribers(database, 0)

    with pytest.raises(InvalidCampaign if named != "segment" else Exception, match=named):
        async with database.transaction() as session:
            await store.new(session, {**CONTENT, **change}, now=NOW)


async def test_a_launch_snapshots_the_audience_and_enqueues_its_jobs(database: Database) -> None:
    """State, rows and jobs in one transaction."""
    jobs = Jobs()
    campaign = await launched(database, 10, jobs)

    assert [name for name, _ in jobs.enqueued] == ["send_chunk"] * 3
    assert await shown(database, campaign) == {
        "id": campaign, "state": "running", "note": "", "snapshot": 10, "sent": 0, "failed": 0, "skipped": {},
        "unknown": 0, "waiting": 10,
    }  # fmt: skip


async def test_a_launch_that_fails_half_way_leaves_nothing(database: Database) -> None:
    """When the jobs can't be enqueued there is no snapshot either, and the campaign is a draft."""
    campaign = await given_campaign(database, 3)

    async def broken(_session: AsyncSession, _name: str, *_args: int | str, job_id: str, is_bulk: bool = False) -> None:
        raise ConnectionError(job_id)

    with pytest.raises(ConnectionError):
        async with database.transaction() as session:
            await store.launch(session, campaign, enqueue=broken, now=NOW)

    found = await shown(database, campaign)
    assert (found["state"], found["snapshot"], found["waiting"]) == ("draft", 0, 0)


async def test_of_many_who_launch_at_once_one_does(database: Database) -> None:
    """The others learn that it runs already."""
    campaign = await given_campaign(database, 5)

    async def attempt() -> object:
        async with database.transaction() as session:
            return await store.launch(session, campaign, enqueue=Jobs(), now=NOW)

    outcomes = await asyncio.gather(*(asyncio.create_task(attempt()) for _ in range(4)))

    assert outcomes.count(Changed(campaign, State.RUNNING)) == 1
    assert outcomes.count(Unchanged(campaign, State.RUNNING)) == 3
    assert (await shown(database, campaign))["snapshot"] == 5


async def test_pause_and_resume_are_idempotent_and_cover_those_who_wait(database: Database) -> None:
    """A resumed campaign has jobs for everybody who still waits."""
    jobs = Jobs()
    campaign = await launched(database, 6)

    async with database.transaction() as session:
        assert await store.pause(session, campaign) == Changed(campaign, State.PAUSED)
        assert await store.pause(session, campaign) == Unchanged(campaign, State.PAUSED)
    async with database.transaction() as session:
        taken = await delivery.claim_slice(session, campaign, first=0, last=99, limit=9, worker="w", now=NOW)
        assert not isinstance(taken, Slice)
        assert await store.resume(session, campaign, enqueue=jobs, chunk_size=4) == Changed(campaign, State.RUNNING)
        assert await store.resume(session, campaign, enqueue=jobs) == Unchanged(campaign, State.RUNNING)

    assert len(jobs.enqueued) == 2


async def test_a_cancelled_campaign_skips_who_waited_and_never_runs_again(database: Database) -> None:
    """Cancelling is the end."""
    campaign = await launched(database, 6)

    async with database.transaction() as session:
        assert await store.cancel(session, campaign, now=NOW) == Changed(campaign, State.CANCELLED)
        assert await store.cancel(session, campaign, now=NOW) == Unchanged(campaign, State.CANCELLED)
        assert isinstance(await store.resume(session, campaign, enqueue=Jobs()), NotPossible)
        assert isinstance(await store.launch(session, campaign, enqueue=Jobs(), now=NOW), NotPossible)

    assert (await shown(database, campaign))["skipped"] == {"cancelled": 6}


async def test_a_campaign_finishes_when_nobody_waits_and_nothing_is_held(database: Database) -> None:
    """A claimed row keeps it running."""
    campaign = await launched(database, 2)
    async with database.transaction() as session:
        taken = await delivery.claim_slice(session, campaign, first=0, last=99, limit=9, worker="w", now=NOW)
        assert isinstance(taken, Slice)
        assert isinstance(await store.finish(session, campaign, now=NOW), NotPossible)
        assert await store.done(session) == []

    async with database.transaction() as session:
        outcomes = [Outcome(row.id, "sent") for row in taken.rows]
        await delivery.record(session, campaign, outcomes, claim=taken.claim, now=NOW)
        assert await store.done(session) == [campaign]
        assert await store.finish(session, campaign, now=LATER) == Changed(campaign, State.FINISHED)

    async with database.reading() as session:
        found = await store.load(session, campaign)
    assert found is not None
    assert found.finished_at == LATER


async def test_a_planned_campaign_is_due_at_its_time_and_can_be_held(database: Database) -> None:
    """Planned anew it keeps the last time; held it is a draft with a reason."""
    campaign = await given_campaign(database)
    async with database.transaction() as session:
        await store.schedule(session, campaign, NOW, time_zone="UTC")
        assert await store.schedule(session, campaign, LATER, time_zone="UTC") == Changed(campaign, State.SCHEDULED)
        assert await store.due(session, now=NOW) == []
        assert await store.due(session, now=LATER) == [(campaign, LATER)]
        assert await store.hold(session, campaign, why="late") == Changed(campaign, State.DRAFT)

    async with database.reading() as session:
        found = await store.load(session, campaign)
        assert [one.id for one in await store.all_campaigns(session)] == [campaign]
        assert await store.load(session, 999) is None
        assert await status(session, 999) is None
        assert await store.pause(session, 999) == Missing(999)
    assert found is not None
    assert (found.state, found.note) == (State.DRAFT, "late")
