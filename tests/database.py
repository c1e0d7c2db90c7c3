"""A fresh database for each test: SQLite by default, PostgreSQL where BYLEAVE_TEST_DATABASE=postgresql says so."""

import asyncio
import atexit
import contextlib
import functools
import os
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

import campaigns.tables
import consent.tables
import inbound.tables
import kit.tables
import mailer.tables
from consent.ledger import Source, confirm
from consent.model import Door, Proof, SubscriberId
from consent.subscribers import Profile, add
from consent.tables import TopicRow
from kit.addresses import EmailAddress
from kit.db import Base, Database
from kit.secrets import Secrets
from tests.peers.postgres import Postgres

TABLES = (campaigns.tables, consent.tables, inbound.tables, kit.tables, mailer.tables)
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
TEMPLATE = "byleave_template"
KIND = os.environ.get("BYLEAVE_TEST_DATABASE", "sqlite")
SECRETS = Secrets({1: b"t" * 32}, 1, b"k" * 32)
BY_IMPORT = Source(Door.IMPORT, Proof.EVIDENCE, {"source": "test"})
BY_REPLY = Source(Door.REPLY, Proof.EXACT_ADDRESS)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On PostgreSQL run the tests that use a database; the others were run with SQLite and would say the same."""
    if KIND != "postgresql":
        return
    wanted = {"database", "database_url"}
    with_database = [item for item in items if wanted & set(getattr(item, "fixturenames", ()))]
    config.hook.pytest_deselected(items=[item for item in items if item not in with_database])
    items[:] = with_database


@contextlib.contextmanager
def on_every_engine(**acts: Callable[..., object]) -> Iterator[None]:
    """Call these meanwhile at the events of every engine, before their own: what is done at once has one of its own."""
    for name, act in acts.items():
        sa.event.listen(sa.Engine, name, act)
    try:
        yield
    finally:
        for name, act in acts.items():
            sa.event.remove(sa.Engine, name, act)


@contextlib.asynccontextmanager
async def fresh_database(folder: Path, *, kind: str = KIND) -> AsyncIterator[Database]:
    """Make an empty database with all tables; it is gone afterwards."""
    if kind == "postgresql":
        server = await asyncio.to_thread(_postgres)
        url = await asyncio.to_thread(server.create_database, template=TEMPLATE)
        database = Database(url, pool_size=5)
        yield database
        await database.close()
        await asyncio.to_thread(server.drop_database, url)
        return
    database = Database(f"sqlite+aiosqlite:///{folder / 'test.db'}", pool_size=5)
    async with database.engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    yield database
    await database.close()


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """A fresh database with all tables."""
    async with fresh_database(tmp_path) as made:
        yield made


async def given_subscribers(database: Database, number: int, *, topic: str = "deals") -> list[SubscriberId]:
    """Add a topic and people who agreed to it; return their numbers in order."""
    profiles = [Profile(EmailAddress(f"p{place:05}", "example.com"), name=f"P{place}") for place in range(number)]
    async with database.transaction() as session:
        if await session.get(TopicRow, topic) is None:
            session.add(TopicRow(key=topic, name=topic.title()))
            await session.flush()
        known = await add(session, profiles, secrets=SECRETS, at=NOW)
        people = [known[profile.address.key] for profile in profiles]
        await _grant(session, people, topic)
    return people


async def _grant(session: AsyncSession, people: list[SubscriberId], topic: str) -> None:
    """Let people agree to a topic: the first through the ledger, the rest as plain rows, which is fast."""
    if people:
        await confirm(session, people[0], [topic], source=BY_IMPORT, at=NOW)
    rows = [
        {"purpose": "promotion", "topic": topic, "subscriber_id": person, "state": "granted"} for person in people[1:]
    ]
    if rows:
        await session.execute(sa.insert(consent.tables.StandingRow), rows)


@functools.cache
def _postgres() -> Postgres:
    """Start one server for the whole run, with the tables in a template that is copied for each test."""
    server = Postgres()
    stack = contextlib.ExitStack()
    atexit.register(stack.close)
    stack.enter_context(server)
    server.create_template(TEMPLATE, _fill)
    return server


def _fill(url: str) -> None:
    engine = sa.create_engine(url)
    Base.metadata.create_all(engine)
    engine.dispose()
