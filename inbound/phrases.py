"""Looks for hundreds of wordings in a text at the cost of a few. Pure; it knows no wording itself.

An alternation of many patterns costs Python's matcher a try of each of them at each letter. Here each pattern names,
by its own source, the letters without which it can't match; only the patterns whose letters stand in the text are run.
What is found is what the alternation would find. Patterns are trusted data of the program, never input.
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

GRAM = 3  # letters by which a needle is looked up
_OPTIONAL = re.compile(r"[?*]|\{0?,\d*\}|\{0\}")
_REPEATED = re.compile(r"\+|\{\d+(?:,\d*)?\}")
_CLASS = re.compile(r"\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)


def folded(text: str) -> str:
    """Return a text so that two letters that match each other without case are the same.

    Beyond case folding, the matcher takes the Turkish dotted and dotless i for an i.
    """
    if text.isascii():
        return text.lower()
    return text.casefold().replace("\u0131", "i").replace("i\u0307", "i")


@lru_cache(maxsize=16)
def _seen(text: str) -> tuple[str, frozenset[str]]:
    """Return a text folded, and the runs of three letters in it. The same text is asked about by many phrases."""
    plain = folded(text)
    return plain, frozenset(map("".join, zip(plain, plain[1:], plain[2:], strict=False)))


class Phrases:
    """Patterns of which any may match, in any case; groups in them capture nothing that anybody asks for."""

    __slots__ = ("_always", "_compiled", "_grams", "_keys", "_short", "_short_ascii", "sources")

    def __init__(self, patterns: Iterable[str]) -> None:
        """Take patterns, each perhaps itself an alternation."""
        self.sources = tuple(dict.fromkeys(branch for pattern in patterns for branch in branches(pattern) if branch))
        self._compiled: dict[int, re.Pattern[str]] = {}
        self._grams: dict[str, list[tuple[str, int]]] = {}
        self._short: list[tuple[str, int]] = []
        always: list[str] = []
        for number, source in enumerate(self.sources):
            needles = needles_of(source)
            if needles is None:
                always.append(source)
            for needle in sorted(needles or ()):
                if len(needle) < GRAM:
                    self._short.append((needle, number))
                else:
                    self._grams.setdefault(needle[:GRAM], []).append((needle, number))
        self._keys = frozenset(self._grams)
        self._short_ascii = [(needle, number) for needle, number in self._short if needle.isascii()]
        self._always = re.compile("|".join(always), re.IGNORECASE) if always else None

    def search(self, text: str) -> re.Match[str] | None:
        """Return a match of one of the patterns somewhere in the text (not always the first), or None."""
        plain, grams = _seen(text)
        tried: set[int] = set()
        for gram in self._keys & grams:
            if found := self._try(self._grams[gram], text, plain, tried):
                return found
        short = self._short_ascii if plain.isascii() else self._short
        if short and (found := self._try(short, text, plain, tried)):
            return found
        return self._always.search(text) if self._always else None

    def _try(self, entries: list[tuple[str, int]], text: str, plain: str, tried: set[int]) -> re.Match[str] | None:
        for needle, number in entries:
            if number in tried or needle not in plain:
                continue
            tried.add(number)
            pattern = self._compiled.get(number)
            if pattern is None:
                pattern = self._compiled[number] = re.compile(self.sources[number], re.IGNORECASE)
            if found := pattern.search(text):
                return found
        return None


class Names:
    """Fixed wordings, looked for as they stand, in their order."""

    __slots__ = ("_grams", "_keys", "_short", "_starts", "all")

    def __init__(self, names: Iterable[str]) -> None:
        """Take wordings; the order counts."""
        self.all = tuple(names)
        self._starts: dict[str, list[str]] = {}
        self._grams: dict[str, list[int]] = {}
        self._short = [number for number, name in enumerate(self.all) if len(name) < GRAM]
        for number, name in enumerate(self.all):
            self._starts.setdefault(name[0], []).append(name)
            if len(name) >= GRAM:
                self._grams.setdefault(name[:GRAM], []).append(number)
        self._keys = frozenset(self._grams)

    def starting(self, text: str) -> Iterator[str]:
        """Yield the names that a text starts with, in order."""
        return (name for name in self._starts.get(text[:1], ()) if text.startswith(name))

    def within(self, text: str) -> Iterator[str]:
        """Yield the names that stand somewhere in a text, in order."""
        grams = frozenset(map("".join, zip(text, text[1:], text[2:], strict=False)))
        numbers = sorted({*self._short, *(number for gram in self._keys & grams for number in self._grams[gram])})
        return (self.all[number] for number in numbers if self.all[number] in text)


def needles_of(source: str) -> frozenset[str] | None:
    """Return texts, folded, one of which stands in whatever the pattern matches; None where that can't be told."""
    found = [_needles_of_branch(branch) for branch in branches(source)]
    told = [needles for needles in found if needles]
    return frozenset().union(*told) if len(told) == len(found) else None


