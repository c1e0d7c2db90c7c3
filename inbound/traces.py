"""Which letter of ours a mail answers: the signed token that it carries somewhere. Pure.

Looked for where it is surest first: the envelope, the headers that name the mailbox, To and Cc, the identifiers of a
report, and the Message-IDs that the mail refers to. A token is its own proof, so the domain beside it doesn't matter.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from inbound.model import Envelope, InboundMail, Reading
from mailer.tokens import Purpose, Token, Tokens

MOST_TRIED = 200  # bounds the work on a mail with endless addresses or references

_WORD = re.compile(r"[a-z2-7]{50}", re.IGNORECASE)
_IN_REPORTS = (Purpose.FEEDBACK, Purpose.BOUNCE, Purpose.REPLY, Purpose.ONE_CLICK, Purpose.MESSAGE, Purpose.PREFERENCES)
_ANSWERS = re.compile(r"z-([a-z2-7]{50})\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Trace:
    """A genuine token and where it stood."""

    token: Token
    via: str

    @property
    def is_address(self) -> bool:
        """Whether the mail came to a token address, and not only refers to a letter of ours."""
        return self.via == "address"


def find_trace(reading: Reading, envelope: Envelope, tokens: Tokens) -> Trace | None:
    """Return the surest token of a mail, or None where it carries no genuine one."""
    mail = reading.mail
    for local in _locals(mail, envelope):
        token = tokens.parse_local(local) or _undo(local, tokens)
        if token is not None:
            return Trace(token, "address")
    for word in _identifiers(reading):
        for purpose in _IN_REPORTS:
            token = tokens.read(purpose, word)
            if token is not None:
                return Trace(token, "report")
    for message_id in _message_ids(reading):
        token = tokens.parse_message_id(message_id)
        if token is not None:
            return Trace(token, "message id")
    return None


def _locals(mail: InboundMail, envelope: Envelope) -> Iterator[str]:
    yield from (path.rpartition("@")[0] for path in envelope.rcpt_to[:MOST_TRIED])
    yield from (address.local for address in (*mail.delivered_to, *mail.recipients)[:MOST_TRIED])


def _undo(local: str, tokens: Tokens) -> Token | None:
    found = _ANSWERS.match(local.strip())
    return tokens.read(Purpose.UNDO, found.group(1)) if found else None


def _identifiers(reading: Reading) -> Iterable[str]:
    """Return what could be tokens in the identifiers of a complaint: feedback id, return path, unsubscribe links."""
    if reading.complaint is None:
        return ()
    words = (word for text in reading.complaint.identifiers for word in _WORD.findall(text[:2000]))
    return list(dict.fromkeys(words))[:MOST_TRIED]


def _message_ids(reading: Reading) -> Iterable[str]:
    found = [*reading.mail.in_reply_to]
    if reading.complaint is not None:
        found += reading.complaint.message_ids
    if reading.bounce is not None or reading.complaint is not None:  # the letter that came back
        found += (value for part in reading.mail.parts for value in part.headers.get("message-id", ()))
    return found[:MOST_TRIED]
