"""Who has left since a worker looked: withdrawals heard at once in this process, and soon in the others.

A worker asks :meth:`Hearing.heard` before each MAIL FROM. What this process commits is heard the moment it is on disk,
before the door answers. What others commit comes as a notice of the database (:func:`announce`, PostgreSQL only) and
is read from the end of the ledger by :meth:`Hearing.catch_up`, whether a notice came or not. What a door of this
machine could not write into the ledger yet is read from its disk (:mod:`consent.unwritten`), and who wrote a mail that
nobody has read yet from their own table (:mod:`consent.unread`).
"""

import json
import weakref
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from consent.model import Act, Clearance, Event, Purpose, SubscriberId
from consent.tables import ConsentEventRow, UnreadRow
from consent.unwritten import Unwritten
from kit.db import is_sqlite
from kit.notices import MOST_OCTETS

MOST_REMEMBERED = 1_000_000  # bounds memory; beyond it the oldest are forgotten, long after their slices were claimed
CHANNEL = "byleave_left"  # the notices that say who has left

_ALL = "*"
_UNREAD = "unread"
_listeners: "weakref.WeakSet[Hearing]" = weakref.WeakSet()


@dataclass(eq=False)
class Hearing:
    """The withdrawals that one worker has heard of, by person."""

    seq: int = 0  # the last place of the ledger that was read
    #: person -> topic, or "*" for all -> the latest place in the ledger of a withdrawal
    _left: dict[int, dict[str, int]] = field(default_factory=dict)
    unwritten: Unwritten | None = None
    #: whose opt-outs are on disk and not in the ledger yet; nothing is sent to them meanwhile
    waiting: frozenset[SubscriberId] = frozenset()
    _meanwhile: frozenset[SubscriberId] = frozenset()  # who joined them while the disk and the ledger were read
    #: who wrote a mail that is kept and not read yet; nothing is sent to them meanwhile, either
    unread: frozenset[SubscriberId] = frozenset()
    _unread_meanwhile: frozenset[SubscriberId] = frozenset()

    def __post_init__(self) -> None:
        _listeners.add(self)

    def heard(self, clearance: Clearance) -> bool:
        """Whether a withdrawal, suppression or pause was heard of since the clearance was given."""
        topics = self._left.get(clearance.subscriber)
        if topics is None:
            return False
        return max(topics.get(_ALL, 0), topics.get(clearance.topic, 0)) > clearance.seq

    def note(self, event_seq: int, person: int, act: Act, topics: tuple[str, ...]) -> None:
        """Remember one withdrawal."""
        left = self._left.setdefault(person, {})
        for topic in topics if act is Act.WITHDRAW and topics else (_ALL,):
            left[topic] = max(left.get(topic, 0), event_seq)
        while len(self._left) > MOST_REMEMBERED:
            del self._left[next(iter(self._left))]

    def read(self, notice: str) -> bool:
        """Remember who left by a notice; False where it does not say, and then the ledger has to be looked at."""
        try:
            told = json.loads(notice)
            if isinstance(told, dict):
                self.hold_back_unread(frozenset(SubscriberId(int(person)) for person in told[_UNREAD]))
                return True
            left = [(int(seq), int(person), Act(act), tuple(map(str, topics))) for seq, person, act, topics in told]
        except (ValueError, TypeError, KeyError):
            return False
        for one in left:
            self.note(*one)
        return True

    async def start(self, session: AsyncSession) -> None:
        """Begin at the present end of the ledger."""
        waiting, unread = self._on_disk(), await self._unread(session)
        self.seq = await session.scalar(sa.select(sa.func.max(ConsentEventRow.seq))) or 0
        self._hold_back(waiting, unread)

    async def catch_up(self, session: AsyncSession) -> int:
        """Read what was appended since, by any process; return how many withdrawals that were.

        The disk and the mails that wait are read first: a wish that has gone from there is in the ledger by then.
        """
        waiting, unread = self._on_disk(), await self._unread(session)
        rows = await session.execute(
            sa.select(
                ConsentEventRow.seq,
                ConsentEventRow.subscriber_id,
                ConsentEventRow.act,
                ConsentEventRow.purpose,
                ConsentEventRow.topics,
            )
            .where(ConsentEventRow.seq > self.seq)
            .order_by(ConsentEventRow.seq)
        )
        count = 0
        for seq, person, act, purpose, topics in rows:
            self.seq = seq
            if is_leaving(Act(act), Purpose(purpose)):
                self.note(seq, person, Act(act), tuple(topics))
                count += 1
        self._hold_back(waiting, unread)
        return count

    def hold_back(self, people: frozenset[SubscriberId]) -> None:
        """Send nothing to some people whose opt-outs were just put on disk."""
        self._meanwhile |= people
        self.waiting |= people

    def hold_back_unread(self, people: frozenset[SubscriberId]) -> None:
        """Send nothing to some people whose mails were just kept, to be read later."""
        self._unread_meanwhile |= people
        self.unread |= people

    def _hold_back(self, waiting: frozenset[SubscriberId], unread: frozenset[SubscriberId]) -> None:
        self.waiting = waiting | self._meanwhile
        self.unread = unread | self._unread_meanwhile

    async def _unread(self, session: AsyncSession) -> frozenset[SubscriberId]:
        self._unread_meanwhile = frozenset()
        people = await session.scalars(sa.select(UnreadRow.subscriber_id).distinct())
        return frozenset(map(SubscriberId, people))

    def _on_disk(self) -> frozenset[SubscriberId]:
        self._meanwhile = frozenset()
        return self.unwritten.people() if self.unwritten is not None else frozenset()


