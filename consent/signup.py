"""Sign-ups that wait: noted, looked at, confirmed, declined, forgotten in time (P3, P8).

Noting one asks nothing about its address, so that neither the answer of the page nor the time that it takes tells
whether we know it. Nothing of it is in the ledger or among the people before it is confirmed. Guardians are the work of
:mod:`consent.guardianship`; the letters are :mod:`mailer.invitations`'.
"""

import secrets as randomness
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from consent import ledger, subscribers
from consent.admission import Form, Known, Rules, SignUp, Step
from consent.age import held_age
from consent.chain import wording_hash
from consent.guardians import Guardianship, Stage, stage
from consent.ledger import Done, Outcome, Source
from consent.model import AgeBand, Door, Proof, Purpose, State, SubscriberId
from consent.subscribers import Profile
from consent.tables import NotMeRow, SignUpRow, StandingRow, SubscriberRow, WordingRow
from kit.addresses import EmailAddress
from kit.db import insert, is_sqlite
from kit.secrets import Secrets

NONCES = 1 << 31
DESK = 0x5167_4E55  # the advisory lock of the one desk that looks


async def note(
    session: AsyncSession,
    address: EmailAddress,
    topics: Sequence[str],
    form: Form,
    *,
    guardian: EmailAddress | None,
    secrets: Secrets,
    rules: Rules,
    at: datetime,
) -> bool:
    """Keep a sign-up until it is decided; False where too many wait. The same work, whatever the address."""
    waiting = sa.select(SignUpRow.id).where(SignUpRow.expires_at.is_not(None)).limit(rules.most_waiting)
    if (await session.scalar(sa.select(sa.func.count()).select_from(waiting.subquery())) or 0) >= rules.most_waiting:
        return False
    sha256 = wording_hash(form.wording)
    await session.execute(insert(session, WordingRow).values(sha256=sha256, text=form.wording).on_conflict_do_nothing())
    session.add(
        SignUpRow(
            nonce=randomness.randbelow(NONCES), address=str(address), mailbox_hash=secrets.mailbox_hash(address),
            guardian=str(guardian or ""), topics=sorted(set(topics)), form=form.name, wording_sha256=sha256,
            policy_version=form.policy_version, language=form.language, shown_at=form.shown_at, created_at=at,
            due_at=at, expires_at=at + (rules.guardian_keep if guardian else rules.keep),
        )
    )  # fmt: skip
    await session.flush()
    return True


async def is_time(session: AsyncSession, *, at: datetime) -> bool:
    """Whether any sign-up is to be looked at."""
    waiting = sa.select(SignUpRow.id).where(SignUpRow.due_at <= at).limit(1)
    return await session.scalar(waiting) is not None


async def due(session: AsyncSession, *, at: datetime, most: int) -> list[SignUp]:
    """Return sign-ups that are to be looked at, the oldest first; nothing while another desk looks.

    One desk at a time, so that two never hold a mailbox that the other waits for.
    """
    if not is_sqlite(session) and not await session.scalar(sa.select(sa.func.pg_try_advisory_xact_lock(DESK))):
        return []
    rows = await session.execute(
        _rows()
        .where(SignUpRow.due_at <= at)
        .order_by(SignUpRow.due_at, SignUpRow.id)
        .limit(most)
        .with_for_update(skip_locked=True, of=SignUpRow)
    )
    return [_sign_up(row, wording or "") for row, wording in rows]


async def load(session: AsyncSession, number: int, nonce: int, *, at: datetime, hold: bool = True) -> SignUp | None:
    """Return the sign-up that a token names, held for a change; None where it is gone or its time is over."""
    wanted = (
        _rows()
        .where(SignUpRow.id == number, SignUpRow.nonce == nonce)
        .where(sa.or_(SignUpRow.expires_at.is_(None), SignUpRow.expires_at > at))
    )
    found = (await session.execute(wanted.with_for_update(of=SignUpRow) if hold else wanted)).one_or_none()
    return None if found is None else _sign_up(found[0], found[1] or "")


async def child_of(session: AsyncSession, number: int, nonce: int) -> SubscriberId | None:
    """Return the child that joined by a sign-up that a guardian's token names."""
    wanted = sa.select(SignUpRow.subscriber_id).where(SignUpRow.id == number, SignUpRow.nonce == nonce)
    found = await session.scalar(wanted)
    return None if found is None else SubscriberId(found)


