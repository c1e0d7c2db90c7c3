"""How often somebody may knock: token buckets by network, by link and over all. Pure; the moment is an argument.

Who holds a genuine link pays from the link's own bucket, so that a mailbox provider which carries out one-click for
thousands of people from a few addresses is never held up (RFC 8058), and one leaked link still can't be hammered. All
others pay from the bucket of their network: guessing links, forms that anybody can open.
"""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field

MOST_BUCKETS = 50_000  # bounds memory: some 10 MB; the one that knocked longest ago is forgotten first


@dataclass(slots=True)
class Buckets:
    """Buckets of one size, one for each key. A key not seen lately has a full one."""

    a_second: float
    burst: float
    most: int = MOST_BUCKETS
    #: key -> (what is left, when that was)
    _kept: OrderedDict[Hashable, tuple[float, float]] = field(default_factory=OrderedDict)

    def take(self, key: Hashable, now: float) -> float:
        """Take one from a bucket and return 0, or take nothing and return the seconds until there is one again."""
        left, at = self._kept.pop(key, (self.burst, now))
        left = min(self.burst, left + max(0.0, now - at) * self.a_second)
        wait = 0.0 if left >= 1 else (1 - left) / self.a_second
        self._kept[key] = (left - 1 if not wait else left, now)
        if len(self._kept) > self.most:
            self._kept.popitem(last=False)
        return wait

    def __len__(self) -> int:
        return len(self._kept)


class Doorkeeper:
    """Decides whether a request is let in. One for each process, so N processes let in N times as much."""

    def __init__(self, *, a_minute_per_network: int, a_minute_per_link: int, a_second: int) -> None:
        """Take the limits; a minute's worth may come at once, over all a second's."""
        self._networks = Buckets(a_minute_per_network / 60, float(a_minute_per_network))
        self._links = Buckets(a_minute_per_link / 60, float(a_minute_per_link))
        self._all = Buckets(float(a_second), float(a_second), most=1)

    def knock(self, network: str, link: str, now: float) -> float:
        """Return 0 for who may come in, else how many seconds to wait. ``link`` is a genuine token, or empty."""
        wait = self._links.take(link, now) if link else self._networks.take(network, now)
        return wait or self._all.take("", now)
