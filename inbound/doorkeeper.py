"""Who knocks too often with nothing to bring: an address is kept out for a while. Pure but for the clock it is given.

Each connection that brought no mail counts one against its address, one that tried our patience counts many; a mail
forgives everything. Mail servers of our own, named in the settings, are never counted.
"""

from collections.abc import Callable
from dataclasses import dataclass

WINDOW_SECONDS = 60.0  # then all is forgotten
MOST_POINTS = 100  # in that time; then nothing is taken from the address until the window ends
TIRESOME = 50  # for a connection that tried our patience
MOST_ADDRESSES = 10_000  # remembered at one time; bounds the memory that a botnet can take


@dataclass(slots=True)
class _Record:
    since: float
    points: int = 0


class Doorkeeper:
    """Remembers the addresses of useless connections."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        """Take a clock that only goes forward, in seconds."""
        self._monotonic = monotonic
        self._records: dict[str, _Record] = {}

    def is_kept_out(self, peer: str) -> bool:
        """Whether an address has knocked too often in vain."""
        record = self._records.get(peer)
        return record is not None and self._is_fresh(record) and record.points >= MOST_POINTS

    def came_in_vain(self, peer: str, *, was_tiresome: bool) -> None:
        """Note a connection that brought no mail."""
        record = self._records.get(peer)
        if record is None or not self._is_fresh(record):
            self._records.pop(peer, None)
            while len(self._records) >= MOST_ADDRESSES:
                del self._records[next(iter(self._records))]  # the one that was noted first
            record = self._records[peer] = _Record(self._monotonic())
        record.points += TIRESOME if was_tiresome else 1

    def brought_mail(self, peer: str) -> None:
        """Forgive an address everything."""
        self._records.pop(peer, None)

    def _is_fresh(self, record: _Record) -> bool:
        return self._monotonic() - record.since < WINDOW_SECONDS