async def known_of(session: AsyncSession, sign_up: SignUp, *, secrets: Secrets, at: datetime) -> Known:
    """Return what is known about the address of a sign-up, for :func:`consent.admission.admit`."""
    mailboxes = [secrets.mailbox_hash(one) for one in (sign_up.address, sign_up.guardian) if one is not None]
    remembered = sa.select(NotMeRow.with_guardian).where(NotMeRow.mailbox_hash.in_(mailboxes), NotMeRow.until > at)
    said_no = set(await session.scalars(remembered))
    earlier_child = sa.select(SignUpRow.id).where(
        SignUpRow.mailbox_hash == mailboxes[0],
        SignUpRow.id < sign_up.id,
        SignUpRow.guardian != "",
        SignUpRow.step != Step.GRANTED.value,
        SignUpRow.expires_at > at,
    )
    person = await subscribers.find(session, sign_up.address)
    granted: set[str] = set()
    guardian_agreed = False
    if person is not None:
        granted = set((await ledger.standing_of(session, person.id)).granted())
        agreed = sa.select(SubscriberRow.guardian_agreed).where(SubscriberRow.id == person.id)
        guardian_agreed = bool(await session.scalar(agreed))
    return Known(
        is_declined=False in said_no,
        needs_guardian=True in said_no,
        suppression=await subscribers.suppression(session, secrets.address_hash(sign_up.address)),
        is_granted=bool(sign_up.topics) and granted.issuperset(sign_up.topics),
        age=await _age(session, sign_up.address, at=at),
        guardian_agreed=guardian_agreed,
        waits_for_guardian=await session.scalar(earlier_child.limit(1)) is not None,
    )


async def move(session: AsyncSession, sign_up: SignUp, step: Step, **values: Any) -> None:
    """Take a sign-up, which is locked, to a step; ``values`` are further columns."""
    await session.execute(
        sa.update(SignUpRow)
        .where(SignUpRow.id == sign_up.id)
        .values(step=step.value, **{"due_at": None, **values})
        .execution_options(synchronize_session=False)
    )


async def drop(session: AsyncSession, sign_up: SignUp) -> None:
    """Delete a sign-up with everything that it told."""
    await session.execute(
        sa.delete(SignUpRow).where(SignUpRow.id == sign_up.id).execution_options(synchronize_session=False)
    )


async def confirm(
    session: AsyncSession, sign_up: SignUp, *, source: Source, secrets: Secrets, rules: Rules, at: datetime
) -> Outcome | None:
    """Make the person and the agreement of a sign-up that was confirmed from its address; None: not its turn.

    A suppression ends, for the person themself asked (promise 6). An opt-out since the asking stands. A child joins
    only where the guardian's consent stands.
    """
    if sign_up.step is not Step.ASKED:
        return None
    if sign_up.is_child and stage(sign_up.guardianship, now=at, delay=rules.guardian_delay) is not Stage.STANDS:
        return None
    age = AgeBand.UNDER_13 if sign_up.is_child else AgeBand.OVER_13
    person = await _person(session, sign_up, age, secrets=secrets, at=at)
    if sign_up.is_child:
        await ledger.guardian(
            session, person, agreed=True, source=_guardian_source(sign_up, secrets), at=_told(sign_up)
        )
    if await subscribers.suppression(session, secrets.address_hash(sign_up.address)):
        await ledger.lift(session, person, source=source, at=at)
    shown = sign_up.form
    facts = {"form": shown.name, "language": shown.language, "shown": shown.shown_at.isoformat(timespec="seconds")}
    asked = Source(Door.PAGE, Proof.NONE, facts, shown.wording, shown.policy_version)
    await ledger.subscribe(session, person, sign_up.topics, source=asked, at=sign_up.asked_at)
    outcome = await ledger.confirm(session, person, sign_up.topics, source=source, at=at)
    if sign_up.is_child and isinstance(outcome, Done):
        await move(session, sign_up, Step.GRANTED, expires_at=None, subscriber_id=person)
    else:
        await drop(session, sign_up)
    return outcome


async def remember_not_me(
    session: AsyncSession,
    address: EmailAddress,
    *,
    secrets: Secrets,
    rules: Rules,
    at: datetime,
    with_guardian: bool = False,
) -> None:
    """Keep, for a bounded time, that a mailbox is not to be asked on a stranger's word: its keyed hash alone.

    ``with_guardian``: a child's, which may be asked about again, but not as somebody older.
    """
    values = {"until": at + rules.remember_not_me, "with_guardian": with_guardian}
    statement = insert(session, NotMeRow).values(mailbox_hash=secrets.mailbox_hash(address), **values)
    await session.execute(statement.on_conflict_do_update(index_elements=["mailbox_hash"], set_=values))


