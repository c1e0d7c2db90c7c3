"""The report to an advertiser (P10): answered once, and the same ever after.

A measure's row is locked while an answer is found, so that two reports at once can't each overlook the other. What an
answer was made of is kept as one number a person and measure, also of the erased: without it a later answer about all
the others would tell what they had.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from campaigns import aggregates, store
from campaigns.aggregates import Chosen
from campaigns.model import State
from campaigns.tables import ReportAnswerRow, ReportCellRow, ReportMeasureRow
from consent import subscribers
from kit.db import insert
from kit.errors import Permanent
from mailer.mailings import recipients

HITS = "hits"
MOST_AT_ONCE = 1000  # rows in one statement
_SECRET = random.SystemRandom()


class NotFinished(Permanent):
    """The campaign is not finished; a report is made of finished ones only."""


class NobodyLeft(Permanent):
    """Nobody got this campaign, or who got it is not kept any more."""


@dataclass(frozen=True, slots=True)
class Measure:
    """Something of which an average is told: the attribute that holds it, and the most that counts."""

    name: str
    attribute: str = ""
    most: float = 1.0


@dataclass(frozen=True, slots=True)
class Rules:
    """How few people a number may speak of, and to what numbers of people are rounded."""

    minimum: int
    counts_to: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What is told of one measure: about how many people, and their average; nothing where they are too few."""

    measure: str
    people: int | None
    average: float | None = None
    step: float | None = None


async def report(
    session: AsyncSession, campaign_id: int, measures: Sequence[Measure], rules: Rules, *, now: datetime
) -> list[Answer]:
    """Return the answers for the people whom the campaign reached; the first time they are found and kept."""
    campaign = await store.load(session, campaign_id)
    if campaign is None or campaign.state is not State.FINISHED:
        raise NotFinished
    return [await _answer(session, campaign_id, one, rules, now=now) for one in (Measure(HITS), *measures)]


async def _answer(session: AsyncSession, campaign_id: int, measure: Measure, rules: Rules, *, now: datetime) -> Answer:
    made = insert(session, ReportMeasureRow).values(measure=measure.name, shift=_SECRET.random())
    await session.execute(made.on_conflict_do_nothing())
    locked = sa.select(ReportMeasureRow.shift).where(ReportMeasureRow.measure == measure.name).with_for_update()
    shift = (await session.execute(locked)).scalar_one()
    kept = await session.get(ReportAnswerRow, (campaign_id, measure.name))
    if kept is None:
        kept = await _find(session, campaign_id, measure, rules, shift)
        kept.at = now
        session.add(kept)
        await session.flush()
    return Answer(measure.name, kept.people, kept.average, kept.step)


async def _find(
    session: AsyncSession, campaign_id: int, measure: Measure, rules: Rules, shift: float
) -> ReportAnswerRow:
    answer = ReportAnswerRow(campaign_id=campaign_id, measure=measure.name)
    values = await _values(session, campaign_id, measure)
    chosen = await _choose(session, campaign_id, measure.name, list(values), rules.minimum)
    if chosen is not None:
        await _keep(session, measure.name, chosen)
        people = len(chosen.people)
        answer.people = aggregates.counted(people, rules.counts_to)
        if measure.attribute:
            answer.step = aggregates.step(measure.most, people)
            average = sum(values[person] for person in chosen.people) / people
            answer.average = aggregates.rounded(average, answer.step, shift)
    return answer


async def _values(session: AsyncSession, campaign_id: int, measure: Measure) -> dict[int, float]:
    got = recipients(campaign_id)
    if not measure.attribute:
        values = dict.fromkeys(await session.scalars(got), 1.0)
        if not values:
            raise NobodyLeft
        return values
    texts = await subscribers.attribute(session, measure.attribute, got)
    read = {person: aggregates.number(text.strip(), measure.most) for person, text in texts.items()}
    return {person: value for person, value in read.items() if value is not None}


async def _choose(
    session: AsyncSession, campaign_id: int, measure: str, wanted: list[int], minimum: int
) -> Chosen | None:
    ours = ReportCellRow.measure == measure
    cells: Any = await session.execute(
        sa.select(ReportCellRow.subscriber_id, ReportCellRow.cell).where(
            ours, ReportCellRow.subscriber_id.in_(recipients(campaign_id))
        )
    )
    sizes: Any = await session.execute(
        sa.select(ReportCellRow.cell, sa.func.count()).where(ours).group_by(ReportCellRow.cell)
    )
    _SECRET.shuffle(wanted)
    return aggregates.choose(wanted, cells=dict(cells.all()), sizes=dict(sizes.all()), minimum=minimum)


async def _keep(session: AsyncSession, measure: str, chosen: Chosen) -> None:
    rows = [{"measure": measure, "subscriber_id": person, "cell": cell} for person, cell in chosen.cells.items()]
    statement = insert(session, ReportCellRow.__table__)
    statement = statement.on_conflict_do_update(
        index_elements=["measure", "subscriber_id"], set_={"cell": statement.excluded.cell}
    )
    for start in range(0, len(rows), MOST_AT_ONCE):
        await session.execute(statement, rows[start : start + MOST_AT_ONCE])
