"""Reading in processes of their own: the same result, a new world when it changes, and an end for what hangs."""

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor

import pytest

from inbound.model import Channel, Envelope, Verdict
from inbound.readers import ProcessReaders, ThreadReaders
from inbound.world import CampaignInfo, TopicInfo, World
from inbound.worlds import Worlds
from kit.db import Database
from tests.inbound.taking import ANNA, TOKENS, a_mail

ENVELOPE = Envelope(str(ANNA), ("promotions@shop.example",), channel=Channel.SMTP)


@pytest.fixture(scope="module")
def processes() -> Iterator[ProcessReaders]:
    made = ProcessReaders(1)
    made.start()
    yield made
    made.close()


def a_world(*campaigns: CampaignInfo) -> World:
    return World(
        company="Shop", topics=(TopicInfo("deals", "Deals"), TopicInfo("events", "Events")), campaigns=campaigns
    )


async def test_a_process_reads_as_a_thread_does(processes: ProcessReaders) -> None:
    """Every value of the reading comes back equal."""
    world, raw = a_world(), a_mail(text="Please unsubscribe me from Deals.\r\n\r\n> quoted")
    threads = ThreadReaders()
    try:
        assert await processes.read(raw, world=world, envelope=ENVELOPE) == await threads.read(
            raw, world=world, envelope=ENVELOPE
        )
    finally:
        threads.close()


async def test_a_new_world_is_known_at_once(processes: ProcessReaders) -> None:
    """The subject of a campaign that was launched a moment ago names its topic; mails under way keep the old world."""
    raw = a_mail(subject="unsubscribe Join us at the fair", text="")
    before, after = a_world(), a_world(CampaignInfo("7", "events", "Join us at the fair"))

    found = [await processes.read(raw, world=world, envelope=ENVELOPE) for world in (before, after, before, after)]

    assert [one.scope for one in found][1] == ("events",) == found[3].scope
    assert found[0].scope != ("events",)


async def test_the_world_of_the_database_travels(processes: ProcessReaders, database: Database) -> None:
    """With its tokens: the letter that is answered is known by its Message-ID in the process, too."""
    world = await Worlds(database, company="Shop", addresses=(), tokens=TOKENS).world()

    reading = await processes.read(a_mail(text="unsubscribe"), world=world, envelope=ENVELOPE)

    assert reading.verdict is Verdict.UNSUBSCRIBE


async def test_what_hangs_is_ended_and_reading_goes_on() -> None:
    """A process that was given up is dead within a moment, and the next mail is read by a new one."""
    made = ProcessReaders(1)
    try:
        hanging = asyncio.ensure_future(asyncio.wrap_future(made._pool.submit(time.sleep, 3600)))
        await asyncio.sleep(0.1)
        (process,) = list(made._pool._processes.values())

        made.give_up(hanging)  # type: ignore[arg-type]  # it would be a reading

        reading = await made.read(a_mail(text="unsubscribe"), world=a_world(), envelope=ENVELOPE)
        assert reading.verdict is Verdict.UNSUBSCRIBE
        process.join(5)
        assert not process.is_alive()
        assert hanging.done()
    finally:
        made.close()


async def test_a_process_that_dies_is_replaced() -> None:
    """Killed by the kernel, say: the mail under way is put off, the next one is read."""
    made = ProcessReaders(1)
    try:
        made.start()
        (process,) = list(made._pool._processes.values())
        process.kill()
        process.join(5)
        with pytest.raises(BrokenExecutor):
            await made.read(a_mail(text="unsubscribe"), world=a_world(), envelope=ENVELOPE)

        reading = await made.read(a_mail(text="unsubscribe"), world=a_world(), envelope=ENVELOPE)
        assert reading.verdict is Verdict.UNSUBSCRIBE
    finally:
        made.close()


async def test_a_fault_of_the_reader_comes_through(processes: ProcessReaders) -> None:
    """The intake then keeps the mail; the process lives on."""
    with pytest.raises(TypeError):
        await processes.read(None, world=a_world(), envelope=ENVELOPE)  # type: ignore[arg-type]
    reading = await processes.read(a_mail(text="hello"), world=a_world(), envelope=ENVELOPE)
    assert reading.mail.subject == "Re: May sale"
