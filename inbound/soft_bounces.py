"""When do deliveries that failed for a time add up to a dead address?  Pure.

A full mailbox is no reason to forget somebody, a mailbox that has been full for two months is. So each day with a soft
bounce counts one, and half of it is forgotten in :data:`HALF_LIFE`. What says nothing about the address never counts:
refusals for content or reputation, and servers that still try.
"""

import math
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from inbound.model import Bounce

HALF_LIFE: Final = timedelta(days=30)  # so that one letter a week adds up after nine, and one a month never does
ENOUGH: Final = 5.0
SPAN: Final = timedelta(days=14)  # between the first and the last: a bad week of a mail server takes nobody away
LOOKED_BACK: Final = 6 * HALF_LIFE  # what is older would count less than a sixtieth
COUNTED: Final = "soft bounce"  # how a decision names one that counts


def counts(bounce: Bounce) -> bool:
    """Say whether a soft bounce says anything about the address at all.

    RFC 3463 3.7 and 3.8: X.6 is about the content and X.7 about policy, so they never suppress a person; a server that
    still tries (RFC 3464 2.3.3, "delayed") has not failed yet.
    """
    return bounce.given_up and bounce.status.split(".")[1:2] not in (["6"], ["7"])


def weight(moments: Iterable[datetime], now: datetime) -> float:
    """Return what soft bounces of one address weigh now: one for each day with any, halved every :data:`HALF_LIFE`."""
    days = {moment.date(): moment for moment in sorted(moments)}
    return math.fsum(math.exp2(-(max(now - moment, timedelta()) / HALF_LIFE)) for moment in days.values())


def say_dead(moments: Iterable[datetime], now: datetime) -> bool:
    """Say whether so many soft bounces, over so long a time, mean that nobody reads mail at this address."""
    found = sorted(moments)
    return bool(found) and found[-1] - found[0] >= SPAN and weight(found, now) >= ENOUGH
