"""How fast mail may go: limits in sliding windows, leases of them, warm-up plans, slowing down and recovering. Pure.

A limit is kept by all workers together: each takes leases from one log that lies in the database
(:mod:`mailer.leases`), spends them at once (:mod:`mailer.pace`), and lets what it did not spend lapse. A lease counts
from the moment it was given until a window after it lapses, so no window ever sees more than the limit, however late
within its life a lease is spent. Nothing here knows a clock.
"""

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from kit.errors import InvalidSettings

LEASES_A_WINDOW = 10  # how often a window is leased from: the more, the smoother and the nearer to the limit
SHORTEST_LEASE_SECONDS = 0.1  # bounds how often the database is asked
LONGEST_LEASE_SECONDS = 5.0  # bounds how long a lease of a dead worker is missed
FASTEST = 1_000_000.0  # messages a second; nobody means more
_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True, slots=True)
class Limit:
    """Never more than ``most`` messages in any ``seconds``."""

    most: int
    seconds: float

    @property
    def rate(self) -> float:
        """Messages a second."""
        return self.most / self.seconds

    @property
    def lease_seconds(self) -> float:
        """How long a lease may be spent after it was asked for."""
        return min(max(self.seconds / LEASES_A_WINDOW, SHORTEST_LEASE_SECONDS), LONGEST_LEASE_SECONDS)

    @property
    def lease_size(self) -> int:
        """The most that one lease holds: enough for full speed, too little for all at once."""
        return max(1, math.ceil(2 * self.most / LEASES_A_WINDOW))

    @classmethod
    def per_second(cls, rate: float) -> "Limit":
        """Return the limit of so many messages a second; below one it is one message in a longer window."""
        most = math.ceil(rate) if rate < 100 else math.floor(rate)
        return cls(most, most / rate)

    def tighter(self, other: "Limit | None") -> "Limit":
        """Return the slower of two limits."""
        return self if other is None or self.rate <= other.rate else other


def read_rate(text: str) -> Limit:
    """Read ``20``, ``20/s``, ``600/m`` or ``5000/h``; the window is a second, or what holds one message."""
    number, _, unit = text.strip().partition("/")
    try:
        rate = float(number) / _UNITS[unit.strip()]
    except (ValueError, KeyError) as cause:
        raise InvalidSettings("a rate is written like 20/s, 600/m or 5000/h") from cause
    if not 1 / 86_400 <= rate <= FASTEST:
        raise InvalidSettings("a rate is at least one message a day, and a number that somebody can mean")
    return Limit.per_second(rate)


@dataclass(frozen=True, slots=True)
class Lease:
    """What one worker took from a limit at one moment. Whoever got less than it wanted is hungry."""

    at: float
    worker: str
    count: int
    is_hungry: bool = False


@dataclass(frozen=True, slots=True)
class Granted:
    """What an asker gets, and the log with it."""

    count: int
    log: tuple[Lease, ...]


def grant(limit: Limit, log: Iterable[Lease], worker: str, wanted: int, now: float) -> Granted:
    """Give a worker what the limit has left for it.

    While others are hungry nobody takes more than an equal share of the window. Moments that lie further ahead than a
    lease can live come from a clock that was set back; they are forgotten, for else the limit would stand still.
    """
    life = limit.seconds + limit.lease_seconds
    kept = [lease for lease in log if now - life < lease.at <= now + life]
    latest = {lease.worker: lease for lease in kept}
    hungry = sum(lease.is_hungry for name, lease in latest.items() if name != worker)
    free = limit.most - sum(lease.count for lease in kept)
    count = max(0, min(wanted, free, limit.lease_size))
    if hungry:
        mine = sum(lease.count for lease in kept if lease.worker == worker)
        count = min(count, max(0, math.ceil(limit.most / (hungry + 1)) - mine))
    # Of entries that hold nothing only the latest says something.
    rest = [lease for lease in kept if lease.count or lease.worker != worker]
    return Granted(count, (*rest, Lease(now, worker, count, is_hungry=count < wanted)))


def sharers(log: Iterable[Lease], now: float, limit: Limit) -> int:
    """Return how many workers lease from a limit at present, at least one."""
    return max(1, len({lease.worker for lease in log if lease.at > now - limit.seconds - limit.lease_seconds}))


# -- warm-up ----------------------------------------------------------------------------------------------------------


def read_plan(text: str) -> tuple[int, ...]:
    """Read ``50,100,500``: how many messages on the first day, the second and so on; after the last, as many as go."""
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() and 0 < len(part) <= 9 and int(part) for part in parts):
        raise InvalidSettings("a warm-up plan is numbers of messages a day, like 50,100,500")
    plan = tuple(map(int, parts))
    if len(plan) > 366 or any(later < earlier for earlier, later in itertools.pairwise(plan)):
        raise InvalidSettings("a warm-up plan never shrinks, and ends within a year")
    return plan


def allowance(plan: Sequence[int], first: date, today: date) -> int | None:
    """Return how many messages a plan that began on ``first`` allows today; None where it is over."""
    day = max(0, (today - first).days)  # a clock that was set back begins anew, which is slower
    return plan[day] if day < len(plan) else None


# -- slowing down and recovering --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Manners:
    """How we answer a peer that has enough of us: halve, wait, and come back step by step."""

    factor: float = 0.5
    settle_seconds: float = 10.0  # what is refused within it was under way already, and is no new sign
    quiet_seconds: float = 30.0  # so long without a refusal earns a step back
    step: float = 1.5
    slowest: float = 0.1  # messages a second


@dataclass(frozen=True, slots=True)
class Slowed:
    """A speed that was taken back because the other side asked for it."""

    rate: float
    was: float  # the speed at the first refusal; beyond twice of it nothing is held back any more
    at: float  # of the last refusal or step
    refused_at: float
    why: str


MANNERS = Manners()


def slow_down(slowed: Slowed | None, *, speed: float, now: float, why: str, manners: Manners = MANNERS) -> Slowed:
    """Answer a refusal: half of what was allowed, or half of the present speed where nothing was limited."""
    if slowed is None:
        rate = max(speed * manners.factor, manners.slowest)
        return Slowed(rate, max(speed, manners.slowest), now, now, why)
    if now - slowed.refused_at < manners.settle_seconds:
        return slowed
    rate = max(slowed.rate * manners.factor, manners.slowest)
    return replace(slowed, rate=rate, at=now, refused_at=now, why=why)


def recover(slowed: Slowed, *, ceiling: float | None, now: float, manners: Manners = MANNERS) -> Slowed | None:
    """Go a step faster for each quiet while since the last change; None once nothing has to be held back any more."""
    steps = math.floor((now - slowed.at) / manners.quiet_seconds)
    if steps < 1:
        return slowed
    rate = slowed.rate * manners.step ** min(steps, 64)
    top = 2 * slowed.was if ceiling is None else ceiling
    return None if rate >= top else replace(slowed, rate=rate, at=slowed.at + steps * manners.quiet_seconds)
