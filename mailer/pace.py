"""The pace of one worker: it takes leases of the limits that all workers share, and says whose turn it is.

The relay pool asks :meth:`Pace.take` for each letter when its MAIL FROM is due, so a limit holds at the wire; the
courier asks :meth:`Pace.room` and :meth:`Pace.part`, so that no more is claimed and composed than can go soon. Where
nothing is limited and nobody has had enough of us, ``is_free`` is all that is looked at. Without the database there are
no leases, and what is limited waits.
"""

import asyncio
import math
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from kit.clock import Clock, utc_now
from kit.db import Database
from kit.errors import Temporary
from kit.log import logger
from kit.processes import lasting_seconds
from mailer import leases
from mailer.leases import Answer, Ask, Known
from mailer.outcomes import Claimed, Outcome
from mailer.relays import asks_for_less
from mailer.speeds import EVERYTHING, Speeds, of_day, of_domain, of_relay
from mailer.throttle import Limit

LOOK_SECONDS = 1.0  # how often we look who else was refused, and which relays are drained
SHORTEST_PAUSE_SECONDS = 0.05  # between two exchanges, however short a lease is
AHEAD_SECONDS = 2.0  # letters are claimed and composed so long before their turn
PATIENCE_SECONDS = 10.0  # a letter that waits longer in the pool goes back to the database
LONGEST_SECONDS = 3600.0  # nobody is put off longer at once, so that faster settings are soon felt
SPEED_SECONDS = 10  # over which our own speed is measured
LEAST_SPEED = 2.0  # messages a second that a refusal is taken to mean where we can't know better
SWEEP_SECONDS = 600.0

_log = logger("mailer.pace")


class Queue(Protocol):
    """The letters that wait for their turn; :class:`mailer.smtp.RelayPool` has them."""

    def wanted(self) -> Counter[str]:
        """Return how many letters wait, by the domain of the recipient."""

    def usable(self) -> Collection[str]:
        """Return the names of the relays that can be used now."""

    def go_on(self, *, late_after: float) -> None:
        """Begin what has its turn now, and send back who has waited longer."""


class Turns(Protocol):
    """What the courier asks: how much may be claimed, and of that what goes now."""

    is_free: bool

    async def room(self, most: int) -> int:
        """Return how many letters may be claimed now; 0 after a moment in which there was no room."""

    def part(self, rows: Sequence[Claimed]) -> tuple[Sequence[Claimed], list[Outcome]]:
        """Part who goes now from who is put off because the limit of a domain is used up."""

    def sent(self, domains: Iterable[str]) -> None:
        """Hear where letters went, so that our speed is known."""

    def refused(self, relay: str, domain: str, outcome: Outcome) -> None:
        """Hear that a relay refused a letter to a domain, and with which words."""


class Unlimited:
    """Everybody's turn, always."""

    is_free = True

    async def room(self, most: int) -> int:
        """Return all that is asked for."""
        return most

    def part(self, rows: Sequence[Claimed]) -> tuple[Sequence[Claimed], list[Outcome]]:
        """Put nobody off."""
        return rows, []

    def sent(self, domains: Iterable[str]) -> None:
        """Measure nothing."""

    def refused(self, relay: str, domain: str, outcome: Outcome) -> None:
        """Slow nothing down."""


UNLIMITED = Unlimited()


@dataclass(slots=True)
class _Held:
    """What is left of a lease."""

    count: int
    until: float


