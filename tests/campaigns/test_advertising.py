"""Reports to advertisers, on the database: finished campaigns only, once answered never another answer (P10)."""

from collections.abc import Sequence

import pytest
import sqlalchemy as sa

from campaigns.advertising import Answer, Measure, NobodyLeft, NotFinished, Rules, report
from campaigns.tables import CampaignRow, ReportCellRow
from consent.tables import SubscriberRow
from kit.db import Database
from mailer.tables import DeliveryRow, MailingRow
from tests.database import NOW, given_subscribers

RULES = Rules(minimum=20, counts_to=10)
INCOME = Measure("income", "income", 100_000)


async def a_campaign(database: Database, people: Sequence[int], *, state: str = "finished") -> int:
    async with database.transaction() as session:
        mailing = MailingRow(name="x", topic="deals", subject="x", gate="done", created_at=NOW)
        session.add(mailing)
        await session.flush()
        session.add(CampaignRow(id=mailing.id, state=state, created_at=NOW))
        session.add_all(DeliveryRow(mailing_id=mailing.id, subscriber_id=one, state="sent") for one in people)
        return mailing.id


async def with_incomes(database: Database, incomes: Sequence[str]) -> list[int]:
    people = await given_subscribers(database, len(incomes))
    async with database.transaction() as session:
        for person, income in zip(people, incomes, strict=True):
            values = {"income": income} if income else {}
            await session.execute(sa.update(SubscriberRow).where(SubscriberRow.id == person).values(attributes=values))
    return [int(one) for one in people]


async def asked(database: Database, campaign: int, rules: Rules = RULES) -> list[Answer]:
    async with database.transaction() as session:
        return await report(session, campaign, [INCOME], rules, now=NOW)


async def test_hits_and_an_average(database: Database) -> None:
    """Rounded both, and no income counts for more than the bound."""
    people = await with_incomes(database, ["40000"] * 99 + ["999999999"] + ["none"] * 5)
    campaign = await a_campaign(database, people)

    hits, income = await asked(database, campaign)

    assert hits == Answer("hits", 100)
    assert (income.people, income.step) == (100, 5000)
    assert income.average is not None
    assert income.average % 5000 == 0
    assert abs(income.average - 40_600) <= 5000


async def test_too_few_are_not_told_of(database: Database) -> None:
    """Who got it are enough, those with an income are not."""
    people = await with_incomes(database, ["40000"] * 19 + [""] * 10)

    hits, income = await asked(database, await a_campaign(database, people))

    assert hits.people == 20
    assert income == Answer("income", None)


async def test_only_finished_ones_that_somebody_got(database: Database) -> None:
    """While letters go out, two looks would differ by one person."""
    people = await with_incomes(database, ["1"] * 30)
    for state in ("draft", "running", "paused", "cancelled"):
        with pytest.raises(NotFinished):
            await asked(database, await a_campaign(database, people, state=state))
    with pytest.raises(NotFinished):
        await asked(database, 99)
    with pytest.raises(NobodyLeft):
        await asked(database, await a_campaign(database, []))


async def test_an_answer_never_changes(database: Database) -> None:
    """Not by other settings, nor when everybody's income is another one by then."""
    people = await with_incomes(database, ["40000"] * 60)
    campaign = await a_campaign(database, people)
    first = await asked(database, campaign)
    async with database.transaction() as session:
        await session.execute(sa.update(SubscriberRow).values(attributes={"income": "9"}))

    assert await asked(database, campaign, Rules(50, 1)) == first


async def test_who_is_erased_between_two_reports_can_not_be_read_off(database: Database) -> None:
    """The same people got both; the second answer is about at least so many fewer as the minimum says, or none."""
    people = await with_incomes(database, ["40000"] * 60)
    await asked(database, await a_campaign(database, people))
    async with database.transaction() as session:
        await session.execute(sa.update(SubscriberRow).where(SubscriberRow.id == people[0]).values(attributes={}))

    small = (await asked(database, await a_campaign(database, people)))[1]
    async with database.reading() as session:
        cells = sa.select(sa.func.count()).where(ReportCellRow.measure == "income").group_by(ReportCellRow.cell)
        sizes = list(await session.scalars(cells))

    assert small == Answer("income", None)  # 40 of 59 would be too small a part
    assert sizes == [60]


async def test_a_large_list_that_a_few_leave_is_told_of(database: Database) -> None:
    """Those who are left out keep the few company; no cell is smaller than the minimum."""
    people = await with_incomes(database, ["40000"] * 300)
    await asked(database, await a_campaign(database, people))

    hits, income = await asked(database, await a_campaign(database, people[3:]))
    async with database.reading() as session:
        cells = sa.select(sa.func.count(ReportCellRow.cell)).group_by(ReportCellRow.measure, ReportCellRow.cell)
        sizes = sorted(await session.scalars(cells))

    assert (hits.people, income.people) == (280, 280)
    assert sizes == [20, 20, 280, 280]
