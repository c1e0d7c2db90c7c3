"""A mail that is answered 250 and read later holds back what we send to its writer, from the answer on (promise 2)."""

import pytest

from consent.hearing import Hearing
from consent.model import SubscriberId
from inbound import decisions
from inbound.headers import HEADER_OCTETS
from inbound.heads import read_head
from inbound.model import Envelope, Reading
from inbound.retention import rules
from inbound.world import World
from kit.db import Database
from mailer.tokens import Purpose
from tests.database import NOW
from tests.inbound.taking import ANNA, BOB, TOKENS, Town, a_mail, an_envelope, simple_read, town_on

FRIEND = "friend@elsewhere.example"


async def held(database: Database) -> frozenset[SubscriberId]:
    """Return whom a worker that starts now holds back."""
    hearing = Hearing()
    async with database.reading() as session:
        await hearing.start(session)
    return hearing.unread


async def put_off(town: Town, raw: bytes, envelope: Envelope) -> None:
    """Hand over a mail that its reader dies of."""
    taken = await town.intake.take(raw, envelope, NOW)
    assert (taken.code, (await town.mails())[-1].state) == (250, "deferred")


async def test_its_sender_is_held_back_before_the_answer_and_until_it_is_decided(database: Database) -> None:
    """The withdrawal takes over in the transaction that ends the hold."""
    hearing, faults = Hearing(), ["out of memory"]

    def read(raw: bytes, *, world: World, envelope: Envelope) -> Reading:
        if faults:
            raise MemoryError(faults.pop())
        return simple_read(raw, world=world, envelope=envelope)

    async with town_on(database, read=read) as town:
        await put_off(town, a_mail(text="unsubscribe"), an_envelope(ANNA))
        assert hearing.unread == {town.anna} == await held(database)
        assert await town.intake.take_up_deferred() == 1

        assert await held(database) == frozenset()
        assert await town.events(town.anna) == [("withdraw_all", (), "reply", "exact_address")]


@pytest.mark.parametrize("place", ["envelope", "To", "Delivered-To", "In-Reply-To"])
async def test_the_owner_of_its_token_is_held_back_wherever_that_stands(town: Town, place: str) -> None:
    """A button of a mail program may send from any address."""
    address = town.reply_address(town.anna)
    message_id = TOKENS.message_id("shop.example", town.anna, town.mailing)
    raw = a_mail(
        sender=FRIEND, text="explode", to=address if place == "To" else "promotions@shop.example",
        **{"Delivered-To": {"Delivered_To": address}, "In-Reply-To": {"In_Reply_To": message_id}}.get(place, {}),
    )  # fmt: skip

    await put_off(town, raw, an_envelope(FRIEND, *([address] if place == "envelope" else [])))

    assert await held(town.database) == {town.anna}


async def test_who_forwards_a_letter_is_held_back_beside_its_owner(town: Town) -> None:
    """Whose wish it is can't be known yet."""
    address = town.reply_address(town.anna)

    await put_off(town, a_mail(sender=BOB, to=address, text="explode"), an_envelope(BOB, address))

    assert await held(town.database) == {town.anna, town.bob}


@pytest.mark.parametrize(
    "raw",
    [
        a_mail(sender=FRIEND, text=f"explode\r\n\r\nFrom: {BOB}"),
        a_mail(sender=FRIEND, to=TOKENS.reply_address("reply.shop.example", 9999, 1), text="explode"),
        b"explode",
        b"\n\nexplode",
    ],
    ids=["stranger", "nobody's token", "no header", "nothing but a body"],
)
async def test_a_mail_of_nobody_we_know_holds_nobody_back(town: Town, raw: bytes) -> None:
    """What stands in the body names no sender."""
    await put_off(town, raw, an_envelope(FRIEND))

    assert await held(town.database) == frozenset()


async def test_a_number_of_a_sign_up_is_not_taken_for_that_of_a_person(town: Town) -> None:
    """Tokens of sign-ups count sign-ups."""
    to = TOKENS.sign_up_address("reply.shop.example", Purpose.SIGN_UP, town.anna, 1)

    await put_off(town, a_mail(sender=FRIEND, to=to, text="explode"), an_envelope(FRIEND, to))

    assert await held(town.database) == frozenset()


async def test_the_same_mail_once_more_changes_nothing(town: Town) -> None:
    """It is known; it holds back whom it held."""
    raw = a_mail(text="explode")
    await put_off(town, raw, an_envelope(ANNA))
    await put_off(town, raw, an_envelope(ANNA))

    assert len(await town.mails()) == 1
    assert await held(town.database) == {town.anna}


async def test_a_parked_mail_holds_until_a_person_is_done_with_it(town: Town) -> None:
    """Nobody knows yet what it asks for; the promise was given."""
    await put_off(town, a_mail(text="explode"), an_envelope(ANNA))
    for _ in range(4):
        await town.intake.take_up_deferred()
    (parked,) = await town.decisions()
    before = await held(town.database)

    async with town.database.transaction() as session:
        assert await decisions.reviewed(session, parked.id)

    assert before == {town.anna}
    assert await held(town.database) == frozenset()


async def test_a_parked_mail_holds_no_longer_than_its_bytes_are_kept(town: Town) -> None:
    """Then nobody can find out any more, and a hold without end would be a door for forgers."""
    await put_off(town, a_mail(text="explode"), an_envelope(ANNA))
    for _ in range(4):
        await town.intake.take_up_deferred()
    await town.intake.take_up_deferred()
    before = await held(town.database)
    (rule,) = (rule for rule in rules(town.database) if rule.setting == "quarantined_mail_days")

    await rule.clear(NOW.replace(year=NOW.year + 1), 0, 100)
    await town.intake.take_up_deferred()

    assert before == {town.anna}
    assert await held(town.database) == frozenset()


def test_a_head_ends_where_the_body_begins() -> None:
    """And what is endless is cut."""
    body = b"From: <other@example.org>\r\n" * 3
    for line_end in (b"\r\n", b"\n"):
        head = read_head(b"From: <anna@example.org>" + 2 * line_end + body)
        assert (str(head.sender), head.text) == ("anna@example.org", "")
        assert read_head(2 * line_end + body).sender is None
    assert read_head(b"Subject: x\r\n" * 100_000).size <= HEADER_OCTETS
