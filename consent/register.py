"""The register of requests of people: appended to, never changed. Notes hold no letter and no address."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from consent.deadlines import (
    ANSWER_MONTHS,
    Request,
    RequestAct,
    RequestKind,
    RequestOutcome,
    Step,
    after,
    months_after,
)  # fmt: skip
from consent.tables import PrivacyRequestRow, PrivacyRequestStepRow
from kit.addresses import without_addresses

NOTE_CHARACTERS = 500  # a fact, not a letter
NAME_CHARACTERS = 100
REFERENCE_CHARACTERS = 200


async def add(session: AsyncSession, request: Request, *, at: datetime) -> int:
    """Enter a request and return its number; the one it came with counts for nothing."""
    row = PrivacyRequestRow(
        kind=request.kind.value, subscriber_id=request.subscriber_id, received_on=request.received_on,
        due_on=request.due_on, reference=_kept(request.reference, REFERENCE_CHARACTERS),
        by=_kept(request.by, NAME_CHARACTERS), at=at,
    )  # fmt: skip
    session.add(row)
    await session.flush()
    return row.id


async def append(session: AsyncSession, number: int, step: Step) -> None:
    """Enter what was done about a request."""
    session.add(
        PrivacyRequestStepRow(
            request_id=number, at=step.at, act=step.act.value, by=_kept(step.by, NAME_CHARACTERS),
            note=_kept(step.note, NOTE_CHARACTERS), outcome=step.outcome.value if step.outcome else "",
            due_on=step.due_on,
        )
    )  # fmt: skip
    await session.flush()


async def add_answered(
    session: AsyncSession, kind: RequestKind, person: int, *, by: str, note: str = "", at: datetime
) -> None:
    """Enter a request that was answered the moment it was made, once a day of a kind: by number alone."""
    day = at.date()
    answered = sa.exists().where(
        PrivacyRequestStepRow.request_id == PrivacyRequestRow.id,
        PrivacyRequestStepRow.outcome == RequestOutcome.ANSWERED.value,
        PrivacyRequestStepRow.at == PrivacyRequestRow.at,
    )
    same = sa.select(PrivacyRequestRow.id).where(
        PrivacyRequestRow.subscriber_id == person, PrivacyRequestRow.kind == kind.value,
        PrivacyRequestRow.received_on == day, answered,
    )  # fmt: skip
    if await session.scalar(same.limit(1)) is not None:
        return  # a reader of links asks a hundred times; the register only grows
    number = await add(session, Request(0, kind, person, "", day, months_after(day, ANSWER_MONTHS), by), at=at)
    await append(session, number, Step(at, RequestAct.CLOSED, by, note, RequestOutcome.ANSWERED))


async def load(session: AsyncSession, number: int) -> Request | None:
    """Return one request with all that was done about it."""
    found = await _requests(session, PrivacyRequestRow.id == number)
    return found[0] if found else None


async def all_requests(session: AsyncSession) -> list[Request]:
    """Return all requests in the order of their numbers."""
    return await _requests(session, sa.true())


async def _requests(session: AsyncSession, wanted: sa.ColumnElement[bool]) -> list[Request]:
    steps: dict[int, list[Step]] = {}
    of_these = sa.select(PrivacyRequestRow.id).where(wanted)
    for row in await session.scalars(
        sa.select(PrivacyRequestStepRow)
        .where(PrivacyRequestStepRow.request_id.in_(of_these))
        .order_by(PrivacyRequestStepRow.id)
    ):
        steps.setdefault(row.request_id, []).append(_step(row))
    rows = await session.scalars(sa.select(PrivacyRequestRow).where(wanted).order_by(PrivacyRequestRow.id))
    return [_request(row, steps.get(row.id, ())) for row in rows]


def _request(row: PrivacyRequestRow, steps: Sequence[Step]) -> Request:
    entered = Request(
        row.id, RequestKind(row.kind), row.subscriber_id, row.reference, row.received_on, row.due_on, row.by
    )
    return after(entered, steps)


def _step(row: PrivacyRequestStepRow) -> Step:
    outcome = RequestOutcome(row.outcome) if row.outcome else None
    return Step(row.at, RequestAct(row.act), row.by, row.note, outcome, row.due_on)


def _kept(text: str, most: int) -> str:
    return without_addresses(" ".join(text.split()))[:most]
