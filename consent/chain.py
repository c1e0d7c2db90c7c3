"""The hash chain of the ledger: each event's hash covers the one before it. Pure.

Whoever alters, removes or inserts an event must alter all that follow; :mod:`consent.verifying` names the first that
does not fit, and compares with ends of the chain that were noted elsewhere, where nobody could alter them.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from consent.model import Event

GENESIS = "0" * 64


def wording_hash(text: str) -> str:
    """Return the SHA-256 of a wording, or an empty text for none."""
    return hashlib.sha256(text.encode()).hexdigest() if text else ""


def content_of(event: Event, wording_sha256: str) -> dict[str, Any]:
    """Return what of an event is hashed: nothing personal but the number of the person, which outlives an erasure."""
    return {
        "seq": event.seq, "subscriber": event.subscriber, "act": event.act.value, "purpose": event.purpose.value,
        "topics": list(event.topics), "at": moment(event.at), "until": moment(event.until), "door": event.door.value,
        "proof": event.proof.value, "evidence": dict(event.evidence), "wording": wording_sha256,
        "policy_version": event.policy_version,
    }  # fmt: skip


#: the keys of what is hashed, beside the hash before it
CONTENT_KEYS = frozenset({
    "seq", "subscriber", "act", "purpose", "topics", "at", "until", "door", "proof", "evidence", "wording",
    "policy_version",
})  # fmt: skip


def content_hash(previous: str, content: Mapping[str, Any]) -> str:
    """Return the hash of an event's content behind the hash before it: SHA-256 over canonical JSON.

    Canonical: ASCII with escapes, keys in their order, no blanks. Two contents that differ never give the same text.
    """
    return hashlib.sha256(_canonical({**content, "previous": previous}).encode("ascii")).hexdigest()


def event_hash(previous: str, event: Event, *, wording_sha256: str) -> str:
    """Return the hash of an event at its place in the chain."""
    return content_hash(previous, content_of(event, wording_sha256))


def first_misfit(links: Iterable[tuple[Event, str, str]]) -> int | None:
    """Return the place of the first event that does not fit the chain, or None when all of them do.

    Takes (event, wording hash, stored hash) in the order of the chain from its beginning.
    """
    previous = GENESIS
    for seq, (event, wording_sha256, stored) in enumerate(links, start=1):
        if event.seq != seq or event_hash(previous, event, wording_sha256=wording_sha256) != stored:
            return seq
        previous = stored
    return None


def moment(at: datetime | None) -> str | None:
    """Return a moment as it is hashed: UTC, to the microsecond."""
    return None if at is None else at.astimezone(UTC).isoformat(timespec="microseconds")


_canonical = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"), sort_keys=True).encode
