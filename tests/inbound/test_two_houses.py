"""Two Byleaves, each a customer of the other, and machines that answer everything: they fall silent (RFC 3834)."""

import contextlib
import dataclasses
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from consent.ledger import Source, confirm
from consent.model import Door, Proof
from consent.subscribers import Profile, add
from consent.tables import TopicRow
from inbound.intake import Intake
from inbound.loops import OwnNames
from inbound.mail import read_mail
from inbound.model import Channel, Envelope, Reading
from inbound.readers import ThreadReaders
from inbound.reading import read_letter
from inbound.world import World
from inbound.worlds import Worlds
from kit.addresses import EmailAddress, parse_address
from kit.config_inbound import InboundSettings
from kit.db import Database
from mailer.letters import Letters
from mailer.postman import Parcel, Postman
from mailer.relays import Result, Sent
from mailer.signing import Signer
from mailer.tables import MailingRow
from tests.database import NOW, SECRETS
from tests.inbound.taking import HOUSE, TOKENS
from tests.mailer.letters_at_hand import SENDER, dkim_keys

TEXTS = Path(__file__).resolve().parents[2] / "templates" / "email" / "service"
DAYS = 7


def read_really(raw: bytes, *, world: World, envelope: Envelope) -> Reading:
    return read_letter(read_mail(raw), raw, world=world, envelope=envelope)


@dataclass
class Post:
    """A relay that carries everything to whom it may concern, and remembers it."""

    sent: list[Parcel] = field(default_factory=list)
    outage: str | None = None

    async def send(self, mail: Parcel, *, may_start: Callable[[], bool]) -> Result:
        assert may_start()
        self.sent.append(mail)
        return Sent(250, "ok")


@dataclass
class HouseOf:
    """One Byleave: its intake, its postman, and the clock they share."""

    name: str
    database: Database
    intake: Intake
    postman: Postman
    post: Post
    customer: int
    mailing: int

    def reply_address(self) -> str:
        return TOKENS.reply_address(f"reply.{self.name}", self.customer, self.mailing)

    async def answers(self) -> list[Parcel]:
        """Return what it sends now."""
        before = len(self.post.sent)
        await self.postman.deliver()
        return self.post.sent[before:]


@contextlib.asynccontextmanager
async def a_house(
    name: str, customer: EmailAddress, database: Database, clock: Callable[[], datetime]
) -> AsyncIterator[HouseOf]:
    """Open a house with one customer, who agreed to everything."""
    own = OwnNames(frozenset({f"promotions@{name}"}), frozenset({f"reply.{name}", f"bounce.{name}"}), f"reply.{name}")
    house = dataclasses.replace(HOUSE, own=own, customer_service=parse_address(f"service@{name}"))
    async with database.transaction() as session:
        session.add(TopicRow(key="deals", name="Deals"))
        await session.flush()
        number = (await add(session, [Profile(customer)], secrets=SECRETS, at=NOW))[customer.key]
        await confirm(session, number, ["deals"], source=Source(Door.IMPORT, Proof.EVIDENCE), at=NOW)
        mailing = MailingRow(name="May", topic="deals", subject="May sale", gate="closed", created_at=NOW)
        session.add(mailing)
        await session.flush()
        mailing_id = mailing.id
    intake = Intake(
        database, readers=ThreadReaders(read_really), worlds=Worlds(database, company=name, addresses=()), house=house,
        settings=InboundSettings(), clock=clock,
    )  # fmt: skip
    sender = dataclasses.replace(
        SENDER, from_address=EmailAddress("promotions", name), reply_domain=f"reply.{name}",
        bounce_domain=f"bounce.{name}",
    )  # fmt: skip
    post = Post()
    letters = Letters(sender, TOKENS, Signer(dkim_keys()), TEXTS)
    postman = Postman(database, post, letters=letters, sender=sender, tokens=TOKENS, worker="w", clock=clock)
    try:
        yield HouseOf(name, database, intake, postman, post, number, mailing_id)
    finally:
        await intake.drain()
        intake.close()


