"""Whether a report of failed delivery or of a complaint proves that it is about a letter of ours. Pure.

Anybody can write a report, and whoever holds a forwarded letter knows its Message-ID. So a report counts only with the
token of our return path or feedback field, which no reader of the letter needs to see, or when the header that came
back bears our DKIM signature (A20).
"""

import re
from collections.abc import Callable, Iterator

from inbound.model import Reading, Verdict
from inbound.traces import Trace
from mailer.tokens import Purpose

MOST_HEADERS = 10  # of returned letters that are looked at
LARGEST_HEADER = 65_536  # octets
_SIGNED = re.compile(rb"^DKIM-Signature[ \t]*:", re.IGNORECASE | re.MULTILINE)
_BLANK = re.compile(rb"\r?\n[ \t]*\r?\n")
_OF_REPORTS = frozenset({Purpose.BOUNCE, Purpose.FEEDBACK})


def is_report_ours(reading: Reading, trace: Trace, raw: bytes, signed_by_us: Callable[[bytes], bool]) -> bool:
    """Say whether a report proves that it is about a letter of ours; what is no report needs no such proof."""
    if reading.verdict not in {Verdict.BOUNCE, Verdict.COMPLAINT}:
        return False
    return trace.token.purpose in _OF_REPORTS or any(map(signed_by_us, returned_headers(raw)))


def returned_headers(raw: bytes) -> Iterator[bytes]:
    """Yield the headers with a DKIM signature that stand within a mail, with CRLF line ends; not the mail's own."""
    own = _BLANK.search(raw)
    at = own.end() if own else len(raw)
    for _ in range(MOST_HEADERS):
        signed = _SIGNED.search(raw, at)
        if signed is None:
            return
        lowest, highest = max(at, signed.start() - LARGEST_HEADER), signed.start() + LARGEST_HEADER
        begins = max(lowest, *(raw.rfind(gap, lowest, signed.start()) + len(gap) for gap in (b"\n\n", b"\n\r\n")))
        gap = _BLANK.search(raw, signed.start(), highest)
        ends = gap.start() if gap else min(len(raw), highest)
        yield re.sub(rb"\r?\n", b"\r\n", raw[begins:ends]) + b"\r\n"
        at = ends
