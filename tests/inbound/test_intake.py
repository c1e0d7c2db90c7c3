"""Taking mail in when something goes wrong: poison, no time, a lock, a peer that gives up, the same mail at once."""

import asyncio
import time

import pytest
import sqlalchemy as sa

from inbound.model import Envelope, Reading
from inbound.readers import ThreadReaders
from inbound.world import World
from kit.db import Database
from tests.database import NOW, on_every_engine
from tests.inbound.taking import BOB, Town, a_mail, an_envelope, simple_read, town_on


async def test_a_poison_mail_is_deferred_then_parked_and_others_pass(town: Town) -> None:
    """Promise 5: kept, tried three times, then left for a person; the neighbour is decided."""
    poison = a_mail(text="explode")

    taken = await town.intake.take(poison, an_envelope(), NOW)
    good = await town.intake.take(a_mail(text="unsubscribe", message_id="2@x"), an_envelope(), NOW)
    for _ in range(4):
        await town.intake.take_up_deferred()

    assert (taken.code, good.code) == (250, 250)
    parked, decided = await town.mails()
    assert (parked.state, parked.raw, parked.attempts) == ("quarantined", poison, 3)
    assert decided.state == "decided"
    assert len(await town.events()) == 1
    assert [row.review for row in await town.decisions()] == [False, True]


async def test_a_mail_over_its_time_is_kept_and_decided_later(database: Database) -> None:
    """Reading takes too long once: the peer gets its 250, a job decides."""
    slow = {"seconds": 0.5}

    def read(raw: bytes, *, world: World, envelope: Envelope) -> Reading:
        time.sleep(slow["seconds"])
        return simple_read(raw, world=world, envelope=envelope)

    async with town_on(database, decide_seconds=0.1) as town:
        town.intake._readers = ThreadReaders(read)
        address = town.reply_address(town.anna)
        taken = await town.intake.take(a_mail(text="unsubscribe deals"), an_envelope(BOB, address), NOW)
        assert (taken.code, [mail.state for mail in await town.mails()]) == (250, ["deferred"])
        slow["seconds"] = 0
        ended = await town.intake.take_up_deferred()

        assert ended == 1
        assert await town.events() == [("withdraw", ("deals",), "reply", "token")]
        (mail,) = await town.mails()
        assert (mail.state, mail.raw, mail.envelope) == ("decided", None, {})


async def test_a_locked_database_is_a_temporary_answer(town: Town) -> None:
    """Fault 25: 451, nothing lost, and the same mail is taken when the lock is gone."""
    if not town.database.is_sqlite:
        pytest.skip("the lock of a whole database is SQLite's")
    raw = a_mail(text="unsubscribe")
    async with town.database.engine.connect() as holder:
        await holder.exec_driver_sql("SELECT 1")

        with on_every_engine(begin=_impatient):
            refused = await town.intake.take(raw, an_envelope(), NOW)

    taken = await town.intake.take(raw, an_envelope(), NOW)
    assert (refused.code, refused.enhanced) == (451, "4.3.0")
    assert taken.code == 250
    assert len(await town.events()) == 1


def _impatient(connection: sa.Connection) -> None:
    connection.info["busy_seconds"] = 0.05


async def test_a_peer_that_gives_up_does_not_stop_the_commit(town: Town) -> None:
    """Fault 7: the wait is cancelled, the work is not."""
    task = asyncio.create_task(town.intake.take(a_mail(text="unsubscribe"), an_envelope(), NOW))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    await town.intake.drain()

    assert len(await town.events()) == 1


async def test_the_same_mail_many_times_at_once_is_one_event(town: Town) -> None:
    """Fault 42: the second to come finds the first one's row."""
    raw = a_mail(text="unsubscribe")

    answers = await asyncio.gather(*(town.intake.take(raw, an_envelope(), NOW) for _ in range(8)))

    assert {answer.code for answer in answers} == {250}
    assert len(await town.events()) == len(await town.outbox()) == 1
