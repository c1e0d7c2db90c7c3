"""Rights of customers, end to end: a new address in mid-campaign, erasure and an import after it, a new policy, a file.

Real pages over HTTP, real letters through the sandbox relay, real answers by SMTP. One installation for all stories, in
any order; the slow people have a topic of their own.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from consent.record import record
from consent.tables import SubscriberRow, SuppressionRow
from kit.addresses import parse_address
from tests.scenarios.installation import Installation, Running, installed, standing_of
from tests.scenarios.kills import finished
from tests.scenarios.t13_joining import BASE, SECONDS, World, link_in, words_of

pytestmark = pytest.mark.slow

SETTINGS = {
    "WEB__BASE_URL": BASE, "WEB__REQUESTS_A_MINUTE_PER_NETWORK": "1000000", "WEB__REQUESTS_A_SECOND": "1000000",
    "MAILER__PACE__DOMAINS": '["slow.test?rate=2/s"]',
}  # fmt: skip
SLOW = [f"reader{number:02}@slow.test" for number in range(14)]


@pytest.fixture
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Installation, Running]]:
    with installed(tmp_path_factory.mktemp("rights"), SETTINGS) as here:
        yield here, here.run()


@pytest.fixture
async def world(house: tuple[Installation, Running]) -> AsyncIterator[World]:
    here, running = house
    base = f"http://127.0.0.1:{running.ports['web']}"
    async with here.database() as database, httpx.AsyncClient(base_url=base, timeout=SECONDS) as client:
        yield World(here, running, database, client)


async def account_of(world: World, address: str) -> str:
    """Ask for the link to the account page as anybody can, and return it as the owner's mailbox has it."""
    answer = await world.client.post("/account", data={"email": address})
    assert answer.status_code == 200
    return link_in(await letter_with(world, address, "Your link to your account"), "a")


async def letter_with(world: World, address: str, subject: str) -> EmailMessage:
    """Wait for a letter with a subject."""
    async with asyncio.timeout(SECONDS):
        while True:
            found = [letter for letter in world.letters(address) if letter["Subject"] == subject]
            if found:
                return found[-1]
            await asyncio.sleep(0.1)


def campaign_letters(world: World, subject: str, *addresses: str) -> list[str]:
    """Return whose mailboxes have a campaign's letter, once for each letter."""
    return [one for one in addresses for letter in world.letters(one) if letter["Subject"] == subject]


async def test_a_customer_changes_address_in_the_middle_of_a_campaign(world: World) -> None:
    """P12: what has not begun goes to the new address, once in all; the old address still speaks for the person."""
    old, new = "anna@slow.test", "anna.new@quick.test"
    await asyncio.to_thread(world.here.import_people, [*SLOW, old], topics=("courses",))
    account = await account_of(world, old)
    assert (await world.client.post(account, data={"do": "move", "new_email": new})).status_code == 200
    proof = link_in(await letter_with(world, new, "Please confirm your new e-mail address"), "n")
    told = link_in(await letter_with(world, old, "Your e-mail address with us is to change"), "o")

    campaign = await asyncio.to_thread(world.here.launch, "Mid sale", topic="courses")
    async with asyncio.timeout(SECONDS):
        while len(campaign_letters(world, "Mid sale", *SLOW)) < 2:  # noqa: ASYNC110 - the relay tells nobody
            await asyncio.sleep(0.05)
    assert campaign_letters(world, "Mid sale", old, new) == []
    assert (await world.client.get(proof)).status_code == 200  # a scanner opens it: nothing happens
    assert "from now on" in (await world.client.post(proof)).text
    await finished(world.database, campaign)

    assert sorted(campaign_letters(world, "Mid sale", *SLOW)) == SLOW
    assert campaign_letters(world, "Mid sale", old, new) == [new]
    known = await _record(world, new)
    assert known["topics"]["courses"] == "granted"
    assert [event["act"] for event in known["events"]] == ["confirm", "move"]
    assert (await world.client.get(account)).status_code == 410

    promotion = next(one for one in world.letters(new) if one["Subject"] == "Mid sale")
    await asyncio.to_thread(world.replies, promotion, old, "unsubscribe")
    receipt = await letter_with(world, new, "You are unsubscribed")
    assert (await standing_of(world.database, new)).granted() == ()
    assert receipt["To"].addresses[0].addr_spec == new
    assert "taken back" in (await world.client.post(told)).text
    assert (await _record(world, old))["topics"]["courses"] == "withdrawn"  # the way out is not undone by it


