"""Letters that are written and may go: made of claimed deliveries in threads, and what they are when they did not go.

It sends nothing (:mod:`mailer.courier` does).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from consent.model import Clearance
from kit.errors import ByleaveError, Temporary
from mailer.model import OutgoingMail
from mailer.outcomes import Claimed, Hindrance, Outcome

#: Makes the finished letter to one person; called in threads. What it raises concerns this person alone, but for
#: :class:`~kit.errors.Temporary`, which concerns them all.
Compose = Callable[[Clearance], OutgoingMail]


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
    """Compose some letters; runs in a thread."""
    made: list[Ready | Outcome] = []
    for row in rows:
        try:
            mail = compose(row.clearance)
        except Temporary:
            raise
        except Exception as error:  # noqa: BLE001 - a template is code of others; one person's values must not stop the rest
            why = error.public if isinstance(error, ByleaveError) else type(error).__name__
            made.append(unfit(row, why))
        else:
            made.append(
                Ready(
                    row, row.clearance, mail.mail_from, str(mail.rcpt_to), mail.content, mail.needs_smtputf8,
                    mail.travels_as_it_is,
                )
            )  # fmt: skip
    return made


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
