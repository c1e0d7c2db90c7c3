"""A house whose letters people answer: what the stories of who wrote need.

A promotion goes the whole way: as we send it, the answer as mail programs and servers write it, the real reader, the
intake, the ledger, and the postman, whose letters people answer in turn.
"""

import functools
import itertools
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage

import sqlalchemy as sa

from consent.ledger import Source, confirm, standing_of
from consent.model import Door, Proof, SubscriberId
from consent.subscribers import Profile, add
from consent.tables import ConsentEventRow, SuppressionRow
from inbound.intake import Intake
from inbound.model import Channel, Envelope, InboundMail, Origin, Standing
from inbound.readers import ThreadReaders
from inbound.reading import read
from inbound.worlds import Worlds
from kit.addresses import EmailAddress, parse_address
from kit.config import CHECKOUT
from kit.config_inbound import InboundSettings
from kit.db import Database
from mailer.compose import Source as Words
from mailer.compose import compile_mailing
from mailer.footer import footer_templates
from mailer.letters import Letters, own_words
from mailer.model import Recipient, Sender
from mailer.postman import Parcel, Postman
from mailer.promotion import Promotion
from mailer.relays import Result, Sent
from mailer.signing import Signer
from tests.database import NOW, SECRETS
from tests.inbound.taking import ANNA, BOB, HOUSE, SERVICE, TOKENS, Town, town_on
from tests.mailer.letters_at_hand import MAILING, SENDER, dkim_keys

TEXTS = CHECKOUT / "templates" / "email" / "service"
BOX = parse_address("info@bakery.example")  # Carla and Dirk read it
SHOP = "promotions@shop.example"
FRIEND = "dora@friends.example"
WORDS = "Hello {{ name }},\n\nthe spring sale has begun. Everything is cheaper until Sunday.\n\nYour shop\n"
BY_IMPORT = Source(Door.IMPORT, Proof.EVIDENCE, {"source": "test"})


@dataclass
class Answer:
    """What became of one mail: what was done, whether staff see it, and the letters that went out."""

    actions: list[str]
    is_for_staff: bool
    letters: list[tuple[str, EmailMessage]]  # kind and letter

    @property
    def sent(self) -> list[tuple[str, str]]:
        """Return the kind of each letter and the address it went to."""
        return [(kind, letter["X-Rcpt"]) for kind, letter in self.letters]

    @property
    def letter(self) -> EmailMessage:
        """Return the only letter."""
        ((_, letter),) = self.letters
        return letter


class Relays:
    """Take every letter and keep it."""

    outage: str | None = None

    def __init__(self) -> None:
        self.taken: list[Parcel] = []

    async def send(self, mail: Parcel, *, may_start: Callable[[], bool]) -> Result:
        """Take a letter."""
        assert may_start()
        self.taken.append(mail)
        return Sent(250, "ok")


class Witness:
    """Says where mails come from, as the story wants it."""

    standing = Standing.UNPROVEN

    def __call__(self, raw: bytes, mail: InboundMail, envelope: Envelope, at: datetime) -> Origin:
        assert all((raw, mail.sender, envelope.rcpt_to, at))
        return Origin(self.standing, ("as the story says",))


class Clockwork:
    """A clock that stands until it is moved."""

    now = NOW

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Post:
    """The whole house: what arrives is decided, and what is queued is written and goes out at once."""

    town: Town
    intake: Intake
    postman: Postman
    people: dict[str, SubscriberId]
    relays: Relays
    witness: Witness
    clock: Clockwork
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    def promotion(self, to: EmailAddress) -> EmailMessage:
        """Return the letter that somebody got from us."""
        recipient = Recipient(self.people[to.key], to, "Jo", "en")
        return letter_of(promotions(self.town.mailing).letter(recipient, NOW - timedelta(hours=2)).content)

    async def arrives(self, raw: bytes, mail_from: object, *rcpt_to: str) -> Answer:
        """Let a mail come in ten minutes after the last, and the postman go his round."""
        self.clock.now += timedelta(minutes=10)
        before = len(await self.town.outbox())
        taken = await self.intake.take(raw, Envelope(str(mail_from), rcpt_to, channel=Channel.SMTP), self.clock.now)
        assert (taken.code, taken.text) == (250, "taken and decided")
        queued = (await self.town.outbox())[before:]
        known = [(row.kind, row.address) for row in queued]
        self.relays.taken.clear()
        await self.postman.deliver()
        letters = []
        for kind, address in known:
            (content,) = (one.content for one in self.relays.taken if one.rcpt_to == address)
            letter = letter_of(content)
            letter["X-Rcpt"] = address
            letters.append((kind, letter))
        assert len(letters) == len(self.relays.taken)
        decision = (await self.town.decisions())[-1]
        return Answer(decision.actions, decision.review, letters)

    async def replies(
        self, letter: EmailMessage, sender: object, text: str, *headers: str, to: str = "", mail_from: object = None,
    ) -> Answer:  # fmt: skip
        """Let somebody press "reply" below a letter and write."""
        to = to or reply_to(letter)
        raw = a_reply(letter, sender, text, *headers, to=to, number=next(self._numbers))
        return await self.arrives(raw, parse_sender(sender) if mail_from is None else mail_from, to)

    async def writes(self, sender: object, text: str, *headers: str, subject: str = "Your mails") -> Answer:
        """Let somebody write to us anew: no token anywhere."""
        raw = a_letter(sender, SHOP, subject, text, *headers, number=next(self._numbers))
        return await self.arrives(raw, parse_sender(sender), SHOP)

    async def events(self, whose: EmailAddress) -> list[tuple[str, str, str]]:
        """Return act, door and proof of what happened to a person since they agreed at first."""
        async with self.town.database.reading() as session:
            rows = await session.scalars(
                sa.select(ConsentEventRow)
                .where(ConsentEventRow.subscriber_id == self.people[whose.key])
                .order_by(ConsentEventRow.seq)
            )
            return [(row.act, row.door, row.proof) for row in rows if row.door != Door.IMPORT.value]

    async def gets(self, whose: EmailAddress) -> list[str]:
        """Return the topics that a person gets."""
        async with self.town.database.reading() as session:
            return sorted((await standing_of(session, self.people[whose.key])).granted())

    async def nothing_changed(self) -> bool:
        """Whether everybody stands where they stood, and no address is closed."""
        async with self.town.database.reading() as session:
            closed = await session.scalar(sa.select(sa.func.count()).select_from(SuppressionRow))
        return not closed and not [event for person in (ANNA, BOB, BOX) for event in await self.events(person)]