class Week:
    """A clock that goes through seven days, hour by hour."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def hours(self) -> range:
        return range(DAYS * 24)


@pytest.fixture
async def two_databases(database: Database, tmp_path: Path) -> AsyncIterator[tuple[Database, Database]]:
    from byleave import schema

    url = f"sqlite+aiosqlite:///{tmp_path / 'other.db'}"
    schema.upgrade(url)
    other = Database(url)
    try:
        yield database, other
    finally:
        await other.close()


def a_letter(sender: str, to: str, text: str) -> bytes:
    return f"From: {sender}\r\nTo: {to}\r\nSubject: Re: May sale\r\nMessage-ID: <0@x>\r\n\r\n{text}\r\n".encode()


@pytest.mark.parametrize("text", ["unsubscribe", "hmm, stop or not? maybe unsubscribe", "subscribe deals", "hello"])
@pytest.mark.parametrize("is_stripped", [False, True], ids=["as sent", "marks of machines lost on the way"])
async def test_two_houses_fall_silent(
    two_databases: tuple[Database, Database], text: str, *, is_stripped: bool
) -> None:
    """Somebody forges one letter from the one to the other: after two mails at the most there is peace.

    Even where a gateway loses Auto-Submitted and its kin, and puts a sender into the empty return path.
    """
    clock = Week()
    async with (
        a_house("one.example", parse_address("promotions@two.example"), two_databases[0], clock) as one,
        a_house("two.example", parse_address("promotions@one.example"), two_databases[1], clock) as two,
    ):
        first = a_letter("promotions@two.example", "promotions@one.example", text)
        envelope = Envelope("promotions@two.example", ("promotions@one.example",), channel=Channel.SMTP)
        await one.intake.take(first, envelope, clock.now)
        between: list[Parcel] = []
        for hour in clock.hours():
            clock.now = NOW + timedelta(hours=hour)
            for house, other in ((one, two), (two, one)):
                for parcel in await house.answers():
                    if parcel.rcpt_to.rpartition("@")[2].removeprefix("reply.") != other.name:
                        continue  # to a customer service: a person
                    between.append(parcel)
                    raw = without_marks(parcel.content) if is_stripped else parcel.content
                    path = f"promotions@{house.name}" if is_stripped else parcel.mail_from
                    await other.intake.take(raw, Envelope(path, (parcel.rcpt_to,), channel=Channel.SMTP), clock.now)

    assert len(between) <= 2, [parcel.content[:2000] for parcel in between]


def without_marks(content: bytes) -> bytes:
    """Return a letter as a careless gateway leaves it."""
    head, _, body = content.partition(b"\r\n\r\n")
    fields = head.replace(b"\r\n ", b" ").replace(b"\r\n\t", b" ").split(b"\r\n")
    lost = (b"auto-submitted", b"x-auto-response-suppress", b"precedence", b"byleave-loop", b"list-", b"dkim-")
    return b"\r\n".join(one for one in fields if not one.lower().startswith(lost)) + b"\r\n\r\n" + body


async def test_who_answers_every_letter_by_return_gets_one(two_databases: tuple[Database, Database]) -> None:
    """A robot without any mark answers each of our letters with "unsubscribe": one receipt in seven days."""
    clock = Week()
    async with a_house("one.example", parse_address("robot@two.example"), two_databases[0], clock) as one:
        for hour in clock.hours():
            clock.now = NOW + timedelta(hours=hour)
            raw = a_letter("robot@two.example", one.reply_address(), f"unsubscribe {'!' * hour}").replace(
                b"<0@x>", b"<%d@x>" % hour
            )
            envelope = Envelope("robot@two.example", (one.reply_address(),), channel=Channel.SMTP)
            await one.intake.take(raw, envelope, clock.now)
            await one.postman.deliver()

    assert len(one.post.sent) == 1
