"""A few people first: who they are, and whether what they sent back lets the others get the campaign. Pure.

One in a hundred is written to, then some time goes by, for bounces and complaints come late. Where too many came, the
campaign is paused and a person looks at it; else the rest follows by itself, under the same limits.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

CANDIDATES = 3  # times as many are looked at as are chosen, so that the choice can follow the domains
FEWEST_BOUNCES = 3  # fewer are an accident, whatever their share is
FEWEST_COMPLAINTS = 2


@dataclass(frozen=True, slots=True)
class Canary:
    """How many go first, how long the others wait, and what stops a campaign."""

    share: float = 0.01
    least_people: int = 5000  # smaller campaigns go out at once
    wait_seconds: float = 1800.0
    most_bounces: float = 0.05
    most_complaints: float = 0.003

    def size(self, people: int) -> int:
        """Return how many of so many people go first; 0 where all go at once."""
        return math.ceil(people * self.share) if self.share and people >= self.least_people else 0


@dataclass(frozen=True, slots=True)
class Seen:
    """What came of a campaign so far."""

    answered: int  # letters that a relay took or refused for good
    bounces: int  # dead addresses, told at once or by a report
    complaints: int


def places(first: int, last: int, size: int, seed: int) -> list[int]:
    """Return the ids of deliveries to look at, drawn from a range; the same for the same campaign."""
    span = last - first + 1
    return sorted({first + _drawn(seed, place) % span for place in range(size * CANDIDATES)})


def choose(candidates: Sequence[tuple[int, str]], size: int, seed: int) -> list[int]:
    """Choose among (id, domain), so that each domain has its share: every so-and-so-many-th, domain after domain."""
    drawn = sorted(candidates, key=lambda candidate: (candidate[1], _drawn(seed, candidate[0])))
    number = min(size, len(drawn))
    return sorted(drawn[place * len(drawn) // number][0] for place in range(number))


def enough(bounces: int, complaints: int, canary: Canary) -> int | None:
    """Return how many answered letters clear a campaign of all blame; None where no number does.

    So nobody has to count a million letters: counting stops there.
    """
    shares = [
        (number, most)
        for number, most, fewest in (
            (bounces, canary.most_bounces, FEWEST_BOUNCES),
            (complaints, canary.most_complaints, FEWEST_COMPLAINTS),
        )
        if number >= fewest
    ]
    if any(not most for _, most in shares):
        return None
    return max((math.ceil(number / most) + 1 for number, most in shares), default=0)


def objection(seen: Seen, canary: Canary) -> str:
    """Return what speaks against going on, in words for staff, or ""."""
    for what, number, most, fewest in (
        ("addresses were dead", seen.bounces, canary.most_bounces, FEWEST_BOUNCES),
        ("people complained", seen.complaints, canary.most_complaints, FEWEST_COMPLAINTS),
    ):
        if number >= fewest and number > most * seen.answered:
            share = number / max(seen.answered, 1)
            return (
                f"{number} of {seen.answered} {what} ({share:.1%}, the limit is {most:.1%}): look at list and letter, "
                "then 'byleave campaign resume' or 'cancel'"
            )
    return ""


def _drawn(seed: int, number: int) -> int:
    """Return a large number that chance might have drawn, and always the same one."""
    return int.from_bytes(hashlib.blake2b(b"%d %d" % (seed, number), digest_size=8).digest())
