"""Reading, deciding and answering joined: mails as people write them, by the real reader."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from inbound.readers import ThreadReaders
from inbound.reading import read
from kit.db import Database
from mailer.tokens import Purpose
from tests.database import NOW
from tests.inbound.taking import ANNA, TOKENS, Town, a_mail, an_envelope, town_on

QUOTED = "\r\n\r\nOn Fri, 20 Nov 2026 at 12:00, Shop <promotions@shop.example> wrote:\r\n> "


@pytest.fixture
async def town(database: Database) -> AsyncIterator[Town]:
    async with town_on(database) as made:
        made.intake._readers = ThreadReaders(read)
        yield made


async def say(town: Town, text: str, *, to: str = "", answers: str = "", subject: str = "Re: May sale") -> list[str]:
    """Let Anna write; return what was done."""
    to = to or town.reply_address(town.anna)
    number = len(await town.decisions())
    at = NOW + timedelta(minutes=number)
    headers = {"In_Reply_To": answers} if answers else {}
    mail = a_mail(to=to, subject=subject, text=text, message_id=f"{number}@example.org", **headers)
    assert (await town.intake.take(mail, an_envelope(ANNA, to), at)).code == 250
    return (await town.decisions())[-1].actions


def service_letter(town: Town, place: int) -> str:
    """Return the Message-ID of a service letter to Anna; the place is that of its kind in mailer.letters.KINDS."""
    return f"<m.{TOKENS.make(Purpose.MESSAGE, town.anna, town.mailing, (place << 28) + 1)}@shop.example>"


@pytest.mark.parametrize(
    ("text", "done"),
    [
        ("Please unsubscribe me.", "withdraw all"),
        ("unsubscribe deals", "withdraw deals"),
        ("unsubscribe May sale", "withdraw deals"),
        ("Bitte melden Sie mich ab.", "withdraw all"),
    ],
)
async def test_people_leave_in_their_own_words(town: Town, text: str, done: str) -> None:
    """What they typed counts, our own text below it doesn't."""
    assert (await say(town, f"{text}{QUOTED}unsubscribe here or buy"))[0] == done


async def test_a_question_is_read_by_a_person(town: Town) -> None:
    """Our own footer in the quote is no wish."""
    assert await say(town, f"When will my order arrive?{QUOTED}To unsubscribe, reply with unsubscribe") == ["handed on"]


async def test_the_button_with_an_empty_body(town: Town) -> None:
    """The mailto of List-Unsubscribe."""
    assert await say(town, "", subject="unsubscribe") == ["withdraw all", "receipt"]
    assert (await town.events())[0][2] == "mailto"


@pytest.mark.parametrize("text", ["1", "1.", "1 - stop all promotions", f"1{QUOTED}Shall we stop? 1 or 2"])
async def test_the_number_of_a_choice(town: Town, text: str) -> None:
    """An answer to the question, with or without the question below it."""
    address = town.reply_address(town.anna)
    friend = a_mail(sender="friend@x.example", to=address, text="Please unsubscribe me.", message_id="f@x")
    await town.intake.take(friend, an_envelope("friend@x.example", address), NOW)

    assert (await say(town, text, answers=service_letter(town, 3)))[0] == "withdraw all"


@pytest.mark.parametrize("text", ["undo", "Undo please", f"UNDO{QUOTED}Done: we no longer send you promotions."])
async def test_undo_by_reply(town: Town, text: str) -> None:
    """An answer to the receipt."""
    await say(town, "unsubscribe deals")

    assert await say(town, text, answers=service_letter(town, 1)) == ["undo"]
    assert [event[0] for event in await town.events()] == ["withdraw", "subscribe", "confirm"]


@pytest.mark.parametrize("text", ["yes", "Ja", f"Yes, please{QUOTED}reply with yes"])
async def test_yes_by_reply(town: Town, text: str) -> None:
    """An answer to the confirmation mail."""
    await say(town, "unsubscribe")
    assert (await say(town, "subscribe deals"))[0] == "subscribe pending deals"
    address = TOKENS.confirm_address("reply.shop.example", town.anna, (await town.outbox())[-1].id)

    assert await say(town, text, to=address) == ["confirm deals"]
