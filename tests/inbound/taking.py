"""What the tests of the listeners share: a house with one customer, a simple reader, and a listener that runs."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from consent.admission import Rules
from consent.ledger import Source, confirm
from consent.model import Door, Proof, SubscriberId
from consent.subscribers import Profile, add
from consent.tables import ConsentEventRow, TopicRow
from inbound.dispatch import House
from inbound.intake import Intake
from inbound.loops import OwnNames
from inbound.mail import read_mail
from inbound.model import Bounce, Complaint, Envelope, Intent, Reading, Scope, Verdict, VisibleText
from inbound.readers import Read, ThreadReaders
from inbound.smtp import Listener
from inbound.tables import DecisionRow, InboundMailRow
from inbound.world import World
from inbound.worlds import Worlds
from kit.addresses import parse_address
from kit.config_inbound import InboundSettings, LmtpSettings, SmtpSettings
from kit.db import Database
from mailer.invitations import Invitations
from mailer.tables import MailingRow, OutboxRow
from mailer.tokens import Tokens
from tests.database import NOW, SECRETS

TOKENS = Tokens(SECRETS.token_keys, SECRETS.current_token_key)
DOMAINS = frozenset({"shop.example", "reply.shop.example", "bounce.shop.example"})
ANNA = parse_address("Anna.Smith@gmail.com")
BOB = parse_address("bob@example.org")
SERVICE = parse_address("service@help.example")
HOUSE = House(
    secrets=SECRETS,
    tokens=TOKENS,
    own=OwnNames(
        frozenset({"promotions@shop.example", SERVICE.key}),
        frozenset({"reply.shop.example", "bounce.shop.example"}),
        "reply.shop.example",
    ),
    customer_service=SERVICE,
    answer_every=timedelta(days=7),
    policy_version="1",
    invitations=Invitations(SECRETS, Rules(), timedelta(days=7)),
)


def simple_read(raw: bytes, *, world: World, envelope: Envelope) -> Reading:
    """Take the first word of text or subject for the verdict: enough to test what comes after reading."""
    mail = read_mail(raw)
    typed = mail.text.partition("\n>")[0].strip()
    words = f"{mail.subject.removeprefix('Re:').strip()} {typed}".lower().split()
    if "explode" in words:
        raise RuntimeError("this mail kills its reader")
    visible = VisibleText(typed)
    if mail.content_type == "multipart/report" or "bounced" in words:
        kind = Bounce((), "soft" if "soft" in words else "hard", "5.1.1", reasons=("the address is dead",))
        return Reading(Verdict.BOUNCE, None, 1.0, ("a bounce of lost@example.org",), mail, bounce=kind)
    if "complained" in words:
        complaint = Complaint((), "abuse", "notspam" not in words, message_ids=mail.in_reply_to)
        return Reading(Verdict.COMPLAINT, None, 1.0, ("a complaint",), mail, complaint=complaint)
    if "absent" in words:
        return Reading(Verdict.AUTO, None, 1.0, ("out of office",), mail, visible)
    verdict = Verdict.HUMAN
    for word, meaning in (
        ("unsubscribe", Verdict.UNSUBSCRIBE), ("subscribe", Verdict.SUBSCRIBE), ("perhaps", Verdict.UNCLEAR),
    ):  # fmt: skip
        if word in words:
            verdict = meaning
            break
    named = tuple(topic.key for topic in world.topics if topic.key in words)
    scope: Scope = (named or "all") if verdict is Verdict.UNSUBSCRIBE else named or None
    intent = Intent(verdict, scope, 0.9, "en", (f"they wrote '{verdict}'",), counted=("unsubscribe",), question="all")
    return Reading(verdict, scope, 0.9, intent.reasons, mail, visible, intent)


@dataclass
class Town:
    """A database with topics, Anna (deals, courses) and Bob (deals), one mailing, and an intake."""

    database: Database
    intake: Intake
    anna: SubscriberId
    bob: SubscriberId
    mailing: int
    now: datetime = NOW  # the listener's clock

    def reply_address(self, person: SubscriberId) -> str:
        return TOKENS.reply_address("reply.shop.example", person, self.mailing)

    async def events(self, person: SubscriberId | None = None) -> list[tuple[str, tuple[str, ...], str, str]]:
        """Return (act, topics, door, proof) of everything after the first consents."""
        async with self.database.reading() as session:
            rows = await session.scalars(sa.select(ConsentEventRow).order_by(ConsentEventRow.seq).offset(2))
            return [
                (row.act, tuple(row.topics), row.door, row.proof)
                for row in rows
                if person is None or row.subscriber_id == person
            ]

    async def outbox(self) -> list[OutboxRow]:
        async with self.database.reading() as session:
            return list(await session.scalars(sa.select(OutboxRow).order_by(OutboxRow.id)))

    async def decisions(self) -> list[DecisionRow]:
        async with self.database.reading() as session:
            return list(await session.scalars(sa.select(DecisionRow).order_by(DecisionRow.id)))

    async def mails(self) -> list[InboundMailRow]:
        async with self.database.reading() as session:
            return list(await session.scalars(sa.select(InboundMailRow).order_by(InboundMailRow.id)))

    @contextlib.asynccontextmanager
    async def listening(self, settings: SmtpSettings | None = None, **inbound: float) -> AsyncIterator[Listener]:
        """Run a listener on a free port."""
        listener = Listener(
            settings or SmtpSettings(port=0), InboundSettings.model_validate(inbound), domains=DOMAINS,
            take=self.intake.take, hostname="mx.shop.example", clock=lambda: self.now,
        )  # fmt: skip
        task = asyncio.create_task(listener.run())
        try:
            async with asyncio.timeout(5):
                await listener.ready.wait()
            yield listener
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


LMTP = LmtpSettings(enabled=True, port=0)


@pytest.fixture
async def town(database: Database) -> AsyncIterator[Town]:
    """The town of one test."""
    async with town_on(database) as made:
        yield made


@contextlib.asynccontextmanager
async def town_on(database: Database, *, decide_seconds: float = 5.0, read: Read = simple_read) -> AsyncIterator[Town]:
    """Fill the database and make the intake."""
    by_import = Source(Door.IMPORT, Proof.EVIDENCE, {"source": "test"})
    async with database.transaction() as session:
        for key in ("courses", "deals"):
            session.add(TopicRow(key=key, name=key.title()))
        await session.flush()
        known = await add(session, [Profile(ANNA, "Anna"), Profile(BOB, "Bob")], secrets=SECRETS, at=NOW)
        anna, bob = known[ANNA.key], known[BOB.key]
        await confirm(session, anna, ["deals", "courses"], source=by_import, at=NOW - timedelta(days=30))
        await confirm(session, bob, ["deals"], source=by_import, at=NOW - timedelta(days=30))
        mailing = MailingRow(name="May", topic="deals", subject="May sale", gate="closed", created_at=NOW)
        session.add(mailing)
        await session.flush()
        number = mailing.id
    intake = Intake(
        database, readers=ThreadReaders(read), worlds=Worlds(database, company="Shop", addresses=()), house=HOUSE,
        settings=InboundSettings(decide_seconds=decide_seconds), clock=lambda: NOW,
    )  # fmt: skip
    try:
        yield Town(database, intake, anna, bob, number)
    finally:
        await intake.drain()
        intake.close()


def a_mail(
    *, sender: object = ANNA, to: str = "promotions@shop.example", subject: str = "Re: May sale", text: str = "Hello",
    message_id: str = "1@example.org", **headers: str,
) -> bytes:  # fmt: skip
    """Return the bytes of a plain mail; headers are given with _ for -."""
    more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return (
        f"From: {sender}\r\nTo: {to}\r\nSubject: {subject}\r\nDate: Fri, 20 Nov 2026 12:00:00 +0000\r\n"
        f"Message-ID: <{message_id}>\r\n{more}\r\n{text}\r\n"
    ).encode()


def an_envelope(mail_from: object = ANNA, *rcpt_to: str) -> Envelope:
    """Return an envelope."""
    return Envelope(str(mail_from), rcpt_to or ("promotions@shop.example",))
