"""How long things are kept: rules, and the moment before which what they cover may be deleted. Pure.

A room says what it keeps for a time only, as a :class:`Rule`; ``byleave/retaining.py`` lists all of them, and
:mod:`kit.clearing` carries them out. What nobody has looked at yet (``warns``) goes only when a warning that covered it
was logged some days before: a worker that stood still for two months deletes nothing unannounced.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

WARN_AGAIN = timedelta(days=1)  # a further warning only for what became due since


@dataclass(frozen=True, slots=True)
class Batch:
    """What one bounded step came to: how many were cleared, and where the next one goes on (None: at the end)."""

    cleared: int
    after: int | None = None


#: (before, after, most): clear what is older than ``before`` among up to ``most`` rows that follow ``after``
Clear = Callable[[datetime, int, int], Awaitable[Batch]]
#: (before): count what is older
Count = Callable[[datetime], Awaitable[int]]


@dataclass(frozen=True, slots=True)
class Rule:
    """Something that is kept for a time only."""

    setting: str  # the key of [retention] that says how many days
    what: str
    why: str
    clear: Clear
    count: Count
    warns: bool = False


@dataclass(frozen=True, slots=True)
class Warned:
    """A warning: on that day it was logged that what is older than ``up_to`` will go."""

    at: datetime
    up_to: datetime


def due_before(now: datetime, days: int) -> datetime:
    """Return the moment before which something has been kept long enough."""
    return now - timedelta(days=days)


def clearable_before(now: datetime, days: int, *, warned: Sequence[Warned], warn_days: int) -> datetime | None:
    """Return the moment before which what wants a warning may go; None where no warning is old enough."""
    covered = [one.up_to for one in warned if one.at <= now - timedelta(days=warn_days)]
    return min(due_before(now, days), max(covered)) if covered else None


def to_warn_of(now: datetime, days: int, *, warned: Sequence[Warned], warn_days: int) -> datetime | None:
    """Return the moment before which things go within the days of a warning; None where that was said already."""
    up_to = due_before(now, days) + timedelta(days=warn_days)
    said = max((one.up_to for one in warned), default=None)
    return up_to if said is None or up_to >= said + WARN_AGAIN else None
