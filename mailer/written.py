"""Letters that are written and may go: made of claimed deliveries in threads, and what they are when they did not go.

It sends nothing (:mod:`mailer.courier` does).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from consent.model import Clearance
from kit.errors import ByleaveError, Temporary
from mailer.model import OutgoingMail
from mailer.outcomes import Claimed, Hindrance, Outcome

#: Writes the letter to one person, whole or but for its signatures, which come when it is called. What it raises
#: concerns this person alone, but for :class:`~kit.errors.Temporary`, which concerns them all.
Compose = Callable[[Clearance], "OutgoingMail | Callable[[], OutgoingMail]"]
T = TypeVar("T")


@dataclass(eq=False, slots=True)
class Ready:
    """A finished letter with the leave to send it."""

    row: Claimed
    clearance: Clearance
    mail_from: str
    rcpt_to: str
    content: bytes
    needs_smtputf8: bool
    travels_as_it_is: bool = False
    hindrance: Hindrance | None = None
    has_begun: bool = False


def letters(compose: Compose, rows: Sequence[Claimed]) -> list[Ready | Outcome]:
    """Compose some letters; takes long."""
    made = compose_all(compose, [row.clearance for row in rows])
    return [_ready(row, mail) for row, mail in zip(rows, made, strict=True)]


def compose_all(
    compose: Callable[[T], OutgoingMail | Callable[[], OutgoingMail]], people: Sequence[T]
) -> list[OutgoingMail | str]:
    """Return the letter to each person, or why there is none.

    All are written, and then all are signed: a processor that does one of both for a while does it faster.
    """
    written = [_tried(partial(compose, person)) for person in people]
    return [_tried(letter) if callable(letter) else letter for letter in written]


def _tried(step: Callable[[], T]) -> T | str:
    try:
        return step()
    except Temporary:
        raise
    except Exception as error:  # noqa: BLE001 - a template is code of others; one person's values must not stop the rest
        return error.public if isinstance(error, ByleaveError) else type(error).__name__


def _ready(row: Claimed, mail: OutgoingMail | str) -> Ready | Outcome:
    if isinstance(mail, str):
        return unfit(row, mail)
    return Ready(
        row, row.clearance, mail.mail_from, str(mail.rcpt_to), mail.content, mail.needs_smtputf8, mail.travels_as_it_is
    )


def unfit(row: Claimed, why: str) -> Outcome:
    """This person's values make no letter."""
    return Outcome(row.id, "skipped", "template_error", response=why, was_started=False)


def broken(row: Claimed) -> Outcome:
    """Writing this letter kills whoever writes it; for good, or it would stop the letters of all others."""
    why = "the process that wrote this letter died of it, each time"
    return Outcome(row.id, "failed", "broken", response=why, was_started=False)


def unanswered(ready: Ready) -> Outcome:
    """Nobody told what became of the letter: when it began it may have arrived."""
    return Outcome(ready.row.id, "unknown", "answer_lost") if ready.has_begun else untouched(ready.row)


def untouched(row: Claimed) -> Outcome:
    """The letter never began; it waits again, due at once (the store gives it the moment)."""
    return Outcome(row.id, "waiting", was_started=False)
