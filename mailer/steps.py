"""The words between an SMTP conversation and whoever carries its bytes: the terms, the steps and the events.

Values only; ``mailer.wire`` makes the events and ``mailer.channel`` acts on them.
"""

from dataclasses import dataclass
from enum import Enum, auto

from mailer.envelope import Letter
from mailer.relays import Result


class Step(Enum):
    """What the other side is to answer next."""

    GREETING = auto()
    EHLO = auto()
    HELO = auto()
    STARTTLS = auto()
    HANDSHAKE = auto()
    AUTH = auto()
    MAIL = auto()
    RCPT = auto()
    DATA = auto()
    DOT = auto()
    LONE_DOT = auto()
    RSET = auto()
    QUIT = auto()


@dataclass(frozen=True, slots=True)
class Terms:
    """How this side introduces itself and what it insists on."""

    helo: str
    is_secure: bool = False
    """Whether TLS is on from the start (smtps)."""
    use_starttls: bool = True
    require_tls: bool = True
    """No mail and no password before TLS."""
    is_loopback: bool = False
    """A password may go over loopback in the clear, nowhere else."""
    user: str | None = None
    password: str = ""


@dataclass(frozen=True, slots=True)
class StartTls:
    """Go over to TLS now, reading nothing more in the clear, then call :meth:`Dialogue.secured`."""


@dataclass(frozen=True, slots=True)
class Ready:
    """The session is set up and takes mail."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The fate of one mail is known."""

    letter: Letter
    result: Result


@dataclass(frozen=True, slots=True)
class NotSent:
    """The conversation ended before the dot of this mail: it was not delivered and can go another way at once."""

    letter: Letter
    reason: str


@dataclass(frozen=True, slots=True)
class Over:
    """The conversation is over: drop the connection."""

    reason: str
    is_orderly: bool = False


Event = StartTls | Ready | Answered | NotSent | Over
