"""People join, and children: real pages over HTTP, real letters through the sandbox relay, real answers by SMTP.

One installation for all stories. Days are not waited for: where a story needs one, the deadlines in the database are
moved back by a day, and the desk finds them so. How many submissions a bot makes: BYLEAVE_BOTS.
"""

import asyncio
import html
import os
import re
import smtplib
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

from consent.record import record
from consent.tables import SignUpRow, SubscriberRow
from kit.addresses import parse_address
from kit.db import Base, Database
from mailer.sandbox import read_store
from mailer.tables import OutboxRow
from tests.scenarios.installation import Installation, Running, installed
from tests.scenarios.kills import finished

pytestmark = pytest.mark.slow

SECONDS = 60.0
BOTS = int(os.environ.get("BYLEAVE_BOTS") or 1_000)
BOTS_SECONDS = 300.0  # on a machine that is busy with other tests; ten thousand want more
AT_ONCE = 16
SETTINGS = {
    "SIGNUP__FILL_SECONDS": "0", "SIGNUP__GUARDIAN_DELAY_HOURS": "0.001", "WEB__BASE_URL": "https://pages.test",
    "WEB__REQUESTS_A_MINUTE_PER_NETWORK": "1000000", "WEB__REQUESTS_A_SECOND": "1000000",
    "SIGNUP__SENT_AN_HOUR_PER_NETWORK": "1000000",
}  # fmt: skip
BASE = "https://pages.test"


@dataclass
class World:
    """The installation that runs, and everybody's mailbox."""

    here: Installation
    running: Running
    database: Database
    client: httpx.AsyncClient

    async def signs_up(self, address: str, age: int = 30, *, guardian: str = "") -> httpx.Response:
        """Let somebody open the page, fill it in and press the button; a child goes on to the second step."""
        page = (await self.client.get("/signup")).text
        fields = {"seal": hidden(page, "seal"), "email": address, "topic": "deals", "age": str(age)}
        answer = await self.client.post("/signup", data=fields)
        if guardian:
            names = ("seal", "email", "age", "topic", "step", "sure_email")
            fields = {name: hidden(answer.text, name) for name in names} | {"guardian": guardian}
            answer = await self.client.post("/signup", data=fields)
        assert answer.status_code == 200, answer.text
        return answer

    def letters(self, address: str) -> list[EmailMessage]:
        """Return what lies in somebody's mailbox, the oldest first."""
        store = read_store(Path(self.here.settings["VAR"]) / "sandbox")
        found = [message_from_bytes(one.content, policy=policy.SMTP) for one in store if one.rcpt_to == address]
        return [one for one in found if isinstance(one, EmailMessage)]

    async def letter(self, address: str, number: int = 1, *, seconds: float = SECONDS) -> EmailMessage:
        """Wait for the so-manieth letter to somebody."""
        async with asyncio.timeout(seconds):
            while True:
                found = self.letters(address)
                if len(found) >= number:
                    return found[number - 1]
                await asyncio.sleep(0.1)

    async def presses(self, letter: EmailMessage, mark: str, what: str, *, behind: str = "") -> str:
        """Open the link of a letter, press a button of its page, and return what it says."""
        path = link_in(letter, mark) + behind
        assert (await self.client.get(path)).status_code == 200
        answer = await self.client.post(path, data={"do": what})
        assert answer.status_code == 200
        return answer.text

    def replies(self, letter: EmailMessage, sender: str, text: str) -> None:
        """Answer a letter as a mail program does, by SMTP to our listener."""
        to, subject, named = letter["Reply-To"].addresses[0].addr_spec, letter["Subject"], letter["Message-ID"]
        quoted = "\n".join(f"> {line}" for line in words_of(letter).splitlines())
        answer = EmailMessage()
        answer["From"], answer["To"], answer["Subject"] = sender, to, f"Re: {subject}"
        answer["In-Reply-To"] = answer["References"] = str(named)
        answer["Message-ID"] = f"<{time.monotonic_ns()}@{sender.rpartition('@')[2]}>"
        answer.set_content(f"{text}\n\nOn Friday Pro Engineer Portal wrote:\n{quoted}\n")
        with smtplib.SMTP("127.0.0.1", self.running.ports["smtp"], timeout=SECONDS) as server:
            server.sendmail(sender, [str(to)], answer.as_bytes(policy=policy.SMTP))

    async def gets(self, address: str, campaign: str) -> bool:
        """Send a campaign to all who agreed, and return whether it came to somebody."""
        await finished(self.database, await asyncio.to_thread(self.here.launch, campaign))
        return campaign in [one["Subject"] for one in self.letters(address)]

    async def waiting(self, address: str) -> bool:
        """Whether a sign-up of an address waits."""
        async with self.database.reading() as session:
            wanted = sa.select(SignUpRow.id).where(SignUpRow.address == address)
            return await session.scalar(wanted) is not None

    async def passes(self, days: int) -> None:
        """Let days pass for all that waits."""
        back = timedelta(days=days)
        async with self.database.transaction() as session:
            for row in await session.scalars(sa.select(SignUpRow)):
                row.expires_at = row.expires_at - back if row.expires_at else None
                row.due_at = row.due_at - back if row.due_at else None

    async def holds(self, text: str) -> list[str]:
        """Return the tables in which a text stands anywhere."""
        async with self.database.reading() as session:
            return [
                table.name
                for table in Base.metadata.sorted_tables
                if any(text in str(value) for row in await session.execute(sa.select(table)) for value in row)
            ]

    async def until_gone(self, address: str) -> None:
        """Wait until no table holds an address any more."""
        async with asyncio.timeout(SECONDS):
            while True:
                if not await self.holds(address):
                    return
                await asyncio.sleep(0.2)