class Pace:
    """See the module. ``run`` ends by cancellation only."""

    def __init__(
        self,
        database: Database,
        speeds: Speeds,
        *,
        worker: str,
        clock: Clock = utc_now,
        lasting: Callable[[], float] = lasting_seconds,
    ) -> None:
        """Take the limits of the settings; nothing is leased before somebody waits."""
        self._database, self.speeds, self._clock, self._lasting = database, speeds, clock, lasting
        self._worker = worker[-16:]  # enough to tell workers apart, and the log stays small
        self._known = Known()
        self._held: dict[str, _Held] = {}
        self._answers: dict[str, Answer] = {}
        self._asks: dict[str, Ask] = {}
        self._scopes: dict[tuple[str, str], tuple[str, ...]] = {}
        self._due: dict[str, float] = {}  # when the next letter has its turn, by limit
        self._put_off: dict[str, float] = {}  # until when letters are put off, by limit
        self._room, self._pause = 0.0, SHORTEST_PAUSE_SECONDS
        self._sent: Counter[str] = Counter()
        self._history: deque[tuple[float, Counter[str]]] = deque(maxlen=SPEED_SECONDS)
        self._looked_at = self._swept_at = -math.inf
        self._is_wanted = asyncio.Event()
        self._queue: Queue | None = None
        self.is_free = speeds.are_free

    # -- for the pool -------------------------------------------------------------------------------------------------

    def attach(self, queue: Queue) -> None:
        """Name those who wait."""
        self._queue = queue

    @property
    def drained(self) -> frozenset[str]:
        """The relays that are to be given nothing more."""
        return self._known.drained

    def take(self, relay: str, domain: str) -> bool:
        """Spend one message of every limit that holds for a letter, or none at all."""
        scopes = self._scopes.get((relay, domain))
        if scopes is None:
            scopes = self._scopes[relay, domain] = self.speeds.scopes(relay, domain, self._known.slowed)
        now, spent = self._lasting(), []
        for scope in scopes:
            held = self._held.get(scope)
            if held is None or not held.count or held.until <= now:
                self._is_wanted.set()
                return False
            spent.append(held)
        for held in spent:
            held.count -= 1
        return True

    def again_seconds(self, domain: str) -> float:
        """Return after how long a letter that did not get its turn is tried again."""
        return max(1.0, self._put_off_seconds(domain))

    # -- for the courier ----------------------------------------------------------------------------------------------

    async def room(self, most: int) -> int:
        """Return how many letters may be claimed now; 0 after a moment in which there was no room."""
        if self.is_free:
            return most
        if why := self.standstill():
            raise Temporary(why, delay=30.0)
        rate = self._rate()
        if rate is None:
            return most
        now = self._lasting()
        due = max(self._room, now)
        number = min(most, max(int((now + AHEAD_SECONDS - due) * rate), int(due <= now)))
        if number < 1:
            await asyncio.sleep(min(max(due - now - AHEAD_SECONDS / 2, SHORTEST_PAUSE_SECONDS), 0.5))
            return 0
        self._room = due + number / rate
        return number

    def part(self, rows: Sequence[Claimed]) -> tuple[Sequence[Claimed], list[Outcome]]:
        """Part who goes now from who is put off because the limit of a domain is used up."""
        if self.is_free:
            return rows, []
        at = self._clock()
        go: list[Claimed] = []
        later: list[Outcome] = []
        for row in rows:
            domain = row.clearance.address.domain
            if self._has_turn(domain):
                go.append(row)
            else:
                then = at + timedelta(seconds=self._put_off_seconds(domain))
                later.append(Outcome(row.id, "waiting", "paced", next_at=then, was_started=False))
        return go, later

    def sent(self, domains: Iterable[str]) -> None:
        """Hear where letters went, so that our speed is known."""
        self._sent.update(domains)

    def refused(self, relay: str, domain: str, outcome: Outcome) -> None:
        """Hear that a relay refused a letter; where that asks for less, all workers are told."""
        who = asks_for_less(outcome.code, outcome.enhanced, outcome.response)
        if who == "domain":
            words = f"{outcome.code} {outcome.enhanced} {outcome.response}".replace("  ", " ")
            self._slow_down(of_domain(domain), words, self.speed(domain))
        elif who == "relay":
            self.closed(relay, f"{outcome.code} {outcome.response}")

    def closed(self, relay: str, words: str) -> None:
        """Hear that a relay as a whole has had enough of us."""
        self._slow_down(of_relay(relay), words, self.speed(None))

    def _slow_down(self, scope: str, words: str, speed: float) -> None:
        if self.speeds.slows_down:
            self._asks[scope] = Ask(refused=words, speed=max(speed, LEAST_SPEED))
            self._is_wanted.set()

    # -- what is so ---------------------------------------------------------------------------------------------------

    def speed(self, domain: str | None) -> float:
        """Return how many letters a second we sent lately, in all or to one domain."""
        counts = [self._sent, *(counter for _, counter in self._history)]
        number = sum(counter.total() if domain is None else counter[domain] for counter in counts)
        begun = self._history[0][0] if self._history else self._lasting()
        return number / max(1.0, self._lasting() - begun)

    def standstill(self) -> str:
        """Return why nothing can go before tomorrow, or "": the day of each relay is used up by its warm-up plan."""
        relays = self._queue.usable() if self._queue else ()
        if not relays or not all(self._is_used_up(of_day(relay)) for relay in relays):
            return ""
        return "the warm-up plan of every relay has had its messages of today; it goes on at 00:00 UTC"

    def _is_used_up(self, scope: str) -> bool:
        answer, held = self._answers.get(scope), self._held.get(scope)
        if answer is None or held is None or held.until <= self._lasting():  # what was heard yesterday says nothing
            return False
        return answer.allowed is not None and answer.used >= answer.allowed and not held.count

    def in_force(self) -> dict[str, float]:
        """Return the limits that hold now, in messages a second by scope; those of days are left out."""
        scopes = {*self.speeds.limits, *self._known.slowed}
        return {scope: limit.rate for scope in sorted(scopes) if (limit := self._limit(scope)) is not None}

    # -- the loop -----------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Lease what is wanted, and look what others found out, until cancelled."""
        while True:
            self._is_wanted.clear()
            try:
                await self.exchange()
            except Exception as error:  # noqa: BLE001 - whatever it was: without leases what is limited waits
                _log.warning("pace.failed", error=type(error).__name__, exc_info=True)
            if self._queue is not None:
                self._queue.go_on(late_after=PATIENCE_SECONDS)
            await self._rest()

    async def exchange(self) -> None:
        """Do one exchange with the others."""
        begun = self._lasting()
        asks, self._pause = self._wishes(begun), LOOK_SECONDS
        if asks:
            async with self._database.transaction() as session:
                answers = await leases.exchange(session, asks, speeds=self.speeds, worker=self._worker)
            self._asks = {scope: ask for scope, ask in self._asks.items() if asks.get(scope) is None}
            for scope, answer in answers.items():
                self._hear(scope, asks[scope], answer, begun)
        if begun - self._looked_at >= LOOK_SECONDS or any(ask.refused for ask in asks.values()):
            await self._look(begun)

    async def _rest(self) -> None:
        if self._is_wanted.is_set():  # somebody wants more: as soon as a lease can hold anything new
            await asyncio.sleep(self._pause)
            return
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                await self._is_wanted.wait()
        except TimeoutError:
            return

    def _wishes(self, now: float) -> dict[str, Ask]:
        """Return what is wanted, given back and told; only what is refused is asked where nothing is limited."""
        asks = dict(self._asks)
        waiting = self._queue.wanted() if self._queue is not None and not self.is_free else Counter[str]()
        wants: Counter[str] = Counter()
        for domain, number in waiting.items():
            relays = self._queue.usable() if self._queue else ()
            for scope in {scope for relay in relays for scope in self.speeds.scopes(relay, domain, self._known.slowed)}:
                wants[scope] += number
        for scope, number in wants.items():
            held = self._held.get(scope)
            left = held.count if held is not None and held.until > now else 0
            told = asks.get(scope, Ask())
            if number > left and (not left or told.refused):
                asks[scope] = Ask(number, 0, told.refused, told.speed)
        for scope, held in self._held.items():
            if scope.startswith("day ") and held.count and scope not in wants and held.until > now:
                asks[scope] = Ask(returned=held.count)
        return asks

    def _hear(self, scope: str, ask: Ask, answer: Answer, begun: float) -> None:
        self._answers[scope] = answer
        if scope.startswith("day "):
            life = (_midnight(self._clock()) - self._clock()).total_seconds()
            pause = SHORTEST_PAUSE_SECONDS if answer.count else LOOK_SECONDS
        else:
            life = pause = answer.limit.lease_seconds if answer.limit is not None else LOOK_SECONDS
        self._held[scope] = _Held(answer.count, begun + life)
        self._pause = min(self._pause, max(pause, SHORTEST_PAUSE_SECONDS))
        if ask.refused and answer.slowed is not None:
            _log.warning("pace.slowed", scope=_shown(scope), rate=round(answer.slowed.rate, 2), code=ask.refused[:9])
        if answer.count < ask.wanted:
            self._is_wanted.set()

    async def _look(self, now: float) -> None:
        self._looked_at = now
        self._history.append((now, self._sent))
        self._sent = Counter()
        async with self._database.reading() as session:
            known = await leases.known(session, self.speeds)
        for scope in self._known.slowed.keys() - known.slowed.keys():
            _log.info("pace.recovered", scope=_shown(scope))
        if known.slowed.keys() != self._known.slowed.keys():
            self._scopes.clear()
        self._known = known
        self.is_free = self.speeds.are_free and not known.slowed
        if (
            len(self._scopes) > 100_000 or max(len(self._due), len(self._put_off)) > 100_000
        ):  # bounds memory on very many domains
            self._scopes.clear()
            self._due.clear()
            self._put_off.clear()
            self._held = {scope: held for scope, held in self._held.items() if held.until > now}
        if now - self._swept_at > SWEEP_SECONDS and not self.speeds.are_free:
            self._swept_at = now
            async with self._database.transaction() as session:
                await leases.sweep(session)

    # -- whose turn it would be ---------------------------------------------------------------------------------------

    def _limit(self, scope: str) -> Limit | None:
        slowed, set_ = self._known.slowed.get(scope), self.speeds.limit_of(scope)
        return set_ if slowed is None else Limit.per_second(slowed.rate).tighter(set_)

    def _share(self, scope: str) -> float | None:
        """Return our share of a limit in messages a second."""
        limit, answer = self._limit(scope), self._answers.get(scope)
        return None if limit is None else limit.rate / (answer.sharers if answer is not None else 1)

    def _rate(self) -> float | None:
        """Return how many letters a second we may send in all, or None where that is not limited."""
        shares = [self._share(of_relay(relay)) for relay in (self._queue.usable() if self._queue else ())]
        by_relays = sum(share for share in shares if share) if shares and all(shares) else None
        found = [rate for rate in (self._share(EVERYTHING), by_relays) if rate is not None]
        return min(found, default=None)

    def _has_turn(self, domain: str) -> bool:
        """Whether a letter to a domain has its turn now or soon; it is counted then as having had it."""
        scope, now = of_domain(domain), self._lasting()
        rate = self._share(scope)
        if rate is None:
            return True
        at = max(self._due.get(scope, now), now)
        if at - now > AHEAD_SECONDS:
            return False
        self._due[scope] = at + 1 / rate
        return True

    def _put_off_seconds(self, domain: str) -> float:
        """Return after how long a letter without a turn is tried again: later than all who were put off before it.

        It has no turn by that, and takes none from others: who comes back goes if somebody may go then. Counting those
        who only wait as if they had gone would send everybody back behind everybody else, for ever. So would a queue
        longer than anybody is put off: all of it comes back at once, and nobody in the time that it is ahead.
        """
        scope, now = of_domain(domain), self._lasting()
        rate = self._share(scope)
        if rate is None:
            return 0.0
        at = min(max(self._put_off.get(scope, now), self._due.get(scope, now), now), now + LONGEST_SECONDS)
        self._put_off[scope] = at + 1 / rate
        return at - now


def _midnight(at: datetime) -> datetime:
    return datetime.combine(at.astimezone(UTC).date() + timedelta(days=1), datetime.min.time(), UTC)


def _shown(scope: str) -> str:
    """Return a scope as the log may show it: a domain can be one person's own, so it is not named there."""
    return "domain" if scope.startswith("domain ") else scope.partition(" > ")[0]
