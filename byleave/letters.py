"""From settings and a campaign to finished letters: the sender, the keys, the compiled promotion, a preview, a test.

A promotion is compiled once a campaign and worker, and shared by its threads.
"""

import dataclasses
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from byleave.wiring import Ground, keys_folder
from consent import policy, subscribers
from consent.model import SubscriberId
from kit.addresses import EmailAddress, parse_address
from kit.config import CHECKOUT, Settings
from kit.db import Session
from kit.errors import Permanent
from mailer import mailings, outbox
from mailer.compose import Source, compile_mailing, read_template
from mailer.keys import load_keys, new_keys
from mailer.mailings import Mailing
from mailer.model import MailingInfo, Recipient, Sender
from mailer.outbox import Kind, Letter
from mailer.pace import Pace
from mailer.postman import Parcel
from mailer.promotion import Promotion
from mailer.relays import Sent, Withheld, parse_relays
from mailer.sandbox import SandboxRelay
from mailer.signing import Signer
from mailer.smtp import RelayPool
from mailer.speeds import Speeds, speeds_of
from mailer.tokens import Tokens

TEMPLATES = CHECKOUT / "templates" / "email"
#: mailer.dkim_sign -> the algorithms that sign
_SIGNING = {
    "both": ("rsa-sha256", "ed25519-sha256"), "rsa": ("rsa-sha256",), "ed25519": ("ed25519-sha256",), "none": ()
}  # fmt: skip
EXAMPLE = Recipient(0, EmailAddress("somebody", "example.com"), "Somebody", "en")


class NoSuchMailing(Permanent):
    """There is no such campaign."""


def sender_of(settings: Settings) -> Sender:
    """Return the house that writes, from the settings."""
    company, mailer = settings.company, settings.mailer
    base = settings.web.base_url.rstrip("/")
    return Sender(
        from_address=parse_address(mailer.from_address), from_name=mailer.from_name, reply_domain=mailer.reply_domain,
        bounce_domain=mailer.bounce_domain, link_base=base, list_domain=mailer.list_domain, company=company.name,
        postal_address=company.postal_address, policy_url=company.policy_url,
        customer_service=parse_address(company.customer_service), help_url=f"{base}/help",
        owner_url=f"mailto:{company.customer_service}", feedback_address=parse_address(mailer.feedback_address),
    )  # fmt: skip


def tokens_of(ground: Ground) -> Tokens:
    """Return the maker and reader of signed tokens."""
    return Tokens(ground.secrets.token_keys, ground.secrets.current_token_key)


def signer_of(settings: Settings) -> Signer:
    """Return the signer; the keys are made at first use, so that a new installation can sign at once."""
    folder, prefix = keys_folder(settings), settings.mailer.dkim_selector
    if not (folder / f"{prefix}-rsa.pem").exists():
        new_keys(folder, prefix)
    keys = load_keys(folder, prefix, settings.mailer.dkim_domain)
    return Signer(keys, using=_SIGNING[settings.mailer.dkim_sign])


@dataclass
class Press:
    """Prints the letters of all campaigns: each compiled at its first letter."""

    ground: Ground
    sender: Sender
    tokens: Tokens
    signer: Signer
    _promotions: dict[int, Promotion] = field(default_factory=dict)

    @classmethod
    def of(cls, ground: Ground) -> "Press":
        """Set up a press from the settings and keys."""
        return cls(ground, sender_of(ground.settings), tokens_of(ground), signer_of(ground.settings))

    async def promotion(self, mailing_id: int) -> Promotion:
        """Return the compiled promotion of a campaign; compiled anew when this process sees it first."""
        if mailing_id not in self._promotions:
            async with self.ground.database.reading() as session:
                mailing, topic_name = await _written(session, mailing_id)
            self._promotions[mailing_id] = self.compiled(mailing, topic_name)
        return self._promotions[mailing_id]

    def compiled(self, mailing: Mailing, topic_name: str) -> Promotion:
        """Compile a promotion, or raise :class:`mailer.alternatives.UnfitTemplate` saying what is wrong with it."""
        info = MailingInfo(mailing.id, mailing.topic, topic_name, mailing.topic, mailing.subject, mailing.name)
        source, values = _source(mailing)
        compiled = compile_mailing(self.sender, info, source, values)
        return Promotion(self.sender, info, compiled, self.tokens, self.signer)


async def check(ground: Ground, session: Session, mailing_id: int) -> None:
    """Raise where a campaign can't be composed: now, not at three in the morning."""
    mailing, topic_name = await _written(session, mailing_id)
    Press.of(ground).compiled(mailing, topic_name).words(EXAMPLE)


