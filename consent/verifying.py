"""Does a ledger hang together, and is it the one whose end was noted before?  Event by event, in bounded memory. Pure.

The chain alone shows an event that was changed, taken out or put in. Whoever can write the whole database can also cut
off its end, or compute all hashes anew from some event on: only ends of the chain that were noted where he can't write
(by a notary, in a log, on paper) show that. :class:`Head` is such a note.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from consent.chain import CONTENT_KEYS, GENESIS, content_hash
from kit.errors import Permanent

_HEAD = re.compile(r"(?:(\d{1,18}):)?([0-9a-f]{64})\Z")
MOST_PLACES = 1000  # of one person that are listed; bounds memory


class NoHead(Permanent):
    """A head is written PLACE:HASH, or HASH alone: 64 digits of 0-9a-f."""


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the chain at some time: its place (None where only the hash was noted) and its hash."""

    seq: int | None
    hash: str

    def __str__(self) -> str:
        return self.hash if self.seq is None else f"{self.seq}:{self.hash}"


@dataclass(frozen=True, slots=True)
class Fault:
    """The first thing that is wrong: at which place, and what."""

    seq: int
    why: str


@dataclass(frozen=True, slots=True)
class Report:
    """What a verification came to."""

    events: int
    head: Head
    fault: Fault | None
    person_events: int = 0
    person_places: tuple[int, ...] = ()


def read_head(text: str) -> Head:
    """Read a noted head; of a whole line of a log the last word counts."""
    found = _HEAD.match((text.split() or [""])[-1].lower())
    if found is None:
        raise NoHead
    return Head(int(found[1]) if found[1] else None, found[2])


class Verifier:
    """Follows a chain from its beginning; what comes after the first fault is not looked at."""

    def __init__(self, *, noted: Iterable[Head] = (), person: int | None = None) -> None:
        """Take the heads that were noted before, and the person whose events shall be counted."""
        self._at_place: dict[int, list[str]] = {}
        self._anywhere: set[str] = set()
        for head in noted:
            if head.seq is None:
                self._anywhere.add(head.hash)
            else:
                self._at_place.setdefault(head.seq, []).append(head.hash)
        self._anywhere.discard(GENESIS)
        self._person = person
        self._places: list[int] = []
        self._person_events = 0
        self.seq, self.hash = 0, GENESIS
        self.fault: Fault | None = None
        self._look_at_note()

    def follow(self, content: Mapping[str, Any], stored: str) -> bool:
        """Take the next event; False when it does not fit, and then :attr:`fault` says why."""
        if self.fault is not None:
            return False
        expected = self.seq + 1
        why = _misplaced(content.get("seq"), expected) or _misshapen(content, stored)
        if not why and content_hash(self.hash, content) != stored:
            why = "what it says does not give the hash it carries: it, its hash or the hash before it was changed"
        if why:
            return self.fail(expected, why)
        self.seq, self.hash = expected, stored
        self._anywhere.discard(stored)
        if self._person is not None and content["subscriber"] == self._person:
            self._person_events += 1
            if len(self._places) < MOST_PLACES:
                self._places.append(expected)
        return self._look_at_note()

    def fail(self, seq: int, why: str) -> bool:
        """Note that something is wrong at a place, unless something was before."""
        self.fault = self.fault or Fault(seq, why)
        return False

    def finish(self, stated: Head | None) -> Report:
        """Compare with the end that the ledger states of itself, and with what was noted and did not come by."""
        if self.fault is None and stated is not None and (stated.seq, stated.hash) != (self.seq, self.hash):
            self.fail(self.seq + 1, f"the ledger says that it ends at {stated}, but its events end at {self.present}")
        if self.fault is None and (beyond := [seq for seq in self._at_place if seq > self.seq]):
            gone = max(beyond) - self.seq
            self.fail(self.seq + 1, f"a head was noted at place {max(beyond)}: {gone} events at the end are gone")
        if self.fault is None and self._anywhere:
            self.fail(
                self.seq + 1,
                f"no event has the noted hash {min(self._anywhere)}: the end was cut off, or the chain computed anew",
            )
        return Report(self.seq, self.present, self.fault, self._person_events, tuple(self._places))

    @property
    def present(self) -> Head:
        """The last event that fitted."""
        return Head(self.seq, self.hash)

    def _look_at_note(self) -> bool:
        for noted in self._at_place.get(self.seq, ()):
            if noted != self.hash:
                return self.fail(self.seq, f"the head noted at this place was {noted}: the chain was computed anew")
        return True


def verify_alone(events: Sequence[tuple[Mapping[str, Any], str, str]]) -> Fault | None:
    """Return the first of a person's events that does not fit its own hashes; each comes with the hash before it.

    That shows that none was changed. Whether all of them are there only the whole ledger can tell.
    """
    last = 0
    for content, previous, stored in events:
        seq = content.get("seq")
        why = _misshapen(content, stored)
        if not why and (not isinstance(seq, int) or isinstance(seq, bool) or seq <= last):
            why = "the events are not in their order"
        if not why and content_hash(previous, content) != stored:
            why = "what it says does not give the hash it carries"
        if why:
            return Fault(seq if isinstance(seq, int) else last + 1, why)
        last = int(content["seq"])
    return None


def _misplaced(seq: object, expected: int) -> str:
    if not isinstance(seq, int) or isinstance(seq, bool):
        return "it has no place"
    if seq > expected:
        gone = f"{expected} to {seq - 1} are" if seq - 1 > expected else f"{expected} is"
        return f"{gone} missing: the ledger goes on with {seq}"
    return f"place {seq} comes again" if seq < expected else ""


def _misshapen(content: Mapping[str, Any], stored: object) -> str:
    if content.keys() != CONTENT_KEYS:
        return "it has not the fields of an event"
    return "" if isinstance(stored, str) else "it carries no hash"
