"""The watched mailbox against a real Dovecot: verified TLS, IDLE, MOVE, and a mailbox that is renumbered."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from inbound.imap import Mailbox, Pace
from kit.config_inbound import ImapSettings, InboundSettings
from tests.database import NOW
from tests.inbound.taking import ANNA, BOB, Town, a_mail
from tests.peers.dovecot import Dovecot
from tests.peers.fixtures import dovecot

__all__ = ["dovecot"]

pytestmark = pytest.mark.peer

USER = "replies@shop.example"


@contextlib.asynccontextmanager
async def watching(town: Town, server: Dovecot, done_folder: str = "") -> AsyncIterator[Mailbox]:
    """Watch the mailbox over TLS, trusting Dovecot's own authority only."""
    settings = ImapSettings(
        enabled=True, host="localhost", port=server.imaps_port, ca_file=str(server.ca_file), user=USER,
        password=server.password, done_folder=done_folder,
    )  # fmt: skip
    mailbox = Mailbox(
        settings, InboundSettings(), database=town.database, take=town.intake.take, clock=lambda: NOW,
        pace=Pace(first_pause=0.1),
    )  # fmt: skip
    task = asyncio.create_task(mailbox.run())
    try:
        async with asyncio.timeout(20):
            await mailbox.ready.wait()
        yield mailbox
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def seen(server: Dovecot, count: int, folder: str = "INBOX") -> None:
    """Wait until so many mails of a folder are seen."""
    for _ in range(400):
        with contextlib.suppress(Exception):  # the folder isn't there yet
            if sum("\\Seen" in mail.flags for mail in await asyncio.to_thread(server.fetch, USER, folder)) == count:
                return
        await asyncio.sleep(0.1)
    raise AssertionError("it was never marked")


async def test_a_delivery_wakes_us_and_is_marked_after_the_decision(town: Town, dovecot: Dovecot) -> None:
    """Delivered by LMTP while we idle: decided and seen within a moment; a renumbered mailbox doubles nothing."""
    await asyncio.to_thread(dovecot.deliver, a_mail(text="unsubscribe"), USER, sender=str(ANNA))
    async with watching(town, dovecot):
        assert len(await town.events()) == 1
        mail = a_mail(sender=BOB, text="unsubscribe deals", message_id="2@x")
        await asyncio.to_thread(dovecot.deliver, mail, USER, sender=str(BOB))
        await seen(dovecot, 2)
        assert len(await town.events()) == 2

        await asyncio.to_thread(dovecot.renumber, USER)
        third = a_mail(text="where is my order?", message_id="3@x")
        await asyncio.to_thread(dovecot.deliver, third, USER, sender=str(ANNA))
        await seen(dovecot, 3)

    assert len(await town.events()) == 2
    assert len(await town.decisions()) == 3


async def test_decided_mail_is_moved(town: Town, dovecot: Dovecot) -> None:
    """To a folder that is made where it is missing."""
    await asyncio.to_thread(dovecot.deliver, a_mail(text="unsubscribe"), USER, sender=str(ANNA))

    async with watching(town, dovecot, done_folder="Done mail"):
        for _ in range(50):
            if not await asyncio.to_thread(dovecot.fetch, USER):
                break
            await asyncio.sleep(0.1)
        moved = await asyncio.to_thread(dovecot.fetch, USER, '"Done mail"')

    assert len(moved) == 1
    assert len(await town.events()) == 1
