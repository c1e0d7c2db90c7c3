"""What is killed, who writes meanwhile, and what went wrong: shared by the scenarios and by ``bench/crash.py``."""

import asyncio
import random
import smtplib
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from campaigns.reports import status
from kit.db import Database
from tests.fakes.recording_relay import RecordingRelay
from tests.scenarios.installation import CAMPAIGN_SECONDS, Installation, Running, standing_of

AT_ONCE = 4  # customers in flight
EACH = 3  # letters one after the other on each connection
WORDS = ("unsubscribe", "Please take me off your list.", "unsubscribe all", "Bitte nehmen Sie mich aus dem Verteiler.")


@dataclass
class Told:
    """What the customers of one round were told."""

    acknowledged: list[str] = field(default_factory=list)
    unanswered: list[str] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def note(self, writer: str) -> None:
        """A customer has read the 250."""
        with self.changed:
            self.acknowledged.append(writer)
            self.changed.notify_all()


def play(listener: Running, writers: list[str], rng: random.Random) -> Told:
    """Let the customers write, and kill the listener in the middle."""
    told = Told()
    queues = [writers[place::AT_ONCE] for place in range(AT_ONCE)]
    answers = rng.randrange(len(writers))  # how many 250s are awaited; none is a moment before the first
    delay = 0.0 if answers and rng.random() < 0.6 else rng.uniform(0, 0.1)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for queue in queues:
            pool.submit(_write, listener.ports["smtp"], queue, told)
        with told.changed:
            told.changed.wait_for(lambda: len(told.acknowledged) >= answers, timeout=60)
        time.sleep(delay)
        listener.kill()
    told.unanswered = [writer for writer in writers if writer not in set(told.acknowledged)]
    return told


def _write(port: int, writers: list[str], told: Told) -> None:
    try:
        with smtplib.SMTP("127.0.0.1", port, timeout=30) as server:
            for writer in writers:
                server.sendmail(writer, ["promotions@proengineer.example"], letter(writer))
                told.note(writer)
    except (OSError, smtplib.SMTPException):
        return  # it was killed; what was not answered may be lost


def resend(listener: Running, writer: str) -> bool:
    """Send a letter once more, as a mail server does that had no answer; return whether it was taken."""
    with smtplib.SMTP("127.0.0.1", listener.ports["smtp"], timeout=30) as server:
        return not server.sendmail(writer, ["promotions@proengineer.example"], letter(writer))


def letter(writer: str) -> bytes:
    """Return what a customer writes; the same bytes each time."""
    words = WORDS[sum(writer.encode()) % len(WORDS)]
    return (
        f"From: <{writer}>\r\nTo: promotions@proengineer.example\r\nSubject: Re: Spring sale\r\n"
        f"Date: Sun, 22 Nov 2026 21:34:14 +0000\r\nMessage-ID: <{writer}>\r\n\r\n{words}\r\n"
    ).encode()


async def still_in(here: Installation, addresses: list[str]) -> list[str]:
    """Return those whose consent still stands, as a second connection reads it."""
    async with here.database() as database:
        return [address for address in addresses if (await standing_of(database, address)).granted()]


def doubles_in(taken: Sequence[str]) -> int:
    """Return how many letters of one campaign came to somebody who had theirs already."""
    return sum(number - 1 for number in Counter(taken).values())


def lost_of(counts: dict[str, Any], taken: Sequence[str]) -> int:
    """Return how many people are said to have a letter that the relay never took, or wait for it at the end."""
    return max(0, int(counts["sent"]) - len(set(taken))) + int(counts["waiting"])


async def sent(relay: RecordingRelay, subject: str, number: int) -> None:
    """Wait until the relay has so many letters of a campaign."""
    async with asyncio.timeout(CAMPAIGN_SECONDS):
        while len(relay.taken(subject)) < number:  # noqa: ASYNC110 - the relay lives in a thread
            await asyncio.sleep(0.02)


async def finished(database: Database, campaign: int) -> dict[str, Any]:
    """Wait for the end of a campaign and return its numbers."""
    counts: dict[str, Any] | None = None
    try:
        async with asyncio.timeout(CAMPAIGN_SECONDS):
            while True:
                async with database.reading() as session:
                    counts = await status(session, campaign)
                if counts is not None and counts["state"] == "finished":
                    return counts
                await asyncio.sleep(0.05)
    except TimeoutError as late:
        late.add_note(f"the campaign stands at {counts}")
        raise
