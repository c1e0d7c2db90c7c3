"""Finds the failed recipients in the words of a delivery notice that carries no delivery-status fields. Pure.

Mail servers write few kinds of sentence, whatever their make: an address alone on its line, an address followed by the
reason, an address after "to", "recipient", "RCPT TO". So this looks for the kinds, in what stands before the returned
mail, and not for makes.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from kit.addresses import EmailAddress, try_address

NOTICE_CHARACTERS = 24_576  # of a notice; what is longer is the returned mail
NOTICE_LINES = 1_000
RECIPIENTS = 100

#: Where the returned mail begins. Each line is tested from its start.
_RETURNED = re.compile(
    r"[\s>]{0,8}(?:"
    + "|".join(
        line.strip()
        for line in r"""
        [-=*_~#.\s]{2,80}(?!.{0,80}@NEWS@).{0,60}@COPY@.{0,80}$
        (?:this|here|included|below|attached|enclosed|following)\b.{0,25} (?:is|are) (?:a |the |your )?@HEAD@.{0,80}$
        (?:a|the) (?:@HEAD@|headers|body|summary|following)\b.{0,40} (?:message|e?-?mail)\b.{0,40}(?:follow|below|:\s*$)
        (?:the )?@KIND@ (?:e?-?mail|message|text)@PART@@REST@$
        (?:message|mail) (?:headers?|contents?|body|text|header as received)\b.{0,20}(?:follow|below|:\s*$)
        message removed\s*$|begin forwarded message|original message (?:details|headers|as received)
        (?:return-path|received|x-received|dkim-signature|arc-seal)\s*:\s*\S
        """.strip().split("\n")
    )
    .replace(
        "@COPY@",
        "(?:copy|original|returned|unsent|undelivered|header|below|bounced|rejected|follows|本文|元の|元メール|送信)",
    )
    .replace("@NEWS@", "(?:address|recipient|transcript|error|fail|reason|diagnos|delivery|attempt)")
    .replace("@HEAD@", r"(?:copy|original|header|first|text|beginning|message)")
    .replace("@KIND@", "(?:original|returned|unsent|undelivered|rejected|your|bounced|failed|source)")
    .replace("@REST@", r"(?: (?:is )?(?:follow|below|attached|begin|included).{0,30}|\s*[:.-]{1,80}\s*)")
    .replace("@PART@", "(?: headers?| contents?| body| text| as received)?")
    + ")",
    re.IGNORECASE,
)
_A = r"<?[\"']?(?:smtp:)?([^\s<>\"'()\[\],;:=@]{1,64}+@[^\s<>\"'()\[\],;:=@*]{1,200}+)[\"']?+>?+"
#: Sentences in which the address after the words is the one that failed.
_END = r"(?=[\s.,;:>\])\"']|$)"
_SAID = tuple(
    re.compile(line.strip().replace("@@", _A + _END), re.IGNORECASE)
    for line in r"""
    ^\s*(?:final|original|x-actual|remote|failed|bounced)-?recipients?\s*:\s*(?:[\w/\-]+\s*;\s*)?@@
    \brcpt(?: to)?:? ?@@
    ^\s*(?:intended |failed |rejected |invalid )?recipients?(?: address(?:es)?)?\s*:?\s*\[?@@
    \b(?:deliver|delivered|delivering|delivery of|sending|send|sent|relay|route)\b[^@<>\n]{0,60}\bto:? @@
    \b(?:rejected|invalid|unknown|refused|failed|bad|failing) (?:recipients?|address(?:es)?|user|account)\s*:?\s*\(?@@
    \bdelivery failed\b[^@<>\n]{0,40}:\s*@@
    \bundeliverable to:?\s*@@
    \b(?:message|mail|e-?mail) (?:that )?(?:you (?:sent|addressed) )?(?:addressed )?(?:to|for):? @@
    \b(?:permanent|temporary|fatal) errors?\s*:\s*@@
    \bgateway for @@
    \bdda:(?:rfc-?822|smtp)=@@
    \bto the (?:following|recipients?|address|user|mailbox)\b[^@<>\n]{0,40}:?\s*@@
    \baddress(?:ed)? (?:to)?[^@<>\n]{0,40}, @@,? did not
    ^\s*(?:the )?(?:user|account|mailbox|address|recipient)\b[^@<>\n]{0,30}[\s:]@@ (?:is|was|does|has|not|could|unknown)
    \(was addressed to @@\)
    """.strip().split("\n")
)
#: A line that begins with the address, alone or with the reason behind it.
_LEADING = re.compile(
    r"^[\s>*\-\u2022\d.)]{0,12}(?:[245]\d\d[ -])?(?:\d\.\d\.\d\s+)?" + _A
    + r"\s*(?:$|:|\.\.\.|[-\u2013\u2014]\s|,\s|\[|\(|<{2,}|\.\s*$|on \w{3},|;|\s{2,}\S|\t"
    + r"|(?:is|was|unknown|unable|user|mailbox|no|not|does|cannot|could|has|invalid)\b)",
    re.IGNORECASE,
)  # fmt: skip
_ANY = re.compile(_A + r"(?=[\s.,;:>\])\"']|$)", re.IGNORECASE)
_RETURNED_SAYS = re.compile(
    r"^[\s>]{0,4}(x-original-to|delivered-to|x-envelope-to|envelope-to|to|cc|bcc)\s*:\s*(.{1,500})", re.IGNORECASE
)
_FROM_SAYS = re.compile(
    r"^[\s>]{0,4}(?:from|return-path|reply-to|sender)\s*:|envelope-from\b|\bmail from\b|\bfrom[: ]"
    r"|\bcontact\b|\bpostmaster\b",
    re.IGNORECASE,
)
_TAG = re.compile(r"<(?!/?[^<>\s]{1,64}@)/?[A-Za-z][^<>]{0,2000}>")
_BREAK = re.compile(r"<(?:br|/p|/div|/tr|/li|/h\d|/td)\b[^<>]{0,200}>", re.IGNORECASE)
_ENTITIES = (
    ("&lt;", "<"),
    ("&gt;", ">"),
    ("&quot;", '"'),
    ("&#39;", "'"),
    ("&nbsp;", " "),
    ("&#64;", "@"),
    ("&amp;", "&"),
)


@dataclass(frozen=True, slots=True)
class Mention:
    """An address that a notice says could not be reached, and the words said about it."""

    address: EmailAddress
    words: str


def notice_of(text: str) -> tuple[str, str]:
    """Split the text of a notice into what the server wrote and the mail that it returned."""
    text = text[:NOTICE_CHARACTERS]
    lines = text.split("\n", NOTICE_LINES)[:NOTICE_LINES]
    text = "\n".join(lines)
    for number, line in enumerate(lines):
        if number and line.strip() and _RETURNED.match(line) and any(kept.strip() for kept in lines[:number]):
            return "\n".join(lines[:number]), "\n".join(lines[number:])
    return text, ""


def plain_of(html: str) -> str:
    """Return the letters of an HTML notice, a block on a line."""
    text = _TAG.sub(" ", _BREAK.sub("\n", _without_comments(html[: 2 * NOTICE_CHARACTERS])))
    for entity, letter in _ENTITIES:
        text = text.replace(entity, letter)
    return text


def _without_comments(html: str) -> str:
    """Put a space for each comment; each search goes on where the last one ended."""
    kept: list[str] = []
    at = 0
    while (begin := html.find("<!--", at)) >= 0 and (end := html.find("-->", begin + 4)) >= 0:
        kept += (html[at:begin], " ")
        at = end + 3
    return "".join((*kept, html[at:]))


def mentions(notice: str, *, apart_from: frozenset[str]) -> list[Mention]:
    """Return the recipients that a notice names, in order, with the words about each; best kind of sentence first.

    ``apart_from`` holds the keys of addresses that are the sender's or the server's own.
    """
    lines = notice.split("\n")
    for kind in (_strong, _loose):
        found: dict[str, tuple[EmailAddress, int]] = {}
        for number, line in enumerate(lines):
            for address in kind(line[:1000]):
                if address.key not in apart_from and len(found) < RECIPIENTS:
                    found.setdefault(address.key, (address, number))
        if found:
            starts = sorted(number for _, number in found.values())
            return [Mention(address, _words(lines, number, starts)) for address, number in found.values()]
    return []


def returned_recipients(returned: str) -> list[EmailAddress]:
    """Return to whom a returned mail was going, by its own header fields pasted into a notice."""
    best: dict[str, list[EmailAddress]] = {}
    for line in returned[:NOTICE_CHARACTERS].split("\n")[:400]:
        if field := _RETURNED_SAYS.match(line):
            best.setdefault(field[1].lower(), []).extend(_addresses(_ANY.findall(field[2])))
    for name in ("x-original-to", "envelope-to", "x-envelope-to", "to", "delivered-to", "cc"):
        if best.get(name):
            return list(dict.fromkeys(best[name]))[:RECIPIENTS]
    return []


def addresses_of(text: str) -> list[EmailAddress]:
    """Return the addresses in a short text, in order, each once."""
    return list(dict.fromkeys(_addresses(_ANY.findall(text[:NOTICE_CHARACTERS]))))[:RECIPIENTS]


def _strong(line: str) -> Iterator[EmailAddress]:
    if "@" not in line:
        return
    for pattern in _SAID:
        yield from _addresses(pattern.findall(line))
    if leading := _LEADING.match(line):
        yield from _addresses([leading[1]])


def _loose(line: str) -> Iterator[EmailAddress]:
    if "@" in line and not _FROM_SAYS.search(line):
        yield from _addresses(_ANY.findall(line))


def _addresses(candidates: Iterable[str]) -> Iterator[EmailAddress]:
    for candidate in candidates:
        address = try_address(candidate.strip(".'\""))
        if address is not None:
            yield address


def _words(lines: list[str], start: int, starts: list[int]) -> str:
    """What is said about the recipient named on a line: up to the next one; the whole notice if it is the only one."""
    if len(starts) == 1:
        return "\n".join(line for line in lines if line.strip())
    if "... " in lines[start] and lines[start].split("... ", 1)[1].strip():
        return lines[start]  # sendmail: the reason stands behind the address
    after = next((number for number in starts if number > start), len(lines))
    return "\n".join(lines[start:after])