def hidden(page: str, name: str) -> str:
    """Return the value of a hidden field."""
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found is not None, name
    return html.unescape(found[1])


def link_in(letter: EmailMessage, mark: str) -> str:
    """Return the path of a link of a letter, such as that of ``/s/``."""
    found = re.search(rf"{BASE}(/{mark}/[a-z2-7]{{50}})\b", words_of(letter))
    assert found is not None
    return found[1]


def words_of(letter: EmailMessage) -> str:
    """Return the plain text of a letter."""
    body = letter.get_body(("plain",))
    assert isinstance(body, EmailMessage)
    return str(body.get_content()).replace("\r\n", "\n")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Installation, Running]]:
    with installed(tmp_path_factory.mktemp("joining"), SETTINGS) as here:
        yield here, here.run()


@pytest.fixture
async def world(house: tuple[Installation, Running]) -> AsyncIterator[World]:
    here, running = house
    base = f"http://127.0.0.1:{running.ports['web']}"
    async with here.database() as database, httpx.AsyncClient(base_url=base, timeout=SECONDS) as client:
        yield World(here, running, database, client)


async def a_week_passes(world: World) -> None:
    """Let the letters from forms be a week old."""
    async with world.database.transaction() as session:
        for row in await session.scalars(sa.select(OutboxRow)):
            row.created_at -= timedelta(days=8)


async def test_somebody_joins_and_gets_mail(world: World) -> None:
    """Form, letter, button; then the campaign. The record says what was shown."""
    await world.signs_up("jo@people.test")
    letter = await world.letter("jo@people.test")
    assert not await world.gets("jo@people.test", "Before the button")

    said = await world.presses(letter, "s", "confirm")

    assert "you will get these mails" in said
    assert await world.gets("jo@people.test", "After the button")
    async with world.database.reading() as session:
        known = await record(session, parse_address("jo@people.test"))
    assert known is not None
    asked, confirmed = known["events"]
    assert (asked["act"], confirmed["act"]) == ("subscribe", "confirm")
    assert "topics that I chose" in asked["wording"]
    assert asked["policy_version"] == "2026-11-01"


async def test_a_reply_confirms_too(world: World) -> None:
    """The word "yes", from the address."""
    await world.signs_up("ray@people.test")
    letter = await world.letter("ray@people.test")

    await asyncio.to_thread(world.replies, letter, "ray@people.test", "Yes")

    assert await world.gets("ray@people.test", "Mail for Ray")


async def test_who_is_in_already_hears_of_it(world: World) -> None:
    """The page says to them what it says to everybody."""
    first = await world.signs_up("ida@people.test")
    await world.presses(await world.letter("ida@people.test"), "s", "confirm")
    await a_week_passes(world)

    second = await world.signs_up("ida@people.test")

    assert second.content == first.content
    assert "You get it already" in words_of(await world.letter("ida@people.test", 2))


async def test_another_person_s_address(world: World) -> None:
    """The owner says "not me": all is deleted, and whoever types it again causes nothing."""
    await world.signs_up("owner@people.test")
    letter = await world.letter("owner@people.test")

    said = await world.presses(letter, "s", "not_me", behind="/no")

    assert "It is deleted" in said
    assert await world.holds("owner@people.test") == []
    await a_week_passes(world)
    await world.signs_up("Owner+x@people.test")
    await world.signs_up("other@people.test")
    await world.letter("other@people.test")  # decided after the other
    assert len(world.letters("owner@people.test")) == 1
    assert world.letters("Owner+x@people.test") == []


# -- children ---------------------------------------------------------------------------------------------------------


async def a_child_joins(world: World, child: str, guardian: str) -> EmailMessage:
    """Bring a child in, by its guardian's page; return the second letter to the guardian."""
    await world.signs_up(child, 11, guardian=guardian)
    first = await world.letter(guardian)
    assert child not in first.as_string()
    assert "once more" in await world.presses(first, "g", "agree")
    second = await world.letter(guardian, 2)
    assert child in words_of(second)
    await world.presses(await world.letter(child), "s", "confirm")
    return second


