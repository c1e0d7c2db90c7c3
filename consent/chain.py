"""The hash chain of the ledger: each event's hash covers the one before it. Pure.

Whoever alters, removes or inserts an event must alter all that follow; the verifier names the first that does not fit.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from consent.model import Event

GENESIS = "0" * 64


def wording_hash(text: str) -> str:
    """Return the SHA-256 of a wording, or an empty text for none."""
    return hashlib.sha256(text.encode()).hexdigest() if text else ""


def event_hash(previous: str, event: Event, *, wording_sha256: str) -> str:
    """Return the hash of an event at its place in the chain: SHA-256 over canonical JSON."""
    content = {
        "previous": previous,
        "seq": event.seq,
        "subscriber": event.subscriber,
        "act": event.act.value,
        "purpose": event.purpose.value,
        "topics": list(event.topics),
        "at": _moment(event.at),
        "until": _moment(event.until),
        "door": event.door.value,
        "proof": event.proof.value,
        "evidence": _sorted(event.evidence),
        "wording": wording_sha256,
        "policy_version": event.policy_version,
    }
    canonical = json.dumps(content, ensure_ascii=True, separators=(",", ":"), sort_keys=True)
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()


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


def _moment(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat(timespec="microseconds")


def _sorted(evidence: Mapping[str, str]) -> dict[str, str]:
    return {key: evidence[key] for key in sorted(evidence)}
