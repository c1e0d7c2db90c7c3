"""A courier over a real database with a post made of paper: what a test needs to carry letters without a network."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from consent.hearing import Hearing
from consent.model import Clearance
from kit.db import Database
from mailer import delivery
from mailer.courier import Courier
from mailer.delivery import Counts
from mailer.journal import Journal
from mailer.model import OutgoingMail
from mailer.relays import Result, Sent, Withheld
from mailer.written import Ready
from tests.database import NOW

EVERYTHING = (0, 1 << 40)


@dataclass
class PaperPost:
    """Remembers what was sent; answers as it was told to."""

    answer: Callable[[Ready], Result] = lambda _: Sent(250, "2.0.0 ok")
    before: Callable[[Ready], None] = lambda _: None
    first: Callable[[list[Ready]], Awaitable[None]] | None = None  # with a slice that is written, before any is sent
    outage: str | None = None
    pause: float = 0.0
    sent: list[int] = field(default_factory=list)
    withheld: list[int] = field(default_factory=list)

    async def send_many(
        self,
        mails: Iterable[Ready],
        may_start: Callable[[Ready], bool],
        on_result: Callable[[Ready, Result, str], None],
    ) -> None:
        mails = list(mails)
        if self.first is not None:
            await self.first(mails)
        for mail in mails:
            self.before(mail)
            person = mail.clearance.subscriber
            if not may_start(mail):
                self.withheld.append(person)
                on_result(mail, Withheld(), "")
                continue
            self.sent.append(person)
            if self.pause:
                await asyncio.sleep(self.pause)
            on_result(mail, self.answer(mail), "paper")


def letter(clearance: Clearance) -> OutgoingMail:
    """Compose the shortest letter there is."""
    return OutgoingMail("b@bounce.example", clearance.address, "<m@example>", b"Subject: s\r\n\r\nx\r\n")


async def prepare(_mailing_id: int) -> Callable[[Clearance], OutgoingMail]:
    """Compile nothing."""
    return letter


@contextlib.asynccontextmanager
async def a_courier(
    database: Database, folder: Path, post: PaperPost, *, worker: str = "w1", **options: Any
) -> AsyncIterator[Courier]:
    """Run a courier until the end of the block."""
    settings: dict[str, Any] = {"lease": lambda: 1, "clock": lambda: NOW, "slice_size": 10} | options
    prepare_ = settings.pop("prepare", prepare)
    settings.setdefault("deaf_seconds", 60.0)  # a busy machine may stall a test for longer than the usual second
    courier = Courier(database, post, prepare_, hearing=Hearing(), journal=Journal(folder, worker), **settings)
    listening = asyncio.create_task(courier.run())
    try:
        yield courier
    finally:
        listening.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await listening
        courier.close()


async def counts(database: Database, mailing: int) -> Counts:
    """Return the sums of a mailing."""
    async with database.reading() as session:
        return await delivery.count(session, mailing)