def branches(source: str) -> list[str]:
    """Split a pattern at its outermost bars."""
    found, start = [], 0
    for at, piece in _pieces(source):
        if piece == "|":
            found.append(source[start:at])
            start = at + 1
    return [*found, source[start:]]


def _pieces(source: str) -> Iterator[tuple[int, str]]:
    """Yield the pieces of a pattern with their offsets: a letter, an escape, a class, a group, a quantifier."""
    at = 0
    while at < len(source):
        letter = source[at]
        if letter == "\\":
            end = at + 2
        elif letter == "[" and (found := _CLASS.match(source, at)):
            end = found.end()
        elif letter == "(":
            end = _group_end(source, at)
        elif at and (quantifier := _OPTIONAL.match(source, at) or _REPEATED.match(source, at)):
            end = quantifier.end()
        else:
            end = at + 1
        yield at, source[at:end]
        at = end


def _group_end(source: str, at: int) -> int:
    depth = 0
    while at < len(source):
        if source[at] == "\\":
            at += 2
            continue
        if source[at] == "[" and (found := _CLASS.match(source, at)):
            at = found.end()
            continue
        depth += (source[at] == "(") - (source[at] == ")")
        at += 1
        if not depth:
            break
    return at


def _needles_of_branch(branch: str) -> frozenset[str] | None:
    """Choose of what a branch can't do without the longest: a run of letters, or the needles of a group."""
    best: frozenset[str] | None = None
    run = ""
    pieces = [piece for _, piece in _pieces(branch)]
    for at, piece in enumerate([*pieces, "$"]):
        after = pieces[at + 1] if at + 1 < len(pieces) else ""
        optional = _OPTIONAL.fullmatch(after) is not None
        letter = _letter(piece)
        if letter and not optional:
            run += letter
        if letter and not optional and not _REPEATED.fullmatch(after):
            continue
        best = _better(best, frozenset({folded(run)}) if run else None)
        run = ""
        if piece.startswith("(") and not piece.startswith(("(?=", "(?!", "(?<")) and not optional:
            best = _better(best, needles_of(piece[:-1].removeprefix("(?:").removeprefix("(")))
    return best


def _letter(piece: str) -> str:
    """Return the one letter that a piece stands for, or nothing."""
    if len(piece) == 1:
        return "" if piece in ".^$|()[]{}?*+" else piece
    escaped = piece.startswith("\\") and len(piece) == 2 and not piece[1].isalnum()
    return piece[1] if escaped else ""


def _better(one: frozenset[str] | None, other: frozenset[str] | None) -> frozenset[str] | None:
    """Return the needles that are likelier to be missing from a text: longer, then fewer."""
    if not one or not other:
        return one or other
    return max(one, other, key=lambda needles: (min(GRAM + 2, *map(len, needles)), -len(needles)))
