"""The ledger as a file that can be verified without the database and without any secret. Pure.

JSON, one value a line (docs/consent.md has the format): a header with the end of the chain; the events in their order,
each with its hash; between them, before the first event that needs it, the text of each wording and policy version; at
the end a line that says so, for a file can be cut off. A file of one person has each event with the hash before it.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from consent.chain import moment, wording_hash
from consent.verifying import Fault, Head, Report, Verifier, verify_alone
from kit.errors import Permanent

FORMAT = "byleave-ledger-1"
MOST_OCTETS_A_LINE = 4_194_304  # bounds memory on a file without line ends
MOST_EVENTS_OF_ONE = 100_000  # of one person's file, which is read at once

_encode = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode


class NoLedgerFile(Permanent):
    """This is no file that 'byleave ledger export' wrote."""


def header(head: Head, *, at: datetime, person: int | None = None) -> bytes:
    """Return the first line."""
    return _line({"ledger": FORMAT, "written_at": moment(at), "person": person, "seq": head.seq, "hash": head.hash})


def event(content: Mapping[str, Any], stored: str, *, previous: str | None = None) -> bytes:
    """Return the line of an event; ``previous`` is given in the file of one person."""
    before = {} if previous is None else {"previous": previous}
    return _line({**content, **before, "hash": stored})


def wording(text: str) -> bytes:
    """Return the line of a wording; events name it by its SHA-256."""
    return _line({"wording": wording_hash(text), "text": text})


def policy(version: str, text: str) -> bytes:
    """Return the line of a policy version. Events name the version; the hash here is that of its text."""
    return _line({"policy": version, "sha256": wording_hash(text), "text": text})


def end(events: int) -> bytes:
    """Return the last line."""
    return _line({"end": True, "events": events})


def verify(lines: Iterable[bytes], *, noted: Iterable[Head] = (), person: int | None = None) -> Report:
    """Verify a file line by line; raises :class:`NoLedgerFile` where its first line is no header of ours."""
    remaining = iter(lines)
    first = _value(next(remaining, b""))
    if first is None or first.get("ledger") != FORMAT:
        raise NoLedgerFile
    if first.get("person") is not None:
        return _of_one(remaining, first)
    verifier = Verifier(noted=noted, person=person)
    ended = False
    for line in remaining:
        value = _value(line)
        if value is None:
            verifier.fail(verifier.seq + 1, "the line behind the event before is no JSON object")
        elif "end" in value:
            ended = True
            if value.get("events") != verifier.seq:
                verifier.fail(verifier.seq + 1, f"the file says that it has {_short(value.get('events'))} events")
            break
        elif "text" in value:
            if (why := _wrong_text(value)) != "":
                verifier.fail(verifier.seq + 1, why)
        else:
            verifier.follow(*_event(value))
        if verifier.fault is not None:
            return verifier.finish(None)
    if not ended:
        verifier.fail(verifier.seq + 1, "the file ends here without its last line: it was cut off")
    return verifier.finish(_stated(first))


def _of_one(lines: Iterable[bytes], first: Mapping[str, Any]) -> Report:
    """Verify the file of one person: each event for itself."""
    events: list[tuple[Mapping[str, Any], str, str]] = []
    ended, fault = False, None
    for line in lines:
        value = _value(line)
        last = _place(events[-1][0]) if events else 0
        if value is None or len(events) >= MOST_EVENTS_OF_ONE:
            fault = Fault(last + 1, "the line behind the event before is no event")
        elif "end" in value:
            ended = value.get("events") == len(events)
            break
        elif "text" in value:
            why = _wrong_text(value)
            fault = Fault(last + 1, why) if why else None
        else:
            content, stored = _event(value)
            previous = content.pop("previous", None)
            events.append((content, previous if isinstance(previous, str) else "", stored))
            if content.get("subscriber") != first["person"]:
                fault = Fault(_place(content), "it is of another person")
        if fault is not None:
            break
    fault = fault or verify_alone(events)
    if fault is None and not ended:
        fault = Fault((_place(events[-1][0]) if events else 0) + 1, "the file is not whole: its last line is missing")
    return Report(len(events), _stated(first), fault, len(events), tuple(_place(one[0]) for one in events[:1000]))


def _value(line: bytes) -> dict[str, Any] | None:
    if len(line) >= MOST_OCTETS_A_LINE:
        return None
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _event(value: dict[str, Any]) -> tuple[dict[str, Any], str]:
    stored = value.pop("hash", None)
    return value, stored if isinstance(stored, str) else ""


def _wrong_text(value: Mapping[str, Any]) -> str:
    text, stated = value.get("text"), value.get("wording", value.get("sha256"))
    try:
        fits = isinstance(text, str) and wording_hash(text) == stated
    except UnicodeEncodeError:  # half characters, which no text of ours can hold
        fits = False
    return "" if fits else f"a text before it is not the one that was shown ({_short(value.get('policy', stated))})"


def _stated(first: Mapping[str, Any]) -> Head:
    seq, stored = first.get("seq"), first.get("hash")
    return Head(seq if isinstance(seq, int) and not isinstance(seq, bool) else 0, str(stored)[:64])


def _place(content: Mapping[str, Any]) -> int:
    seq = content.get("seq")
    return seq if isinstance(seq, int) else 0


def _short(value: object) -> str:
    return str(value)[:80]


def _line(value: Mapping[str, Any]) -> bytes:
    return _encode(value).encode("ascii") + b"\n"


def lines_of(read_line: Callable[[int], bytes]) -> Iterator[bytes]:
    """Yield the lines that ``read_line(most)`` gives, each within bounds, until it gives none."""
    while line := read_line(MOST_OCTETS_A_LINE):
        yield line
