"""The bytes of a letter: headers, the text and the HTML side by side, ready to be signed. Pure.

What leaves here has been checked as bytes, whatever built it: one of each header, only headers we know, CRLF and
nothing else as line end, no NUL, no line beyond 998 octets. So neither a template nor a customer's name can add a
header, end the message early (SMTP smuggling) or make a relay rewrite what was signed. The words come from
:mod:`mailer.compose`; it signs nothing.
"""

import binascii
import hashlib
import re
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache

from kit.addresses import EmailAddress
from kit.errors import Permanent
from mailer.headers import field, mailbox_field, text_field
from mailer.model import OutgoingMail, Rendered, Sender

LINE_OCTETS = 998  # RFC 5322 2.1.1
ENCODED_LINE_OCTETS = 76  # RFC 2045 6.7 rule 5 and 6.8
_ROOM = ENCODED_LINE_OCTETS - 1  # one for the "=" of a soft break
LETTER_OCTETS = 4_000_000  # bounds memory per letter; compose allows 1 MB a part before encoding
SEAM = "\x04"  # stands in a text beside what is personal; a control character, which no template or value can hold
LEAST_FOLDED = 200  # characters of whole lines that are worth a mark
CACHED_LINES = 4096  # bounds the memory of lines seen before; with more, those of a template are learnt anew
_BASE64_SHARE = 4  # base64 where more than 1/4 of the octets would need escaping: shorter, and no slower to read

_REQUIRED = frozenset({b"From", b"To", b"Subject", b"Date", b"Message-ID", b"MIME-Version", b"Content-Type"})
_KNOWN = _REQUIRED | {
    b"Reply-To",
    b"In-Reply-To",
    b"References",
    b"Auto-Submitted",
    b"X-Auto-Response-Suppress",
    b"List-Id",
    b"List-Unsubscribe",
    b"List-Unsubscribe-Post",
    b"List-Help",
    b"List-Owner",
    b"List-Post",
    b"Feedback-ID",
    b"CFBL-Address",
    b"CFBL-Feedback-ID",
    b"DKIM-Signature",
}
_REPEATABLE = frozenset({b"DKIM-Signature"})
_FIELD = re.compile(rb"([A-Za-z\-]+): ?[^\r\n]*(?:\r\n[ \t][^\r\n]*)*\r\n")
_CONTROLS = bytes({*range(32), 127} - {9, 10, 13})
_BLANKS = (b" ", b"\t", b"")  # behind which a blank can't stand as it is; the last is the end of the line
#: a line that is its own quoted-printable form, but for its length: no two blanks together, none at the end
_AS_IT_IS = re.compile(rb"(?!\.) ?[!-<>-~]+(?: [!-<>-~]+)*|")
_MARK = re.compile("\x02[0-9]+\x03")
_NOT_PRINTABLE = bytes({*range(32), *range(127, 256)})
_BLANK_FOLD = re.compile(rb"\r\n[ \t]+\r\n")
_MESSAGE_ID = re.compile(r"<[A-Za-z0-9!#$%&'*+/=?^_`{|}~.\-]{1,300}@[A-Za-z0-9.\-\[\]:]{1,255}>\Z")


class InvalidLetter(Permanent):
    """This letter can't be sent as it is."""


def build_service(
    sender: Sender,
    to: EmailAddress,
    words: Rendered,
    now: datetime,
    *,
    message_id: str,
    reply_to: str,
    auto_submitted: str,
    in_reply_to: str = "",
    references: tuple[str, ...] = (),
) -> OutgoingMail:
    """Return a service mail, checked and unsigned, with the null return path (RFC 3834 3.3), or raise.

    Without List-Unsubscribe: it is no promotion and there is nothing to leave. Ids of a mail that we answer are left
    out unless they are plain Message-IDs; at most ten of its references are kept.
    """
    thread = [known for known in references if _MESSAGE_ID.match(known)][-9:]
    answered = in_reply_to if _MESSAGE_ID.match(in_reply_to) else ""
    if answered and answered not in thread:
        thread.append(answered)
    boundary = boundary_of(message_id)
    content = b"".join(
        (
            mailbox_field("From", sender.from_name, sender.from_address),
            mailbox_field("To", "", to),
            text_field("Subject", words.subject),
            date_field(now.replace(microsecond=0)),
            field("Message-ID", message_id),
            mailbox_field("Reply-To", sender.from_name, reply_to),
            field("In-Reply-To", answered) if answered else b"",
            field("References", " ".join(thread)) if thread and answered else b"",
            field("Auto-Submitted", auto_submitted),  # RFC 3834 5
            b"X-Auto-Response-Suppress: All\r\n",
            b"MIME-Version: 1.0\r\n",
            f'Content-Type: multipart/alternative;\r\n boundary="{boundary}"\r\n'.encode(),
            alternative(words, boundary, LineCache()),
        )
    )
    check(content, utf8_headers=not to.is_ascii)
    return OutgoingMail("", to, message_id, content, needs_smtputf8=not to.is_ascii)


