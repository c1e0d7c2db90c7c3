"""The relay pool: keeps connections to the relays busy and says of each mail what became of it.

``mailer.wire`` knows SMTP, ``mailer.channel`` carries its bytes over one connection; here mails are handed out, relays
chosen by weight and left alone while they are down. It never sends a mail without asking ``may_start`` at the very
moment its MAIL FROM is written, never sends one again whose fate is unknown, and never judges consent itself.
"""

import asyncio
import random
import ssl
from collections import Counter, deque
from collections.abc import AsyncIterable, Callable, Iterable, Sequence
from types import TracebackType
from typing import Self

from kit.errors import InvalidSettings
from mailer.batches import Batch, MailT, OnResult, Outgoing
from mailer.channel import Channel, Job, Timeouts, connect, tls_context
from mailer.pace import Pace
from mailer.relays import LOCAL_CODE, Deferred, Relay, Result, Withheld

TRIES = 3  # connections a mail may lose before its dot, until the caller is told to wait
MAILS_AT_HAND = 4  # for each connection, taken from an asynchronous source ahead of time
FIRST_PAUSE_SECONDS = 0.5  # a relay that failed is left alone so long, doubled each time,
LONGEST_PAUSE_SECONDS = 60.0  # up to this


RFC_TIMEOUTS = Timeouts()


class _Health:
    """How one relay is doing."""

    def __init__(self, relay: Relay, context: ssl.SSLContext | None) -> None:
        self.relay = relay
        self.context = context
        self.connections = 0
        self.failures = 0
        self.usable_from = 0.0
        self.trouble = ""

    @property
    def is_full(self) -> bool:
        """Whether it has all the connections that were set for it."""
        return self.relay.connections is not None and self.connections >= self.relay.connections

    def fail(self, reason: str, now: float) -> None:
        """Leave the relay alone for a while, longer each time."""
        pause = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** min(self.failures, 16))
        self.failures += 1
        self.usable_from = now + pause * random.uniform(0.75, 1.25)
        self.trouble = f"{self.relay.name}: {reason}"

    def recover(self) -> None:
        self.failures, self.usable_from, self.trouble = 0, 0.0, ""


