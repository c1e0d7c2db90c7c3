"""Reads the header block of a mail: fields, parameters, mailboxes, message ids. Pure, linear, never raises.

Addresses are taken from the raw field, before any encoded-word is decoded, by one strict reader: where readers could
disagree about which address a field holds, there is none (what two parsers read differently is an attack).
"""

import re
from collections.abc import Mapping

from inbound.charsets import clean_line, decode_header, decode_text, decode_words
from kit.addresses import EmailAddress, try_address

HEADER_OCTETS = 262_144  # of one block; bounds memory and time on endless headers
HEADER_LINES = 1_000  # of one block, folded lines counted
FIELD_OCTETS = 65_536  # of one field, unfolded
PARAMETERS = 100  # of one field; RFC 2231 continuations make each of them cost
ADDRESSES = 100  # of one field

#: Fields that carry addresses: letters from encoded-words must not build one there.
ADDRESS_FIELDS = frozenset({
    "from", "to", "cc", "bcc", "sender", "reply-to", "return-path", "errors-to", "apparently-to",
    "resent-to", "resent-from", "resent-cc", "delivered-to", "envelope-to", "disposition-notification-to",
    "x-original-to", "x-envelope-to", "x-gm-original-to", "x-delivered-to", "x-rcpt-to", "x-failed-recipients",
    "final-recipient", "original-recipient", "x-actual-recipient", "original-rcpt-to", "original-mail-from",
    "removal-recipient", "x-hmxmroriginalrecipient",
})  # fmt: skip

_FIELD = re.compile(rb"([!-9;-~]{1,200})[ \t]*:")
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"?|<[^<>]*>?|[,;:()\\]|[^"<,;:()\\]+', re.DOTALL)
#: One mailbox without comments, quotes and groups, as most fields hold
_PLAIN_MAILBOX = re.compile(r"([^\"<>,;:()\\]*)<([^\"<>,;:()\\]+)>\s*")
_PARAMETER = re.compile(r';\s*([^\s=;"]{1,100})\s*=\s*(?:"((?:[^"\\]|\\.)*)"?|([^;]*))')
_CONTINUED = re.compile(r"([^*]+)\*(?:(\d{1,3})(\*)?)?\Z")
_PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})")
_ID = re.compile(r"<([^<>\s]{1,995})>")
_UNQUOTE = re.compile(r"\\(.)", re.DOTALL)

Fields = list[tuple[str, bytes]]


def split_block(block: bytes, hit: set[str]) -> tuple[Fields, int]:
    """Split a header block (line feeds only) into (lower-case name, raw value) pairs.

    Returns also where the body starts if the block breaks off early, at a line that is no field; else -1.
    """
    fields: list[tuple[str, list[bytes]]] = []
    if len(block) > HEADER_OCTETS:
        hit.add("header size")
        block = block[:HEADER_OCTETS]
    at = 0
    lines = block.split(b"\n", HEADER_LINES)
    if len(lines) > HEADER_LINES:
        hit.add("header lines")
        lines.pop()
    broken = -1
    for number, line in enumerate(lines):
        if line[:1] in {b" ", b"\t"}:
            if fields:
                fields[-1][1].append(line.rstrip(b"\r"))
        elif field := _FIELD.match(line):
            fields.append((field[1].decode("ascii").lower(), [line[field.end() :].rstrip(b"\r")]))
        elif not (number == 0 and line.startswith((b"From ", b">From "))) and line.strip(b"\r"):
            broken = at
            break
        at += len(line) + 1
    joined: Fields = []
    for name, values in fields:
        value = b"".join(values).strip() if len(values) > 1 else values[0].strip()
        if len(value) > FIELD_OCTETS:
            hit.add("field size")
            value = value[:FIELD_OCTETS]
        joined.append((name, value))
    return joined, broken


def decode_fields(fields: Fields) -> dict[str, tuple[str, ...]]:
    """Return lower-case name -> decoded values, in order."""
    decoded: dict[str, tuple[str, ...]] = {}
    for name, value in fields:
        text = value.decode("ascii") if value.isascii() else ""
        # most fields are plain: letters of ASCII, no encoded-words
        if text and text.isprintable() and "=?" not in text:
            text = text.strip()
        else:
            text = decode_header(value, addresses=name in ADDRESS_FIELDS)
        decoded[name] = (*decoded[name], text) if name in decoded else (text,)
    return decoded


def read_block(text: str) -> dict[str, tuple[str, ...]]:
    """Read header fields that stand in a text (text/rfc822-headers, a returned mail pasted into a notice)."""
    fields, _ = split_block(text.encode("utf-8", "replace").lstrip(b"\n"), set())
    return decode_fields(fields)