class LineCache:
    """Quoted-printable forms of lines seen before: the letters of a campaign differ in a few lines only.

    What leaves here needs no second look on its way: printable ASCII, CRLF between lines, no line begins with a dot.
    """

    def __init__(self) -> None:
        """Start empty."""
        self._known: dict[str, bytes] = {}
        self._pieces: dict[str, bytes] = {}
        self._blocks: dict[str, str] = {}

    def folded(self, text: str) -> str:
        """Return a part of a template with a mark in place of its whole lines, which are encoded now, once.

        The first line and the last stay, since other text may come before and after them. Texts that are not ASCII stay
        as they are: their encoding is chosen when all of the letter is known. A mark is made of control characters,
        which no template and no value can hold.
        """
        first, _, rest = text.partition("\n")
        whole, _, last = rest.rpartition("\n")
        if len(whole) < LEAST_FOLDED or not text.isascii() or "</body>" in whole or not whole.strip():
            return text
        block = whole.rstrip()
        mark = f"\x02{len(self._blocks)}\x03"
        self._known[mark] = self.quoted_printable(block)
        self._blocks[mark] = block
        return f"{first}\n{mark}{whole[len(block) :]}\n{last}"

    def unfolded(self, text: str) -> str:
        """Return a text with its lines in place of the marks, and without seams."""
        text = _MARK.sub(lambda found: self._blocks[found[0]], text) if "\x02" in text else text
        return text.replace(SEAM, "")

    def quoted_printable(self, text: str) -> bytes:
        """Return a text with LF line ends as quoted-printable with CRLF line ends (RFC 2045 6.7)."""
        return b"\r\n".join(self.encoded(text))

    def encoded(self, text: str) -> list[bytes]:
        """Return the lines of a text, or runs of them, in quoted-printable; CRLF is to stand between them."""
        known, learn = self._known.get, self._learn
        return [learn(line) if (octets := known(line)) is None else octets for line in text.split("\n")]

    def _learn(self, line: str) -> bytes:
        if SEAM in line:  # a soft break there: what stands on either side is known, or stands in other lines as well
            pieces, learn = self._pieces.get, self._piece
            return b"=\r\n".join([pieces(piece) or learn(piece) for piece in line.split(SEAM) if piece])
        if len(self._known) > CACHED_LINES:
            self._known = {mark: self._known[mark] for mark in self._blocks}
        octets = self._known[line] = _encoded_line(line.encode("utf-8", "replace"), ENCODED_LINE_OCTETS)
        return octets

    def _piece(self, piece: str) -> bytes:
        """Return a part of a line, with room for a soft break behind each line of it."""
        if len(self._pieces) > CACHED_LINES:
            self._pieces.clear()
        octets = self._pieces[piece] = _encoded_line(piece.encode("utf-8", "replace"), _ROOM)
        return octets


def check(content: bytes, *, utf8_headers: bool = False) -> None:
    """Look at the finished bytes of a letter, trusting nobody; raise :class:`InvalidLetter` with what is wrong.

    Guards against header injection and SMTP smuggling even where everything before it failed. UTF-8 in the header block
    is for SMTPUTF8 only (RFC 6532); the body is ASCII always, so that no relay has reason to convert what is signed.
    """
    if len(content) > LETTER_OCTETS:
        raise InvalidLetter("the letter is too large")
    lines = content.split(b"\r\n")
    breaks = len(lines) - 1
    if content.count(b"\r") != breaks or content.count(b"\n") != breaks:  # RFC 5322 2.3
        raise InvalidLetter("a line end is not CRLF")
    if b"\0" in content:
        raise InvalidLetter("there is a NUL in the letter")
    if max(map(len, lines)) > LINE_OCTETS:  # RFC 5322 2.1.1
        raise InvalidLetter("a line has more than 998 octets")
    head, gap, body = content.partition(b"\r\n\r\n")
    head += b"\r\n"
    if not gap or not body.isascii() or not (utf8_headers or head.isascii()):
        raise InvalidLetter("the letter has no body, or 8-bit octets where only ASCII can be")
    _check_head(head)
    _check_boundary(head, body)


def _check_head(head: bytes) -> None:
    """Raise unless the header block is made of known fields, each once, all that are needed, nothing between them."""
    if _BLANK_FOLD.search(head) or len(head.translate(None, _CONTROLS)) != len(
        head
    ):  # RFC 5322 3.2.2: no folded line of only white space
        raise InvalidLetter("a header line is empty, or holds control characters")
    end, names = 0, []
    for found in _FIELD.finditer(head):
        if found.start() != end:
            raise InvalidLetter("there is a line among the headers that is none")
        end = found.end()
        names.append(found[1])
    once = [name for name in names if name not in _REPEATABLE]
    if end != len(head) or not _KNOWN.issuperset(names):
        raise InvalidLetter("there is a header that does not belong into our letters")
    if len(set(once)) != len(once) or not _REQUIRED.issubset(once):  # RFC 5322 3.6
        raise InvalidLetter("a header is missing, or there twice")