async def test_erasure_and_a_later_import_of_the_same_address(world: World) -> None:
    """GDPR 17: nothing of the person is left in any table; an import stays out; one-click is still answered 200."""
    address = "erik@gone.test"
    await asyncio.to_thread(world.here.import_people, [address])
    assert await world.gets(address, "Before erasure")
    promotion = next(one for one in world.letters(address) if one["Subject"] == "Before erasure")
    one_click = str(promotion["List-Unsubscribe"]).partition("<")[2].partition(">")[0].removeprefix(BASE)
    account = await account_of(world, address)

    page = await world.client.post(account, data={"do": "erase", "sure": "yes"})

    assert "erased" in page.text
    last = await letter_with(world, address, "Your data is erased")
    assert "last mail" in words_of(last)
    await world.until_gone("erik")
    body = {"List-Unsubscribe": "One-Click"}
    assert (await world.client.post(one_click, data=body)).status_code == 200
    number = len(world.letters(address))
    await asyncio.to_thread(world.here.import_people, [address, "Erik+x@gone.test", "neighbour@gone.test"])
    assert not await world.gets(address, "After erasure")
    assert "After erasure" in [one["Subject"] for one in world.letters("neighbour@gone.test")]
    assert len(world.letters(address)) == number
    assert await world.holds("erik") == []
    async with world.database.reading() as session:
        reasons = list(await session.scalars(sa.select(SuppressionRow.reason)))
    assert set(reasons) == {"erased"}


async def test_the_policy_changes(world: World) -> None:
    """P15: all are told, who agrees by page or by reply goes on, who is silent is paused, and leaving works as ever."""
    page, reply, silent, leaver = people = [f"{name}@policy.test" for name in ("page", "reply", "silent", "leaver")]
    await asyncio.to_thread(world.here.import_people, people, topics=("events",))
    text = world.here.folder / "policy.txt"
    text.write_text("Privacy policy\n\n1. Promotions go to whoever agreed, and twice a week.\n")
    soon = datetime.now(UTC) + timedelta(seconds=1)
    await asyncio.to_thread(
        world.here.ask, "policy", "add", text, "--version", "2030", "--effective", soon.isoformat(),
        "--asks-consent", "events",
    )  # fmt: skip
    assert "2030" in (await world.client.get("/policy")).text
    assert "<ins>" in (await world.client.get("/policy/changes")).text
    letters = {one: await letter_with(world, one, "Our privacy policy changes") for one in people}
    assert "Events" in words_of(letters[page])

    agreeing = link_in(letters[page], "y")
    assert "Yes, I agree" in (await world.client.get(agreeing)).text
    assert "goes on" in (await world.client.post(agreeing)).text
    await asyncio.to_thread(world.replies, letters[reply], reply, "Yes, I agree.")
    await asyncio.to_thread(world.replies, letters[leaver], leaver, "unsubscribe")
    await letter_with(world, leaver, "You are unsubscribed")
    campaign = await asyncio.to_thread(world.here.launch, "After the change", topic="events")
    await finished(world.database, campaign)

    assert campaign_letters(world, "After the change", *people) == [page, reply]
    assert [event["act"] for event in (await _record(world, reply))["events"]] == ["confirm", "agree"]
    assert (await world.client.post(link_in(letters[silent], "y"))).status_code == 200  # late is not too late
    assert await _gets_events(world, silent)


