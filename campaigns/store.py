"""Campaigns kept: written, listed, and moved from state to state.

Each move is one conditional UPDATE, so that of several who try one wins and the others learn what is so. A launch is
one transaction: the state, what is missing of the snapshot (:mod:`campaigns.gathering`) and the jobs that send to it.
It sends nothing.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from campaigns.audience import EVERYBODY, audience
from campaigns.gathering import gather_rest
from campaigns.model import MOVES, Changed, Move, Outcome, State, judge
from campaigns.tables import CampaignRow
from consent.policy import all_topics
from kit.errors import Permanent
from mailer import delivery
from mailer.tables import MailingRow

SEND_CHUNK = "send_chunk"  # the job that sends to a range of deliveries: (mailing, first, last)

_TEXTS = ("name", "topic", "subject", "text", "html", "template", "segment")


class InvalidCampaign(Permanent):
    """The campaign can't be made from this."""


class Enqueue(Protocol):
    """Enqueues a job in the caller's own transaction; :meth:`kit.jobs.Jobs.enqueue` does."""

    async def __call__(
        self, session: AsyncSession, name: str, /, *args: int | str, job_id: str, is_bulk: bool = False
    ) -> None:
        """Enqueue a job once; a second one of the same id is the same job."""


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign with what it says, as screens and commands show it."""

    id: int
    name: str
    topic: str
    subject: str
    text: str
    html: str
    template: str
    segment: str
    state: State
    launch_at: datetime | None
    time_zone: str
    note: str
    snapshot: int
    created_at: datetime
    launched_at: datetime | None
    finished_at: datetime | None


async def new(session: AsyncSession, content: Mapping[str, Any], *, now: datetime) -> int:
    """Make a draft from ``name, topic, subject`` and ``text, html`` or ``template`` with ``values``; return its id.

    Raises :class:`InvalidCampaign` saying what is missing, unknown or of the wrong kind.
    """
    unknown = sorted(set(content) - {*_TEXTS, "values"})
    if unknown:
        raise InvalidCampaign(f"a campaign has no '{unknown[0]}'; it has {', '.join(_TEXTS)} and values")
    values = content.get("values", {})
    if not isinstance(values, Mapping):
        raise InvalidCampaign("'values' has to be a table: what the template sees as campaign")
    texts = {key: content.get(key, "") for key in _TEXTS}
    wrong = [key for key, value in texts.items() if not isinstance(value, str)]
    if wrong:
        raise InvalidCampaign(f"'{wrong[0]}' has to be a text")
    missing = [key for key in ("name", "topic", "subject") if not texts[key].strip()]
    if missing:
        raise InvalidCampaign(f"a campaign needs a {missing[0]}")
    if not (texts["text"].strip() or texts["html"].strip() or texts["template"].strip()):
        raise InvalidCampaign("a campaign needs a text, an html or a template")
    topics = [topic.key for topic in await all_topics(session)]
    if texts["topic"] not in topics:
        raise InvalidCampaign(f"there is no topic '{texts['topic']}'; there are: {', '.join(topics)}")
    segment = texts.pop("segment") or EVERYBODY
    audience(texts["topic"], segment, now=now)  # raises where the segment is unknown
    mailing = MailingRow(**texts, values=dict(values), gate=State.DRAFT.gate, created_at=now)
    session.add(mailing)
    await session.flush()
    session.add(CampaignRow(id=mailing.id, segment=segment, created_at=now))
    await session.flush()
    return mailing.id


async def load(session: AsyncSession, campaign_id: int) -> Campaign | None:
    """Return a campaign, or None."""
    found = (await session.execute(_select().where(CampaignRow.id == campaign_id))).first()
    return None if found is None else _campaign(*found)


async def all_campaigns(session: AsyncSession) -> list[Campaign]:
    """Return all campaigns, the newest first."""
    rows = await session.execute(_select().order_by(CampaignRow.id.desc()))
    return [_campaign(campaign, mailing) for campaign, mailing in rows]


async def schedule(session: AsyncSession, campaign_id: int, at: datetime, *, time_zone: str) -> Outcome:
    """Plan a launch, or plan it anew."""
    return await _move(
        session, campaign_id, Move.SCHEDULE, launch_at=at, time_zone=time_zone, note="", gathered_at=None
    )


async def hold(session: AsyncSession, campaign_id: int, *, why: str) -> Outcome:
    """Put a planned campaign back to the drafts, with the reason for staff to read."""
    return await _move(session, campaign_id, Move.HOLD, note=why)


async def launch(
    session: AsyncSession,
    campaign_id: int,
    *,
    enqueue: Enqueue,
    now: datetime,
    chunk_size: int = 1000,
    require_age: bool = False,
) -> Outcome:
    """Launch: the state, the snapshot of the audience and its jobs become true together or not at all."""
    outcome = await _move(session, campaign_id, Move.LAUNCH, launched_at=now, note="")
    if not isinstance(outcome, Changed):
        return outcome
    await gather_rest(session, campaign_id, now=now, require_age=require_age)
    await cover(session, campaign_id, enqueue=enqueue, chunk_size=chunk_size)
    return outcome


async def pause(session: AsyncSession, campaign_id: int, *, note: str = "") -> Outcome:
    """Begin nothing more; what is on its way still arrives. ``note`` says why, where the software does it by itself."""
    return await _move(session, campaign_id, Move.PAUSE, note=note)


async def resume(session: AsyncSession, campaign_id: int, *, enqueue: Enqueue, chunk_size: int = 1000) -> Outcome:
    """Go on with those who still wait."""
    outcome = await _move(session, campaign_id, Move.RESUME, note="")
    if isinstance(outcome, Changed):
        await cover(session, campaign_id, enqueue=enqueue, chunk_size=chunk_size)
    return outcome


async def cancel(session: AsyncSession, campaign_id: int, *, now: datetime) -> Outcome:
    """End a campaign for good; who still waits is skipped."""
    outcome = await _move(session, campaign_id, Move.CANCEL, finished_at=now)
    if isinstance(outcome, Changed):
        await delivery.skip_waiting(session, campaign_id, reason="cancelled", now=now)
    return outcome


async def finish(session: AsyncSession, campaign_id: int, *, now: datetime) -> Outcome:
    """End a campaign in which nobody waits any more and nothing is in any worker's hands."""
    return await _move(session, campaign_id, Move.FINISH, _nobody_waits(), finished_at=now)


