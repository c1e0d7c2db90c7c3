"""The letters outside any campaign: queued in the transaction that calls for them, claimed, recorded, emptied.

At most one letter of a kind goes to one address in the given days, whoever asks and however often; only a customer's
own letter, handed on to customer service, knows no such limit. It composes and sends nothing
(:mod:`mailer.postman` does).
"""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from kit.addresses import EmailAddress
from kit.db import is_sqlite
from mailer.tables import OutboxRow

#: How long a claim lasts: longer than the ten minutes that a relay may take over the final dot (RFC 5321 4.5.3.2.6).
LEASE = timedelta(minutes=15)
RESPONSE_CHARACTERS = 500
#: What stays of ``details`` once the letter was sent: what an answer to it means. The rest is personal and goes.
KEPT_DETAILS = frozenset({"topics", "scope", "event", "mailing_id", "version"})


class Kind(enum.StrEnum):
    """What a letter is for."""

    RECEIPT = "receipt"  # to the owner: you have left, and how to take that back
    CONFIRMATION = "confirmation"  # somebody, likely you, asked to join; say yes
    QUESTION = "question"  # to the sender: did you mean to leave?
    ASK_OWNER = "ask_owner"  # to the owner: somebody who has your copy asked to leave
    HAND_ON = "hand_on"  # a customer's own letter, to customer service
    SIGN_UP = "sign_up"  # to an address that a form was given: confirm, or say "not me"
    ALREADY_IN = "already_in"  # to a subscriber whose address a form was given: nothing to do
    GUARDIAN_REQUEST = "guardian_request"  # the first letter to the guardian of a child under 13
    GUARDIAN_SECOND = "guardian_second"  # the second, after the delay
    GUARDIAN_RECEIPT = "guardian_receipt"  # the guardian's consent ended
    GUARDIAN_QUESTION = "guardian_question"  # a yes by mail that proves too little: please use the page
    POLICY = "policy"  # a new version of the privacy policy, and perhaps: please agree anew
    ACCOUNT_LINK = "account_link"  # the way to the account page
    MOVE_NEW = "move_new"  # to a new address: please confirm
    MOVE_OLD = "move_old"  # to the present address: it is to change; stop it or take it back
    ERASED = "erased"  # the last letter
    REMINDER = "reminder"  # the recurring question about preferences (P6)

    @property
    def may_repeat(self) -> bool:
        """Whether a letter that may have arrived is sent again: better twice than lost, for what a customer wrote."""
        return self is Kind.HAND_ON


#: In the order in which :mod:`mailer.letters` numbers them in the tokens of Message-IDs, above 28 bits of time.
_NUMBERED = (
    Kind.CONFIRMATION, Kind.RECEIPT, Kind.QUESTION, Kind.ASK_OWNER, Kind.SIGN_UP, Kind.ALREADY_IN,
    Kind.GUARDIAN_REQUEST, Kind.GUARDIAN_SECOND, Kind.GUARDIAN_RECEIPT, Kind.GUARDIAN_QUESTION, Kind.POLICY,
    Kind.ACCOUNT_LINK, Kind.MOVE_NEW, Kind.MOVE_OLD, Kind.ERASED, Kind.REMINDER,
)  # fmt: skip
#: Letters that a stranger can cause by typing an address into a form: a mailbox gets one of them in some days.
FROM_FORMS = (Kind.SIGN_UP, Kind.ALREADY_IN, Kind.GUARDIAN_REQUEST)


def kind_of(extra: int) -> Kind | None:
    """Return the kind of the service letter whose Message-ID carries this extra number; None for a promotion's."""
    number = extra >> 28
    return _NUMBERED[number] if extra and number < len(_NUMBERED) else None


@dataclass(frozen=True, slots=True)
class Letter:
    """One letter to be sent, or one that was claimed."""

    kind: Kind
    address: EmailAddress
    address_hash: str
    subscriber_id: int | None = None
    mailing_id: int | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    raw: bytes | None = None


@dataclass(frozen=True, slots=True)
class Claimed:
    """A letter that one worker has taken, with the token that fences its result."""

    id: int
    claim: str
    attempt: int
    created_at: datetime
    letter: Letter


@dataclass(frozen=True, slots=True)
class Asked:
    """What a letter of ours was about, for understanding an answer to it."""

    kind: Kind
    subscriber_id: int | None
    details: Mapping[str, Any]
    created_at: datetime


