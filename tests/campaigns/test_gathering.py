"""People are written down piece by piece while the campaign is a draft, and it comes to the same as at one stroke."""

from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from campaigns import gathering, launching, store
from campaigns.model import Changed, State
from consent.ledger import Source, subscribe, withdraw
from consent.model import Door, Proof, SubscriberId
from consent.subscribers import highest
from kit.db import Database
from mailer import delivery
from mailer.delivery import Shut, Slice
from mailer.tables import DeliveryRow
from tests.campaigns.test_store import Jobs, given_campaign, shown
from tests.database import BY_REPLY, LATER, NOW


async def piece(database: Database, campaign: int, *, size: int = 3, now: Any = NOW) -> bool:
    async with database.transaction() as session:
        return await gathering.gather_piece(session, campaign, now=now, size=size)


async def all_pieces(database: Database, campaign: int, *, size: int = 3, now: Any = NOW) -> int:
    number = 1
    while await piece(database, campaign, size=size, now=now):
        number += 1
    return number


async def launch(database: Database, campaign: int, jobs: Jobs, *, now: Any = NOW) -> object:
    async with database.transaction() as session:
        return await store.launch(session, campaign, enqueue=jobs, now=now, chunk_size=4)


async def people_of(database: Database, campaign: int) -> list[SubscriberId]:
    async with database.reading() as session:
        rows = sa.select(DeliveryRow.subscriber_id).where(DeliveryRow.mailing_id == campaign)
        return [SubscriberId(number) for number in await session.scalars(rows.order_by(DeliveryRow.id))]


async def test_pieces_come_to_the_same_as_one_stroke(database: Database) -> None:
    """Everybody once, the number exact, and jobs only from the launch on."""
    campaign, jobs = await given_campaign(database, 10), Jobs()

    pieces = await all_pieces(database, campaign)
    before = await people_of(database, campaign)

    assert pieces == 5  # one that begins, four of three people
    assert jobs.enqueued == []
    assert await launch(database, campaign, jobs) == Changed(campaign, State.RUNNING)
    assert await people_of(database, campaign) == before
    assert len(set(before)) == 10
    assert ((await shown(database, campaign))["snapshot"], len(jobs.enqueued)) == (10, 3)


async def test_nothing_is_sent_before_the_last_piece(database: Database) -> None:
    """The gate is shut until the launch commits."""
    campaign = await given_campaign(database, 4)
    await all_pieces(database, campaign)

    async with database.transaction() as session:
        options: dict[str, Any] = {"first": 0, "last": 99, "limit": 9, "worker": "w", "now": NOW}
        assert await delivery.claim_slice(session, campaign, **options) == Shut("draft")
        assert await store.uncovered(session) == []
        assert await store.done(session) == []


async def test_a_launch_writes_down_who_is_missing(database: Database) -> None:
    """A crash between two pieces, and a launch soon afterwards: it goes on where the last one stopped."""
    campaign, jobs = await given_campaign(database, 10), Jobs()
    await piece(database, campaign)
    await piece(database, campaign)

    assert await launch(database, campaign, jobs, now=NOW + timedelta(minutes=1)) == Changed(campaign, State.RUNNING)

    assert len(set(await people_of(database, campaign))) == 10
    assert (await shown(database, campaign))["snapshot"] == 10


async def test_who_leaves_between_two_pieces_gets_nothing(database: Database) -> None:
    """They stand in the snapshot and are refused when their letter is claimed; the sum tells it."""
    campaign = await given_campaign(database, 4)
    await all_pieces(database, campaign)
    leaver = (await people_of(database, campaign))[1]
    async with database.transaction() as session:
        await withdraw(session, leaver, ["deals"], source=BY_REPLY, at=NOW)
    await launch(database, campaign, Jobs())

    async with database.transaction() as session:
        taken = await delivery.claim_slice(session, campaign, first=0, last=99, limit=9, worker="w", now=NOW)

    assert isinstance(taken, Slice)
    assert leaver not in {row.clearance.subscriber for row in taken.rows}
    assert (await shown(database, campaign))["skipped"] == {"withdrawn": 1}


async def test_what_was_gathered_long_ago_is_gathered_anew(database: Database) -> None:
    """Whom a launch an hour ago would have missed gets the campaign; who has left does not stand in it."""
    campaign = await given_campaign(database, 6)
    await all_pieces(database, campaign)
    first = await people_of(database, campaign)
    async with database.transaction() as session:
        await withdraw(session, first[0], ["deals"], source=BY_REPLY, at=NOW)

    await all_pieces(database, campaign, now=LATER)

    assert await people_of(database, campaign) == first[1:]
    assert (await shown(database, campaign))["snapshot"] == 5
    assert await launch(database, campaign, Jobs(), now=LATER) == Changed(campaign, State.RUNNING)
    assert (await shown(database, campaign))["snapshot"] == 5


async def test_a_launch_alone_throws_away_what_is_stale(database: Database) -> None:
    """The same in the one transaction of a launch that nothing was gathered for just now."""
    campaign = await given_campaign(database, 5)
    await all_pieces(database, campaign)

    assert await launch(database, campaign, Jobs(), now=LATER) == Changed(campaign, State.RUNNING)

    assert len(set(await people_of(database, campaign))) == 5
    assert (await shown(database, campaign))["snapshot"] == 5


async def test_a_campaign_cancelled_while_it_is_gathered_keeps_an_exact_sum(database: Database) -> None:
    """Who was written down is skipped, and gathering ends by itself."""
    campaign = await given_campaign(database, 10)
    await piece(database, campaign)
    await piece(database, campaign)
    async with database.transaction() as session:
        await store.cancel(session, campaign, now=NOW)

    assert not await piece(database, campaign)

    found = await shown(database, campaign)
    assert (found["snapshot"], found["skipped"]) == (3, {"cancelled": 3})


async def test_the_door_of_launches_gathers_first(database: Database) -> None:
    """What :mod:`campaigns.launching` does in many transactions is one launch to whoever looks."""
    campaign, jobs = await given_campaign(database, 7), Jobs()

    async def ready() -> None:
        return None

    outcome = await launching.launch(database, campaign, ready=ready, enqueue=jobs, now=NOW, chunk_size=4)

    assert outcome == Changed(campaign, State.RUNNING)
    assert (await shown(database, campaign))["waiting"] == 7
    assert not await piece(database, campaign)


async def test_who_asked_only_is_not_gathered(database: Database) -> None:
    """Joining needs two acts, in pieces as at one stroke."""
    campaign = await given_campaign(database, 3)
    async with database.transaction() as session:
        person = SubscriberId(await highest(session))
        await withdraw(session, person, ["deals"], source=BY_REPLY, at=NOW - timedelta(days=1))
        await subscribe(session, person, ["deals"], source=Source(Door.PAGE, Proof.NONE), at=NOW)

    await all_pieces(database, campaign)

    assert person not in await people_of(database, campaign)