async def test_a_subscriber_asks_for_their_data(world: World) -> None:
    """GDPR 15 and 20: from the link in a promotion to the files, by way of the owner's own mailbox."""
    address = "dora@data.test"
    await asyncio.to_thread(world.here.import_people, [address])
    bought = world.here.folder / "bought.csv"
    bought.write_text(f"email,item,bought_on\n{address},Drill course,2026-01-09\n")
    await asyncio.to_thread(world.here.ask, "subscribers", "purchases", bought)
    assert await world.gets(address, "With a link")
    promotion = next(one for one in world.letters(address) if one["Subject"] == "With a link")
    preferences = link_in(promotion, "p")

    page = await world.client.get(preferences)
    assert "/account" in page.text
    assert (await world.client.post(f"{preferences}/account")).status_code == 200
    account = link_in(await letter_with(world, address, "Your link to your account"), "a")
    shown = (await world.client.get(account)).text
    kept = json.loads((await world.client.post(f"{account}/my-data.json")).text)
    text = (await world.client.post(f"{account}/my-data.txt")).text

    assert address in shown
    assert "Drill course" in shown
    assert "agreed to <b><bdi>Deals" in shown
    assert kept["purchases"] == [{"item": "Drill course", "bought_on": "2026-01-09"}]
    assert "With a link" in [one["subject"] for one in kept["promotions"]]
    assert "account_link" in {one["kind"] for one in kept["other_letters"]}
    assert "subject: With a link" in text


async def test_a_subscriber_allows_sharing_and_ends_it(world: World) -> None:
    """P10: from the owner's mailbox into a partner's file; after one press into none, and onto the partner's list."""
    sharer, other = "sam@share.test", "olga@share.test"
    await asyncio.to_thread(world.here.import_people, [sharer, other])
    assert await world.gets(sharer, "Before sharing")
    promotion = next(one for one in world.letters(sharer) if one["Subject"] == "Before sharing")
    to_acme = ("share", "export", "--partner", "Acme", "--topic", "deals")
    await asyncio.to_thread(world.here.byleave, *to_acme, world.here.folder / "none.csv", expect=1)

    allowed = await world.client.post(await account_of(world, sharer), data={"do": "share", "share": "yes"})
    assert "You can end it here at any time" in allowed.text
    file = world.here.folder / "acme.csv"
    made = await asyncio.to_thread(world.here.ask, *to_acme, file)
    ended = await world.client.post(link_in(promotion, "p"), data={"do": "stop_sharing"})

    assert "no partner any more" in ended.text
    assert made["people"] == 1
    assert sharer in file.read_text("utf-8")
    assert other not in file.read_text("utf-8")
    await asyncio.to_thread(world.here.byleave, *to_acme, world.here.folder / "again.csv", expect=1)
    forget = await asyncio.to_thread(world.here.ask, "share", "withdrawals", "--partner", "Acme")
    assert [one["email"] for one in forget] == [sharer]
    assert await world.gets(sharer, "After sharing")


async def test_a_reminder_comes_once_and_not_to_those_who_left(world: World) -> None:
    """P6: after the interval, with the way to the choices; the worker's next looks double nothing."""
    stays, left = "stays@remind.test", "left@remind.test"
    await asyncio.to_thread(world.here.import_people, [stays, left])
    await asyncio.to_thread(
        world.here.ask, "subscribers", "erase", left, "--reason", "a letter to customer service", "--yes"
    )
    async with world.database.transaction() as session:
        await session.execute(
            sa.update(SubscriberRow)
            .where(SubscriberRow.address.in_([stays, left]))
            .values(created_at=datetime.now(UTC) - timedelta(days=181))
        )

    reminder = await letter_with(world, stays, "Is this still the mail you want?")

    assert (await world.client.get(link_in(reminder, "p"))).status_code == 200
    assert [one["Subject"] for one in world.letters(left)] == ["Your data is erased"]
    assert len([one for one in world.letters(stays) if one["Subject"] == reminder["Subject"]]) == 1


async def _gets_events(world: World, address: str) -> bool:
    campaign = await asyncio.to_thread(world.here.launch, "Later", topic="events")
    await finished(world.database, campaign)
    return "Later" in [one["Subject"] for one in world.letters(address)]


async def _record(world: World, address: str) -> dict[str, Any]:
    async with world.database.reading() as session:
        found = await record(session, parse_address(address))
    assert found is not None
    return found
