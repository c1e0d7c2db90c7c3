"""Whose a mail can be that could not be read in time: by its envelope and its headers alone.

The body is not looked at: it is what took too long. Who is found is sent no promotion until the mail is read
(:mod:`consent.unread`).
"""

from consent.model import SubscriberId
from consent.signup import child_of
from inbound.circle import circle_of
from inbound.hand import House
from inbound.headers import HEADER_OCTETS
from inbound.mail import read_mail
from inbound.model import Envelope, InboundMail, Reading, Verdict
from inbound.traces import find_trace
from kit.db import Session
from mailer.tokens import OF_SIGN_UPS


def read_head(raw: bytes) -> InboundMail:
    """Read the headers of a mail as if it had no body. Pure, bounded, never raises."""
    head = raw[:HEADER_OCTETS]
    ends = [end for mark in (b"\n\n", b"\n\r\n") if (end := head.find(mark)) >= 0]
    return read_mail(head[: min(ends) + 1] if ends else head)


async def writers(session: Session, head: InboundMail, envelope: Envelope, house: House) -> frozenset[SubscriberId]:
    """Return whom the wish in a mail can be about: the owner of its token, and whom we mail at its sender's address.

    A guardian's letter is about the child (P8).
    """
    trace = find_trace(Reading(Verdict.HUMAN, None, 0.0, (), head), envelope, house.tokens)
    numbers = []
    if trace is not None and trace.token.purpose in OF_SIGN_UPS:
        child = await child_of(session, trace.token.subscriber_id, trace.token.extra)
        numbers = [child] if child is not None else []
    elif trace is not None:
        numbers = [SubscriberId(trace.token.subscriber_id)]
    circle = await circle_of(session, numbers=numbers, senders=[head.sender], secrets=house.secrets)
    sender = circle.whose(head.sender)
    return frozenset(number for number in numbers if number in circle.by_number) | ({sender.id} if sender else set())
