"""The values of a text that was looked up in the lexicon: its words, and the wordings found in it. Pure."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple

WORDS_READ: Final = 400  # in order; bounds the work on a long letter
STEM: Final = 5  # letters by which forms of a word are known as one


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


@dataclass(frozen=True)
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

    @cached_property
    def sentences(self) -> list[list[tuple[int, str]]]:
        """Return the first words of the text, sentence by sentence, each with its place."""
        found: dict[int, list[tuple[int, str]]] = {}
        for n, word in enumerate(self.words[:WORDS_READ]):
            found.setdefault(word.sentence, []).append((n, word.text))
        return list(found.values())

    @cached_property
    def tokens(self) -> list[list[tuple[int, int, str]]]:
        """Return the sentences with wordings replaced by the names of their concepts, other words by their beginning.

        Each token has the place of its word, and its place within the word.
        """
        named: dict[int, list[tuple[int, int, str]]] = {}
        for hit, name in zip(self.hits, self.names, strict=True):
            named.setdefault(hit.first, []).append((hit.last, hit.at, "#" + name))
        return [_tokens(sentence, named) for sentence in self.sentences]


NOTHING_MARKED: Final = Marked("", (), (), (), "")


def _tokens(
    sentence: list[tuple[int, str]], named: dict[int, list[tuple[int, int, str]]]
) -> list[tuple[int, int, str]]:
    tokens: list[tuple[int, int, str]] = []
    last = -1
    for n, word in sentence:
        if n <= last:
            continue
        if n not in named:
            tokens.append((n, 0, word[: 3 if is_spaceless(word) else STEM + 1]))
            continue
        for end, at, name in named[n]:
            if not tokens or tokens[-1][2] != name:
                tokens.append((n, at, name))
            last = max(last, end)
    return tokens


def is_spaceless(word: str) -> bool:
    """Say whether a word is of a script that writes no spaces (or puts them where it likes): any letter decides."""
    return not word.isascii() and any("\u0e00" <= letter < "\u0e80" or letter > "\u2e7f" for letter in word)
