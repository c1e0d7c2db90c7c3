"""The watched mailbox: nothing missed, nothing doubled, marked only after the commit."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import datetime

import pytest

from inbound.imap import Mailbox, Pace
from inbound.intake import LATER, Taken
from inbound.model import Channel, Envelope
from kit.config_inbound import ImapSettings, InboundSettings
from kit.errors import InvalidSettings
from tests.database import NOW
from tests.fakes.imap_server import Box, FakeImap
from tests.inbound.taking import ANNA, BOB, Town, a_mail, an_envelope

QUICK = Pace(command=0.5, first_pause=0.05, longest_pause=0.1, poll=0.05)


@contextlib.asynccontextmanager
async def watching(town: Town, port: int, take: object = None, **settings: object) -> AsyncIterator[Mailbox]:
    """Watch the mailbox of a fake server."""
    chosen = {
        "enabled": True, "host": "127.0.0.1", "port": port, "tls": "none", "user": "us", "password": "pw", **settings,
    }  # fmt: skip
    mailbox = Mailbox(
        ImapSettings.model_validate(chosen), InboundSettings(max_bytes=65_536), database=town.database,
        take=take or town.intake.take, clock=lambda: NOW, pace=QUICK,  # type: ignore[arg-type]  # a fake
    )  # fmt: skip
    task = asyncio.create_task(mailbox.run())
    try:
        yield mailbox
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds, for five seconds at most."""
    for _ in range(500):
        if holds():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came true")


async def test_what_lies_there_and_what_comes_is_decided_and_marked(town: Town) -> None:
    """Catch up, then IDLE: the second mail is taken when EXISTS comes."""
    box = Box()
    box.add(a_mail(text="unsubscribe"))
    async with FakeImap(box) as server, watching(town, server.port) as mailbox:
        await mailbox.ready.wait()
        assert [event[0] for event in await town.events(town.anna)] == ["withdraw_all"]
        await until(lambda: bool(box._idlers))
        box.add(a_mail(sender=BOB, text="unsubscribe", message_id="2@x"))
        await until(lambda: box.flags.get(2) == {"\\Seen"})

    assert [event[0] for event in await town.events(town.bob)] == ["withdraw_all"]
    assert box.flags[1] == {"\\Seen"}
    assert not [line for line in box.log if "BODY[" in line]  # BODY.PEEK only: fetching sets no flag
    assert box.log.index("DONE") > box.log.index("IDLE")


async def test_a_mail_told_of_during_a_command_is_not_missed(town: Town) -> None:
    """EXISTS within the answer to SEARCH comes only once; IDLE would not repeat it."""
    box = Box(exists_during_search=a_mail(text="unsubscribe"))
    async with FakeImap(box) as server, watching(town, server.port):
        await until(lambda: 1 in box.flags)

    assert len(await town.events()) == 1


async def test_a_restart_goes_on_where_it_was(town: Town) -> None:
    """The cursor is kept; ``n:*`` always names the last mail, and it is not fetched again."""
    box = Box()
    box.add(a_mail(text="unsubscribe"))
    async with FakeImap(box) as server:
        async with watching(town, server.port) as mailbox:
            await mailbox.ready.wait()
        box.log.clear()
        async with watching(town, server.port) as mailbox:
            await mailbox.ready.wait()

    assert not [line for line in box.log if "FETCH" in line]


async def test_a_new_uidvalidity_means_all_is_read_again_and_nothing_counts_twice(town: Town) -> None:
    """Fault 41: the mailbox was restored under other numbers."""
    box = Box()
    box.add(a_mail(text="unsubscribe"))
    async with FakeImap(box) as server:
        async with watching(town, server.port) as mailbox:
            await mailbox.ready.wait()
        box.validity, box.mails = 101, {1: a_mail(sender=BOB, text="unsubscribe", message_id="2@x"), 2: box.mails[1]}
        async with watching(town, server.port) as mailbox:
            await mailbox.ready.wait()

    assert len(await town.events(town.anna)) == len(await town.events(town.bob)) == 1
    assert len(await town.decisions()) == 2


async def test_decided_mail_is_moved_where_that_is_wished(town: Town) -> None:
    """MOVE where the server has it."""
    box = Box()
    box.add(a_mail(text="unsubscribe"))
    async with FakeImap(box) as server, watching(town, server.port, done_folder="Done mail") as mailbox:
        await mailbox.ready.wait()

    assert box.moved == {"Done mail": [1]}
    assert box.mails == {}


async def test_decided_mail_is_copied_and_deleted_without_move(town: Town) -> None:
    """RFC 6851 is not everywhere; UID EXPUNGE removes this mail and no other's."""
    box = Box(capabilities="IMAP4rev1 IDLE UIDPLUS")
    box.add(a_mail(text="unsubscribe"))
    async with FakeImap(box) as server, watching(town, server.port, done_folder="Done") as mailbox:
        await mailbox.ready.wait()

    assert (box.moved, box.flags[1]) == ({"Done": [1]}, {"\\Seen", "\\Deleted"})
    assert "UID EXPUNGE 1" in box.log


