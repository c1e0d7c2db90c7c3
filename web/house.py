"""What the customers' pages stand on: the database, the tokens, the pages, and how to ask an owner to confirm."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from consent import policy, subscribers
from consent.ledger import Source
from consent.model import Door, Proof, Subscriber, SubscriberId
from consent.policy import TopicValue
from kit.clock import Clock
from kit.config_signup import SignUpSettings
from kit.db import Database, Session
from kit.secrets import Secrets
from mailer.exits import Exits
from mailer.invitations import Invitations
from mailer.tokens import Purpose, Token, Tokens
from web.bursts import Touches
from web.clients import Network, ProxyHeader
from web.limits import Buckets, Doorkeeper
from web.pages import Pages
from web.seals import Seals

TOPICS_SECONDS = 5.0  # between looks at the topics

#: writes the mail that asks the owner of an address to confirm a sign-up; (session, person, topics, moment)
AskToConfirm = Callable[[Session, SubscriberId, tuple[str, ...], datetime], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Proxies:
    """Whose word counts about where a request comes from."""

    networks: tuple[Network, ...] = ()
    header: ProxyHeader = "x-forwarded-for"


@dataclass(frozen=True, slots=True)
class SignUps:
    """What taking sign-ups needs."""

    invitations: Invitations
    seals: Seals
    settings: SignUpSettings
    taken: Buckets  # by network, beside the limit of all pages

    @classmethod
    def of(cls, invitations: Invitations, seals: Seals, settings: SignUpSettings) -> "SignUps":
        """Join them with the limit of the settings."""
        most = settings.sent_an_hour_per_network
        return cls(invitations, seals, settings, Buckets(most / 3600, float(most)))


@dataclass(slots=True)
class KnownTopics:
    """The topics as they were read last."""

    topics: tuple[TopicValue, ...] = ()
    until: float = float("-inf")


@dataclass(frozen=True, slots=True)
class Accounts:
    """What the account page needs."""

    secrets: Secrets
    link_lasts: timedelta = timedelta(minutes=30)
    move_back_within: timedelta = timedelta(days=7)


@dataclass(frozen=True)
class House:
    """Joined in ``byleave.wiring``."""

    database: Database
    tokens: Tokens
    pages: Pages
    clock: Clock
    policy_version: str
    ask_to_confirm: AskToConfirm
    exits: Exits
    doorkeeper: Doorkeeper
    accounts: Accounts
    proxies: Proxies = field(default_factory=Proxies)
    touches: Touches = field(default_factory=Touches)
    known_topics: KnownTopics = field(default_factory=KnownTopics)
    sign_ups: SignUps | None = None  # None: nobody signs up here

    def token(self, purpose: Purpose, text: str) -> Token | None:
        """Return what the token of a URL says, or None unless it is genuine and made for this page."""
        return self.tokens.read(purpose, text)

    async def person(self, token: Token) -> Subscriber | None:
        """Return the person that a token names; one that was erased has no address any more."""
        async with self.database.reading() as session:
            return await subscribers.load(session, SubscriberId(token.subscriber_id))

    async def topics(self, session: Session) -> tuple[TopicValue, ...]:
        """Return the topics; they change when the settings do, so a look of some seconds ago will do."""
        if time.monotonic() >= self.known_topics.until:
            self.known_topics.topics = await policy.all_topics(session)
            self.known_topics.until = time.monotonic() + TOPICS_SECONDS
        return self.known_topics.topics

    async def topic_name(self, session: Session, key: str) -> str:
        """Return the name that customers know a topic by."""
        return next((topic.name for topic in await self.topics(session) if topic.key == key), key)

    def source(self, door: Door, *, wording: str = "", mailing: int = 0) -> Source:
        """Return the source of an act through one of these pages: the signed link is the proof."""
        evidence = {"mailing": str(mailing)} if mailing else None
        return Source(door, Proof.TOKEN, evidence, wording=wording, policy_version=self.policy_version)


def masked(person: Subscriber | None) -> str:
    """Return an address as far as its owner recognises it and a stranger with a forwarded link does not."""
    if person is None or person.address is None:
        return ""
    return f"{person.address.local[0]}…@{person.address.domain}"
