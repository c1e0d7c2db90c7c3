"""What a worker keeps hearing while it sends: who has left, and which mailings may still go out.

The last look before a MAIL FROM must not wait for a database; it asks what was heard here. On PostgreSQL withdrawals
come as notices, and what has reached this machine is taken in by the look itself, so that a busy process hears no later
than an idle one. Notices can be missed, so the ledger is read as well, often. Who could not read it for a while is
deaf, and while deaf nothing begins.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterator

from consent.hearing import CHANNEL, Hearing
from consent.model import Clearance
from kit.db import Database
from kit.log import logger
from kit.notices import Notices
from kit.processes import lasting_seconds
from mailer import delivery
from mailer.outcomes import Hindrance

LISTEN_SECONDS = 0.05  # how often withdrawals made by other processes are read while something is sent
GATES_EACH = 5  # with every fifth of those, pauses and cancellations are read, too
DEAF_SECONDS = 1.0  # after so long without a successful look nothing begins

_log = logger("mailer.attention")


class Attention:
    """The ears of one worker."""

    def __init__(self, database: Database, hearing: Hearing, *, deaf_seconds: float = DEAF_SECONDS) -> None:
        """Take the withdrawals that this process hears of; nothing is read yet."""
        self._database, self._hearing, self._deaf_seconds = database, hearing, deaf_seconds
        self._active: Counter[int] = Counter()
        self._gates: dict[int, str] = {}
        self._one_at_a_time = asyncio.Lock()
        self._heard_at = float("-inf")
        self._has_begun = False
        self._has_news = asyncio.Event()
        self._notices = None if database.is_sqlite else Notices(database.arguments, CHANNEL, self._take)

    @contextlib.contextmanager
    def to(self, mailing_id: int) -> Iterator[None]:
        """Attend to a mailing while letters of it are sent."""
        self._active[mailing_id] += 1
        try:
            yield
        finally:
            self._active[mailing_id] -= 1
            if not self._active[mailing_id]:
                del self._active[mailing_id]
                self._gates.pop(mailing_id, None)

    def hindrance(self, mailing_id: int, clearance: Clearance) -> Hindrance | None:
        """Say what speaks against sending now, without waiting for anything."""
        if self._notices is not None:
            self._notices.take_in()  # half a microsecond where nothing came
        if self._hearing.heard(clearance):
            return Hindrance.WITHDRAWN
        if clearance.subscriber in self._hearing.waiting:
            return Hindrance.UNWRITTEN
        if clearance.subscriber in self._hearing.unread:
            return Hindrance.UNREAD
        if self._gates.get(mailing_id) != "open":
            return Hindrance.HELD
        return Hindrance.DEAF if lasting_seconds() - self._heard_at > self._deaf_seconds else None

    async def listen(self, *, with_gates: bool) -> None:
        """Read what was withdrawn since the last time, and which mailings may still go out."""
        async with self._one_at_a_time:
            begun = lasting_seconds()
            async with self._database.reading() as session:
                if self._has_begun:
                    await self._hearing.catch_up(session)
                else:
                    await self._hearing.start(session)
                    self._has_begun = True
                if with_gates:
                    active = list(self._active)
                    found = await delivery.gates(session, active)
                    self._gates.update({mailing_id: found.get(mailing_id, "missing") for mailing_id in active})
            self._heard_at = begun

    async def run(self) -> None:
        """Listen until cancelled."""
        async with asyncio.TaskGroup() as both:
            both.create_task(self._look_often(), name="ledger")
            if self._notices is not None:
                both.create_task(self._notices.run(), name="notices")

    async def _look_often(self) -> None:
        """Read the ledger while something is sent: often, and at once where a notice tells of more than it names."""
        turn = 0
        while True:
            self._has_news.clear()
            if self._active:
                try:
                    await self.listen(with_gates=turn % GATES_EACH == 0)
                except Exception as error:  # noqa: BLE001 - whatever it was: who hears nothing begins nothing
                    _log.warning("hearing.failed", error=type(error).__name__, exc_info=True)
                turn += 1
            # not wait_for: Python 3.11's forgets a cancellation that comes together with the news
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LISTEN_SECONDS):
                    await self._has_news.wait()

    def _take(self, notice: str) -> None:
        if not self._hearing.read(notice):
            self._has_news.set()