async def test_nothing_is_marked_before_it_is_decided(town: Town) -> None:
    """imap-1: trouble of ours leaves the mail as it was; it is tried again until it is decided."""
    box = Box()
    box.add(a_mail(text="unsubscribe"))
    answers = [LATER, LATER]

    async def take(raw: bytes, envelope: Envelope, at: datetime) -> Taken:
        assert not box.flags
        return answers.pop() if answers else await town.intake.take(raw, envelope, at)

    async with FakeImap(box) as server, watching(town, server.port, take):
        await until(lambda: 1 in box.flags)

    assert box.connections == 3
    assert len(await town.events()) == 1


async def test_a_lost_connection_is_made_anew_and_catches_up(town: Town) -> None:
    """The server goes away in mid-IDLE and a mail comes meanwhile."""
    box = Box()
    async with FakeImap(box) as server, watching(town, server.port) as mailbox:
        await mailbox.ready.wait()
        await until(lambda: bool(box._idlers))
        server.cut()
        box.mails[1] = a_mail(text="unsubscribe")
        await until(lambda: 1 in box.flags)

    assert box.connections == 2


async def test_a_half_open_connection_is_noticed(town: Town) -> None:
    """Fault 40: the server answers nothing any more; after the next DONE without an answer we connect anew."""
    box = Box()
    async with FakeImap(box) as server, watching(town, server.port, idle_seconds=1.0) as mailbox:
        await mailbox.ready.wait()
        await until(lambda: bool(box._idlers))
        box.is_silent = True
        box.mails[1] = a_mail(text="unsubscribe")
        await until(lambda: len(box.log) > 5 and box.log[-1].startswith("UID SEARCH"))
        box.is_silent = False
        await until(lambda: 1 in box.flags)

    assert box.connections >= 2


async def test_a_server_without_idle_is_asked_from_time_to_time(town: Town) -> None:
    """2177-3."""
    box = Box(capabilities="IMAP4rev1")
    async with FakeImap(box) as server, watching(town, server.port) as mailbox:
        await mailbox.ready.wait()
        box.mails[1] = a_mail(text="unsubscribe")
        await until(lambda: 1 in box.flags)

    assert "IDLE" not in box.log


async def test_an_enormous_mail_is_decided_by_its_beginning_and_left_alone(town: Town) -> None:
    """Memory is bounded; the mail stays unseen in the mailbox for a person."""
    box = Box()
    box.add(a_mail(text="unsubscribe\r\n> " + "x" * 100_000))
    async with FakeImap(box) as server, watching(town, server.port) as mailbox:
        await mailbox.ready.wait()

    assert len(await town.events()) == 1
    assert box.flags == {}


async def test_the_return_path_tells_of_the_null_sender(town: Town) -> None:
    """A bounce in a mailbox is known by its Return-Path; without one the author stands for the sender."""
    seen: list[Envelope] = []

    async def take(raw: bytes, envelope: Envelope, at: datetime) -> Taken:
        seen.append(envelope)
        return Taken(250, "2.0.0", "ok")

    box = Box()
    box.add(b"Return-Path: <>\r\n" + a_mail())
    box.add(b"Return-Path: <b-x@bounce.shop.example>\r\n" + a_mail())
    box.add(a_mail())
    async with FakeImap(box) as server, watching(town, server.port, take) as mailbox:
        await mailbox.ready.wait()

    assert [envelope.mail_from for envelope in seen] == ["", "b-x@bounce.shop.example", str(ANNA)]
    assert {envelope.channel for envelope in seen} == {Channel.IMAP}


async def test_smtp_and_imap_bring_the_same_mail_once(town: Town) -> None:
    """Fault 42: one event, one receipt, however it came."""
    raw = a_mail(text="unsubscribe")
    await town.intake.take(b"Received: from a by b; c\r\n" + raw, an_envelope(), NOW)
    box = Box()
    box.add(b"Return-Path: <x@y.example>\r\nDelivered-To: us\r\n" + raw)
    async with FakeImap(box) as server, watching(town, server.port) as mailbox:
        await mailbox.ready.wait()

    assert box.flags[1] == {"\\Seen"}
    assert len(await town.events()) == len(await town.outbox()) == 1


@pytest.mark.parametrize("name", ["user", "password", "folder", "done_folder", "host"])
def test_no_line_end_gets_into_a_command(name: str) -> None:
    """A30: settings with control characters are refused at the start."""
    chosen = {"host": "127.0.0.1", "user": "us", "tls": "none", name: "x\r\nA1 DELETE INBOX"}

    with pytest.raises(InvalidSettings):
        Mailbox(ImapSettings.model_validate(chosen), InboundSettings(), database=None, take=None)  # type: ignore[arg-type]  # never used


def test_a_password_in_clear_stays_on_this_machine() -> None:
    """TLS is verified, or the server is on loopback."""
    settings = ImapSettings(host="imap.example", user="us", tls="none")

    with pytest.raises(InvalidSettings):
        Mailbox(settings, InboundSettings(), database=None, take=None)  # type: ignore[arg-type]  # never used
