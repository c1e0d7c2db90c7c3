"""What sign-ups lead to: one letter to a mailbox, a confirmation from the address, two letters to a guardian."""

import asyncio
from datetime import timedelta

import pytest
import sqlalchemy as sa

from consent import ledger
from consent.ledger import Done, Source
from consent.model import Door, Proof
from consent.record import record
from consent.tables import NotMeRow
from kit.addresses import parse_address
from mailer.invitations import Invitations
from tests.database import NOW, SECRETS
from tests.mailer.reception import DAY, HOUR, PAGE, RULES, SECOND, WORDING, Desk


async def test_nobody_is_a_subscriber_before_confirming(desk: Desk) -> None:
    """Double opt-in: one letter, and nothing of it among people or in the ledger (P3)."""
    await desk.signs_up("jo@example.org")

    assert await desk.looks() == [("sign_up", "jo@example.org")]
    assert (await desk.people(), await desk.acts()) == (0, [])


async def test_confirmed_from_the_address_the_consent_says_what_was_shown(desk: Desk) -> None:
    """Wording, policy version, language, door and time as they were (P3); the sign-up itself is gone."""
    await desk.signs_up("Jo@example.org", "deals", "events")
    await desk.looks()
    desk.now += HOUR

    assert isinstance(await desk.confirms(), Done)

    assert await desk.mailable() == ["Jo@example.org"]
    assert await desk.waiting() == []
    async with desk.database.reading() as session:
        known = await record(session, parse_address("jo@example.org"))
    assert known is not None
    asked, confirmed = known["events"]
    assert (asked["act"], asked["at"], asked["door"], asked["proof"]) == ("subscribe", NOW.isoformat(), "page", "none")
    assert (asked["wording"], asked["policy_version"]) == (WORDING, "2026-11-01")
    assert asked["evidence"] == {"form": "page", "language": "en", "shown": (NOW - SECOND).isoformat()}
    assert (confirmed["act"], confirmed["proof"], confirmed["at"]) == ("confirm", "token", desk.now.isoformat())
    assert known["age"] == "over_13"


async def test_a_confirmation_counts_once_and_in_time(desk: Desk) -> None:
    """A second press, a wrong number and a late one change nothing."""
    await desk.signs_up("jo@example.org")
    await desk.looks()
    (row,) = await desk.waiting()
    async with desk.database.transaction() as session:
        assert await desk.invitations.confirm(session, row.id, row.nonce + 1, source=PAGE, at=desk.now) is None
        assert await desk.invitations.confirm(session, row.id, row.nonce, source=PAGE, at=desk.now + 7 * DAY) is None

    await desk.confirms()
    async with desk.database.transaction() as session:
        assert await desk.invitations.confirm(session, row.id, row.nonce, source=PAGE, at=desk.now) is None

    assert await desk.acts() == ["subscribe", "confirm"]


async def test_who_leaves_after_asking_has_left(desk: Desk) -> None:
    """An opt-out between asking and confirming stands (promise 6)."""
    person = await desk.knows("jo@example.org", "events")
    await desk.signs_up("jo@example.org")
    await desk.looks()
    async with desk.database.transaction() as session:
        await ledger.withdraw_all(session, person, source=PAGE, at=desk.now + HOUR)
    desk.now += 2 * HOUR

    assert not isinstance(await desk.confirms(), Done)

    assert await desk.mailable() == []


@pytest.mark.parametrize(
    "spellings",
    [["jo@example.org"] * 3, ["jo@example.org", "jo+1@example.org", "JO+2@example.org"],
     ["j.o@gmail.com", "jo@googlemail.com", "jo+x@gmail.com"]],
    ids=["same", "plus", "google"],
)  # fmt: skip
async def test_a_mailbox_gets_one_letter_however_it_is_spelt(desk: Desk, spellings: list[str]) -> None:
    """List bombing (A14): one in seven days; then, asked for anew, another."""
    for address in spellings:
        await desk.signs_up(address)
    assert await desk.looks() == [("sign_up", spellings[0])]
    desk.now += HOUR
    await desk.signs_up(spellings[1])

    assert await desk.looks() == []
    assert len(await desk.waiting()) == 1  # nothing waits for the week to be over
    desk.now += 7 * DAY
    await desk.forgets()
    await desk.signs_up(spellings[1])
    assert await desk.looks() == [("sign_up", spellings[1])]


