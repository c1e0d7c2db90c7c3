"""Whether a report of failed delivery or of a complaint proves that it is about a letter of ours. Pure.

Anybody can write a report, and whoever holds a forwarded letter knows its Message-ID. So a report counts only with the
token of our return path or feedback field, which no reader of the letter needs to see, or when the header that came
back bears our DKIM signature and is that of the very letter: one's own letter proves nothing about another's (A20).
"""

import re
from collections.abc import Callable, Iterator

from inbound.model import Reading, Verdict
from inbound.traces import Trace
from mailer.tokens import Purpose, Tokens

MOST_HEADERS = 10  # of returned letters that are looked at
LARGEST_HEADER = 65_536  # octets
_SIGNED = re.compile(rb"^DKIM-Signature[ \t]*:", re.IGNORECASE | re.MULTILINE)
_MESSAGE_ID = re.compile(rb"^Message-ID[ \t]*:\s*<([^<>\s]{1,400})>", re.IGNORECASE | re.MULTILINE)
_BLANK = re.compile(rb"\r?\n[ \t]*\r?\n")
_OF_REPORTS = frozenset({Purpose.BOUNCE, Purpose.FEEDBACK})


def is_report_ours(
    reading: Reading, trace: Trace, raw: bytes, *, tokens: Tokens, signed_by_us: Callable[[bytes], bool]
) -> bool:
    """Say whether a report proves that it is about the letter its token names; False for what is no report."""
    if reading.verdict not in {Verdict.BOUNCE, Verdict.COMPLAINT}:
        return False
    return trace.token.purpose in _OF_REPORTS or any(
        _went_to(head, tokens) == trace.token.subscriber_id and signed_by_us(head) for head in returned_headers(raw)
    )


def _went_to(head: bytes, tokens: Tokens) -> int | None:
    """Return whose letter a header is, by its Message-ID, which our signatures cover."""
    found = _MESSAGE_ID.search(head)
    token = tokens.parse_message_id(found[1].decode("ascii", "replace")) if found else None
    return token.subscriber_id if token else None


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