async def reopen(session: AsyncSession, campaign_id: int) -> Outcome:
    """Let a finished campaign run once more, for letters that wait again (:mod:`campaigns.unknowns`)."""
    return await _move(session, campaign_id, Move.REOPEN, finished_at=None)


async def cover(session: AsyncSession, campaign_id: int, *, enqueue: Enqueue, chunk_size: int) -> int:
    """Enqueue jobs for all who wait and have no moment of their own; return how many jobs that are."""
    chunks = await delivery.ranges(session, campaign_id, chunk_size)
    await enqueue_chunks(session, campaign_id, chunks, enqueue=enqueue)
    return len(chunks)


async def enqueue_chunks(
    session: AsyncSession, campaign_id: int, chunks: list[tuple[int, int]], *, enqueue: Enqueue
) -> None:
    """Enqueue a job for each range of deliveries. A range may be covered twice: each row is claimed once only."""
    batch = uuid.uuid4().hex[:12]
    for first, last in chunks:
        job_id = f"{job_prefix(campaign_id)}{first}-{last}-{batch}"
        await enqueue(session, SEND_CHUNK, campaign_id, first, last, job_id=job_id, is_bulk=True)


def job_prefix(campaign_id: int) -> str:
    """Return what the ids of all jobs of a campaign begin with."""
    return f"mailing-{campaign_id}-"


async def due(session: AsyncSession, *, now: datetime) -> list[tuple[int, datetime]]:
    """Return the planned campaigns whose time has come, and that time."""
    rows = await session.execute(
        sa.select(CampaignRow.id, CampaignRow.launch_at)
        .where(CampaignRow.state == State.SCHEDULED.value, CampaignRow.launch_at <= now)
        .order_by(CampaignRow.launch_at)
    )
    return [(id_, at) for id_, at in rows if at is not None]


async def done(session: AsyncSession) -> list[int]:
    """Return the running campaigns in which nobody waits any more."""
    rows = await session.scalars(
        sa.select(CampaignRow.id).where(CampaignRow.state == State.RUNNING.value, _nobody_waits())
    )
    return list(rows)


async def uncovered(session: AsyncSession) -> list[int]:
    """Return the running campaigns in which somebody waits for a job (and not for a moment)."""
    waits = delivery.waits_for_job(CampaignRow.id)
    uncovered_ = sa.and_(waits, sa.func.coalesce(CampaignRow.canary, "") != "waiting")  # they wait for no job
    return list(
        await session.scalars(sa.select(CampaignRow.id).where(CampaignRow.state == State.RUNNING.value, uncovered_))
    )


async def _move(
    session: AsyncSession, campaign_id: int, move: Move, *conditions: sa.ColumnElement[bool], **values: Any
) -> Outcome:
    sources, target = MOVES[move]
    moved = await session.execute(
        sa.update(CampaignRow)
        .where(CampaignRow.id == campaign_id, CampaignRow.state.in_([state.value for state in sources]), *conditions)
        .values(state=target.value, **values)
        .returning(CampaignRow.id)
        .execution_options(synchronize_session=False)
    )
    if moved.first() is not None:
        await delivery.set_gate(session, campaign_id, target.gate)
        return Changed(campaign_id, target)
    state = await session.scalar(sa.select(CampaignRow.state).where(CampaignRow.id == campaign_id))
    return judge(campaign_id, move, None if state is None else State(state))


def _nobody_waits() -> sa.ColumnElement[bool]:
    return ~delivery.unfinished(CampaignRow.id)


def _select() -> sa.Select[CampaignRow, MailingRow]:
    return (
        sa.select(CampaignRow, MailingRow)
        .join(MailingRow, MailingRow.id == CampaignRow.id)
        .execution_options(populate_existing=True)
    )


def _campaign(campaign: CampaignRow, mailing: MailingRow) -> Campaign:
    return Campaign(
        id=campaign.id, name=mailing.name, topic=mailing.topic, subject=mailing.subject, text=mailing.text,
        html=mailing.html, template=mailing.template, segment=campaign.segment, state=State(campaign.state),
        launch_at=campaign.launch_at, time_zone=campaign.time_zone, note=campaign.note, snapshot=campaign.snapshot,
        created_at=campaign.created_at, launched_at=campaign.launched_at, finished_at=campaign.finished_at,
    )  # fmt: skip