async def test_a_guardian_consents_and_withdraws_on_the_page(world: World) -> None:
    """Both letters, then the child's own button, then mail; one press, and it is over and erased."""
    second = await a_child_joins(world, "kim@kids.test", "mum@people.test")
    assert await world.gets("kim@kids.test", "Mail for Kim")

    said = await world.presses(second, "g", "withdraw")

    assert "gets no promotions" in said
    assert not await world.gets("kim@kids.test", "No mail for Kim")
    assert "withdrawn" in words_of(await world.letter("mum@people.test", 3))
    await world.until_gone("kim@kids.test")
    await world.until_gone("mum@people.test")


@pytest.mark.parametrize("which", [1, 2])
async def test_a_guardian_withdraws_by_reply_to_either_letter(world: World, which: int) -> None:
    """From whatever address the reply comes."""
    child, guardian = f"lea{which}@kids.test", f"dad{which}@people.test"
    await a_child_joins(world, child, guardian)
    assert await world.gets(child, f"Mail for Lea {which}")

    letter = await world.letter(guardian, which)
    await asyncio.to_thread(world.replies, letter, f"dad{which}@office.test", "Please withdraw my consent.")

    assert "withdrawn" in words_of(await world.letter(guardian, 3))
    assert not await world.gets(child, f"No mail for Lea {which}")
    await world.until_gone(child)


async def test_a_yes_by_mail_that_proves_nothing_is_sent_to_the_page(world: World) -> None:
    """Nothing vouches for the sender here; the child gets no mail by it."""
    await world.signs_up("max@kids.test", 9, guardian="pat@people.test")
    first = await world.letter("pat@people.test")

    await asyncio.to_thread(world.replies, first, "pat@people.test", "I agree")

    question = await world.letter("pat@people.test", 2)
    assert "can't be sure" in words_of(question)
    await asyncio.sleep(5)  # longer than the delay before a second letter
    assert world.letters("max@kids.test") == []
    await world.presses(question, "g", "agree")
    await world.letter("max@kids.test")


async def test_a_guardian_who_refuses_is_asked_no_more(world: World) -> None:
    """A reply that says no; both addresses are gone."""
    await world.signs_up("tom@kids.test", 8, guardian="una@people.test")
    first = await world.letter("una@people.test")

    await asyncio.to_thread(world.replies, first, "una@people.test", "No, I do not agree.")

    assert "withdrawn" in words_of(await world.letter("una@people.test", 2))
    for address in ("tom@kids.test", "una@people.test"):
        await world.until_gone(address)
    assert world.letters("tom@kids.test") == []


async def test_a_guardian_never_answers(world: World) -> None:
    """After fourteen days neither address is anywhere, and the child never got a mail."""
    await world.signs_up("zoe@kids.test", 10, guardian="vic@people.test")
    await world.letter("vic@people.test")
    await world.passes(13)
    await asyncio.sleep(3)
    assert await world.waiting("zoe@kids.test")

    await world.passes(1)

    for address in ("zoe@kids.test", "vic@people.test"):
        await world.until_gone(address)
    assert (world.letters("zoe@kids.test"), len(world.letters("vic@people.test"))) == ([], 1)


# -- bots -------------------------------------------------------------------------------------------------------------


@pytest.mark.timeout(2 * BOTS_SECONDS)
async def test_a_bot_submits_thousands_of_times(world: World) -> None:
    """One letter to the victim; the same bytes each time; and the one who signs up meanwhile is served.

    The limit by network is out of the way here: a botnet has many networks.
    """
    seal = hidden((await world.client.get("/signup")).text, "seal")
    spellings = ["victim@people.test", "Victim@people.test", "victim+1@people.test", "victim+deals@people.test"]
    children = [f"kid{number}@kids.test" for number in range(50)]
    answers: set[bytes] = set()
    places = iter(range(BOTS))

    async def bot() -> None:
        for place in places:
            fields = {"seal": seal, "email": spellings[place % 4], "topic": "deals", "age": "30"}
            if place % 5 == 4:
                fields |= {"email": children[place % 50], "age": "9", "guardian": "victim@people.test"}
            answer = await world.client.post("/signup", data=fields)
            assert answer.status_code in {200, 503}  # 503 where so many wait already
            if answer.status_code == 200:
                answers.add(answer.content)

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(bot())
    await world.signs_up("honest@people.test")
    await world.letter("honest@people.test", seconds=BOTS_SECONDS)  # decided after all before it

    assert len(answers) == 1
    assert sum(len(world.letters(address)) for address in (*spellings, *children)) == 1
    async with world.database.reading() as session:
        victims = sa.select(SubscriberRow.id).where(SubscriberRow.mailbox_key == "victim@people.test")
        assert await session.scalar(victims) is None