async def forget(session: AsyncSession, *, at: datetime, most: int) -> list[SignUp]:
    """Delete what was not confirmed in time (16 CFR 312.5(c)(1)), and guardians of children who receive nothing more.

    Returns what was deleted, so that no letter of it goes out any more.
    """
    receives = sa.exists().where(
        StandingRow.subscriber_id == SignUpRow.subscriber_id,
        StandingRow.state == State.GRANTED.value,
        StandingRow.purpose == Purpose.PROMOTION.value,
    )
    over = sa.or_(SignUpRow.expires_at <= at, sa.and_(SignUpRow.step == Step.GRANTED.value, sa.not_(receives)))
    rows = (
        await session.execute(_rows().where(over).limit(most).with_for_update(skip_locked=True, of=SignUpRow))
    ).all()
    gone = [_sign_up(row, wording or "") for row, wording in rows]
    if gone:
        await session.execute(
            sa.delete(SignUpRow)
            .where(SignUpRow.id.in_([one.id for one in gone]))
            .execution_options(synchronize_session=False)
        )
    await session.execute(sa.delete(NotMeRow).where(NotMeRow.until <= at))
    return gone


async def _person(
    session: AsyncSession, sign_up: SignUp, age: AgeBand, *, secrets: Secrets, at: datetime
) -> SubscriberId:
    """Return the person of an address, new or known; of two words about their age the younger counts."""
    profile = Profile(sign_up.address, language=sign_up.form.language, age_band=age)
    person = (await subscribers.add(session, [profile], secrets=secrets, at=at))[sign_up.address.key]
    weaker = [AgeBand.UNKNOWN.value] + ([AgeBand.OVER_13.value] if age is AgeBand.UNDER_13 else [])
    await session.execute(
        sa.update(SubscriberRow)
        .where(SubscriberRow.id == person, SubscriberRow.age_band.in_(weaker))
        .values(age_band=age.value)
        .execution_options(synchronize_session=False)
    )
    return person


async def _age(session: AsyncSession, address: EmailAddress, *, at: datetime) -> AgeBand:
    """Return what is known about the age of whoever reads a mailbox, in whatever spelling: the youngest word counts."""
    readers = await subscribers.among(session, numbers=(), addresses=[address])
    ages = {held_age(one.birth_date, one.age_band, today=at.date()) for one in readers}
    return next((age for age in (AgeBand.UNDER_13, AgeBand.OVER_13) if age in ages), AgeBand.UNKNOWN)


def _told(sign_up: SignUp) -> datetime:
    """Return the moment from which a guardian's consent stands."""
    return sign_up.guardianship.told_at or sign_up.asked_at


def _guardian_source(sign_up: SignUp, secrets: Secrets) -> Source:
    """Return what shows a guardian's consent: its moments, and the guardian as a keyed hash."""
    held, agreement = sign_up.guardianship, sign_up.agreement
    moments = {"asked": held.asked_at, "agreed": held.agreed_at, "second letter": held.told_at}
    facts = {name: at.isoformat(timespec="seconds") for name, at in moments.items() if at is not None}
    if sign_up.guardian is not None:
        facts["guardian"] = secrets.mailbox_hash(sign_up.guardian)
    return Source(
        Door(agreement.get("door", Door.PAGE)), Proof(agreement.get("proof", Proof.TOKEN)), facts,
        agreement.get("wording", ""), sign_up.form.policy_version,
    )  # fmt: skip


def _rows() -> sa.Select[SignUpRow, str]:
    wording = sa.select(WordingRow.text).where(WordingRow.sha256 == SignUpRow.wording_sha256).scalar_subquery()
    return sa.select(SignUpRow, wording).execution_options(populate_existing=True)


def _sign_up(row: SignUpRow, wording: str) -> SignUp:
    return SignUp(
        id=row.id, nonce=row.nonce, address=_address(row.address),
        guardian=_address(row.guardian) if row.guardian else None, topics=tuple(row.topics),
        form=Form(wording, row.policy_version, row.language, row.shown_at, row.form), asked_at=row.created_at,
        step=Step(row.step), expires_at=row.expires_at,
        guardianship=Guardianship(row.guardian_asked_at, row.guardian_agreed_at, row.guardian_told_at),
        agreement=dict(row.agreement), letter=row.letter_id,
        person=SubscriberId(row.subscriber_id) if row.subscriber_id is not None else None,
    )  # fmt: skip


def _address(text: str) -> EmailAddress:
    """Return an address as it was parsed when it was noted."""
    local, _, domain = text.rpartition("@")
    return EmailAddress(local, domain)
