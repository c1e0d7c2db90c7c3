"""The values of a text that was looked up in the lexicon: its words, and the wordings found in it. Pure."""

from dataclasses import dataclass
from typing import NamedTuple


class Word(NamedTuple):
    """A word of the text, folded, with where it stands."""

    text: str
    sentence: int
    clause: int
    start: int  # offset in the folded text


class Hit(NamedTuple):
    """A wording of the lexicon found in the text."""

    concept: str
    surface: str
    first: int  # index of the first word
    last: int  # index of the last word
    at: int  # order within the word, for scripts without spaces
    sentence: int
    clause: int
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Marked:
    """A text with its words and the wordings found in it."""

    folded: str
    words: tuple[Word, ...]
    hits: tuple[Hit, ...]
    #: the name of each hit with what stands round it (:mod:`inbound.lexicon.joining`)
    names: tuple[str, ...]
    language: str
    questions: frozenset[int] = frozenset()  # sentences that end in a question mark
    shouts: frozenset[int] = frozenset()
