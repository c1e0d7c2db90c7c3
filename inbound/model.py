"""The values that travel through the reading of a mail. Pure: no I/O, no clock, no database.

bytes -> :class:`InboundMail` -> (:class:`Bounce` | :class:`Complaint` | automatic |
:class:`VisibleText` -> :class:`Intent`) -> :class:`Reading`. Everything here came from outside: it is bounded,
decoded and free of control characters, and still must be escaped wherever it is shown.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from kit.addresses import EmailAddress


class Verdict(enum.StrEnum):
    """What a mail is, in one word."""

    UNSUBSCRIBE = "unsubscribe"  # a person asks to leave
    SUBSCRIBE = "subscribe"  # a person asks to (re)join; always to be confirmed
    HUMAN = "human"  # a person wrote something else; customer service reads it
    AUTO = "auto"  # a machine answered
    BOUNCE = "bounce"  # a mail server could not deliver
    COMPLAINT = "complaint"  # a provider passes on "this is spam"
    UNCLEAR = "unclear"  # a person may have asked to leave; we ask, and staff see it

    @property
    def is_wish(self) -> bool:
        """Whether a person asks, or may ask, to leave or to join: then it matters who wrote."""
        return self in {Verdict.UNSUBSCRIBE, Verdict.SUBSCRIBE, Verdict.UNCLEAR}


class Channel(enum.StrEnum):
    """Through which door a mail came in."""

    SMTP = "smtp"
    LMTP = "lmtp"
    IMAP = "imap"
    FILE = "file"


#: "all", or the keys of the topics meant; None where the mail asks for nothing.
Scope = Literal["all"] | tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Envelope:
    """What the mail server said about a mail, apart from the mail itself. An empty ``mail_from`` is the null sender."""

    mail_from: str = ""
    rcpt_to: tuple[str, ...] = ()
    peer: str = ""
    helo: str = ""
    channel: Channel = Channel.FILE


@dataclass(frozen=True, slots=True)
class Part:
    """One leaf of the MIME tree, decoded to text where it is text (and within the limits), else empty."""

    content_type: str  # lower case, e.g. "text/plain"
    text: str
    filename: str = ""
    charset: str = ""
    depth: int = 0
    parameters: Mapping[str, str] = field(default_factory=dict)
    #: headers of the part itself, or of an enclosed message/rfc822, lower-case name -> decoded values in order
    headers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class InboundMail:
    """A mail, read within limits.

    Making one never fails: what can't be read is left out and named in ``limits_hit``.
    """

    headers: Mapping[str, tuple[str, ...]]  # lower-case name -> decoded values, in order, CR/LF/NUL-free
    subject: str
    sender: EmailAddress | None  # the one mailbox of From; None if there is none, or more than one
    sender_name: str
    reply_to: tuple[EmailAddress, ...]
    recipients: tuple[EmailAddress, ...]  # To, Cc
    delivered_to: tuple[EmailAddress, ...]  # X-Original-To, Delivered-To, Envelope-To, Resent-To and the like
    message_id: str  # without angle brackets; "" where missing
    in_reply_to: tuple[str, ...]  # In-Reply-To, then References from the newest to the oldest; no brackets
    date: datetime | None
    content_type: str  # of the whole, lower case
    content_parameters: Mapping[str, str]
    text: str  # the text/plain parts shown to a reader, joined
    html: str  # the text/html parts shown to a reader, joined
    parts: tuple[Part, ...]
    size: int  # octets
    limits_hit: tuple[str, ...] = ()

    def header(self, name: str) -> str:
        """Return the first value of a header, or an empty text."""
        values = self.headers.get(name.lower(), ())
        return values[0] if values else ""


@dataclass(frozen=True, slots=True)
class VisibleText:
    """What the person typed, apart from what was quoted, signed or added by machines on the way."""

    typed: str
    quoted: str = ""
    signature: str = ""
    #: lines taken out because we wrote them ourselves (our mail, our footer), whatever the quoting looked like
    ours: str = ""
    marks: tuple[str, ...] = ()  # what gave the border away, e.g. "attribution line (de)", "outlook header block"


@dataclass(frozen=True, slots=True)
class Intent:
    """What a person wants, with the evidence."""

    verdict: Verdict  # UNSUBSCRIBE, SUBSCRIBE, HUMAN, UNCLEAR; AUTO where the words alone say so
    scope: Scope
    confidence: float  # 0 to 1
    language: str  # best guess, e.g. "de"; "" unknown
    reasons: tuple[str, ...]  # plain sentences for marketing staff
    counted: tuple[str, ...] = ()  # the words that counted
    ignored: tuple[str, ...] = ()  # command-like words left out (quoted, negated, somebody else's)
    question: Scope = None  # for UNCLEAR: the scope that the customer is asked about


@dataclass(frozen=True, slots=True)
class Bounce:
    """A delivery that failed, as told by a mail server."""

    recipients: tuple[EmailAddress, ...]
    kind: Literal["hard", "soft"]
    status: str = ""  # RFC 3463, e.g. "5.1.1"
    diagnostic: str = ""
    given_up: bool = True  # False where the server still tries (RFC 3464 2.3.3, "delayed")
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Complaint:
    """A feedback report. ``acts`` is False for the types that change nothing (not-spam, auth-failure, …)."""

    recipients: tuple[EmailAddress, ...]
    feedback_type: str
    acts: bool
    message_ids: tuple[str, ...] = ()  # of the returned mail, ours among them
    identifiers: tuple[str, ...] = ()  # CFBL-Feedback-ID, Return-Path, List-Unsubscribe and the like, as found
    reasons: tuple[str, ...] = ()


class Standing(enum.StrEnum):
    """What signatures and network say about the domain of From."""

    PROVEN = "proven"  # a signature or the sending network is the domain's own (RFC 9989 4.4)
    UNPROVEN = "unproven"  # nothing speaks for it, and its owner doesn't say that something must
    FORGED = "forged"  # nothing speaks for it, though its owner says that something would


@dataclass(frozen=True, slots=True)
class Origin:
    """Whether a mail comes from the domain that its From names (:mod:`inbound.origin`)."""

    standing: Standing
    reasons: tuple[str, ...]  # for staff and the ledger; no address in them


@dataclass(frozen=True, slots=True)
class Reading:
    """The whole decision about one mail: what it is, what it asks for, and why."""

    verdict: Verdict
    scope: Scope
    confidence: float
    reasons: tuple[str, ...]
    mail: InboundMail
    visible: VisibleText | None = None
    intent: Intent | None = None
    bounce: Bounce | None = None
    complaint: Complaint | None = None
