"""The disk is full, the database is gone or locked, in the middle of a campaign; then it is over, and all goes on.

Nobody restarts anything. Meanwhile no letter begins beyond the slices in flight, and who writes is asked to come again
(4xx): fail closed for sending, fail temporary for receiving (promise 7). Afterwards nobody has two letters or none.
"""

import asyncio
import contextlib
import errno
import os
import smtplib
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fakes.recording_relay import RecordingRelay
from tests.peers.postgres import Postgres
from tests.peers.require import missing
from tests.scenarios.installation import Installation, Running, installed, standing_of, total
from tests.scenarios.kills import doubles_in, finished, letter, lost_of, resend, sent

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

PEOPLE, SLICE, JOBS = 600, 25, 2
SETTINGS = {
    "MAILER__SLICE_SIZE": str(SLICE), "MAILER__CHUNK_SIZE": "150", "WORKER__JOBS_AT_ONCE": str(JOBS),
}  # fmt: skip
PAUSE = 0.02  # of the relay before each answer, so that an outage finds a campaign under way
SETTLING_SECONDS = 10.0  # for what is in flight to be handed over
QUIET_SECONDS = 3.0
DISK = "32m"

LEAVER = "reader00000@inbox.test"  # has their letter already, and asks to leave in the middle


@dataclass
class Outage:
    """Makes trouble, and ends it."""

    begin: Callable[[], None]
    end: Callable[[], None]
    spares_database: bool = False  # then mail is taken, and letters go whose beginning can be noted


async def goes_on(here: Installation, outage: Outage, *, lasting: float = 0.0) -> None:
    """Send a campaign through an outage, with somebody who asks to leave in its middle."""
    relay_of = RecordingRelay(pause=PAUSE)
    with relay_of as relay:
        here.settings["MAILER__RELAYS"] = relay.url
        here.import_people(f"reader{number:05}@inbox.test" for number in range(PEOPLE))
        campaign = here.launch("Sale")
        running = here.run()
        await sent(relay, "Sale", PEOPLE // 10)
        outage.begin()
        begun = time.monotonic()
        try:
            code = await asyncio.to_thread(answer_to, running, LEAVER)
            await asyncio.sleep(max(SETTLING_SECONDS, lasting) - (time.monotonic() - begun))
            before = len(relay.taken("Sale"))
            await asyncio.sleep(QUIET_SECONDS)
            after = len(relay.taken("Sale"))
        finally:
            outage.end()
        is_taken = await asyncio.to_thread(resend_until_taken, running, LEAVER)
        async with here.database() as database:
            counts, taken = await finished(database, campaign), relay.taken("Sale")
            standing = await standing_of(database, LEAVER)
        assert running.stop() == 0

    if outage.spares_database:
        assert code == 250
    else:
        assert after == before < PEOPLE, "it went on sending"
        assert code in {421, 451, 452}
    assert is_taken
    assert not standing.granted()
    assert (doubles_in(taken), lost_of(counts, taken)) == (0, 0), counts
    assert total(counts) == counts["snapshot"] == PEOPLE, counts
    assert counts["unknown"] == 0, counts
    assert counts["sent"] + sum(counts["skipped"].values()) == PEOPLE, counts


def answer_to(running: Running, writer: str) -> int:
    """Send an opt-out once and return the code that it is answered with; 421 for a connection that ends."""
    try:
        with smtplib.SMTP("127.0.0.1", running.ports["smtp"], timeout=120) as server:
            server.sendmail(writer, ["promotions@proengineer.example"], letter(writer))
            return 250
    except smtplib.SMTPResponseException as refused:
        return int(refused.smtp_code)
    except smtplib.SMTPRecipientsRefused as refused:
        return next(iter(refused.recipients.values()))[0]
    except (OSError, smtplib.SMTPServerDisconnected):
        return 421


def resend_until_taken(running: Running, writer: str) -> bool:
    """Send it again as a mail server does that was asked to come again."""
    end = time.monotonic() + 90
    while time.monotonic() < end:
        with contextlib.suppress(OSError, smtplib.SMTPException):
            if resend(running, writer):
                return True
        time.sleep(0.5)
    return False


# -- the disk ---------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def a_small_disk(place: Path) -> Iterator[Path]:
    """Mount a small file system; skipped where that is not allowed."""
    place.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", place], capture_output=True, text=True, check=False
    )
    if made.returncode:
        missing(f"no file system can be mounted here: {made.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def filled(disk: Path) -> Outage:
    """Return the outage of a disk without a free octet."""
    filler = disk / "filler"

    def fill() -> None:
        with filler.open("wb", buffering=0) as file:
            for size in (1 << 16, 1):
                try:
                    while file.write(b"x" * size) == size:
                        pass
                except OSError as full:
                    assert full.errno == errno.ENOSPC  # noqa: PT017 - anything else is no full disk
                    os.fsync(file.fileno())

    return Outage(fill, filler.unlink)


async def test_a_full_disk_stops_sending_and_taking_until_there_is_room(tmp_path: Path, database_url: str) -> None:
    """SQLite's file, the journal and the log are all on it.

    With PostgreSQL elsewhere mail is still taken, and each slice that ends leaves the room of its journal to another.
    """
    with a_small_disk(tmp_path / "disk") as disk:
        is_sqlite = database_url.startswith("sqlite")
        url = f"sqlite+aiosqlite:///{disk}/byleave.db" if is_sqlite else database_url
        with installed(disk / "here", SETTINGS | {"DATABASE__URL": url}) as here:
            outage = filled(disk)
            outage.spares_database = not is_sqlite
            await goes_on(here, outage)


# -- the database -----------------------------------------------------------------------------------------------------


@pytest.mark.peer
async def test_a_database_that_is_gone_for_a_while(tmp_path: Path) -> None:
    """PostgreSQL is stopped under the engine and comes back."""
    with Postgres() as server:
        settings: Mapping[str, str] = SETTINGS | {"DATABASE__URL": server.create_database()}
        with installed(tmp_path / "here", settings) as here:
            await goes_on(here, Outage(server.crash, server.start))


async def test_a_database_that_somebody_locks_for_longer_than_we_wait(tmp_path: Path) -> None:
    """SQLite has one writer; one that never ends its transaction is an outage."""
    file = tmp_path / "byleave.db"
    with installed(tmp_path / "here", SETTINGS | {"DATABASE__URL": f"sqlite+aiosqlite:///{file}"}) as here:
        somebody = sqlite3.connect(file, isolation_level=None, timeout=30, check_same_thread=False)
        with contextlib.closing(somebody):
            outage = Outage(lambda: somebody.execute("BEGIN IMMEDIATE"), somebody.rollback)  # type: ignore[arg-type]
            await goes_on(here, outage, lasting=40.0)
