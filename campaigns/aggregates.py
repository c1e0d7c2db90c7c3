"""Which people an advertiser's number may speak of, and how it is rounded (P10: "collective", never individual). Pure.

For each measure a person has one cell: those who were in exactly the same answered sets so far. Whatever is made of
answers by adding and subtracting speaks of whole cells, so it is enough that no cell is ever smaller than the minimum.
Comparing reports in pairs is not: A, B and "A or B or one more" isolate the one more.
"""

import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

COVERAGE = 0.8  # an average over fewer of those who have the value would mislead
SLACK = 4  # one person moves an average by a quarter of a step at most
NOWHERE = 0  # the cell of those who were in no answered set; no number speaks of it
_NUMBER = re.compile(r"\d{1,12}(\.\d{1,6})?\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Chosen:
    """Whom an answer is about, and the new cells of those who get one; the others keep theirs."""

    people: tuple[int, ...]
    cells: Mapping[int, int]


def choose(wanted: Sequence[int], *, cells: Mapping[int, int], sizes: Mapping[int, int], minimum: int) -> Chosen | None:
    """Return whom of these an answer can be about; None if there are too few.

    ``sizes`` counts all who are in a cell, also who is gone since. Where those of a cell who are not wanted are fewer
    than the minimum, some who are wanted stay with them, the first ones: give them in an order nobody can foresee.
    """
    parts: dict[int, list[int]] = defaultdict(list)
    for person in dict.fromkeys(wanted):
        parts[cells.get(person, NOWHERE)].append(person)
    people: list[int] = []
    moved: dict[int, int] = {}
    new = max(sizes, default=NOWHERE)
    for cell in sorted(parts):
        part = parts[cell]
        outside = 0 if cell == NOWHERE else sizes[cell] - len(part)
        if 0 < outside < minimum:
            part = part[minimum - outside :]
        if len(part) < minimum:
            continue
        people += part
        if outside or cell == NOWHERE:
            new += 1
            moved |= dict.fromkeys(part, new)
    if len(people) < max(minimum, COVERAGE * sum(map(len, parts.values()))):
        return None
    return Chosen(tuple(people), moved)


def number(text: str, most: float) -> float | None:
    """Return the number that an attribute holds, no larger than a fixed bound; None where it holds none.

    The bound is a setting and never taken from the people: else one large income would stand out.
    """
    return min(float(text), most) if _NUMBER.match(text) else None


def step(most: float, people: int) -> float:
    """Return to what an average of so many values is rounded: 1, 2 or 5 times a power of ten."""
    least = SLACK * most / people
    power = 10.0 ** math.floor(math.log10(least))
    return next(size * power for size in (1, 2, 5, 10) if size * power >= least * (1 - 1e-9))


def rounded(average: float, size: float, shift: float) -> float:
    """Return a multiple of the step that is less than one step away; where it turns is kept secret in ``shift``."""
    return round(size * math.floor(average / size + shift), 6)


def counted(people: int, to: int) -> int:
    """Return a number of people, rounded down."""
    return people - people % to
