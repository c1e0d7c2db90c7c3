"""Whether a mail may be answered by a machine at all, and whether it is our own mail coming back. Pure.

RFC 3834: no automatic answer to what was itself automatic, to lists, to robots or to nobody. What the mail asks for is
carried out all the same; only the answer is left out.
"""

import re
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from inbound.model import Envelope, InboundMail
from kit.addresses import EmailAddress, try_address
from mailer import handover

#: Stands on each letter that we handed on; the value is our reply domain.
LOOP_HEADER = handover.LOOP_HEADER.decode()

_ROBOTS = frozenset(
    {"mailer-daemon", "postmaster", "noreply", "no-reply", "no_reply", "donotreply", "do-not-reply", "do_not_reply",
     "listserv", "majordomo", "sympa", "mailman", "bounce", "bounces", "daemon", "nobody", "autoreply", "auto-reply"}
)  # fmt: skip
_ROBOT_ENDS = ("-request", "-owner", "-bounces", "-bounce", "-noreply", "-no-reply", "-relay")
_ROBOT_STARTS = ("owner-", "noreply-", "no-reply-", "bounce-", "bounces+")
_OF_OUR_KIND = re.compile(r"m\.[a-z2-7]{50}@", re.IGNORECASE)  # how we name our letters (mailer.tokens)
_BULK = frozenset({"bulk", "list", "junk", "auto_reply", "auto-reply"})
_LIST_HEADERS = ("list-id", "list-post", "list-unsubscribe", "list-help", "list-subscribe", "mailing-list", "x-loop")


@dataclass(frozen=True, slots=True)
class OwnNames:
    """What is ours: addresses that never write to us, and domains whose mail is never a customer's."""

    addresses: AbstractSet[str]  # keys of addresses (EmailAddress.key)
    domains: AbstractSet[str]  # of reply addresses and return paths
    loop_mark: str  # the value of LOOP_HEADER

    def is_ours(self, address: EmailAddress | None) -> bool:
        """Whether an address is one of ours."""
        return address is not None and (address.key in self.addresses or address.domain in self.domains)


def why_no_answer(mail: InboundMail, envelope: Envelope, own: OwnNames) -> str:
    """Return why no machine may answer this mail, or an empty text where one may."""
    if not envelope.mail_from.strip("<> "):
        return "it came with the null sender"  # RFC 3834 2; RFC 5321 4.5.5
    if mail.sender is None:
        return "it has no single sender"
    for address in (mail.sender, try_address(envelope.mail_from)):
        if address is not None and (why := _why_no_answer_to(address, own)):
            return why
    automatic = mail.header("auto-submitted").partition(";")[0].partition("(")[0].strip().lower()
    if automatic and automatic != "no":
        return "it says that it was sent automatically"  # RFC 3834 5
    if mail.header("precedence").strip().lower() in _BULK:
        return "it is bulk mail"
    if any(name in mail.headers for name in _LIST_HEADERS):
        return "it came through a mailing list"
    if {"all", "autoreply"} & {word.strip() for word in mail.header("x-auto-response-suppress").lower().split(",")}:
        return "it asks for no automatic answer"
    if any(name in mail.headers for name in ("x-autoreply", "x-autorespond", "x-autoresponder")):
        return "it says that it was sent automatically"
    if mail.content_type == "multipart/report":
        return "it is a report of a machine"
    if LOOP_HEADER.lower() in mail.headers or _OF_OUR_KIND.match(mail.message_id):  # a gateway may lose the former
        return "it was sent by software like ours"
    return ""


def why_loop(mail: InboundMail, own: OwnNames) -> str:
    """Return why a mail is our own coming back, or an empty text. Such a mail changes nothing and goes nowhere."""
    if own.loop_mark in (value.strip().lower() for value in mail.headers.get(LOOP_HEADER.lower(), ())):
        return "it is a mail of ours that came back"
    if own.is_ours(mail.sender):
        return "it was sent from an address of our own"
    return ""


def _why_no_answer_to(address: EmailAddress, own: OwnNames) -> str:
    if own.is_ours(address):
        return "it was sent from an address of our own"
    local = address.local.lower().partition("+")[0]
    if local in _ROBOTS or local.endswith(_ROBOT_ENDS) or local.startswith(_ROBOT_STARTS):
        return "nobody reads mail at the sender's address"
    return ""
