"""Old campaigns become numbers: exact at any instant, whoever folds, and nobody is written to again."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from campaigns import launching, retention, unknowns
from campaigns.model import NotPossible
from campaigns.tables import CampaignRow
from kit.db import Database
from mailer import fates
from mailer.tables import DeliveryRow, DeliveryTotalRow, MailingRow
from tests.campaigns.test_store import Jobs, launched, shown
from tests.database import LATER, NOW

ENDED = NOW + timedelta(days=1)
DUE = ENDED + timedelta(seconds=1)
FATES: tuple[dict[str, Any], ...] = (
    {"state": "sent", "code": 250, "enhanced": "2.0.0", "relay": "first"},
    {"state": "sent", "code": 250, "enhanced": "2.0.0", "relay": None},
    {"state": "failed", "reason": "refused", "code": 550, "enhanced": "5.1.1", "relay": "first"},
    {"state": "failed", "reason": "refused", "code": 550, "enhanced": "5.1.1", "relay": "second"},
    {"state": "skipped", "reason": "withdrawn"},
    {"state": "skipped", "reason": "cancelled"},
    {"state": "unknown", "reason": "answer_lost", "relay": "second"},
)


async def over(database: Database, people: int = 21, *, state: str = "finished", at: datetime | None = ENDED) -> int:
    """A campaign that went out, each letter with a fate."""
    campaign = await launched(database, people)
    async with database.transaction() as session:
        for place, id_ in enumerate(await session.scalars(sa.select(DeliveryRow.id).order_by(DeliveryRow.id))):
            fate = FATES[place % len(FATES)]
            await session.execute(sa.update(DeliveryRow).where(DeliveryRow.id == id_).values(**fate, done_at=NOW))
        await session.execute(sa.update(CampaignRow).values(state=state, finished_at=at))
        await session.execute(sa.update(MailingRow).values(gate="done" if state == "finished" else state))
    return campaign


async def told(database: Database, campaign: int) -> list[Any]:
    """All numbers that are told of a campaign."""
    status = await shown(database, campaign)
    async with database.reading() as session:
        return [status, await fates.by_relay(session, campaign), await fates.by_code(session, campaign)]


async def left(database: Database) -> list[str]:
    async with database.reading() as session:
        return list(await session.scalars(sa.select(DeliveryRow.state).order_by(DeliveryRow.id)))


async def fold(database: Database, *, most: int = 4, before: datetime = DUE) -> int:
    (rule,) = retention.rules(database)
    cleared, after = 0, 0
    while True:
        batch = await rule.clear(before, after, most)
        cleared += batch.cleared
        if batch.after is None:
            return cleared
        after = batch.after


async def test_the_numbers_are_the_same_after_each_step(database: Database) -> None:
    """And rows remain only of what a person may still settle."""
    campaign = await over(database)
    (rule,) = retention.rules(database)
    before = await told(database, campaign)
    assert await rule.count(DUE) == 18

    after: int | None = 0
    for folded in (5, 10, 15, 18):
        assert after is not None
        after = (await rule.clear(DUE, after, 5)).after
        assert await told(database, campaign) == before
        assert len(await left(database)) == 21 - folded

    assert await left(database) == ["unknown"] * 3
    assert await rule.count(DUE) == 0
    async with database.reading() as session:
        kinds = await session.scalar(sa.select(sa.func.count()).select_from(DeliveryTotalRow))
    assert kinds == len(FATES) - 1


async def test_every_old_campaign_has_its_turn(database: Database) -> None:
    """Each with numbers of its own, whatever the size of the steps."""
    first = await over(database, 7)
    async with database.transaction() as session:
        await session.execute(sa.update(DeliveryRow).values(mailing_id=first + 4))
        session.add(MailingRow(id=first + 4, name="x", topic="deals", subject="s", gate="done", created_at=NOW))
        await session.flush()
        session.add(CampaignRow(id=first + 4, state="finished", snapshot=7, created_at=NOW, finished_at=ENDED))
        for person in range(1, 10):
            session.add(DeliveryRow(mailing_id=first, subscriber_id=person, state="sent"))

    assert await fold(database, most=2) == 9 + 6

    async with database.reading() as session:
        totals = sa.select(DeliveryTotalRow.mailing_id, sa.func.sum(DeliveryTotalRow.number))
        rows = await session.execute(totals.group_by(DeliveryTotalRow.mailing_id).order_by(DeliveryTotalRow.mailing_id))
        assert [tuple(row) for row in rows] == [(first, 9), (first + 4, 6)]


@pytest.mark.parametrize(
    ("state", "at", "before"),
    [("finished", ENDED, ENDED), ("cancelled", ENDED, ENDED), ("running", None, DUE), ("paused", None, DUE),
     ("running", ENDED, DUE)],
)  # fmt: skip
async def test_what_is_not_old_stays(database: Database, state: str, at: datetime | None, before: datetime) -> None:
    """Neither one that ended a moment later, nor one that goes on, even with the moment of an earlier end."""
    await over(database, 7, state=state, at=at)

    assert await fold(database, before=before) == 0
    assert len(await left(database)) == 7


async def test_a_cancelled_campaign_is_folded_and_what_a_worker_still_holds_stays(database: Database) -> None:
    campaign = await over(database, 7, state="cancelled")
    async with database.transaction() as session:
        await session.execute(sa.update(DeliveryRow).where(DeliveryRow.state == "unknown").values(state="claimed"))
    before = await told(database, campaign)

    assert await fold(database) == 6
    assert await left(database) == ["claimed"]
    assert await told(database, campaign) == before


async def test_several_fold_at_once_and_somebody_looks(database: Database) -> None:
    """Each letter counts once, and no look ever sees another sum."""
    campaign = await over(database, 70)
    before, looks = await told(database, campaign), 0
    folding = asyncio.gather(*(fold(database, most=3) for _ in range(3)))

    while not folding.done():
        assert (await told(database, campaign))[0] == before[0]
        looks += 1

    assert sum(await folding) == 60
    assert looks > 1
    assert await told(database, campaign) == before


async def test_a_folded_campaign_is_neither_launched_again_nor_loses_its_unknown_letters(database: Database) -> None:
    """A person lets these wait again, and the sum stays the whole."""
    campaign = await over(database)
    await fold(database)

    outcome = await launching.launch(database, campaign, ready=_ready, enqueue=Jobs(), now=LATER)
    assert isinstance(outcome, NotPossible)
    async with database.transaction() as session:
        await unknowns.send_again(session, campaign, by="ann", now=LATER)

    assert (await shown(database, campaign))["waiting"] == 3
    assert await left(database) == ["waiting"] * 3
    assert await fold(database) == 0


async def _ready() -> None:
    """Refuse nothing."""