async def test_a_victim_gets_one_letter_whatever_they_are_said_to_be(desk: Desk) -> None:
    """As the address, as a guardian, and once more."""
    await desk.signs_up("kid@example.org", guardian="victim@example.org")
    await desk.signs_up("victim@example.org")
    await desk.signs_up("kim@example.org", guardian="victim+1@example.org")

    assert await desk.looks() == [("guardian_request", "victim@example.org")]


async def test_two_desks_write_one_letter(desk: Desk) -> None:
    """Workers on two machines look at the same moment."""
    for number in range(20):
        await desk.signs_up(f"victim+{number}@example.org")
    other = Desk(desk.database, desk.invitations)

    await asyncio.gather(desk.looks(), other.looks(), desk.looks())

    assert [row.kind for row in await desk.letters()] == ["sign_up"]
    assert len(await desk.waiting()) == 1


async def test_who_is_in_already_is_told_so_once(desk: Desk) -> None:
    """The page said what it says to everybody."""
    await desk.knows("jo@example.org", "deals")
    await desk.signs_up("jo@example.org")
    await desk.signs_up("jo@example.org")

    assert await desk.looks() == [("already_in", "jo@example.org")]
    assert await desk.waiting() == []


async def test_a_further_topic_is_confirmed_like_the_first(desk: Desk) -> None:
    """Being known proves nothing about who typed."""
    await desk.knows("jo@example.org", "events")
    await desk.signs_up("jo@example.org", "deals", "events")

    assert await desk.looks() == [("sign_up", "jo@example.org")]


async def test_not_me_deletes_and_is_remembered(desk: Desk) -> None:
    """Somebody typed another's address: no further letter for a year, and of the address a keyed hash alone is kept."""
    await desk.signs_up("jo@example.org")
    await desk.looks()

    assert await desk.not_me()

    assert (await desk.waiting(), await desk.people()) == ([], 0)
    desk.now += 300 * DAY
    await desk.signs_up("jo+again@example.org")
    assert (await desk.looks(), await desk.waiting()) == ([], [])
    async with desk.database.reading() as session:
        (kept,) = await session.scalars(sa.select(NotMeRow.mailbox_hash))
    assert kept == SECRETS.mailbox_hash(parse_address("jo@example.org"))
    desk.now += 66 * DAY
    await desk.forgets()
    await desk.signs_up("jo@example.org")
    assert await desk.looks() == [("sign_up", "jo@example.org")]


async def test_a_letter_of_a_sign_up_that_is_gone_is_called_back(desk: Desk) -> None:
    """Where the relays were away for a week, nobody is asked about what is deleted."""
    await desk.signs_up("jo@example.org")
    await desk.looks()
    desk.now += 7 * DAY

    assert await desk.forgets() == 1

    (letter,) = await desk.letters()
    assert (letter.state, letter.address, letter.details) == ("failed", "", {})


@pytest.mark.parametrize(("reason", "asked"), [("complaint", True), ("hard bounce", True), ("by law", False)])
async def test_only_the_person_reverses_a_suppression(desk: Desk, reason: str, asked: bool) -> None:
    """By confirming from that address; what staff closed for another reason stays closed."""
    person = await desk.knows("jo@example.org", "deals")
    async with desk.database.transaction() as session:
        await ledger.suppress(session, person, reason=reason, source=Source(Door.STAFF, Proof.STAFF), at=desk.now)
    await desk.signs_up("jo@example.org")

    assert await desk.looks() == ([("sign_up", "jo@example.org")] if asked else [])
    assert await desk.mailable() == []
    if asked:
        await desk.confirms()
        assert await desk.mailable() == ["jo@example.org"]


async def test_all_mailboxes_together_get_so_many_letters_an_hour(desk: Desk) -> None:
    """A botnet that types many addresses makes us no spammer; who came late waits for the next hour."""
    desk.invitations = Invitations(SECRETS, RULES, timedelta(days=7), 3)
    for number in range(5):
        await desk.signs_up(f"p{number}@example.org")

    assert len(await desk.looks()) == 3
    desk.now += HOUR + timedelta(minutes=10)
    assert len(await desk.looks()) == 2


async def test_so_many_sign_ups_wait_and_no_more(desk: Desk) -> None:
    """Bounds what a botnet can make us keep."""
    taken = [await desk.signs_up(f"p{number}@example.org") for number in range(101)]

    assert (taken.count(True), taken[-1]) == (100, False)
