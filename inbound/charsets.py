"""Turns octets of a mail into text that can be read safely. Pure.

It never guesses beyond a fixed order (declared, UTF-8, Windows-1252), never uses a codec that isn't a character set,
and never lets control characters or direction overrides through: those exist in mail to make a text look like another.
"""

import base64
import binascii
import codecs
import itertools
import re
from functools import lru_cache

ENCODED_WORDS = 200  # a header, bounds the work that 20,000 tiny encoded-words would cost

#: What mail programs mean by a name where Python's codec of that name is too narrow (as in the WHATWG standard).
_MEANT = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "big5": "big5hkscs",
    "euc_kr": "cp949",
    "shift_jis": "cp932",
    "tis-620": "cp874",
    "iso8859-11": "cp874",
    "iso2022_jp": "iso2022_jp_ext",
}
#: Names that Python does not know.
_ALIASES = {
    "ks_c_5601-1987": "cp949",
    "x-windows-949": "cp949",
    "iso-8859-8-i": "iso8859-8",
    "iso-8859-8-e": "iso8859-8",
    "iso-8859-6-i": "iso8859-6",
    "x-sjis": "cp932",
    "x-ms-cp932": "cp932",
    "x-gbk": "gb18030",
    "x-euc-jp": "euc_jp",
    "x-big5": "big5hkscs",
    "cn-gb": "gb18030",
    "cn-big5": "big5hkscs",
    "x-mac-roman": "mac_roman",
    "macintosh": "mac_roman",
    "x-mac-cyrillic": "mac_cyrillic",
    "windows-874": "cp874",
    "dos-874": "cp874",
    "ansi_x3.4-1968": "cp1252",
    "unicode-1-1-utf-8": "utf-8",
    "utf8mb4": "utf-8",
    "koi8": "koi8-r",
    "x-user-defined": "cp1252",
    "unknown-8bit": "",
    "x-unknown": "",
    "unknown": "",
    "default": "",
    "binary": "",
    "8bit": "",
    "7bit": "",
}
#: UTF-7 lets "+ADw-" stand for "<" and slips past whatever looks at the text later; the others aren't character sets.
_REFUSED = re.compile(
    r"utf[-_]?7|unicode-1-1-utf-7|idna|punycode|unicode_escape|raw_unicode|undefined|mbcs|oem|utf_8_sig"
)
_STATEFUL = frozenset(
    {"iso2022_jp_ext", "iso2022_kr", "hz", "iso2022_jp_2", "iso2022_jp_3", "iso2022_jp_1", "iso2022_jp_2004"}
)

#: C0 except tab and line feed, DEL, C1, direction overrides and isolates (Trojan Source), what UTF-8 can't hold.
_UNWANTED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff\ufffe\uffff]+")
_UNWANTED_IN_LINE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]"
)
# RFC 2047 2; white space inside is wrong but common, and RFC 2231 5 allows a language after the character set.
_ENCODED_WORD = re.compile(r"=\?([A-Za-z0-9_.:+()\-]{1,40})(?:\*[A-Za-z0-9\-]{0,20})?\?([bBqQ])\?([^?]*)\?=")
_ADDRESS_SPECIALS = str.maketrans("<>@,;", "     ")


@lru_cache(maxsize=256)
def codec_for(charset: str) -> str:
    """Return the codec for the name of a character set, or an empty text if it is unknown or refused."""
    name = charset.strip().strip("\"'").lower()
    name = _ALIASES.get(name, name)
    if not name or len(name) > 40 or not name.isascii() or _REFUSED.match(name):
        return ""
    try:
        info = codecs.lookup(name)
    except (LookupError, ValueError, UnicodeError):
        return ""
    # The flag tells character sets from transforms such as base64, zlib and rot13.
    if not getattr(info, "_is_text_encoding", True) or _REFUSED.match(info.name):
        return ""
    return _MEANT.get(info.name, info.name)


