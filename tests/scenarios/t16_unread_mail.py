"""Anna writes in the middle of a campaign, and her mail takes too long to read: it is answered 250 all the same.

From that answer on no letter to her begins; Bob gets his. When the mail is read it is an opt-out, and she is skipped,
or it is not, and she gets her letter a little later (promises 2 and 5).
"""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from consent.model import Clearance
from consent.standing import mailable
from inbound.model import Envelope, Reading
from inbound.world import World
from kit.db import Database
from mailer import delivery
from mailer.delivery import Counts
from mailer.model import OutgoingMail
from tests.database import NOW
from tests.inbound.taking import ANNA, Town, a_mail, an_envelope, simple_read, town_on
from tests.mailer.carrying import EVERYTHING, PaperPost, a_courier, counts, letter


@dataclass
class Reader:
    """Fails on each mail until it is well."""

    is_well: bool = False

    def __call__(self, raw: bytes, *, world: World, envelope: Envelope) -> Reading:
        if not self.is_well:
            raise MemoryError
        return simple_read(raw, world=world, envelope=envelope)


@dataclass
class Bench:
    """Where letters are composed: the first waits until it may go on, so that a mail can come in between."""

    is_composing: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)

    async def prepare(self, _mailing: int) -> Callable[[Clearance], OutgoingMail]:
        def compose(clearance: Clearance) -> OutgoingMail:
            self.is_composing.set()
            self.go_on.wait(60)
            return letter(clearance)

        return compose


async def open_campaign(town: Town) -> None:
    """Send May's letter to Anna and Bob."""
    async with town.database.transaction() as session:
        await delivery.set_gate(session, town.mailing, "open")
        assert await delivery.snapshot(session, town.mailing, mailable("deals", now=NOW)) == len({town.anna, town.bob})


@pytest.mark.parametrize(
    ("words", "then"), [("unsubscribe", Counts(sent=1, skipped={"withdrawn": 1})), ("thank you", Counts(sent=2))]
)
async def test_who_wrote_what_is_not_read_yet_gets_nothing_meanwhile(
    database: Database, tmp_path: Path, words: str, then: Counts
) -> None:
    """They were cleared and claimed already when they wrote; the last look before MAIL FROM holds them back."""
    reader, bench, post, now = Reader(), Bench(), PaperPost(), [NOW]

    def clock() -> datetime:
        return now[0]

    async with (
        town_on(database, read=reader) as town,
        a_courier(database, tmp_path, post, prepare=bench.prepare, clock=clock) as courier,
    ):
        await open_campaign(town)
        chunk = asyncio.create_task(courier.send_chunk(town.mailing, *EVERYTHING))
        assert await asyncio.to_thread(bench.is_composing.wait, 60)
        taken = await town.intake.take(a_mail(text=words), an_envelope(ANNA), NOW)
        bench.go_on.set()
        await chunk
        assert (taken.text, post.sent) == ("taken; it is decided in a moment", [town.bob])
        assert await counts(database, town.mailing) == Counts(sent=1, waiting=1)

        now[0] += timedelta(seconds=31)
        await courier.send_chunk(town.mailing, *EVERYTHING)
        assert post.sent == [town.bob]

        reader.is_well = True
        assert await town.intake.take_up_deferred() == 1
        now[0] += timedelta(seconds=31)
        await courier.send_chunk(town.mailing, *EVERYTHING)

    assert await counts(database, town.mailing) == then


async def test_a_campaign_does_not_wait_for_ever_for_a_mail_to_be_read(database: Database, tmp_path: Path) -> None:
    """After the time in which letters are tried again they are skipped, and the report says why."""
    post, now = PaperPost(), [NOW]
    async with (
        town_on(database, read=Reader()) as town,
        a_courier(database, tmp_path, post, clock=lambda: now[0]) as courier,
    ):
        await open_campaign(town)
        await town.intake.take(a_mail(), an_envelope(ANNA), NOW)
        await courier.send_chunk(town.mailing, *EVERYTHING)
        now[0] += timedelta(days=7)
        await courier.send_chunk(town.mailing, *EVERYTHING)

    assert post.sent == [town.bob]
    assert await counts(database, town.mailing) == Counts(sent=1, skipped={"unread": 1})