class RelayPool:
    """Connections to one or more relays, and the mails waiting for them.

    ``connections`` is the most that are open at a time, over all relays; they are shared out by the relays' weights.
    ``messages_per_connection`` bounds what one connection carries before it is renewed.
    """

    def __init__(
        self,
        relays: Sequence[Relay],
        *,
        connections: int,
        helo: str,
        timeouts: Timeouts = RFC_TIMEOUTS,
        messages_per_connection: int = 1000,
        pace: Pace | None = None,
    ) -> None:
        if not relays or connections < 1 or messages_per_connection < 1:
            raise InvalidSettings("a relay pool needs a relay, a connection and a message a connection")
        self._relays = tuple(relays)
        self._connections = connections
        self._helo = helo
        self._timeouts = timeouts
        self._messages_per_connection = messages_per_connection
        self._healths: list[_Health] = []
        self._waiting: deque[Job] = deque()
        self._channels: set[Channel] = set()
        self._openings: set[asyncio.Task[None]] = set()
        self._is_open = False
        self._pace = pace
        if pace is not None:
            pace.attach(self)
        self._quiet = asyncio.Event()
        self._quiet.set()

    async def __aenter__(self) -> Self:
        for relay in self._relays:
            # Reading the system's authorities takes tens of milliseconds.
            context = None if relay.tls == "none" else await asyncio.to_thread(tls_context, relay)
            self._healths.append(_Health(relay, context))
        self._is_open = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                await self.drain()
        finally:
            self._abandon("the pool is closed")

    @property
    def outage(self) -> str | None:
        """Why no relay can be used now, or None. While it lasts every mail comes back deferred; better wait."""
        now = asyncio.get_running_loop().time()
        if self._channels or self._openings or self._usable(now):
            return None
        drained = self._drained()
        return "; ".join(
            f"{health.relay.name}: drained by staff" if health.relay.name in drained else health.trouble
            for health in self._healths
        )

    async def send(self, mail: Outgoing, *, may_start: Callable[[], bool]) -> Result:
        """Send one mail and return what became of it. ``may_start`` is called when its MAIL FROM is about to go.

        It goes before those of :meth:`send_many` and waits for no limit: it answers a person, and is one.
        """
        results: list[Result] = []
        batch = Batch[Outgoing](lambda _: may_start(), lambda _, result, __: results.append(result), is_paced=False)
        try:
            self._enqueue(batch.job(mail))
            await batch.until_below(1)
        finally:
            batch.is_abandoned = True
        return results[0]

    async def send_many(
        self,
        mails: Iterable[MailT] | AsyncIterable[MailT],
        may_start: Callable[[MailT], bool],
        on_result: OnResult[MailT],
    ) -> None:
        """Send mails over all connections, telling ``on_result`` each fate as it is known, in no set order.

        ``may_start`` is called once for each MAIL FROM, at the moment it is written; both calls must be quick and
        must not wait. Several calls may run at the same time. When an exception of theirs or a cancellation ends the
        call, mails not begun are not begun, and those under way finish without being told of.
        """
        batch = Batch(may_start, on_result)
        try:
            if isinstance(mails, AsyncIterable):
                async for mail in mails:
                    await batch.until_below(self._connections * MAILS_AT_HAND)
                    self._enqueue(batch.job(mail))
            else:
                for mail in mails:
                    self._enqueue(batch.job(mail), wake=False)
                self._wake()
            await batch.until_below(1)
        finally:
            batch.is_abandoned = True

    async def drain(self) -> None:
        """Begin nothing more, let what has begun finish, and say good-bye to the relays.

        Mails that were waiting come back deferred. Bounded by the time limits of the steps under way.
        """
        self._is_open = False
        self._defer_waiting("4.3.2", "sending is being stopped")
        for task in tuple(self._openings):
            task.cancel()
        for channel in tuple(self._channels):
            channel.retire()
        await self._quiet.wait()
        await asyncio.sleep(0)  # lets the closed sockets go

    def take(self, relay: Relay) -> Job | None:
        """Return the next mail for a channel that can begin one now."""
        pace = self._pace
        if pace is not None and not pace.is_free:
            return self._take_in_turn(relay, pace)
        while self._waiting:
            job = self._waiting.popleft()
            if not job.is_abandoned:
                job.relay = relay.name
                return job
        return None

    def _take_in_turn(self, relay: Relay, pace: Pace) -> Job | None:
        """Return the first mail that has its turn on this relay now."""
        refused: set[str] = set()
        for place, job in enumerate(self._waiting):
            domain = _domain(job)
            if job.is_abandoned:
                continue
            if not job.is_paced or (domain not in refused and pace.take(relay.name, domain)):
                del self._waiting[place]
                job.relay = relay.name
                return job
            refused.add(domain)
        return None

    def healths(self) -> list[tuple[str, bool, int, int]]:
        """Return of each relay its name, whether it can be used, its connections, and its failures in a row."""
        usable = set(self.usable())
        return [(one.relay.name, one.relay.name in usable, one.connections, one.failures) for one in self._healths]

    # -- for the pace -------------------------------------------------------------------------------------------------

    def wanted(self) -> Counter[str]:
        """Return how many mails wait for their turn, by the domain of the recipient."""
        return Counter(_domain(job) for job in self._waiting if job.is_paced and not job.is_abandoned)

    def usable(self) -> list[str]:
        """Return the names of the relays that can be used now."""
        return [health.relay.name for health in self._usable(asyncio.get_running_loop().time())]

    def go_on(self, *, late_after: float) -> None:
        """Begin what has its turn now, send back who has waited longer, and leave relays that were drained."""
        drained, now = self._drained(), asyncio.get_running_loop().time()
        for channel in tuple(self._channels) if drained else ():
            if channel.relay.name in drained:
                channel.retire()
        self._wake()
        if self._pace is None or self._pace.is_free or not self._waiting:
            return
        still: list[Job] = []
        for job in self._waiting:
            job.since = job.since or now
            if job.is_abandoned:
                continue
            if job.is_paced and now - job.since > late_after:
                job.settle(Withheld(self._pace.again_seconds(_domain(job))))
            else:
                still.append(job)
        if len(still) < len(self._waiting):
            self._waiting = deque(still)

    def _drained(self) -> frozenset[str]:
        return frozenset() if self._pace is None else self._pace.drained

    # -- for the channels ---------------------------------------------------------------------------------------------

    def give_back(self, job: Job, reason: str) -> None:
        """Take back a mail whose connection was lost before its dot; it may go over another one at once."""
        job.tries += 1
        if job.tries >= TRIES or not self._is_open:
            job.settle(Deferred(LOCAL_CODE, "4.4.2", reason))
        elif not job.is_abandoned:
            self._waiting.appendleft(job)

    def closed(self, channel: Channel, reason: str, *, is_orderly: bool) -> None:
        """Note that a channel is gone, and open another where mails wait."""
        self._channels.discard(channel)
        health = self._health(channel.relay)
        health.connections -= 1
        if channel.was_useful:
            health.recover()
        if self._pace is not None and reason.startswith("421 "):
            self._pace.closed(channel.relay.name, reason)
        if not channel.was_useful and not is_orderly:
            health.fail(reason, asyncio.get_running_loop().time())
        self._wake()

    def _enqueue(self, job: Job, *, wake: bool = True) -> None:
        if not self._is_open:
            job.settle(Deferred(LOCAL_CODE, "4.3.2", "sending is being stopped"))
            return
        if job.is_paced:
            self._waiting.append(job)
        else:
            self._waiting.appendleft(job)
        if wake:
            self._wake()

    def _wake(self) -> None:
        """Give waiting mails to idle channels and open as many more as are of use."""
        if self._waiting:
            for channel in tuple(self._channels):
                if not self._waiting:
                    break
                channel.pump()
        while self._is_open and len(self._openings) < len(self._waiting) and self._has_room():
            health = self._choose()
            if health is None:
                break
            self._open(health)
        if self._waiting and not self._channels and not self._openings:
            self._defer_waiting("4.4.1", self.outage or "no relay can be reached")
        if self._channels or self._openings:
            self._quiet.clear()
        else:
            self._quiet.set()

    def _has_room(self) -> bool:
        return len(self._channels) + len(self._openings) < self._connections

    def _choose(self) -> _Health | None:
        """Pick the usable relay that has the fewest connections for its weight."""
        usable = [health for health in self._usable(asyncio.get_running_loop().time()) if not health.is_full]
        return min(usable, key=lambda health: (health.connections + 1) / health.relay.weight, default=None)

    def _usable(self, now: float) -> list[_Health]:
        drained = self._drained()
        return [health for health in self._healths if health.usable_from <= now and health.relay.name not in drained]

    def _open(self, health: _Health) -> None:
        health.connections += 1
        task = asyncio.create_task(self._connect(health), name=f"relay {health.relay.name}")
        self._openings.add(task)
        task.add_done_callback(self._opened)

    async def _connect(self, health: _Health) -> None:
        """Open a channel; what goes wrong is kept as the relay's trouble, and the next relay is tried."""
        relay, limit = health.relay, self._messages_per_connection
        try:
            channel = await connect(relay, health.context, self, helo=self._helo, timeouts=self._timeouts, limit=limit)
        except OSError as error:  # TimeoutError, ConnectionError and ssl.SSLError are of this kind
            health.connections -= 1
            health.fail(str(error) or type(error).__name__, asyncio.get_running_loop().time())
            return
        except BaseException:
            health.connections -= 1
            raise
        self._channels.add(channel)

    def _opened(self, task: asyncio.Task[None]) -> None:
        self._openings.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            asyncio.get_running_loop().call_exception_handler(
                {"message": "opening a connection to a relay failed", "exception": error, "task": task}
            )
            self._defer_waiting("4.3.0", "opening a connection to a relay failed")
        self._wake()

    def _health(self, relay: Relay) -> _Health:
        return next(health for health in self._healths if health.relay is relay)

    def _defer_waiting(self, enhanced: str, reason: str) -> None:
        while self._waiting:
            self._waiting.popleft().settle(Deferred(LOCAL_CODE, enhanced, reason))

    def _abandon(self, reason: str) -> None:
        """Drop everything now; what had its dot sent is told as unknown."""
        self._is_open = False
        self._defer_waiting("4.3.2", reason)
        for task in tuple(self._openings):
            task.cancel()
        for channel in tuple(self._channels):
            channel.abort(reason)


def _domain(job: Job) -> str:
    return job.mail.rcpt_to.rpartition("@")[2]
