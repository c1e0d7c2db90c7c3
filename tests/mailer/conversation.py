"""An SMTP conversation without a socket, brought to where a test begins; and the mails that are sent in it."""

from dataclasses import dataclass

from mailer.steps import Event, Ready, Step, Terms
from mailer.wire import Dialogue

CLEAR = Terms(helo="us.example", require_tls=False, is_loopback=True)
OFFERS = b"PIPELINING|8BITMIME|SMTPUTF8|SIZE 5000"


@dataclass(frozen=True)
class Mail:
    mail_from: str = "back@us.example"
    rcpt_to: str = "ann@there.example"
    content: bytes = b"Subject: x\r\n\r\n.hi\r\n"
    needs_smtputf8: bool = False
    travels_as_it_is: bool = False


MAIL = Mail()
NEXT = Mail(rcpt_to="bob@there.example")


def ehlo_reply(offers: bytes = OFFERS) -> bytes:
    lines = [b"there.example", *(offers.split(b"|") if offers else [])]
    return b"".join(b"250-%s\r\n" % line for line in lines[:-1]) + b"250 %s\r\n" % lines[-1]


def ready(offers: bytes = OFFERS, terms: Terms = CLEAR) -> Dialogue:
    wire = Dialogue(terms)
    assert wire.receive(b"220 there\r\n") == []
    assert wire.take_output() == b"EHLO us.example\r\n"
    assert wire.receive(ehlo_reply(offers)) == [Ready()]
    return wire


def wants_mail(wire: Dialogue) -> bool:
    return wire.wants_mail


def in_dot(wire: Dialogue, mail: Mail = MAIL) -> Dialogue:
    """Bring a mail to where its dot has gone and is not answered."""
    assert wire.start(mail) is None
    assert wire.take_output()
    assert wire.receive(b"250 ok\r\n250 ok\r\n354 go\r\n") == []
    assert wire.take_output().endswith(b"\r\n.\r\n")
    wire.flushed()
    return wire


def in_pieces(wire: Dialogue, received: bytes, size: int) -> tuple[list[Event], bytes, Step | None, list[Event]]:
    """Begin the next mail behind one without an answer; give what is received in pieces; return all it led to."""
    wire.start(NEXT)
    wire.take_output()
    events = [event for at in range(0, len(received), size) for event in wire.receive(received[at : at + size])]
    return events, wire.take_output(), wire.awaited, wire.lost("cut")
