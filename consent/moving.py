"""A change of address: asked for from the old one, proven from the new one, and for a time taken back from the old.

Nothing changes before the new address has confirmed. Then the person moves with everything that they agreed to, and the
ledger says so; suppressions of either address hold (P12, promise 6). The letters are :mod:`mailer.moves`'.
"""

import enum
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from consent import known_addresses, ledger
from consent.ledger import Source, event_of
from consent.model import Act, SubscriberId
from consent.tables import MoveRow, SubscriberRow, SuppressionRow
from kit.addresses import EmailAddress, parse_address
from kit.secrets import Secrets

CONFIRMED_WITHIN = timedelta(days=2)
MOST_A_DAY = 3  # each asks a stranger's address; bounds what a person can make us send
#: suppressions that speak of an address alone; all others speak of its owner, and go along
_OF_THE_ADDRESS = frozenset({"bounce", "hard bounce", "soft bounces"})


class Ended(enum.StrEnum):
    """What became of a wish about a change of address."""

    MOVED = "moved"  # the new address holds
    TAKEN_BACK = "taken_back"  # the old address holds again
    REFUSED = "refused"  # the old address said no before the new one said yes
    TAKEN = "taken"  # the address is another subscriber's by now
    NOTHING = "nothing"  # its time is over, or it was so already


@dataclass(frozen=True, slots=True)
class Move:
    """A change of address that was asked for."""

    id: int
    person: SubscriberId
    old: EmailAddress
    new: EmailAddress
    state: str
    until: datetime


async def ask(session: AsyncSession, person: SubscriberId, new: EmailAddress, *, at: datetime) -> Move | None:
    """Note the wish to move; None where it changes nothing, or where too many were asked for since yesterday.

    It says nothing about whether the new address is known. A newer wish takes the place of one that waits.
    """
    await ledger.hold(session)  # as confirm and take_back do, so that of two at once each sees what the other did
    row = await session.get(SubscriberRow, person, populate_existing=True)
    if row is None or row.address is None or row.address_key == new.key:
        return None
    lately = sa.select(sa.func.count()).where(
        MoveRow.subscriber_id == person, MoveRow.asked_at > at - timedelta(days=1)
    )
    if (await session.scalar(lately) or 0) >= MOST_A_DAY:
        return None
    await session.execute(
        sa.update(MoveRow)
        .where(MoveRow.subscriber_id == person, MoveRow.state == "waiting")
        .values(state="replaced", old_address="", new_address="")
        .execution_options(synchronize_session=False)
    )
    made = MoveRow(
        subscriber_id=person, old_address=row.address, new_address=str(new), asked_at=at, state="waiting",
        until=at + CONFIRMED_WITHIN,
    )  # fmt: skip
    session.add(made)
    await session.flush()
    return _move(made)


async def load(session: AsyncSession, number: int, person: SubscriberId, *, at: datetime) -> Move | None:
    """Return a move of a person while something can still be done about it."""
    row = await session.scalar(
        sa.select(MoveRow)
        .where(MoveRow.id == number, MoveRow.subscriber_id == person, MoveRow.until > at)
        .where(MoveRow.state.in_(["waiting", "done"]))
        .execution_options(populate_existing=True)
    )
    return None if row is None else _move(row)


async def waiting(session: AsyncSession, person: SubscriberId, *, at: datetime) -> Move | None:
    """Return the move of a person that waits for the new address, if any."""
    row = await session.scalar(
        sa.select(MoveRow)
        .where(MoveRow.subscriber_id == person, MoveRow.until > at, MoveRow.state == "waiting")
        .order_by(MoveRow.id.desc())
        .limit(1)
    )
    return None if row is None else _move(row)