def parameters_of(value: str, hit: set[str]) -> tuple[str, dict[str, str]]:
    """Return the lower-case value before the first semicolon, and its parameters (RFC 2045 5.1, RFC 2231)."""
    head, semicolon, _ = value.partition(";")
    head = head.strip().strip('"').lower()
    if not semicolon:
        return head, {}
    plain: dict[str, str] = {}
    pieces: dict[str, dict[int, tuple[str, bool]]] = {}
    for count, found in enumerate(_PARAMETER.finditer(value, value.index(";"))):
        if count >= PARAMETERS:
            hit.add("parameters")
            break
        name = found[1].lower()
        text = _UNQUOTE.sub(r"\1", found[2]) if found[2] is not None else found[3].strip()
        if "*" in name and (continued := _CONTINUED.match(name)):
            number = int(continued[2] or 0)
            encoded = continued[3] is not None or continued[2] is None
            pieces.setdefault(continued[1], {}).setdefault(number, (text, encoded))
        else:
            plain.setdefault(name, clean_line(decode_words(text)) if "=?" in text else text)
    for name, numbered in pieces.items():
        plain[name] = _join_pieces(numbered)
    return head, plain


def mailboxes(value: bytes, hit: set[str]) -> list[tuple[str, EmailAddress | None]]:
    """Return (display name, address) of each mailbox of a raw address field; None where no address can be trusted.

    RFC 5322 3.4, without groups, routes and quoted local parts; an encoded-word inside an address makes it no address.
    """
    text = decode_text(value).replace("\n", "")
    if plain := _PLAIN_MAILBOX.fullmatch(text):
        return [(plain[1].strip(), _one("", [plain[2].strip()]))]
    found: list[tuple[str, EmailAddress | None]] = []
    name: list[str] = []
    angles: list[str] = []
    comment = 0
    group = False

    def end() -> None:
        nonlocal group
        shown = "".join(name).strip()
        if angles or shown:
            found.append((shown if angles else "", None if group else _one(shown, angles)))
        name.clear()
        angles.clear()

    for token in _TOKEN.finditer(text):
        piece = token[0]
        if piece == "(":
            comment += 1
        elif piece == ")":
            comment = max(0, comment - 1)
        elif comment:
            continue
        elif piece == ",":
            end()
        elif piece == ";":
            end()
            group = False
        elif piece == ":":
            name.clear()
            group = True
        elif piece[0] == "<":
            angles.append(piece.strip("<>").strip())
        else:
            name.append(piece)
        if len(found) >= ADDRESSES:
            hit.add("addresses")
            break
    else:
        end()
    return found


def display_name(raw: str) -> str:
    """Return a display name as a reader sees it."""
    if raw.startswith('"'):
        raw = _UNQUOTE.sub(r"\1", raw.strip('"'))
    return clean_line(decode_words(raw) if "=?" in raw else raw)


def addresses_in(value: bytes, hit: set[str]) -> list[EmailAddress]:
    """Return the trustworthy addresses of a raw address field, in order, each once."""
    return list(dict.fromkeys(address for _, address in mailboxes(value, hit) if address is not None))


def ids_in(text: str) -> list[str]:
    """Return the message ids of a field, without angle brackets (RFC 5322 3.6.4); a bare one counts too."""
    ids = _ID.findall(text)
    if not ids and "@" in text and len(text) < 996:
        ids = [text.strip(" <>").split()[0]] if text.strip(" <>") else []
    return ids[:ADDRESSES]


def ids_of(headers: Mapping[str, tuple[str, ...]], name: str) -> list[str]:
    """Return the message ids of all fields of one name."""
    return [found for value in headers.get(name, ()) for found in ids_in(value)]


def _one(shown: str, angles: list[str]) -> EmailAddress | None:
    if len(angles) > 1:
        return None
    bare = angles[0] if angles else shown
    if "=?" in bare:
        return None
    return try_address(bare)


def _join_pieces(numbered: dict[int, tuple[str, bool]]) -> str:
    """RFC 2231 3 and 4: numbered pieces in order, the first naming the character set where one is percent-encoded."""
    charset = ""
    octets: list[bytes] = []
    for number in sorted(numbered):
        text, encoded = numbered[number]
        if encoded and number == 0 and text.count("'") >= 2:
            charset, _, text = text.split("'", 2)
        piece = text.encode("utf-8", "replace")
        octets.append(_PERCENT.sub(lambda m: bytes([int(m[1], 16)]), piece) if encoded else piece)
    return clean_line(decode_text(b"".join(octets), charset))
