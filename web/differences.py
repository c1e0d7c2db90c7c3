"""What is new between two texts, paragraph by paragraph and word by word, for people to read. Pure."""

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

MOST_WORDS = 20_000  # of one text; bounds the work on a policy that is no policy

Kind = Literal["same", "gone", "new"]


@dataclass(frozen=True, slots=True)
class Piece:
    """Some words that stand in both texts, only in the old one, or only in the new one."""

    kind: Kind
    words: str


def differences(old: str, new: str) -> list[list[Piece]]:
    """Return the paragraphs of both texts in their order, each as pieces; a changed paragraph is compared by words."""
    before, after = paragraphs(old), paragraphs(new)
    found: list[list[Piece]] = []
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag == "equal":
            found += [[Piece("same", words)] for words in before[i1:i2]]
            continue
        pairs = min(i2 - i1, j2 - j1)
        found += [_by_words(a, b) for a, b in zip(before[i1 : i1 + pairs], after[j1 : j1 + pairs], strict=True)]
        found += [[Piece("gone", words)] for words in before[i1 + pairs : i2]]
        found += [[Piece("new", words)] for words in after[j1 + pairs : j2]]
    return found


def _by_words(old: str, new: str) -> list[Piece]:
    before, after = _words(old), _words(new)
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    if matcher.ratio() < 0.3:  # two paragraphs with nothing to do with each other: word by word says nothing
        return [Piece("gone", old), Piece("new", new)]
    return list(_pieces(matcher, before, after))


def _pieces(matcher: "difflib.SequenceMatcher[str]", before: list[str], after: list[str]) -> Iterator[Piece]:
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag == "equal":
            yield Piece("same", "".join(before[i1:i2]))
            continue
        if i2 > i1:
            yield Piece("gone", "".join(before[i1:i2]))
        if j2 > j1:
            yield Piece("new", "".join(after[j1:j2]))


def paragraphs(text: str) -> list[str]:
    """Return the paragraphs, each on one line; a numbered line begins one, too."""
    blocks = re.split(r"\n\s*\n|\n(?=\s*\d+\.\s)", text.strip())
    return [" ".join(block.split()) for block in blocks if block.strip()]


def _words(text: str) -> list[str]:
    """Return words, each with the blank behind it; a letter of Chinese or Japanese is a word."""
    return re.findall(r"[\u3040-\u30ff\u3400-\u9fff]\s*|[^\s\u3040-\u30ff\u3400-\u9fff]+\s*", text)[:MOST_WORDS]
