"""The chain of seals that forwarders put on a mail: ARC (RFC 8617).

A forwarder notes what it found (ARC-Authentication-Results), signs the mail as it sends it on (ARC-Message-Signature)
and seals both along with all sets before (ARC-Seal). What a chain says is worth as much as its newest sealer.

dkimpy verifies each signature, but not the chain: ``dkim.ARC`` hashes the whole mail for each set, up to fifty times,
and finds a field by how its text looks.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from inbound.origin import signed
from inbound.origin.results import Results, parse_results
from inbound.origin.signed import Field, Letter, SignatureResult, insist, read_tags, signer
from kit.dns import Dns

MOST_SETS = 50  # RFC 8617 4.2.1
MOST_OCTETS = 64 * 1024  # of all fields of a chain; each seal covers those of all sets before it

_RESULTS, _MESSAGE, _SEAL = _KINDS = (b"arc-authentication-results", b"arc-message-signature", b"arc-seal")
_INSTANCE = re.compile(rb"\s*i\s*=\s*([1-9]\d?)\s*;(.*)", re.DOTALL)

Sets = dict[tuple[int, bytes], Field]


class ChainResult(StrEnum):
    """The results of RFC 8617 4.4; temperror where the DNS did not answer."""

    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    TEMPERROR = "temperror"


@dataclass(frozen=True, slots=True)
class Chain:
    """Whether a chain holds, who sealed it last, whether we believe that one, and what it found."""

    result: ChainResult
    reason: str
    sealer: str  # d= of the newest seal, lower-case A-labels; empty where that can't be read
    trusted: bool  # the chain holds, and the operator named the sealer
    results: Results  # of the newest set, whoever wrote it; none where the chain does not hold


def check_chain(raw: bytes, *, dns: Dns, sealers: Collection[str]) -> Chain | None:
    """Check the ARC chain of a mail (RFC 8617 5.2); None where there is none, or no reading the mail. It never raises.

    ``sealers`` are the exact domains, as lower-case A-labels, whose seals are believed.
    """
    letter = signed.take_apart(raw)
    fields = [field for field in letter.fields if field[0].lower() in _KINDS] if letter else []
    if letter is None or not fields:
        return None
    sealer, results = "", Results("", ())

    def steps() -> None:
        nonlocal sealer, results
        insist(sum(len(value) for _, value in fields) <= MOST_OCTETS, "the chain is longer than an honest one")
        sets = _sets(fields)
        newest = len(sets) // len(_KINDS)
        sealer, _ = signer(read_tags(sets[newest, _SEAL]))
        _check(letter, sets, newest, dns)
        results = _results(sets[newest, _RESULTS])

    found, reason = signed.outcome(steps)
    result = {SignatureResult.PASS: ChainResult.PASS, SignatureResult.TEMPERROR: ChainResult.TEMPERROR}.get(
        found, ChainResult.FAIL
    )
    return Chain(result, reason, sealer, result is ChainResult.PASS and sealer in sealers, results)


def _sets(fields: list[Field]) -> Sets:
    """Return the fields by instance and kind, or refuse a chain that lacks one or has one twice."""
    sets: Sets = {}
    for field in fields:
        kind, number = field[0].lower(), b""
        if kind != _RESULTS:
            number = read_tags(field).get(b"i", b"")
        elif found := _INSTANCE.match(field[1]):
            number = found[1]
        insist(re.fullmatch(rb"[1-9]\d?", number) and int(number) <= MOST_SETS, "a set has no number")
        insist((int(number), kind) not in sets, "a set has a field twice")
        sets[int(number), kind] = field
    insist(len(sets) == len(_KINDS) * max(number for number, _ in sets), "a set lacks a field")
    return sets


def _check(letter: Letter, sets: Sets, newest: int, dns: Dns) -> None:
    """Check the newest message signature, and all seals; older message signatures may well have been broken since."""
    seals = {number: read_tags(sets[number, _SEAL]) for number in range(newest, 0, -1)}
    for number, tags in seals.items():
        insist(tags.get(b"cv") == (b"pass" if number > 1 else b"none"), "a sealer says that the chain was broken")
        insist(b"h" not in tags, "a seal says what it covers")  # RFC 8617 4.1.3
    tags = read_tags(sets[newest, _MESSAGE])
    insist(_SEAL not in tags.get(b"h", b"").lower().split(b":"), "it covers a seal")  # RFC 8617 4.1.2
    signed.check_message(letter, sets[newest, _MESSAGE], tags, dns=dns, identity=signer(tags)[0])
    for number, tags in seals.items():
        order = [(before, kind) for before in range(1, number + 1) for kind in _KINDS][:-1]  # RFC 8617 5.1.1
        covered = [sets[place] for place in reversed(order)]  # for they are taken from the bottom up
        relaxed = tags | {b"c": b"relaxed/relaxed"}
        names = [kind for _, kind in order]
        signed.check_header(covered, names, sets[number, _SEAL], relaxed, dns=dns, identity=signer(tags)[0])


def _results(field: Field) -> Results:
    found = _INSTANCE.match(field[1])
    return parse_results(found[2].decode("utf-8", "replace") if found else "")
