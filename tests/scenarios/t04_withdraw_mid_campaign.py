"""While a campaign runs, customers leave by reply, by one-click and through the ledger; their mail stops.

The relay remembers when each MAIL FROM came, and the customer when the answer came: both by the clock of this process.
A letter that was on the wire already may arrive, and nothing else. How many people: BYLEAVE_SILENCE_PEOPLE.
"""

import asyncio
import contextlib
import http.client
import os
import random
import smtplib
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from consent import ledger, subscribers
from consent.ledger import Source
from consent.model import Door, Proof
from kit.addresses import parse_address
from kit.db import Database
from kit.secrets import load_or_make_secrets
from mailer.tokens import Tokens
from tests.fakes.recording_relay import RecordingRelay
from tests.scenarios.installation import Installation, Running, installed, total
from tests.scenarios.kills import finished, sent

pytestmark = pytest.mark.slow

PEOPLE = int(os.environ.get("BYLEAVE_SILENCE_PEOPLE") or 2000)
PAUSE = 0.01  # between two who leave
BY_STAFF = Source(Door.STAFF, Proof.STAFF)
ON_THE_WIRE_SECONDS = (
    3.0  # for the relay's thread to read what lies in its socket, on a machine with other things to do
)
SUBJECT = "Spring sale"


@dataclass(frozen=True, slots=True)
class Left:
    """Somebody who left, by which door, and when they were told so."""

    address: str
    door: str
    answered_at: float


class Doors:
    """The three ways out. Each returns when its answer was read; then the opt-out is on disk."""

    def __init__(self, here: Installation, running: Running, database: Database, campaign: int) -> None:
        secrets = load_or_make_secrets(Path(here.settings["VAR"]) / "secrets.json")
        self._tokens = Tokens(secrets.token_keys, secrets.current_token_key)
        self._ports, self._database, self._campaign = running.ports, database, campaign

    async def by_reply(self, address: str) -> None:
        """Write "unsubscribe" to the company (250)."""
        letter = f"From: {address}\r\nSubject: Re: {SUBJECT}\r\nMessage-ID: <{address}>\r\n\r\nunsubscribe\r\n"

        def write() -> None:
            with smtplib.SMTP("127.0.0.1", self._ports["smtp"], timeout=30) as server:
                server.sendmail(address, ["promotions@proengineer.example"], letter)

        await asyncio.to_thread(write)

    async def by_one_click(self, address: str) -> None:
        """Let the mail program press its button (200). RFC 8058 3.1."""
        async with self._database.reading() as session:
            person = await subscribers.find(session, parse_address(address))
        assert person is not None
        path = self._tokens.one_click_url("", person.id, self._campaign)

        def press() -> int:
            with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self._ports["web"], timeout=30)) as client:
                form = {"Content-Type": "application/x-www-form-urlencoded"}
                client.request("POST", path, "List-Unsubscribe=One-Click", form)
                return client.getresponse().status

        assert await asyncio.to_thread(press) == 200

    async def by_the_ledger(self, address: str) -> None:
        """Withdraw in another process than the worker's, as a desk on another machine does (COMMIT)."""
        async with self._database.transaction() as session:
            person = await subscribers.find(session, parse_address(address))
            assert person is not None
            await ledger.withdraw(session, person.id, ["deals"], source=BY_STAFF, at=datetime.now(UTC))


async def test_who_leaves_while_a_campaign_runs_gets_nothing_more(tmp_path: Path, database_url: str) -> None:
    """Promise 2: no MAIL FROM for a person starts after the 250, the 200 or the commit."""
    with RecordingRelay() as relay, contextlib.ExitStack() as stack:
        settings = {"MAILER__RELAYS": relay.url, "DATABASE__URL": database_url}
        here = stack.enter_context(installed(tmp_path / "here", settings))
        here.import_people(f"reader{number:05}@inbox.test" for number in range(PEOPLE))
        running = here.run()
        async with here.database() as database:
            campaign = here.launch(SUBJECT)
            doors = Doors(here, running, database, campaign)
            await sent(relay, SUBJECT, PEOPLE // 50)
            left = await leave(relay, doors)
            counts = await finished(database, campaign)
            second = here.launch("Second sale")
            again = await finished(database, second)
        assert running.stop() == 0

    begun = {letter.rcpt_to: letter.begun_at for letter in relay.record.begun if letter.subject == SUBJECT}
    late = {one: begun[one.address] - one.answered_at for one in left if begun.get(one.address, 0) > one.answered_at}
    stopped = [one for one in left if one.address not in begun]
    print(
        f"{PEOPLE} people, {len(left)} left while {counts['sent']} letters went out: {len(stopped)} letters stopped, "
        f"{len(left) - len(stopped) - len(late)} had come before, {len(late)} came after the answer "
        f"{sorted((one.door, round(lag * 1000, 1)) for one, lag in late.items())} (door, ms)"
    )
    assert Counter(one.door for one in stopped).keys() == {"by_reply", "by_one_click", "by_the_ledger"}
    # reply and one-click are heard in the worker's own process, before the answer; one may have been on the wire
    heard_here = [one for one in late if one.door != "by_the_ledger"]
    assert len(heard_here) <= max(1, len(left) // 50), heard_here
    assert len(late) <= len(left) // 5, late
    assert all(lag < ON_THE_WIRE_SECONDS for lag in late.values()), late
    assert total(counts) == counts["snapshot"] == PEOPLE
    assert counts["unknown"] == counts["waiting"] == counts["failed"] == 0
    assert sum(counts["skipped"].values()) == len(stopped)
    assert sorted(relay.taken(SUBJECT)) == sorted(begun)
    assert again["snapshot"] == again["sent"] == PEOPLE - len(left)
    assert not {one.address for one in left} & set(relay.taken("Second sale"))


async def leave(relay: RecordingRelay, doors: Doors) -> list[Left]:
    """Let people leave by all doors at the same time until nearly everybody has the letter."""
    left: list[Left] = []
    asked: set[str] = set()
    ways = (doors.by_reply, doors.by_one_click, doors.by_the_ledger)
    async with asyncio.TaskGroup() as group:
        for number, way in enumerate(ways):
            group.create_task(_leave_by(way, relay, left, asked, random.Random(number)))
    return left


async def _leave_by(
    way: Callable[[str], Awaitable[None]],
    relay: RecordingRelay,
    left: list[Left],
    asked: set[str],
    rng: random.Random,
) -> None:
    """Let one after the other leave by one door: half of them next in line, half anywhere."""
    while len(relay.record.begun) + len(asked) < PEOPLE * 0.95:
        last = int(relay.record.taken[-1].rcpt_to[6:11])
        place = last + rng.randrange(1, 120) if rng.random() < 0.5 else rng.randrange(PEOPLE)
        address = f"reader{place:05}@inbox.test"
        await asyncio.sleep(PAUSE)
        if place >= PEOPLE or address in asked or address in relay.record.reached:
            continue
        asked.add(address)
        await way(address)
        left.append(Left(address, way.__name__, time.monotonic()))