def _check_boundary(head: bytes, body: bytes) -> None:
    """Raise unless the boundary divides the body into exactly two parts (RFC 2046 5.1.1)."""
    found = re.search(rb'\r\n boundary="([0-9A-Za-z=_.\-]{1,70})"\r\n', head)
    if found is None:
        raise InvalidLetter("the letter has no boundary")
    line = b"--" + found[1]
    if not (body.startswith(line + b"\r\n") and body.endswith(b"\r\n" + line + b"--\r\n") and body.count(line) == 3):
        raise InvalidLetter("the boundary stands in a part of the letter")


def fields_of(head: bytes) -> dict[bytes, bytes]:
    """Return the fields of a header block of ours, raw values by lower-case names."""
    return {found[1].lower(): found[0][len(found[1]) + 1 : -2] for found in _FIELD.finditer(head)}


def alternative(words: Rendered, boundary: str, lines: LineCache) -> bytes:
    """Return the blank line and the two parts, the plainer first (RFC 2046 5.1.4)."""
    whole = [b""]
    for subtype, text in (("plain", words.text), ("html", words.html)):
        encoding, encoded = _encoded_body(text, lines)
        whole.append(_part_head(boundary, subtype, encoding))
        whole += encoded
    whole += (f"--{boundary}--".encode(), b"")
    return b"\r\n".join(whole)


@lru_cache(maxsize=64)
def _part_head(boundary: str, subtype: str, encoding: str) -> bytes:
    """Return the boundary and the fields of a part; CRLF behind it makes the blank line that ends them."""
    return (
        f"--{boundary}\r\nContent-Type: text/{subtype}; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n"
    ).encode()


def _encoded_body(text: str, lines: LineCache) -> tuple[str, list[bytes]]:
    """Return the name of the encoding and the encoded lines: quoted-printable, or base64 for scripts far from ASCII."""
    if not text.isascii():
        text = lines.unfolded(text)
        octets = text.encode("utf-8", "replace")
        if (len(octets) - len(text)) * _BASE64_SHARE > len(octets):
            whole = binascii.b2a_base64(octets.replace(b"\n", b"\r\n"), newline=False)
            size = ENCODED_LINE_OCTETS
            return "base64", [whole[at : at + size] for at in range(0, len(whole), size)] or [b""]
    return "quoted-printable", lines.encoded(text)


def _encoded_line(octets: bytes, most: int) -> bytes:
    """Return one line in quoted-printable, with soft breaks where it is longer than so many octets, 76 or 75.

    A blank before another one is written ``=20`` and a tab ``=09``: so the body is in DKIM's relaxed form as it is
    (RFC 6376 3.4.4), and need not be brought into it for each letter. No line begins with a dot, so that nothing has
    to be stuffed on the way (RFC 5321 4.5.2).
    """
    if _AS_IT_IS.fullmatch(octets):
        if len(octets) <= most:
            return octets
        cut = b"=\r\n".join([octets[at : at + _ROOM] for at in range(0, len(octets), _ROOM)])
        if b"\n." not in cut:
            return cut
    elif b"  " not in octets and b"\t" not in octets:
        whole = binascii.b2a_qp(octets, istext=False, quotetabs=False).replace(b"\n", b"\r\n")
        if len(whole) - whole.rfind(b"\n") - 1 <= most and b"\n." not in whole and not whole.startswith(b"."):
            return _checked_lines(whole)
    return _checked_lines(_written(octets))


def _written(octets: bytes) -> bytes:
    """Return one line octet by octet, none of its lines so long that no soft break could follow."""
    lines = [bytearray()]
    for place, octet in enumerate(octets):
        is_kept = (33 <= octet <= 126 and octet != 61) or (octet == 32 and octets[place + 1 : place + 2] not in _BLANKS)
        if len(lines[-1]) + (1 if is_kept else 3) > _ROOM:
            lines.append(bytearray())
        is_first_dot = octet == 46 and not lines[-1]
        lines[-1] += b"%c" % octet if is_kept and not is_first_dot else b"=%02X" % octet
    return b"=\r\n".join(lines)


def _checked_lines(octets: bytes) -> bytes:
    """Return encoded lines, or raise where they are not: printable, short, no blank at an end or beside another one."""
    lines = octets.split(b"\r\n")
    printable = len(octets.translate(None, _NOT_PRINTABLE)) + 2 * (len(lines) - 1)
    has_stray_blank = b"  " in octets or b" \r\n" in octets or octets.endswith(b" ")
    if printable != len(octets) or has_stray_blank or max(map(len, lines)) > ENCODED_LINE_OCTETS:
        raise InvalidLetter("a line could not be encoded")
    return octets


def boundary_of(seed: str) -> str:
    """Return a boundary that can't stand in a part: "=_" never occurs in quoted-printable or base64 (RFC 2045 6.7)."""
    return f"=_byleave_{hashlib.sha256(seed.encode()).hexdigest()[:24]}"


@lru_cache(maxsize=64)
def date_field(second: datetime) -> bytes:
    """Return the Date field in UTC with a numeric zone (RFC 5322 3.3); the letters of one second share it."""
    return field("Date", format_datetime(second.astimezone(UTC)))
