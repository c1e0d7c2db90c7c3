"""The arguments of MAIL and RCPT, read strictly: a path in angle brackets and its parameters. Pure.

RFC 5321 4.1.2. Anything that two servers could read differently is refused: comments, white space, control characters,
a second pair of brackets. A source route is recognised and passed over, as the RFC wants.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

LOCAL_OCTETS = 64  # RFC 5321 4.5.3.1.1
DOMAIN_OCTETS = 255  # RFC 5321 4.5.3.1.2
PATH_OCTETS = 256  # RFC 5321 4.5.3.1.3, with its brackets

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-\u0080-\U0010ffff]+"
_LABEL = r"[A-Za-z0-9\u0080-\U0010ffff](?:[A-Za-z0-9\-\u0080-\U0010ffff]*[A-Za-z0-9\u0080-\U0010ffff])?"
_DOMAIN = rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[A-Za-z0-9.:\-]{{1,60}}\])"
_LOCAL = rf"(?:{_ATOM}(?:\.{_ATOM})*|\"(?:[^\"\\\x00-\x1f\x7f]|\\[\x20-\x7e])*\")"
_ROUTE = rf"(?:@{_DOMAIN}(?:,@{_DOMAIN})*:)?"
_PATH = re.compile(rf"<(?:{_ROUTE}(?P<local>{_LOCAL})@(?P<domain>{_DOMAIN}))?>")
_BARE = re.compile(r"<(postmaster)>", re.IGNORECASE)
_PARAMETER = re.compile(r"([A-Za-z0-9][A-Za-z0-9\-]*)(?:=([\x21-\x3c\x3e-\x7e\u0080-\U0010ffff]+))?\Z")


@dataclass(frozen=True, slots=True)
class Path:
    """A path and its parameters; both parts empty for the null sender."""

    local: str
    domain: str
    parameters: Mapping[str, str]

    def __str__(self) -> str:
        return f"{self.local}@{self.domain}" if self.domain else self.local

    @property
    def is_ascii(self) -> bool:
        """Whether the path can be understood without SMTPUTF8 (RFC 6531)."""
        return self.local.isascii() and self.domain.isascii()


def read_path(argument: str, keyword: str) -> Path | None:
    """Read ``FROM:<path> parameters`` or ``TO:<path> parameters``; None where it is not well-formed."""
    if argument[: len(keyword) + 1].upper() != f"{keyword}:":
        return None
    text = argument[len(keyword) + 1 :].lstrip(" ")  # a space after the colon is wrong and common
    if len(text) > PATH_OCTETS * 8:
        return None
    found = _BARE.match(text) if keyword == "TO" else None
    if found:
        local, domain = found.group(1), ""  # RFC 5321 4.1.1.3: postmaster needs no domain
    else:
        found = _PATH.match(text)
        if found is None:
            return None
        local, domain = _unquoted(found.group("local") or ""), (found.group("domain") or "").lower()
        if keyword == "TO" and not domain:
            return None  # the null path is a sender only
    if len(local.encode()) > LOCAL_OCTETS or len(domain.encode()) > DOMAIN_OCTETS:
        return None
    parameters = _parameters(text[found.end() :])
    return None if parameters is None else Path(local, domain, parameters)


def _parameters(text: str) -> dict[str, str] | None:
    if text and not text.startswith(" "):
        return None
    found: dict[str, str] = {}
    for word in text.split():
        match = _PARAMETER.match(word)
        if match is None or match.group(1).upper() in found:
            return None
        found[match.group(1).upper()] = match.group(2) or ""
    return found


def _unquoted(local: str) -> str:
    """Return a quoted local part without its quotes: both spellings are one mailbox (RFC 5321 4.1.2)."""
    return re.sub(r"\\(.)", r"\1", local[1:-1]) if local.startswith('"') else local
