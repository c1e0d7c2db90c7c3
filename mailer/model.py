"""The values of one letter on its way out: who sends, who gets it, about what, and the finished bytes. Pure.

Nothing here decides; :mod:`mailer.compose` writes the words, :mod:`mailer.mime` the bytes, :mod:`mailer.signing`
the signatures.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from kit.addresses import EmailAddress, domain_to_ascii
from kit.errors import InvalidSettings

#: What an attribute of a subscriber can be: nothing with methods of ours ever reaches a template.
Plain = str | int | float | bool

SUBSCRIBER_IDS = 1 << 48  # what a token has room for
MAILING_IDS = 1 << 32  # what a token has room for


@dataclass(frozen=True, slots=True)
class Sender:
    """The house that writes: its addresses and domains, and what the law wants to see in each letter."""

    from_address: EmailAddress  # ASCII; its domain is the d= of the signatures (DMARC alignment)
    from_name: str
    reply_domain: str  # replies with a token come here: r-<token>@reply_domain
    bounce_domain: str  # VERP return paths: b-<token>@bounce_domain
    link_base: str  # https URL without a slash at its end; links are {link_base}/u/<token>
    list_domain: str  # List-Id: <label.list_domain>
    company: str
    postal_address: str  # one line; CAN-SPAM 15 USC 7704(a)(5)(A)(iii)
    policy_url: str
    customer_service: EmailAddress
    help_url: str  # List-Help, an https or mailto URL
    owner_url: str  # List-Owner, an https or mailto URL
    feedback_address: EmailAddress  # CFBL-Address; under the domain of From (RFC 9477 3.1)

    def __post_init__(self) -> None:
        """Refuse a sender whose letters could not be lawful or valid."""
        for name in ("reply_domain", "bounce_domain", "list_domain"):
            if domain_to_ascii(getattr(self, name)) != getattr(self, name):
                raise InvalidSettings(f"{name} has to be a domain in lower-case ASCII (A-labels)")
        if not self.link_base.startswith("https://") or self.link_base.endswith("/"):
            raise InvalidSettings("link_base has to be an https URL without a slash at its end")  # RFC 8058 3.1
        for name in ("link_base", "policy_url", "help_url", "owner_url"):
            if not is_plain_url(getattr(self, name)):
                raise InvalidSettings(f"{name} has to be an https, http or mailto URL of plain ASCII characters")
        for name in ("company", "postal_address", "from_name"):
            if not getattr(self, name).strip():
                raise InvalidSettings(f"{name} is missing: each promotion has to carry it")
        for address in (self.from_address, self.customer_service, self.feedback_address):
            if not address.is_ascii:
                raise InvalidSettings("our own addresses have to be ASCII, so that every server can answer them")


@dataclass(frozen=True, slots=True)
class Recipient:
    """One subscriber as a letter sees them: plain values, copied out of the database."""

    subscriber_id: int
    address: EmailAddress
    name: str = ""
    language: str = "en"
    attributes: Mapping[str, Plain] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MailingInfo:
    """One campaign as a letter sees it."""

    id: int
    topic_key: str
    topic_name: str
    list_id_label: str  # never changes when the topic is renamed (RFC 2919 section 7)
    subject: str
    name: str


@dataclass(frozen=True, slots=True)
class Links:
    """The ways back from one letter to its delivery; :meth:`mailer.tokens.Tokens.links` makes them."""

    one_click: str  # https URL for List-Unsubscribe
    preferences: str  # https URL
    reply_address: str  # r-<token>@reply_domain
    bounce_address: str  # b-<token>@bounce_domain
    message_id: str  # with its angle brackets
    feedback_id: str  # for CFBL-Feedback-ID


@dataclass(frozen=True, slots=True)
class Rendered:
    """The words of one letter, personal values filled in; plain text, not yet encoded for the wire."""

    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True)
class OutgoingMail:
    """A finished letter: the envelope and the very bytes to hand over. Changing a byte breaks the signatures."""

    mail_from: str  # VERP address, or "" for the null return path
    rcpt_to: EmailAddress
    message_id: str  # with its angle brackets
    content: bytes  # CRLF lines, checked and (from Promotion and Letters) signed; not dot-stuffed
    needs_smtputf8: bool = False  # RFC 6531: only for servers that offer SMTPUTF8, else the delivery fails (5.6.7)
    travels_as_it_is: bool = False  # surely ASCII, CRLF and no other line end, no line that begins with a dot


def is_plain_url(url: str) -> bool:
    """Whether a URL can stand in a header, a text and an attribute as it is.

    RFC 2369 section 2: no white space, brackets or commas that would end or split the field; ASCII only.
    """
    return (
        url.startswith(("https://", "http://", "mailto:"))
        and url.isascii()
        and url.isprintable()
        and not any(letter in url for letter in " <>,\"'\\`")
    )
