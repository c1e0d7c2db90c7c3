"""The desk that looks at sign-ups, with the clock in our hands: what tests of joining stand in."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from consent import ledger, signup, subscribers
from consent.admission import Form, Rules, agreement_of
from consent.ledger import Source
from consent.model import AgeBand, Door, Proof, SubscriberId
from consent.standing import mailable
from consent.subscribers import Profile
from consent.tables import ConsentEventRow, SignUpRow, SubscriberRow
from kit.addresses import parse_address
from kit.db import Base, Database
from mailer import outbox
from mailer.invitations import Invitations
from mailer.tables import OutboxRow
from tests.database import NOW, SECRETS

WORDING = "Yes, send me mail about the topics that I ticked."
RULES = Rules(most_waiting=100)
PAGE = Source(Door.PAGE, Proof.TOKEN, wording="Yes, send me these mails.", policy_version="2026-11-01")
AGREED = agreement_of(Door.PAGE, Proof.TOKEN, "I am the parent or guardian, and I agree.")
DAY, HOUR, SECOND = timedelta(days=1), timedelta(hours=1), timedelta(seconds=1)


@dataclass
class Desk:
    """The desk of a house with the clock in our hands, and a relay that takes every letter when we say so."""

    database: Database
    invitations: Invitations = field(default_factory=lambda: Invitations(SECRETS, RULES, timedelta(days=7), 50))
    now: datetime = NOW

    async def signs_up(self, address: str, *topics: str, guardian: str = "", language: str = "en") -> bool:
        form = Form(WORDING, "2026-11-01", language, self.now - SECOND)
        async with self.database.transaction() as session:
            return await signup.note(
                session, parse_address(address), topics or ("deals",), form,
                guardian=parse_address(guardian) if guardian else None, secrets=SECRETS, rules=RULES, at=self.now,
            )  # fmt: skip

    async def looks(self) -> list[tuple[str, str]]:
        """Let the desk look until nothing is due, and return the letters that it queued: kind and address."""
        before = len(await self.letters())
        async with self.database.transaction() as session:
            while await self.invitations.look(session, at=self.now):
                pass
        return [(row.kind, row.address) for row in (await self.letters())[before:]]

    async def sends(self) -> None:
        """Let the relay take what waits."""
        async with self.database.transaction() as session:
            for claimed in await outbox.claim(session, worker="w", token="t", at=self.now, most=50):
                await outbox.record_done(session, claimed, "sent", at=self.now)

    async def letters(self) -> list[OutboxRow]:
        async with self.database.reading() as session:
            return list(await session.scalars(sa.select(OutboxRow).order_by(OutboxRow.id)))

    async def waiting(self) -> list[SignUpRow]:
        async with self.database.reading() as session:
            return list(await session.scalars(sa.select(SignUpRow).order_by(SignUpRow.id)))

    async def confirms(self) -> object:
        """Let the owner of the only sign-up confirm."""
        (row,) = await self.waiting()
        async with self.database.transaction() as session:
            return await self.invitations.confirm(session, row.id, row.nonce, source=PAGE, at=self.now)

    async def agrees(self) -> bool:
        (row,) = await self.waiting()
        async with self.database.transaction() as session:
            return await self.invitations.agree(session, row.id, row.nonce, agreement=AGREED, at=self.now)

    async def withdraws(self) -> bool:
        (row,) = await self.waiting()
        async with self.database.transaction() as session:
            return await self.invitations.withdraw(session, row.id, row.nonce, source=PAGE, at=self.now)

    async def not_me(self) -> bool:
        (row,) = await self.waiting()
        async with self.database.transaction() as session:
            return await self.invitations.not_me(session, row.id, row.nonce, at=self.now)

    async def forgets(self) -> int:
        async with self.database.transaction() as session:
            return await self.invitations.forget(session, at=self.now)

    async def mailable(self) -> list[str]:
        async with self.database.reading() as session:
            people = mailable("deals", now=self.now)
            return list(await session.scalars(sa.select(SubscriberRow.address).where(SubscriberRow.id.in_(people))))

    async def acts(self) -> list[str]:
        async with self.database.reading() as session:
            return list(await session.scalars(sa.select(ConsentEventRow.act).order_by(ConsentEventRow.seq)))

    async def people(self) -> int:
        async with self.database.reading() as session:
            return await session.scalar(sa.select(sa.func.count()).select_from(SubscriberRow)) or 0

    async def knows(self, address: str, *topics: str, age: AgeBand = AgeBand.OVER_13) -> SubscriberId:
        profile = Profile(parse_address(address), age_band=age)
        async with self.database.transaction() as session:
            person = (await subscribers.add(session, [profile], secrets=SECRETS, at=self.now))[profile.address.key]
            source = Source(Door.IMPORT, Proof.EVIDENCE)
            await ledger.confirm(session, person, topics, source=source, at=self.now - DAY)
        return person


async def everything(database: Database, text: str) -> list[str]:
    """Return the tables in which a text stands anywhere."""
    async with database.reading() as session:
        return [
            table.name
            for table in Base.metadata.sorted_tables
            if any(text in str(value) for row in await session.execute(sa.select(table)) for value in row)
        ]


@pytest.fixture
def desk(database: Database) -> Desk:
    """The desk of one test."""
    return Desk(database)
