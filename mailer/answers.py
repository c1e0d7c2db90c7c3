"""What a relay says: bytes to replies, strictly and within limits, and an EHLO reply to what the relay offers.

It draws no conclusions: ``mailer.wire`` matches each reply with its command, ``mailer.relays`` judges it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from mailer.relays import printable

LINE_OCTETS = 4096  # bounds memory on an endless reply line; RFC 5321 4.5.3.1.5 asks for 512
REPLY_LINES = 100  # bounds memory on an endless reply

# RFC 5321 4.2: 1yz is not used. A code that is not in the standard counts by its first digit (4.3.2).
_CODES = {b"%d" % code: code for code in range(200, 600)}


class NotSmtp(Exception):
    """What the relay says is not SMTP; nothing more can be believed on this connection."""


@dataclass(slots=True)
class Reply:
    """One whole reply: its code and its lines without their ends."""

    code: int
    lines: list[bytes]

    @property
    def text(self) -> str:
        """The words of all lines, safe to store and show."""
        return printable(b" ".join(line[4:] for line in self.lines))


class ReplyReader:
    """Makes replies out of bytes as they come."""

    def __init__(self) -> None:
        self._partial = b""
        self._lines: list[bytes] = []

    @property
    def is_empty(self) -> bool:
        """Whether nothing of a reply has been left over."""
        return not self._partial and not self._lines

    def read(self, received: bytes) -> Iterator[Reply]:
        """Yield each reply that is whole now; raise :class:`NotSmtp` behind the last one that was sound."""
        if self._partial:
            received = self._partial + received
        lines = received.split(b"\r\n")
        self._partial = lines.pop()
        # RFC 5321 2.3.8: only CR LF ends a line; one alone could make two replies of one.
        has_stray = received.count(b"\n") != len(lines) or received.count(b"\r") != len(lines)
        for line in lines:
            code = _CODES.get(line[:3])
            if code is None or len(line) > LINE_OCTETS or (has_stray and (b"\n" in line or b"\r" in line)):
                raise NotSmtp("the relay's answer is not an SMTP reply")
            mark = line[3:4]
            if mark == b" " or not mark:
                yield self._whole(code, line) if self._lines else Reply(code, [line])
            elif mark == b"-" and len(self._lines) < REPLY_LINES - 1:
                self._lines.append(line)
            else:
                raise NotSmtp("the relay's answer has no end or is not an SMTP reply")
        if len(self._partial) > LINE_OCTETS or b"\n" in self._partial:
            raise NotSmtp("the relay's answer has no end")

    def _whole(self, code: int, last: bytes) -> Reply:
        lines, self._lines = [*self._lines, last], []
        if any(line[:3] != last[:3] for line in lines):  # RFC 5321 4.2.1
            raise NotSmtp("the lines of the relay's answer contradict each other")
        return Reply(code, lines)


@dataclass(frozen=True, slots=True)
class Features:
    """What a relay's EHLO offers."""

    pipelining: bool = False
    eight_bit: bool = False
    smtputf8: bool = False
    starttls: bool = False
    chunking: bool = False
    size_declared: bool = False
    size_limit: int = 0
    """Octets of the largest message; 0 is no stated limit (RFC 1870 4)."""
    mail_max: int = 0
    """Mails that one connection may carry; 0 is no stated limit (RFC 9422 5.1)."""
    auth: frozenset[str] = frozenset()


def read_features(reply: Reply) -> Features:
    """Read the keywords of an EHLO reply; what is not understood is passed over."""
    words: dict[str, list[str]] = {}
    for line in reply.lines[1:]:
        keyword, *values = line[4:].decode("ascii", "replace").upper().split() or [""]
        words.setdefault(keyword, values)
    limits = dict(value.partition("=")[::2] for value in words.get("LIMITS", []))
    return Features(
        pipelining="PIPELINING" in words,
        eight_bit="8BITMIME" in words,
        smtputf8="SMTPUTF8" in words and "8BITMIME" in words,  # RFC 6531 3.1: one needs the other
        starttls="STARTTLS" in words,
        chunking="CHUNKING" in words,
        size_declared="SIZE" in words,
        size_limit=_number((*words.get("SIZE", []), "")[0]),
        mail_max=_number(limits.get("MAILMAX", "")),
        auth=frozenset(words.get("AUTH", [])),
    )


def _number(text: str) -> int:
    """Return a number of the relay's, or 0 where it is none or absurd."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else 0
