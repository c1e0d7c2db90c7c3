"""One header field at a time: cleaned, encoded, folded. Pure.

Whatever text comes in, the field that goes out is one field: no line break but our own folding, nothing that a reader
could take for another header. :func:`mailer.mime.check` still looks at the finished bytes without trusting this.
"""

import base64
import re
import unicodedata

from kit.addresses import EmailAddress

LINE_CHARACTERS = 78  # RFC 5322 2.1.1: lines should not be longer
ENCODED_LINE_CHARACTERS = 76  # RFC 2047 2: a line with an encoded-word must not be longer
WORD_OCTETS = 45  # of UTF-8 in one encoded-word: 60 letters of base64 + 12 around them <= 75 (RFC 2047 2)
NAME_CHARACTERS = 100  # bounds a display name; longer ones are a text, not a name

#: what turns text round, hides in it or breaks its line: C0, DEL, C1, line and paragraph separators, bidi controls
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069\ufeff]")
_WHITE = re.compile(r"\s+")
_SURROGATES = re.compile("[\ud800-\udfff]")


def one_line(text: str) -> str:
    """Return a text as one line: controls of all kinds are a space, white space is single, nothing at the ends.

    Normalised to NFC (RFC 6532 3.1); half characters (lone surrogates) become U+FFFD.
    """
    if text.isascii() and text.isprintable() and "  " not in text:
        return text.strip(" ")
    text = _SURROGATES.sub("\ufffd", _CONTROLS.sub(" ", text))
    return _WHITE.sub(" ", unicodedata.normalize("NFC", text)).strip()


def text_field(name: str, text: str) -> bytes:
    """Return an unstructured field (Subject) with its CRLF."""
    return field(name, _encoded_or_plain(one_line(text), first_line=len(name) + 2))


def mailbox_field(name: str, display_name: str, address: EmailAddress | str) -> bytes:
    """Return a field of one mailbox (From, To, Reply-To) with its CRLF.

    A display name that looks like an address is left out: it could pass for the real one. The address itself is never
    encoded (RFC 2047 5 rule 3).
    """
    phrase = one_line(display_name[: NAME_CHARACTERS * 4])[:NAME_CHARACTERS].strip()
    if not phrase or "@" in phrase or "\uff20" in phrase:
        return field(name, f"<{address}>")
    if phrase.isascii() and "=?" not in phrase:
        phrase = '"' + phrase.replace("\\", r"\\").replace('"', r"\"") + '"'  # RFC 5322 3.2.4
    else:
        phrase = _encoded(phrase, first_line=len(name) + 2)
    return field(name, f"{phrase} <{address}>")


def field(name: str, value: str) -> bytes:
    """Return ``Name: value`` folded at white space (RFC 5322 2.2.3), with its CRLF; ASCII, or UTF-8 (RFC 6532).

    Words are never cut: a line without white space stays as long as it is, and :func:`mailer.mime.check` bounds it.
    """
    if len(name) + 2 + len(value) <= LINE_CHARACTERS:
        return f"{name}: {value}\r\n".encode()
    lines, line = [], f"{name}:"
    for word in value.split(" "):
        limit = ENCODED_LINE_CHARACTERS if "=?" in word or "=?" in line else LINE_CHARACTERS
        if len(line) + 1 + len(word) > limit and line != f"{name}:":
            lines.append(line)
            line = ""
        line += " " + word
    lines.append(line)
    return ("\r\n".join(lines) + "\r\n").encode()


def relaxed_field(lower_name: bytes, value: bytes) -> bytes:
    """Return ``name:value`` in the relaxed form (RFC 6376 3.4.2), without a line end."""
    return lower_name + b":" + b" ".join(value.split())


def _encoded_or_plain(text: str, *, first_line: int) -> str:
    """Return printable ASCII as it is, unless it would be mistaken for an encoded-word or has a word without end."""
    if text.isascii() and "=?" not in text and all(len(word) < LINE_CHARACTERS - 1 for word in text.split(" ")):
        return text
    return _encoded(text, first_line=first_line)


def _encoded(text: str, *, first_line: int) -> str:
    """Return a text as encoded-words of RFC 2047, none longer than 75 characters, none ending within a character."""
    words, piece, room = [], bytearray(), min(WORD_OCTETS, (ENCODED_LINE_CHARACTERS - first_line - 12) // 4 * 3)
    for letter in text:
        octets = letter.encode("utf-8", "replace")
        if len(piece) + len(octets) > room:
            words.append(piece)
            piece, room = bytearray(), WORD_OCTETS
        piece += octets
    words.append(piece)
    return " ".join(f"=?utf-8?b?{base64.b64encode(word).decode('ascii')}?=" for word in words if word)
