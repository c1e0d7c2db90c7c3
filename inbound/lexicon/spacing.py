"""Closes the gaps that mean nothing, before the lexicon is looked up: wrapped lines, spaces within Korean. Pure.

Koreans put spaces where they like ("구독 취소", "구독취소"), and a wording may reach over several of them. So the gaps
are closed on both sides: in the entries by :func:`inbound.lexicon.load`, in the text here. And mail programs break
the lines of a paragraph at some 76 characters (RFC 3676 4.2 speaks of 78), in the middle of a wording.
"""

import re
from itertools import pairwise
from typing import Final

from inbound.lexicon.marked import NOTHING_MARKED, Marked
from inbound.lexicon.matching import mark

_GAP = re.compile("(?<=[\uac00-\ud7af])[ \t]+(?=[\uac00-\ud7af])")
WRAPPED_FROM: Final = 64  # a line and the word after it are longer than this where a program, not a person, broke it
WRAPPED_TO: Final = 80  # programs break no later
_ENDS: Final = frozenset(".!?:;,…。！？")


def mark_text(text: str) -> Marked:
    """Find the wordings of the lexicon in a text of a customer, read as it was meant to stand."""
    if not text:
        return NOTHING_MARKED
    if "\n" in text:
        text = unwrapped(text)
    return mark(text if text.isascii() else _GAP.sub("", text))


def unwrapped(text: str) -> str:
    """Join the lines that a mail program broke; lines that a person ended stay as they are."""
    lines = text.split("\n")
    found = [lines[0]]
    for above, line in pairwise(lines):
        word = line.split(" ", 1)[0]
        is_broken = (
            word
            and " " in above
            and len(above) <= WRAPPED_TO
            and len(above) + len(word) >= WRAPPED_FROM
            and above.rstrip()[-1:] not in _ENDS
            and word[0].isalpha()
        )
        if is_broken:
            found[-1] += " " + line
        else:
            found.append(line)
    return "\n".join(found)
