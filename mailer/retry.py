"""When a message that was refused for now is tried again, and when that ends.

Pure: the moment and the seed are given. It never looks at the reply (``mailer.relays`` does) and it keeps no state.
"""

import hashlib
import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from kit.errors import InvalidSettings

SPREAD = 0.25  # up to a quarter longer, so that a relay that comes back isn't met by everybody at once


@dataclass(frozen=True, slots=True)
class RetryPlan:
    """How long to wait between tries; all times in seconds.

    RFC 5321 4.5.4.1 speaks of 30 minutes between tries and of days until giving up. Greylisting (RFC 6647) wants the
    second try after some minutes, and a promotion is stale after a day: short first, growing, ended early.
    """

    first_seconds: float = 300.0
    factor: float = 2.0
    longest_seconds: float = 4 * 3600.0
    give_up_after_seconds: float = 24 * 3600.0

    def __post_init__(self) -> None:
        """Refuse a plan that would hammer a relay, shrink its steps or never end."""
        numbers = (self.first_seconds, self.factor, self.longest_seconds, self.give_up_after_seconds)
        if not all(math.isfinite(number) and number > 0 for number in numbers):
            raise InvalidSettings("the times of a retry plan are numbers above zero")
        if not 1 <= self.factor <= 100 or self.longest_seconds < self.first_seconds:
            raise InvalidSettings("a retry plan grows: factor from 1 to 100, and the longest wait not below the first")


PROMOTIONS = RetryPlan()


def next_attempt(
    attempt: int, first_at: datetime, now: datetime, *, seed: int | str, plan: RetryPlan = PROMOTIONS
) -> datetime | None:
    """Return when to try again after the given attempt (the first is 1) was deferred at ``now``; None is the end.

    Always later than ``now`` by at least the plan's wait; never later than ``give_up_after_seconds`` after the first
    attempt. The waits of one seed (the delivery's id) never shrink, and the same arguments give the same moment.
    """
    if attempt < 1:
        raise ValueError("the first attempt is number 1")
    # The exponent is bounded so that the power stays a float; the longest wait is reached far earlier.
    wait = min(plan.first_seconds * plan.factor ** min(attempt - 1, 64), plan.longest_seconds)
    # One jitter for all tries of a delivery: with another one each time the waits could shrink at the longest.
    wait *= 1 + SPREAD * _fraction(seed)
    then = now + timedelta(seconds=wait)
    return then if then <= first_at + timedelta(seconds=plan.give_up_after_seconds) else None


def _fraction(seed: int | str) -> float:
    """Return a number from 0 to below 1 that is spread evenly over seeds and always the same for one."""
    digest = hashlib.blake2b(str(seed).encode("utf-8", "surrogatepass"), digest_size=6).digest()
    return int.from_bytes(digest) / 2**48
