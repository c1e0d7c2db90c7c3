"""The listener is killed (SIGKILL) while customers write; every opt-out that was answered 250 is on disk.

Each round some customers ask to leave at the same time, over connections of their own, and the process dies at a random
moment, or right after one of them has read the 250. It is started again, and what is in the database is compared with
what the customers were told. Rounds: BYLEAVE_KILL_ROUNDS; figures of a long run go to standard output.
"""

import os
import random
import smtplib
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.scenarios.installation import Installation, Running, installed, standing_of

pytestmark = pytest.mark.slow

ROUNDS = int(os.environ.get("BYLEAVE_KILL_ROUNDS") or (25 if os.environ.get("CI") else 5))
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


async def test_no_acknowledged_opt_out_is_lost_when_the_listener_is_killed(tmp_path: Path, database_url: str) -> None:
    """Promise 1: a 250 that was read means that the opt-out is on disk. What was not answered may be there."""
    people = [f"leaver{number:05}@inbox.test" for number in range(ROUNDS * AT_ONCE * EACH)]
    rng = random.Random(os.environ.get("BYLEAVE_KILL_SEED"))
    acknowledged: list[str] = []
    unanswered: list[str] = []
    with installed(tmp_path / "here", {"DATABASE__URL": database_url}) as here:
        here.import_people([*people, "stays@inbox.test"])
        listener = here.run("listener")
        for number in range(ROUNDS):
            writers = people[number * AT_ONCE * EACH : (number + 1) * AT_ONCE * EACH]
            told = play(listener, writers, rng)
            listener = here.run("listener")
            acknowledged += told.acknowledged
            unanswered += told.unanswered
            assert await still_in(here, told.acknowledged) == [], f"round {number}"
        assert await still_in(here, acknowledged) == []
        assert await still_in(here, ["stays@inbox.test"]) == ["stays@inbox.test"]
        kept = len(unanswered) - len(await still_in(here, unanswered))
        assert all(resend(listener, writer) for writer in unanswered[-5:])
        assert await still_in(here, unanswered[-5:]) == []

    assert acknowledged
    print(
        f"{ROUNDS} kills: {len(acknowledged)} acknowledged, 0 lost; {len(unanswered)} unanswered, {kept} of them kept"
    )


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