async def _written(session: Session, mailing_id: int) -> tuple[Mailing, str]:
    """Return a mailing and the name of its topic, or raise where there is no such mailing."""
    mailing = await mailings.load(session, mailing_id)
    if mailing is None:
        raise NoSuchMailing
    names = {topic.key: topic.name for topic in await policy.all_topics(session)}
    return mailing, names[mailing.topic]


async def preview_of(ground: Ground, mailing_id: int, address: EmailAddress | None) -> dict[str, Any]:
    """Return subject, text and HTML of a campaign as a person would get it. The links in it work; nothing is sent."""
    recipient = await _seen_as(ground, address)
    promotion = await Press.of(ground).promotion(mailing_id)
    words = promotion.words(recipient)
    return {"subject": words.subject, "text": words.text, "html": words.html, "to": str(recipient.address)}


async def send_test(ground: Ground, mailing_id: int, to: EmailAddress) -> str:
    """Send the letter once to a colleague, with [Test] before the subject; return the relay's answer."""
    press = Press.of(ground)
    async with ground.database.reading() as session:
        mailing, topic_name = await _written(session, mailing_id)
    marked = dataclasses.replace(mailing, subject=f"[Test] {mailing.subject}")
    promotion = press.compiled(marked, topic_name)
    letter = promotion.letter(dataclasses.replace(EXAMPLE, address=to), datetime.now(UTC))
    parcel = Parcel(
        letter.mail_from, str(letter.rcpt_to), letter.content, letter.needs_smtputf8, clearance="a test, to a colleague"
    )
    async with relays_of(ground.settings) as pool:
        result = await pool.send(parcel, may_start=lambda: True)
    match result:
        case Sent():
            return f"{result.code} {result.text}"
        case Withheld():
            raise Permanent("the letter was held back")
        case _:
            raise Permanent(f"the relay did not take it: {result.text}")


@asynccontextmanager
async def relays_of(settings: Settings, pace: Pace | None = None) -> AsyncIterator[RelayPool]:
    """Open the pool of the relays in the settings, starting the built-in sandbox relay where it is one of them."""
    relays = parse_relays(settings.mailer.relays)
    async with AsyncExitStack() as stack:
        if any(relay.is_sandbox for relay in relays):
            sandbox = await stack.enter_async_context(SandboxRelay(sandbox_folder(settings)))
            relays = tuple(
                dataclasses.replace(relay, host=sandbox.host, port=sandbox.port) if relay.is_sandbox else relay
                for relay in relays
            )
        helo = settings.mailer.helo or socket.gethostname()
        pool = RelayPool(relays, connections=settings.mailer.connections, helo=helo, pace=pace)
        yield await stack.enter_async_context(pool)


def limits_of(settings: Settings) -> Speeds:
    """Return all limits of the settings, or raise :class:`kit.errors.InvalidSettings`."""
    pace = settings.mailer.pace
    return speeds_of(
        parse_relays(settings.mailer.relays), rate=pace.rate, domain_rate=pace.domain_rate, domains=pace.domains,
        slow_down=pace.slow_down,
    )  # fmt: skip


def sandbox_folder(settings: Settings) -> Path:
    """Return where the sandbox relay keeps what was sent to it."""
    return settings.var_folder / "sandbox"


def _source(mailing: Mailing) -> tuple[Source, dict[str, Any]]:
    """Return what the letter is made of, and the values that its template sees as ``campaign``."""
    if not mailing.template:
        return Source(mailing.subject, mailing.text, mailing.html), dict(mailing.values)
    template = read_template(TEMPLATES, mailing.template)
    values = {"headline": mailing.subject, "text": mailing.text, **mailing.values}
    return dataclasses.replace(template, subject=mailing.subject), values


async def _seen_as(ground: Ground, address: EmailAddress | None) -> Recipient:
    """Return a subscriber as a letter sees them, or the example person."""
    if address is None:
        return EXAMPLE
    async with ground.database.reading() as session:
        person = await subscribers.find(session, address)
    if person is None or person.address is None:
        raise Permanent(f"nobody with the address {address} is known; leave --as away to see it as an example person")
    return Recipient(person.id, person.address, person.name, person.language or "en", person.attributes)


async def ask_to_confirm(
    ground: Ground, session: Session, person: SubscriberId, topics: tuple[str, ...], at: datetime
) -> None:
    """Queue the mail that asks the owner of an address to confirm a sign-up, once a week at the most."""
    subscriber = await subscribers.load(session, person)
    if subscriber is None or subscriber.address is None:
        return
    letter = Letter(
        Kind.CONFIRMATION, subscriber.address, ground.secrets.address_hash(subscriber.address),
        subscriber_id=person, details={"topics": list(topics), "language": subscriber.language},
    )  # fmt: skip
    once_in = timedelta(days=ground.settings.consent.receipt_every_days)
    await outbox.enqueue(session, letter, at=at, once_in=once_in)