@asynccontextmanager
async def open_post(database: Database) -> AsyncIterator[Post]:
    """Open the house on a database, for three people who get our promotions."""
    async with town_on(database) as town:
        async with database.transaction() as session:
            box = (await add(session, [Profile(BOX, "Bakery")], secrets=SECRETS, at=NOW))[BOX.key]
            await confirm(session, box, ["deals"], source=BY_IMPORT, at=NOW - timedelta(days=30))
        sender, relays, witness, clock = our_sender(), Relays(), Witness(), Clockwork()
        letters = Letters(sender, TOKENS, signer(), TEXTS)
        subjects, lines = own_words(TEXTS, sender.company)
        worlds = Worlds(
            database, company=sender.company, addresses=(sender.from_address, SERVICE),
            own_lines=(*footer_templates(), *lines), own_subjects=subjects, tokens=TOKENS,
        )  # fmt: skip
        intake = Intake(
            database, readers=ThreadReaders(read), worlds=worlds, look=witness, clock=clock,
            house=replace(HOUSE, signed_by_us=signer().has_signed), settings=InboundSettings(),
        )  # fmt: skip
        postman = Postman(
            database, relays, letters=letters, sender=sender, tokens=TOKENS, worker="w1", clock=clock
        )  # fmt: skip
        people = {ANNA.key: town.anna, BOB.key: town.bob, BOX.key: box}
        made = Post(town, intake, postman, people, relays, witness, clock)
        yield made
        await made.intake.drain()
        made.intake.close()


def our_sender() -> Sender:
    """Return who we are."""
    return replace(SENDER, customer_service=SERVICE)


@functools.cache
def signer() -> Signer:
    """Return what signs our letters."""
    return Signer(dkim_keys())


@functools.cache
def promotions(mailing: int) -> Promotion:
    """Return the letters of the campaign."""
    sender, info = our_sender(), replace(MAILING, id=mailing, subject="May sale")
    return Promotion(sender, info, compile_mailing(sender, info, Words(text=WORDS)), TOKENS, signer())


def letter_of(content: bytes) -> EmailMessage:
    """Return a letter that went out, parsed."""
    message = message_from_bytes(content, policy=policy.SMTP)
    assert isinstance(message, EmailMessage)
    return message


def address_in(letter: EmailMessage, name: str) -> str:
    """Return the only address of a header."""
    (address,) = letter[name].addresses
    return str(address.addr_spec)


def reply_to(letter: EmailMessage) -> str:
    """Return where a mail program sends a reply."""
    return address_in(letter, "Reply-To" if "Reply-To" in letter else "From")


def words_of(letter: EmailMessage) -> str:
    """Return the plain text of a letter, with LF line ends."""
    body = letter.get_body(("plain",))
    assert isinstance(body, EmailMessage)
    return str(body.get_content()).replace("\r\n", "\n")


def parse_sender(sender: object) -> str:
    """Return the bare address of "Name <address>"."""
    return str(sender).rpartition("<")[2].rstrip(">")


def a_letter(sender: object, to: str, subject: str, text: str, *headers: str, number: int) -> bytes:
    """Return a mail as a server hands it to us: its trace lines and other headers first."""
    domain = parse_sender(sender).rpartition("@")[2]
    head = (
        f"Received: from mail.{domain} (mail.{domain} [192.0.2.25]) by mx.shop.example with ESMTPS id 4C{number};",
        "\tFri, 20 Nov 2026 12:00:01 +0000",
        *headers,
        f"From: {sender}", f"To: {to}", f"Subject: {subject}", "Date: Fri, 20 Nov 2026 12:00:00 +0000",
        f"Message-ID: <{number}.77AE@{domain}>", "MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8",
    )  # fmt: skip
    return "\r\n".join((*head, "", *text.split("\n"), "")).encode()


def a_reply(letter: EmailMessage, sender: object, text: str, *headers: str, to: str, number: int) -> bytes:
    """Return an answer with the quoted letter below it."""
    quoted = "\n".join(f"> {line}".rstrip() for line in words_of(letter).rstrip("\n").split("\n"))
    attribution = f"On Fri, 20 Nov 2026 at 10:00, {SENDER.company} <{SHOP}> wrote:"
    named = letter["Message-ID"]
    return a_letter(
        sender, to, f"Re: {letter['Subject']}", f"{text}\n\n{attribution}\n{quoted}\n",
        *headers, f"In-Reply-To: {named}", f"References: {named}", number=number,
    )  # fmt: skip


def says_nothing_of(person: EmailAddress, letters: Sequence[EmailMessage]) -> bool:
    """Whether no letter holds a person's address, in headers, text or HTML."""
    said = [str(value) for letter in letters for value in letter.values()]
    said += [str(part.get_content()) for letter in letters for part in letter.walk() if not part.is_multipart()]
    return str(person).lower() not in "\n".join(said).lower()