def is_leaving(act: Act, purpose: Purpose) -> bool:
    """Whether an act can end the leave to promote to somebody at an address, so that all who send have to hear of it.

    Who ends sharing or reminders alone goes on receiving what they chose.
    """
    if act is Act.WITHDRAW:
        return purpose is Purpose.PROMOTION
    return act.is_withdrawal or act in {Act.PAUSE, Act.MOVE}


async def announce(session: AsyncSession, events: Sequence[Event]) -> None:
    """Send those who left as a notice to all processes, within the transaction and so together with it.

    The notice names them, so that hearing needs no reading; too many for one notice are read from the ledger. SQLite
    knows no notices. The commits of transactions that notify queue up in PostgreSQL; those that write to the ledger do
    so anyway, for the end of the chain.
    """
    left = [
        [event.seq, event.subscriber, event.act.value, event.topics]
        for event in events
        if is_leaving(event.act, event.purpose)
    ]
    if not left or is_sqlite(session):
        return
    text = json.dumps(left, separators=(",", ":"))
    await session.execute(sa.select(sa.func.pg_notify(CHANNEL, text if len(text) <= MOST_OCTETS else "")))


async def announce_unread(session: AsyncSession, people: Collection[SubscriberId]) -> None:
    """Send those whose mail is kept unread as a notice to all processes, within the transaction that keeps it."""
    if not is_sqlite(session):
        await session.execute(sa.select(sa.func.pg_notify(CHANNEL, json.dumps({_UNREAD: sorted(people)}))))


def tell(event: Event) -> None:
    """Tell every listener of this process; called after the commit, before the door answers."""
    for listener in _listeners:
        listener.note(event.seq, event.subscriber, event.act, event.topics)


def hold_back(people: frozenset[SubscriberId]) -> None:
    """Tell every listener of this process whose opt-outs are on disk, before the door answers."""
    for listener in _listeners:
        listener.hold_back(people)


def tell_unread(people: frozenset[SubscriberId]) -> None:
    """Tell every listener of this process whose mails are kept unread, before they are answered 250."""
    for listener in _listeners:
        listener.hold_back_unread(people)
