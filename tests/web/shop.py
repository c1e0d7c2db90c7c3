"""A small shop with its pages, one subscriber and one mailing: what the tests of pages stand in."""

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from consent import ledger, policy, subscribers
from consent.admission import Rules
from consent.model import Door, Proof, SubscriberId
from consent.standing import events_of, granted_topics
from consent.tables import SubscriberRow
from consent.unwritten import Unwritten
from kit.addresses import parse_address
from kit.config_signup import SignUpSettings
from kit.db import Database
from kit.secrets import Secrets
from mailer.exits import Exits
from mailer.invitations import Invitations
from mailer.tables import MailingRow
from mailer.tokens import Purpose as For
from mailer.tokens import Tokens
from tests.database import on_every_engine
from web.house import Accounts, House, SignUps
from web.limits import Doorkeeper
from web.pages import Pages
from web.seals import Seals
from web.site import site

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
SECRETS = Secrets({1: b"t" * 32}, 1, b"a" * 32)
BROWSER = {"content-type": "application/x-www-form-urlencoded"}
GENEROUS = Doorkeeper(a_minute_per_network=100_000, a_minute_per_link=100_000, a_second=100_000)


def pages_of_a_shop() -> Pages:
    """Return the pages as the shop has them."""
    return Pages(
        company="Shop", policy_url="https://shop.example/privacy", customer_service="service@shop.example",
        policy_version="2026-11-01",
    )  # fmt: skip


@dataclass
class Shop:
    """A site with one subscriber of deals and events, and one mailing about deals."""

    database: Database
    tokens: Tokens
    client: httpx.AsyncClient
    anna: SubscriberId
    mailing: int
    house: House
    asked: list[tuple[str, ...]] = field(default_factory=list)

    def url(self, purpose: For, extra: int = 0) -> str:
        mailing = self.mailing if purpose is For.ONE_CLICK else 0
        return f"/{purpose.value}/{self.tokens.make(purpose, self.anna, mailing, extra)}"

    async def granted(self) -> tuple[str, ...]:
        async with self.database.reading() as session:
            return await granted_topics(session, self.anna)

    async def prefers(self, language: str) -> None:
        """Let the subscriber prefer a language."""
        async with self.database.transaction() as session:
            await session.execute(
                sa.update(SubscriberRow).where(SubscriberRow.id == self.anna).values(language=language)
            )

    @asynccontextmanager
    async def read_only(self) -> AsyncIterator[None]:
        """Let the database take no writes meanwhile, as after a failover or with a full disk."""
        lite = self.database.is_sqlite

        def refuse(connection: sa.Connection) -> None:
            if lite:
                connection.exec_driver_sql("PRAGMA query_only = ON")
            else:
                connection.exec_driver_sql("SET TRANSACTION READ ONLY")

        def relent(connection: sa.Connection) -> None:
            if lite:
                connection.exec_driver_sql("PRAGMA query_only = OFF")

        with on_every_engine(begin=refuse, commit=relent, rollback=relent):
            yield

    async def events(self) -> int:
        async with self.database.reading() as session:
            return len(await events_of(session, self.anna))


@pytest.fixture
async def shop(database: Database, tmp_path: Path) -> AsyncIterator[Shop]:
    """The shop of one test."""
    async with open_shop(database, tmp_path) as made:
        yield made


@asynccontextmanager
async def open_shop(database: Database, folder: Path) -> AsyncIterator[Shop]:
    """Open the shop on an empty database."""
    tokens = Tokens(SECRETS.token_keys, 1)
    async with database.transaction() as session:
        topics = [policy.TopicValue("deals", "Deals"), policy.TopicValue("events", "Events & <Meet-ups>")]
        await policy.keep_topics(session, topics)
        profile = subscribers.Profile(parse_address("anna@example.org"))
        (anna,) = (await subscribers.add(session, [profile], secrets=SECRETS, at=NOW)).values()
        source = ledger.Source(Door.IMPORT, Proof.EVIDENCE)
        await ledger.confirm(session, anna, ["deals", "events"], source=source, at=NOW)
        mailing = MailingRow(name="c", topic="deals", subject="Spring sale", created_at=NOW)
        session.add(mailing)
        await session.flush()
    asked: list[tuple[str, ...]] = []

    async def ask(_session: AsyncSession, _person: SubscriberId, topics: tuple[str, ...], _at: datetime) -> None:
        asked.append(topics)

    pages = pages_of_a_shop()
    exits = Exits(database, Unwritten(folder / "opt-outs"))
    moments = itertools.count(1)
    desk = SignUps.of(Invitations(SECRETS, Rules(), timedelta(days=7)), Seals(SECRETS), SignUpSettings())
    house = House(
        database, tokens, pages, lambda: NOW + timedelta(seconds=next(moments)), "2026-11-01", ask, exits, GENEROUS,
        Accounts(SECRETS), sign_ups=desk,
    )  # fmt: skip
    transport = httpx.ASGITransport(app=site(house), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="https://shop.example") as client:
        yield Shop(database, tokens, client, anna, mailing.id, house, asked)
