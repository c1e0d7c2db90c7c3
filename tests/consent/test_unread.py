"""Who wrote a mail that nobody has read yet is sent nothing meanwhile, by any worker."""

import json
from pathlib import Path
from typing import Any, cast

import psycopg
import pytest
import sqlalchemy as sa

from consent import hearing, ledger, unread
from consent.hearing import CHANNEL, Hearing, tell_unread
from consent.model import SubscriberId
from consent.rights import erase
from consent.tables import LedgerHeadRow, UnreadRow
from kit.db import Database, Session
from tests.database import BY_REPLY, LATER, SECRETS, fresh_database, given_subscribers


async def heard(database: Database, ears: Hearing) -> frozenset[SubscriberId]:
    """Return whom a worker holds back after it has looked."""
    async with database.reading() as session:
        await ears.catch_up(session)
    return ears.unread


async def test_who_is_held_back_is_heard_with_the_commit_and_not_before(database: Database) -> None:
    """The mail is answered after this (promise 2); a mail that is not kept in the end holds nobody."""
    anna, bob = await given_subscribers(database, 2)
    ears = Hearing()

    async def is_lost() -> None:
        async with database.transaction() as session:
            await unread.hold_back(session, 1, [bob])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await is_lost()
    async with database.transaction() as session:
        await unread.hold_back(session, 2, [anna])
        assert ears.unread == frozenset()

    assert ears.unread == {anna}


async def test_a_worker_that_starts_later_holds_back_too(database: Database) -> None:
    """A restart forgets nothing: it stands in the database."""
    (anna,) = await given_subscribers(database, 1)
    async with database.transaction() as session:
        await unread.hold_back(session, 1, [anna])

    late = Hearing()
    async with database.reading() as session:
        await late.start(session)

    assert late.unread == {anna}


async def test_two_mails_hold_until_both_are_read(database: Database) -> None:
    """One that is decided says nothing about the other."""
    (anna,) = await given_subscribers(database, 1)
    ears = Hearing()
    async with database.transaction() as session:
        await unread.hold_back(session, 1, [anna])
        await unread.hold_back(session, 2, [anna])

    held = []
    for mail in (1, 2):
        async with database.transaction() as session:
            await unread.free(session, [mail])
        held.append(await heard(database, ears))

    assert held == [{anna}, frozenset()]


async def test_who_is_decided_between_two_reads_of_a_look_is_held_or_has_left(database: Database) -> None:
    """Another process decides meanwhile: no look may find somebody neither held back nor gone."""
    (anna,) = await given_subscribers(database, 1)
    async with database.transaction() as session:
        await unread.hold_back(session, 1, [anna])
        head = await session.scalar(sa.select(LedgerHeadRow.seq))
    elsewhere = Hearing(seq=head or 0)
    hearing._listeners.discard(elsewhere)  # what this process writes is told to others alone

    class Slow:
        """A session; the mail is decided behind its first statement."""

        def __init__(self, session: Session) -> None:
            self._session, self._has_read = session, False

        async def scalars(self, *arguments: Any) -> Any:
            return await self._then_decide(await self._session.scalars(*arguments))

        async def execute(self, *arguments: Any) -> Any:
            return await self._then_decide(await self._session.execute(*arguments))

        async def _then_decide(self, rows: Any) -> Any:
            if not self._has_read:
                self._has_read = True
                async with database.transaction() as other:
                    await ledger.withdraw_all(other, anna, source=BY_REPLY, at=LATER)
                    await unread.free(other, [1])
            return rows

    async with database.reading() as session:
        await elsewhere.catch_up(cast(Session, Slow(session)))

    assert anna in elsewhere.unread or anna in elsewhere._left


async def test_who_is_held_back_while_the_table_is_read_stays_so(database: Database) -> None:
    """A mail that is kept just behind the reader is not forgotten by its end."""

    class Behind(Hearing):
        async def _unread(self, session: Session) -> frozenset[SubscriberId]:
            found = await super()._unread(session)
            tell_unread(frozenset({SubscriberId(7)}))
            return found

    assert await heard(database, Behind()) == {7}


async def test_an_erased_person_is_held_back_no_longer(database: Database) -> None:
    """Nothing about them stays but what the law wants."""
    (anna,) = await given_subscribers(database, 1)
    async with database.transaction() as session:
        await unread.hold_back(session, 1, [anna])
        await erase(session, anna, secrets=SECRETS, source=BY_REPLY, at=LATER)

    async with database.reading() as session:
        assert await session.get(UnreadRow, (1, anna)) is None


@pytest.mark.peer
async def test_every_process_gets_notice_with_the_commit(tmp_path: Path) -> None:
    """PostgreSQL only; the notice names whom, so that a busy worker need not read."""
    async with fresh_database(tmp_path, kind="postgresql") as database:
        anna, bob = await given_subscribers(database, 2)
        url = database.url.replace("postgresql+psycopg", "postgresql")
        with psycopg.connect(url, autocommit=True) as elsewhere:
            elsewhere.execute(f'LISTEN "{CHANNEL}"')
            async with database.transaction() as session:
                await unread.hold_back(session, 1, [bob, anna])
            (notice,) = elsewhere.notifies(timeout=5, stop_after=1)

    ears = Hearing()
    assert json.loads(notice.payload) == {"unread": [anna, bob]}
    assert ears.read(notice.payload)
    assert ears.unread == {anna, bob}
