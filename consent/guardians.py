"""A guardian's consent for a child under 13, by "email plus" (COPPA, 16 CFR 312.5(b)(2); P8). Pure.

Two letters and a delay: the first asks, the guardian agrees, and after the delay the second tells how to take it back.
Only once the second was sent does the consent stand. A withdrawal ends it whenever it comes, also at the same moment,
and also when it was written before a consent that overtook it.
"""

import enum
from dataclasses import dataclass, replace
from datetime import datetime, timedelta


class Word(enum.StrEnum):
    """What happens to a guardian's consent."""

    ASKED = "asked"  # the first letter was queued
    AGREED = "agreed"  # the guardian said yes, by the page or by a proven reply
    TOLD = "told"  # the second letter was sent
    WITHDREW = "withdrew"  # the guardian said no, or took it back


class Stage(enum.StrEnum):
    """Where a guardian's consent stands."""

    UNASKED = "unasked"  # nobody was asked yet
    OPEN = "open"  # asked; no answer
    WAITING = "waiting"  # agreed; the delay is not over
    TO_BE_TOLD = "to_be_told"  # agreed and the delay is over; the second letter is due
    STANDS = "stands"  # both letters and the delay: the child may be asked
    ENDED = "ended"  # said no, or taken back; for good


@dataclass(frozen=True, slots=True)
class Guardianship:
    """When what was said; ``None`` means never."""

    asked_at: datetime | None = None
    agreed_at: datetime | None = None
    told_at: datetime | None = None
    withdrawn_at: datetime | None = None


def after(held: Guardianship, word: Word, at: datetime, *, delay: timedelta) -> Guardianship:
    """Return what holds after a word; one that is not its turn changes nothing."""
    match word:
        case Word.WITHDREW if held.withdrawn_at is None:
            return replace(held, withdrawn_at=at)
        case Word.ASKED if held.asked_at is None:
            return replace(held, asked_at=at)
        case Word.AGREED if held.agreed_at is None and held.asked_at is not None and at >= held.asked_at:
            return replace(held, agreed_at=at)
        case Word.TOLD if held.told_at is None and held.agreed_at is not None and at >= held.agreed_at + delay:
            return replace(held, told_at=at)
        case _:
            return held


def stage(held: Guardianship, *, now: datetime, delay: timedelta) -> Stage:
    """Return where a guardian's consent stands at a moment."""
    if held.withdrawn_at is not None:
        return Stage.ENDED
    if held.asked_at is None:
        return Stage.UNASKED
    if held.agreed_at is None:
        return Stage.OPEN
    if held.told_at is not None and held.told_at >= held.agreed_at + delay:
        return Stage.STANDS
    return Stage.WAITING if now < held.agreed_at + delay else Stage.TO_BE_TOLD
