"""What a claim costs does not depend on how many were sent: the plans go through the small indexes."""

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from consent import gate
from consent.model import Clearance
from kit.db import Database
from mailer import delivery
from mailer.outcomes import Outcome
from mailer.tables import DeliveryRow, MailingRow
from tests.database import NOW, given_subscribers
from tests.mailer.test_delivery import claim, given_mailing


async def plans_of(
    database: Database, session: AsyncSession, statements: list[tuple[str, object]], *, has_many_rows: bool = False
) -> str:
    """Return the plans of what was said to the database, as one text."""
    connection = await session.connection()
    if not (database.is_sqlite or has_many_rows):
        await connection.exec_driver_sql("SET enable_seqscan = off")  # few rows; the question is which index it can use
    explain = "EXPLAIN QUERY PLAN " if database.is_sqlite else "EXPLAIN "
    found = []
    for statement, parameters in statements:
        rows = await connection.exec_driver_sql(explain + statement, parameters)  # type: ignore[arg-type]
        found.append(" ".join(str(row) for row in rows))
    return "\n".join(found)


async def test_a_claim_finds_who_waits_by_the_index_of_those_who_wait(database: Database) -> None:
    """Not by that of all letters ever sent."""
    mailing, _ = await given_mailing(database, 5)
    said: list[tuple[str, object]] = []

    def note(_c: object, _cursor: object, statement: str, parameters: object, *_: object) -> None:
        if "SELECT delivery.id" in statement:
            said.append((statement, parameters))

    async with database.transaction() as session:
        sa.event.listen(database.engine.sync_engine, "before_cursor_execute", note)
        await delivery.claim_slice(session, mailing, first=0, last=99, limit=3, worker="w", now=NOW)
        await delivery.ranges(session, mailing, 4)
        sa.event.remove(database.engine.sync_engine, "before_cursor_execute", note)
        plans = await plans_of(database, session, said)

    assert len(said) == 3
    assert plans.count("ix_delivery_waiting") == 3
    assert "uq_delivery" not in plans


async def test_the_look_at_consent_reads_the_standings_of_the_slice_alone(database: Database) -> None:
    """And not those of everybody, which PostgreSQL did for as long as they were some thousand."""
    people = await given_subscribers(database, 3000)
    said: list[tuple[str, object]] = []

    def note(_c: object, _cursor: object, statement: str, parameters: object, *_: object) -> None:
        said.append((statement, parameters))

    async with database.transaction() as session:
        await session.execute(sa.text("ANALYZE"))  # as each database does by itself after a while
        sa.event.listen(database.engine.sync_engine, "before_cursor_execute", note)
        answers = await gate.clear(session, people[1000:1100], "deals", now=NOW)
        sa.event.remove(database.engine.sync_engine, "before_cursor_execute", note)
        looks = [one for one in said if one[0].startswith("SELECT")]
        plans = await plans_of(database, session, looks, has_many_rows=True)

    assert all(isinstance(answer, Clearance) for answer in answers.values())
    assert len(looks) == 1
    assert "standing" in plans
    assert not any(name in plans for name in ("SCAN standing'", "Seq Scan on standing", "Seq Scan on subscriber"))


async def test_the_runner_looks_through_the_small_indexes_only(database: Database) -> None:
    """What is asked twice a second: who is due, whether anybody waits or is held, who holds without being known."""
    mailing, _ = await given_mailing(database, 5)
    said: list[tuple[str, object]] = []

    def note(_c: object, _cursor: object, statement: str, parameters: object, *_: object) -> None:
        if "delivery" in statement:
            said.append((statement, parameters))

    async with database.transaction() as session:
        sa.event.listen(database.engine.sync_engine, "before_cursor_execute", note)
        await delivery.due_mailings(session, now=NOW)
        await delivery.adopt_due(session, mailing, size=3, now=NOW)
        await session.scalars(sa.select(MailingRow.id).where(delivery.unfinished(MailingRow.id)))
        await delivery.strangers(session, ["w"])
        await delivery.settle_dead(session, ["w"], proof=None, now=NOW)
        sa.event.remove(database.engine.sync_engine, "before_cursor_execute", note)
        plans = await plans_of(database, session, said)

    assert all(name in plans for name in ("ix_delivery_due", "ix_delivery_waiting", "ix_delivery_held"))
    assert not any(name in plans for name in ("uq_delivery", "SCAN delivery'", "Seq Scan on delivery"))


def test_every_index_but_two_holds_only_rows_under_work() -> None:
    """A full index is paid for by each letter: the key and the pair that is unique, and no third."""
    indexes = DeliveryRow.__table__.indexes  # type: ignore[attr-defined]  # a mapped class's table is a Table

    assert {index.name for index in indexes if index.dialect_options["sqlite"]["where"] is None} == set()


async def test_results_that_are_final_cost_one_statement(database: Database) -> None:
    """The mailing's gate decides only about who would wait again, so it is not asked for or locked for others."""
    mailing, _ = await given_mailing(database, 2)
    taken = await claim(database, mailing)
    said: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_: object) -> None:
        said.append(statement.split(maxsplit=1)[0])

    async with database.transaction() as session:
        sa.event.listen(database.engine.sync_engine, "before_cursor_execute", note)
        sent = [Outcome(row.id, "sent", code=250) for row in taken.rows]
        changed = await delivery.record(session, mailing, sent, claim=taken.claim, now=NOW)
        sa.event.remove(database.engine.sync_engine, "before_cursor_execute", note)

    assert changed == 2
    assert [word for word in said if word != "BEGIN"] == ["UPDATE"]
