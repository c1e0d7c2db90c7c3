"""Closes the gaps between Korean words before the lexicon is looked up. Pure and linear.

Koreans put spaces where they like ("구독 취소", "구독취소"), and a wording may reach over several of them. So the gaps
are closed on both sides: in the entries by :func:`inbound.lexicon.load`, in the text here.
"""

import re

from inbound.lexicon.marked import Marked
from inbound.lexicon.matching import mark

_GAP = re.compile("(?<=[\uac00-\ud7af])[ \t]+(?=[\uac00-\ud7af])")


def mark_text(text: str) -> Marked:
    """Find the wordings of the lexicon in a text of a customer, whose spaces mean little where it is Korean."""
    return mark(text if text.isascii() else _GAP.sub("", text))