async def enqueue(session: AsyncSession, letter: Letter, *, at: datetime, once_in: timedelta | None) -> int | None:
    """Queue a letter and return its number; None where the address got one of its kind within ``once_in``.

    RFC 3834 2: no more than one automatic answer to an address in some days, so that loops end.
    """
    if once_in is not None:
        if not is_sqlite(session):  # two transactions that don't see each other yet would both queue one
            lock = int(letter.address_hash[:15], 16)
            await session.execute(sa.select(sa.func.pg_advisory_xact_lock(lock)))
        recent = await session.scalar(
            sa.select(OutboxRow.id)
            .where(
                OutboxRow.address_hash == letter.address_hash,
                OutboxRow.kind == letter.kind.value,
                OutboxRow.created_at > at - once_in,
            )
            .limit(1)
        )
        if recent is not None:
            return None
    row = OutboxRow(
        kind=letter.kind.value, address=str(letter.address), address_hash=letter.address_hash,
        subscriber_id=letter.subscriber_id, mailing_id=letter.mailing_id, details=dict(letter.details),
        raw=letter.raw, created_at=at, next_at=at,
    )  # fmt: skip
    session.add(row)
    await session.flush()
    return row.id


async def claim(session: AsyncSession, *, worker: str, token: str, at: datetime, most: int) -> list[Claimed]:
    """Take up to ``most`` letters that are due; no other worker gets them while the lease lasts."""
    due = (
        sa.select(OutboxRow.id)
        .where(OutboxRow.state == "waiting", OutboxRow.next_at <= at)
        .order_by(OutboxRow.next_at, OutboxRow.id)
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    ids = list(await session.scalars(due))
    if not ids:
        return []
    await session.execute(
        sa.update(OutboxRow)
        .where(OutboxRow.id.in_(ids))
        .values(state="claimed", worker=worker, claim=token, attempt=OutboxRow.attempt + 1, next_at=at + LEASE)
        .execution_options(synchronize_session=False)
    )
    rows = await session.scalars(
        sa.select(OutboxRow)
        .where(OutboxRow.id.in_(ids))
        .order_by(OutboxRow.id)
        .execution_options(populate_existing=True)
    )
    return [_claimed(row) for row in rows]


async def record_done(session: AsyncSession, claimed: Claimed, state: str, *, at: datetime, response: str = "") -> bool:
    """Note a final result ("sent", "failed" or "unknown") and empty what is personal; False if the claim was lost.

    A customer's letter that could not be handed on keeps everything: staff must be able to find and save it.
    """
    values: dict[str, Any] = {"state": state, "done_at": at, "response": response[:RESPONSE_CHARACTERS]}
    if state == "sent" or not claimed.letter.kind.may_repeat:
        values |= {"address": "", "raw": None, "details": _kept(claimed.letter.details)}
    return await _record(session, claimed, values)


async def record_waiting(session: AsyncSession, claimed: Claimed, *, next_at: datetime, response: str = "") -> bool:
    """Give a letter back for another try at ``next_at``; False if the claim was lost."""
    values = {"state": "waiting", "next_at": next_at, "response": response[:RESPONSE_CHARACTERS]}
    return await _record(session, claimed, values)


async def release(session: AsyncSession, *, at: datetime, dead: Sequence[str] = ()) -> int:
    """Take over what dead workers left claimed, known as dead or by a lease that ran out; return how many.

    A service letter may have been sent, so it ends as unknown; a customer's letter is handed on again.
    """
    lost = sa.and_(
        OutboxRow.state == "claimed",
        sa.or_(OutboxRow.next_at <= at, OutboxRow.worker.in_(list(dead))),
    )
    rows = list(await session.scalars(sa.select(OutboxRow).where(lost).with_for_update(skip_locked=True)))
    for row in rows:
        if Kind(row.kind).may_repeat:
            row.state, row.next_at = "waiting", at
        else:
            row.state, row.done_at, row.address, row.raw = "unknown", at, "", None
            row.details = _kept(row.details)
        row.claim = ""
    await session.flush()
    return len(rows)


async def last_from_forms(session: AsyncSession, mailbox_hash: str, *, since: datetime) -> datetime | None:
    """Return when a mailbox was last written to because somebody typed its address into a form; None: not since then.

    The mailbox is held for the rest of the transaction, so that no other writes to it at the same moment.
    """
    if not is_sqlite(session):
        lock = int(mailbox_hash[:15], 16)
        await session.execute(sa.select(sa.func.pg_advisory_xact_lock(lock)))
    moment: datetime | None = await session.scalar(
        sa.select(sa.func.max(OutboxRow.created_at)).where(
            OutboxRow.address_hash == mailbox_hash,
            OutboxRow.kind.in_([Kind.CONFIRMATION.value, *(kind.value for kind in FROM_FORMS)]),
            OutboxRow.created_at > since,
        )
    )
    return moment


async def count_from_forms(session: AsyncSession, *, since: datetime, most: int) -> int:
    """Return how many letters the forms caused since a moment, counted up to ``most``."""
    found = (
        sa.select(OutboxRow.id)
        .where(OutboxRow.created_at > since, OutboxRow.kind.in_([kind.value for kind in FROM_FORMS]))
        .limit(most)
    )
    return await session.scalar(sa.select(sa.func.count()).select_from(found.subquery())) or 0


async def state_of(session: AsyncSession, number: int) -> tuple[str, datetime | None]:
    """Return the state of a letter, and when it ended; ("failed", None) where there is none."""
    row = (
        await session.execute(sa.select(OutboxRow.state, OutboxRow.done_at).where(OutboxRow.id == number))
    ).one_or_none()
    return ("failed", None) if row is None else (row.state, row.done_at)


async def call_back(session: AsyncSession, number: int, *, at: datetime) -> None:
    """Take a letter out that was not begun yet: what it says is not so any more."""
    await session.execute(
        sa.update(OutboxRow)
        .where(OutboxRow.id == number, OutboxRow.state == "waiting")
        .values(state="failed", done_at=at, address="", details={}, response="called back")
        .execution_options(synchronize_session=False)
    )


async def call_back_all(session: AsyncSession, subscriber_id: int, *, at: datetime) -> None:
    """Take out all letters to a person that were not begun yet."""
    await session.execute(
        sa.update(OutboxRow)
        .where(OutboxRow.subscriber_id == subscriber_id, OutboxRow.state == "waiting")
        .values(state="failed", done_at=at, address="", details={}, response="called back")
        .execution_options(synchronize_session=False)
    )


async def forget(session: AsyncSession, subscriber_id: int, *, at: datetime) -> None:
    """Take out what waits for a person who is erased, and empty what is kept of letters to them."""
    await call_back_all(session, subscriber_id, at=at)
    await session.execute(
        sa.update(OutboxRow)
        .where(OutboxRow.subscriber_id == subscriber_id, OutboxRow.state != "claimed")
        .values(response="", details={})
        .execution_options(synchronize_session=False)
    )


async def of_person(session: AsyncSession, subscriber_id: int) -> list[tuple[str, datetime, str]]:
    """Return (kind, moment, state) of the letters to a person outside any campaign."""
    rows = await session.execute(
        sa.select(OutboxRow.kind, OutboxRow.created_at, OutboxRow.state)
        .where(OutboxRow.subscriber_id == subscriber_id)
        .order_by(OutboxRow.id)
    )
    return [(kind, at, state) for kind, at, state in rows]


async def asked(session: AsyncSession, number: int) -> Asked | None:
    """Return what a letter of ours asked, so that an answer to it can be understood."""
    row = await session.get(OutboxRow, number)
    if row is None:
        return None
    return Asked(Kind(row.kind), row.subscriber_id, dict(row.details), row.created_at)


async def last_asked(
    session: AsyncSession, subscriber_id: int, kinds: Sequence[Kind], *, since: datetime
) -> Asked | None:
    """Return the newest letter of these kinds to a person that is not older than ``since``."""
    row = await session.scalar(
        sa.select(OutboxRow)
        .where(
            OutboxRow.subscriber_id == subscriber_id,
            OutboxRow.kind.in_([kind.value for kind in kinds]),
            OutboxRow.created_at > since,
        )
        .order_by(OutboxRow.id.desc())
        .limit(1)
    )
    return None if row is None else Asked(Kind(row.kind), row.subscriber_id, dict(row.details), row.created_at)


def _kept(details: Mapping[str, Any]) -> dict[str, Any]:
    """Return what stays of the details of a letter that is gone; of one about a sign-up, nothing."""
    return {} if "sign_up" in details else {key: value for key, value in details.items() if key in KEPT_DETAILS}


async def _record(session: AsyncSession, claimed: Claimed, values: Mapping[str, Any]) -> bool:
    """Write a result, fenced by the claim: a worker that came back from the dead changes nothing."""
    changed = await session.execute(
        sa.update(OutboxRow)
        .where(OutboxRow.id == claimed.id, OutboxRow.claim == claimed.claim, OutboxRow.state == "claimed")
        .values(claim="", **values)
        .returning(OutboxRow.id)
        .execution_options(synchronize_session=False)
    )
    return changed.first() is not None


def _claimed(row: OutboxRow) -> Claimed:
    local, _, domain = row.address.rpartition("@")
    letter = Letter(
        Kind(row.kind), EmailAddress(local, domain), row.address_hash, row.subscriber_id, row.mailing_id,
        dict(row.details), row.raw,
    )  # fmt: skip
    return Claimed(row.id, row.claim, row.attempt, row.created_at, letter)