async def confirm(
    session: AsyncSession,
    number: int,
    person: SubscriberId,
    *,
    source: Source,
    secrets: Secrets,
    take_back_within: timedelta,
    at: datetime,
) -> Ended:
    """Let the new address hold: its owner has confirmed. From now on letters go there, those not begun yet too."""
    await ledger.hold(session)
    move = await load(session, number, person, at=at)
    if move is None or move.state != "waiting":
        return Ended.NOTHING
    if not await _carry(session, move, move.old, move.new, source=source, secrets=secrets, at=at):
        return Ended.TAKEN
    await known_addresses.forget(session, person, move.new, secrets=secrets)
    await known_addresses.remember(session, person, move.old, "former", secrets=secrets, at=at)
    await _end(session, move, state="done", done_at=at, until=at + take_back_within)
    return Ended.MOVED


async def take_back(
    session: AsyncSession, number: int, person: SubscriberId, *, source: Source, secrets: Secrets, at: datetime
) -> Ended:
    """Refuse a move that waits, or undo one that was made: the owner of the old address says so."""
    await ledger.hold(session)
    move = await load(session, number, person, at=at)
    if move is None:
        return Ended.NOTHING
    if move.state == "waiting":
        await _end(session, move, state="refused", old_address="", new_address="")
        return Ended.REFUSED
    if not await _carry(session, move, move.new, move.old, source=source, secrets=secrets, at=at):
        return Ended.TAKEN
    await known_addresses.forget(session, person, move.old, secrets=secrets)
    await _end(session, move, state="taken_back", old_address="", new_address="")
    return Ended.TAKEN_BACK


async def close_old(session: AsyncSession, *, at: datetime) -> int:
    """Empty the addresses of moves whose time is over; return how many they were."""
    ended = await session.execute(
        sa.update(MoveRow)
        .where(MoveRow.until <= at, MoveRow.new_address != "")
        .values(
            state=sa.case((MoveRow.state == "waiting", "over"), else_=MoveRow.state), old_address="", new_address=""
        )
        .returning(MoveRow.id)
        .execution_options(synchronize_session=False)
    )
    return len(ended.all())


async def _carry(
    session: AsyncSession, move: Move, old: EmailAddress, new: EmailAddress, *, source: Source, secrets: Secrets,
    at: datetime,
) -> bool:  # fmt: skip
    """Write the new address to the person and the move to the ledger; False where somebody has the address by now."""
    other = sa.select(SubscriberRow.id).where(SubscriberRow.address_key == new.key, SubscriberRow.id != move.person)
    if await session.scalar(other) is not None:
        return False
    hashes = secrets.address_hash(old), secrets.address_hash(new)
    moved = await session.execute(
        sa.update(SubscriberRow)
        .where(SubscriberRow.id == move.person, SubscriberRow.address_key == old.key)
        .values(address=str(new), address_key=new.key, mailbox_key=new.mailbox, address_hash=hashes[1])
        .returning(SubscriberRow.id)
        .execution_options(synchronize_session=False)
    )
    if moved.first() is None:
        return False
    await _take_suppression_along(session, *hashes, at=at)
    facts = {**(source.evidence or {}), "move": str(move.id), "from": hashes[0], "to": hashes[1]}
    by = Source(source.door, source.proof, facts, source.wording, source.policy_version)
    await ledger.append(session, event_of(Act.MOVE, move.person, (), by, at))
    return True


async def _take_suppression_along(session: AsyncSession, old: str, new: str, *, at: datetime) -> None:
    """Suppress the new address, too, where the old one is for a reason that is its owner's, such as a complaint."""
    row = await session.get(SuppressionRow, old, populate_existing=True)
    if row is not None and row.lifted_at is None and row.reason not in _OF_THE_ADDRESS:
        await ledger.suppress_hash(session, new, reason=row.reason, at=at)


async def _end(session: AsyncSession, move: Move, **values: object) -> None:
    await session.execute(
        sa.update(MoveRow).where(MoveRow.id == move.id).values(**values).execution_options(synchronize_session=False)
    )


def _move(row: MoveRow) -> Move:
    return Move(
        row.id, SubscriberId(row.subscriber_id), parse_address(row.old_address), parse_address(row.new_address),
        row.state, row.until,
    )  # fmt: skip
