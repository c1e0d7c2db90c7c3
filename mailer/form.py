"""The letterhead of one campaign: what all letters share is made once, and each is a few bytes filled in. Pure.

What leaves here is checked as bytes, as in :mod:`mailer.mime`, each part where it is made: the shared fields once a
campaign, each encoded line once, the fields and the body of a letter each time. It signs nothing, but brings the fields
into the form that is signed: :meth:`mailer.signing.Signer.seal` takes them from here.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from mailer.headers import field, mailbox_field, relaxed_field, text_field
from mailer.mime import (
    LETTER_OCTETS,
    InvalidLetter,
    LineCache,
    alternative,
    boundary_of,
    check,
    date_field,
    fields_of,
)
from mailer.model import Links, MailingInfo, OutgoingMail, Recipient, Rendered, Sender

#: the fields that differ from letter to letter, in their order
PERSONAL = ("To", "Subject", "Date", "Message-ID", "Reply-To", "List-Unsubscribe", "CFBL-Feedback-ID")

_LINE = r"[^\x00-\x1f\x7f]{0,900}"
_VALUE = rf"{_LINE}(?:\r\n (?! *\r){_LINE})*\r\n"  # folded behind one blank, no line of white space only
_OF_WORDS = re.compile(rf"To:{_VALUE}Subject:{_VALUE}".encode())
_LINKS_CHARACTERS = 900  # of all links of a letter: none makes a line too long (RFC 5322 2.1.1)
_LAYOUTS_KEPT = 16  # one for each length that our own links come in, which is one


@dataclass(frozen=True, slots=True)
class Draft:
    """A letter without signatures, in the pieces that are signed."""

    mail_from: str
    recipient: Recipient
    message_id: str
    head: bytes  # all fields
    personal: bytes  # its own fields in relaxed form, as they are signed
    body: bytes  # with the blank line before it
    is_ascii: bool

    def mail(self, signatures: bytes = b"") -> OutgoingMail:
        """Return the letter with the fields of its signatures in front."""
        content = b"".join((signatures, self.head, self.body))
        if len(content) > LETTER_OCTETS:
            raise InvalidLetter("the letter is too large")
        return OutgoingMail(
            self.mail_from, self.recipient.address, self.message_id, content,
            needs_smtputf8=not self.recipient.address.is_ascii, travels_as_it_is=self.is_ascii,
        )  # fmt: skip


class PromotionForm:
    """The letterhead of one campaign. Threads may share it."""

    def __init__(self, sender: Sender, mailing: MailingInfo, lines: LineCache | None = None) -> None:
        """Make the headers that do not change from person to person; ``lines`` knows the marks to come."""
        self._boundary = boundary_of(f"{mailing.id} {mailing.topic_key}")
        self._fixed = b"".join(
            (
                b"MIME-Version: 1.0\r\n",
                f'Content-Type: multipart/alternative;\r\n boundary="{self._boundary}"\r\n'.encode(),
                field("List-Id", f"<{mailing.list_id_label}.{sender.list_domain}>"),  # RFC 2919 3
                b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n",  # RFC 8058 3.1, byte for byte
                field("List-Help", f"<{sender.help_url}>"),
                field("List-Owner", f"<{sender.owner_url}>"),
                b"List-Post: NO\r\n",  # RFC 2369 3.4
                field("Feedback-ID", _feedback_id(sender, mailing)),
                field("CFBL-Address", f"{sender.feedback_address}; report=arf"),  # RFC 9477 3.1
                b"X-Auto-Response-Suppress: OOF, AutoReply\r\n",
            )
        )
        self._sender = sender
        self._from = mailbox_field("From", sender.from_name, sender.from_address)
        self._lines = lines or LineCache()
        self._layout = lru_cache(maxsize=_LAYOUTS_KEPT)(self._laid_out)
        self._is_checked = False

    @property
    def fixed(self) -> Mapping[bytes, bytes]:
        """The shared fields, values by lower-case names."""
        return fields_of(self._from + self._fixed)

    def draft(self, recipient: Recipient, links: Links, rendered: Rendered, now: datetime) -> Draft:
        """Return the letter to one person, checked and unsigned, or raise :class:`InvalidLetter`."""
        to = mailbox_field("To", recipient.name, recipient.address)
        subject = text_field("Subject", rendered.subject)
        of_words = to + subject
        if not _OF_WORDS.fullmatch(of_words) or not (of_words.isascii() or not recipient.address.is_ascii):
            raise InvalidLetter("a header of the letter is not one, or holds what it can't")
        ways = (links.message_id, links.reply_address, links.one_click, links.reply_address, links.feedback_id)
        together = "".join(ways)
        if not (together.isascii() and together.isprintable() and len(together) <= _LINKS_CHARACTERS):
            raise InvalidLetter("a link of the letter holds what no header can")
        date, relaxed_date = _dates(int(now.timestamp()))
        written, relaxed = self._layout(*map(len, ways))
        personal = b"%b\r\n%b\r\n%b%b" % (
            relaxed_field(b"to", to[3:]), relaxed_field(b"subject", subject[8:]), relaxed_date,
            (relaxed % ways).encode(),
        )  # fmt: skip
        head = b"".join((self._from, of_words, date, (written % ways).encode(), self._fixed))
        body = alternative(rendered, self._boundary, self._lines)
        draft = Draft(
            links.bounce_address, recipient, links.message_id, head, personal, body, is_ascii=of_words.isascii()
        )
        if not self._is_checked:  # all that letters share
            check(draft.mail().content, utf8_headers=not recipient.address.is_ascii)
            self._is_checked = True
        return draft

    def build(self, recipient: Recipient, links: Links, rendered: Rendered, now: datetime) -> OutgoingMail:
        """Return the letter to one person without signatures."""
        return self.draft(recipient, links, rendered, now).mail()

    def _laid_out(self, *lengths: int) -> tuple[str, str]:
        """Return the fields that hold links of these lengths, as they are written and as they are signed, as formats.

        Where a field is folded depends on lengths alone, so stand-ins are laid out by the functions for all fields.
        """
        message_id, reply, one_click, _, feedback_id = (chr(0xE100 + n) * length for n, length in enumerate(lengths))
        mailto = f"<mailto:{reply}?subject=unsubscribe>"
        fields = {
            "Message-ID": field("Message-ID", message_id),
            "Reply-To": mailbox_field("Reply-To", self._sender.from_name, reply),
            # RFC 8058 3.1: exactly one https URI; RFC 2369 2: comma-separated, the preferred one first
            "List-Unsubscribe": field("List-Unsubscribe", f"<{one_click}>, {mailto}"),
            "CFBL-Feedback-ID": field("CFBL-Feedback-ID", feedback_id),
        }
        relaxed = (relaxed_field(name.lower().encode(), raw[len(name) + 1 :]) for name, raw in fields.items())
        return _format(b"".join(fields.values())), _format(b"".join(one + b"\r\n" for one in relaxed))


def _format(octets: bytes) -> str:
    """Return octets as a format whose slots are where the stand-ins are."""
    return re.sub("([\ue100-\ue104])\\1*", "%s", octets.decode().replace("%", "%%"))


@lru_cache(maxsize=64)
def _dates(second: int) -> tuple[bytes, bytes]:
    """Return the Date field of a second since 1970, and its relaxed form."""
    written = date_field(datetime.fromtimestamp(second, UTC))
    return written, relaxed_field(b"date", written[5:]) + b"\r\n"


def _feedback_id(sender: Sender, mailing: MailingInfo) -> str:
    """Return campaign:topic:kind:sender, by which Gmail sums up complaints; nothing in it is about a person."""
    topic = re.sub(r"[^A-Za-z0-9_\-]", "-", mailing.topic_key)[:40]
    return f"{mailing.id}:{topic}:promotion:{sender.list_domain}"