def decode_text(octets: bytes, charset: str = "") -> str:
    """Decode octets in the order declared, UTF-8, Windows-1252. Never fails."""
    codec = codec_for(charset)
    wide = codec.startswith(("utf-16", "utf-32"))
    if not wide:
        octets = octets.translate(None, _NOISE)
    if codec in _STATEFUL or (codec in {"", "cp1252", "utf-8"} and b"\x1b$" in octets):
        return octets.decode(codec if codec in _STATEFUL else "iso2022_jp_ext", "replace")
    if not wide and octets.isascii():
        return octets.decode("ascii")
    for attempt in (codec, "utf-8") if codec != "cp1252" else ("utf-8",):
        if attempt:
            try:
                return octets.decode(attempt)
            except (UnicodeError, ValueError):
                continue
    if codec and codec != "cp1252":
        text = octets.decode(codec, "replace")
        if text.count("\ufffd") * 20 <= len(text):  # a few broken letters, not a wrong declaration
            return text
    return octets.decode("cp1252", "replace")


def clean_text(text: str) -> str:
    """Return text with line feeds only, and without control characters and direction overrides."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _UNWANTED.sub("", text)


def clean_line(text: str) -> str:
    """Return text on one line: control characters become a space, overrides go."""
    # RFC 2047 5 and CVE-2024-6923: an encoded-word may hold CR, LF or NUL.
    if text.isascii() and text.isprintable():
        return text.strip()
    return _UNWANTED_IN_LINE.sub(lambda m: " " if m[0] < "\x80" or m[0] in "\u2028\u2029" else "", text).strip()


def decode_header(octets: bytes, *, addresses: bool = False) -> str:
    """Decode the value of a header field: unfold it, put encoded-words into letters (RFC 2047), clean it.

    With ``addresses`` the letters that make an address (``<``, ``>``, ``@``, ``,``, ``;``) are taken out of
    encoded-words: what a field hides in one must never be read as an address (RFC 2047 5 (3)).
    """
    text = octets.decode("ascii") if octets.isascii() and b"\x1b" not in octets else decode_text(octets)
    if "\n" in text:
        text = text.replace("\n", "")
    if "=?" in text:
        text = decode_words(text, addresses=addresses)
    return clean_line(text)


def decode_words(text: str, *, addresses: bool = False) -> str:
    """Put the first ``ENCODED_WORDS`` encoded-words of a text into letters; leave the others as they stand."""
    out: list[str] = []
    at = 0
    run: list[bytes] = []  # neighbours in one character set are joined first: senders do split letters
    run_charset = ""

    def flush() -> None:
        if run:
            letters = decode_text(b"".join(run), run_charset)
            out.append(letters.translate(_ADDRESS_SPECIALS) if addresses else letters)
            run.clear()

    for word in itertools.islice(_ENCODED_WORD.finditer(text), ENCODED_WORDS):
        between = text[at : word.start()]
        # RFC 2047 6.2: white space between two encoded-words is not shown.
        if not (run and not between.strip()):
            flush()
            out.append(between)
        charset = word[1].lower()
        if charset != run_charset:
            flush()
        run_charset = charset
        run.append(_word_octets(word[2], word[3]))
        at = word.end()
    flush()
    out.append(text[at:])
    return "".join(out)


def decode_base64(octets: bytes) -> bytes:
    """Decode base64 as far as it goes, passing over whatever is not of its alphabet (RFC 2045 6.8)."""
    kept = octets.translate(None, _NOT_BASE64)
    end = kept.find(b"=")
    if end >= 0:
        kept = kept[:end]
    if len(kept) % 4 == 1:
        kept = kept[:-1]
    try:
        return base64.b64decode(kept + b"=" * (-len(kept) % 4))
    except (binascii.Error, ValueError):
        return b""


def decode_quoted_printable(octets: bytes) -> bytes:
    """Decode quoted-printable; what is wrong stays as it is (RFC 2045 6.7)."""
    return binascii.a2b_qp(octets)


#: C0 without tab, line ends and what ISO 2022 needs (SO, SI, ESC): out before decoding, which costs nothing
_NOISE = bytes(set(range(32)) - set(b"\t\n\r\x0e\x0f\x1b"))
_NOT_BASE64 = bytes(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="))


def _word_octets(kind: str, text: str) -> bytes:
    octets = text.encode("ascii", "ignore") if text.isascii() else text.encode("utf-8", "replace")
    if kind in "bB":
        return decode_base64(octets)
    return binascii.a2b_qp(octets, header=True)
