"""Whether a mail can travel as it is, and the form in which its content does.

The last look at the bytes before they leave: addresses that could smuggle a command and content that could be taken
for two messages are refused, never mended, because a mended message no longer fits its signature.
"""

import re
from typing import Protocol

from mailer.answers import Features
from mailer.relays import LOCAL_CODE, Failed

# RFC 5321 4.1.2, narrowed to what kit.addresses lets pass: nothing that could end a path or start a command.
_PATH = re.compile(r"[^\s\x00-\x1f\x7f-\x9f<>()\[\]\\,;:\"@]{1,64}@[A-Za-z0-9.\-]{1,255}\Z")
_LONE_CR = re.compile(rb"\r(?!\n)")
_LONE_LF_OR_DOT = re.compile(rb"\n(?:\.|(?<!\r\n))")  # one pass finds both, and mostly neither


class Letter(Protocol):
    """What the protocol needs to know of a mail."""

    @property
    def mail_from(self) -> str:
        """The return path; "" is the null sender."""

    @property
    def rcpt_to(self) -> str:
        """The one recipient, the domain as A-labels."""

    @property
    def content(self) -> bytes:
        """The message, every line of it ended by CRLF."""

    @property
    def needs_smtputf8(self) -> bool:
        """Whether an address or a header holds UTF-8 (RFC 6531)."""

    @property
    def travels_as_it_is(self) -> bool:
        """Whether its maker has seen to what :func:`stuffed` looks for, and that all of it is ASCII."""


def stuffed(content: bytes) -> bytes | None:
    """Return a message as it travels in DATA (RFC 5321 4.5.2), or None where it could be taken for two messages.

    Only CRLF may end a line: other servers see line ends in a lone CR or LF, and a dot between those ends the message
    for them. Nothing is mended here, because a mended message no longer fits its signature.
    """
    if _LONE_CR.search(content) is not None or b"\0" in content or not content.endswith(b"\r\n"):
        return None
    if _LONE_LF_OR_DOT.search(content) is None and not content.startswith(b"."):
        return content
    if content.count(b"\r\n") != content.count(b"\n"):
        return None
    body = content.replace(b"\r\n.", b"\r\n..")
    return b"." + body if body.startswith(b".") else body


def refused_here(letter: Letter, features: Features, *, is_eight_bit: bool, is_international: bool) -> Failed | None:
    """Return why a mail can't be given to this relay, before anything of it is written."""
    mail_from = letter.mail_from
    if not _PATH.match(letter.rcpt_to) or (mail_from and not _PATH.match(mail_from)):
        return Failed(LOCAL_CODE, "5.1.3", "an address of the envelope is not one that can be sent to")
    if features.size_limit and len(letter.content) > features.size_limit:
        return Failed(LOCAL_CODE, "5.3.4", f"the relay takes no message of more than {features.size_limit} octets")
    if is_international and not features.smtputf8:  # RFC 6531 3.2: there is no downgrade
        return Failed(LOCAL_CODE, "5.6.7", "the relay takes no internationalised mail (SMTPUTF8)")
    if is_eight_bit and not features.eight_bit:  # RFC 6152 3
        return Failed(LOCAL_CODE, "5.6.3", "the relay takes no 8-bit content (8BITMIME)")
    return None
