"""Finds the wordings of the lexicon in a text: words, languages, and which concept stands where. Pure and linear.

It tells what stands there, never what it means: that is :mod:`inbound.intent`. Every look-up is a dictionary's, so
the time grows with the number of words in the text, not with the size of the lexicon.
"""

import re
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cache, lru_cache

from inbound.lexicon import TOPIC_CONCEPTS, load
from inbound.lexicon.folding import fold, romanised
from inbound.lexicon.joining import joined
from inbound.lexicon.marked import Hit, Marked, Word

_ADDRESS = re.compile(r"[^\s<>()\[\],;:]{1,64}@[^\s<>()\[\],;:]{1,255}")
_URL = re.compile(r"https?://\S{1,2000}")
_NT = re.compile(r"n't\b")
#: ends of sentences, commas, quotation marks, words
_TOKEN = re.compile(
    r"(?P<end>[\n.!?;。！？؟।…؛｡]+)|(?P<comma>[,:،、，：()（）\u2013\u2014]+|\s-+\s)|(?P<quote>[\"“”„«»「」『』]+)"
    r"|(?P<word>[^\s!-/:-@\[-^`{-~\u2010-\u206f\u3000-\u303f\uff00-\uff0f\uff1a-\uff20\uff5b-\uff65¡¿«»،؛؟।…]+)"
)
_RUN = re.compile("[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\u0e00-\u0e7f\uac00-\ud7af]")
_SPACELESS = frozenset({"ja", "zh-Hans", "zh-Hant", "th", "ko"})
_ANYWHERE = frozenset({"unsub", "sub", "stop", *TOPIC_CONCEPTS})  # English commands are typed in mails of any language
_LONGEST_RUN = 14
_TELLING = 6  # letters from which on a wording tells as much of the language as a little word of it
MOST_WORDS = 700  # bounds the work on a long letter
LONGEST_WORD = 60  # a longer word is no word of any lexicon; bounds the memory of what was looked up


@dataclass(slots=True)
class _Index:
    exact: dict[str, list["_Entry"]] = field(default_factory=lambda: defaultdict(list))
    prefix: dict[str, list["_Entry"]] = field(default_factory=lambda: defaultdict(list))
    infix: dict[str, list["_Entry"]] = field(default_factory=lambda: defaultdict(list))
    runs: dict[str, list["_Entry"]] = field(default_factory=lambda: defaultdict(list))
    #: the lengths of the runs that begin with these one or two letters
    lengths: dict[str, tuple[int, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Entry:
    concept: str
    language: str
    head: str
    tail: tuple[str, ...]  # further words; "*" at an end stands for anything, "_" for one to three words


def _words_of(entry: str) -> list[str]:
    return [word for word in re.split(r"[\s'\-]+", _NT.sub("nt", entry)) if word]


def _add(index: _Index, concept: str, language: str, folded: str) -> None:
    if _RUN.search(folded):
        index.runs[folded.replace("*", "")].append(_Entry(concept, language, folded, ()))
        return
    words = _words_of(folded)
    if not words:
        return
    head, tail = words[0], tuple(words[1:])
    bare = head.strip("*")
    entry = _Entry(concept, language, bare, tail)
    if head.startswith("*") and len(bare) >= 3:
        index.infix[bare[:3]].append(entry if head.endswith("*") else _Entry(concept, language, bare + "\0", tail))
    elif head.endswith("*"):
        index.prefix[bare[:3]].append(entry)
    else:
        index.exact[bare].append(entry)


@cache
def _index() -> _Index:
    index = _Index()
    for language, concepts in load().items():
        for concept, entries in concepts.items():
            for entry in entries:
                folded = fold(entry)
                _add(index, concept, language, folded)
                if concept != "words" or len(folded) > 2:
                    for latin in romanised(folded):
                        _add(index, concept, language, latin)
    lengths: dict[str, set[int]] = defaultdict(set)
    for run in index.runs:
        if 0 < len(run) <= _LONGEST_RUN:
            lengths[run[:2]].add(len(run))
    index.lengths = {start: tuple(sorted(found)) for start, found in lengths.items()}
    return index


def _runs_in(text: str, at: int) -> list[tuple["_Entry", int, int, int, str]]:
    """Return the wordings of scripts without spaces in a word; only lengths that some wording has are tried."""
    index = _index()
    runs, lengths = index.runs, index.lengths
    found: list[tuple[_Entry, int, int, int, str]] = []
    size = len(text)
    for start, letter in enumerate(text):
        if letter in lengths:
            found += [(entry, at, at, start, letter) for entry in runs[letter]]
        for length in lengths.get(text[start : start + 2], ()):
            end = start + length
            if length > 1 and end <= size and (piece := text[start:end]) in runs:
                found += [(entry, at, at, start, piece) for entry in runs[piece]]
    return found


def _fits(pattern: str, word: str) -> bool:
    if pattern.endswith("*"):
        bare = pattern.strip("*")
        return bare in word if pattern.startswith("*") else word.startswith(bare)
    return word == pattern or (pattern.startswith("*") and word.endswith(pattern[1:]))


def _tail_end(words: tuple[Word, ...], at: int, tail: tuple[str, ...]) -> int:
    """Return the index of the last word of a phrase whose head is at ``at``, or -1."""
    for n, pattern in enumerate(tail):
        if pattern == "_":
            rest = tail[n + 1 :]
            for skip in range(1, 4):
                if at + skip + 1 < len(words) and _fits(rest[0], words[at + skip + 1].text):
                    end = _tail_end(words, at + skip + 1, rest[1:])
                    if end >= 0:
                        return end
            return -1
        at += 1
        if at >= len(words) or not _fits(pattern, words[at].text):
            return -1
    return at


def read_words(text: str) -> tuple[str, tuple[Word, ...], frozenset[int], frozenset[int], frozenset[int]]:
    """Split a text into folded words with sentence and clause numbers; tell questions, shouts and quoted words."""
    folded = _NT.sub("nt", _URL.sub(" _url ", _ADDRESS.sub(" _addr ", fold(text))))
    words: list[Word] = []
    questions, shouts, quoted = set(), set(), set()
    sentence = clause = 0
    inside = False
    for match in _TOKEN.finditer(folded):
        kind = match.lastgroup
        if kind == "word":
            if inside:
                quoted.add(len(words))
            words.append(Word(match.group(), sentence, clause, match.start()))
        elif kind == "end":
            ending = match.group()
            if "?" in ending or "？" in ending or "؟" in ending:
                questions.add(sentence)
            if "!" in ending or "！" in ending:
                shouts.add(sentence)
            sentence += 1
            clause += 1
            inside = inside and "\n" not in ending
        elif kind == "comma":
            clause += 1
        else:
            inside = not inside
    return folded, tuple(words), frozenset(questions), frozenset(shouts), frozenset(quoted)


@lru_cache(maxsize=1 << 16)
def _heads(text: str) -> tuple[tuple[_Entry, ...], dict[str, tuple[_Entry, ...]]]:
    """Return the entries that a word is, and those it may begin by the first letters of the word that must follow."""
    index = _index()
    key = text[:3]
    heads = list(index.exact.get(text, ()))
    heads += [e for e in index.prefix.get(key, ()) if text.startswith(e.head)]
    if len(text) > 2:
        heads += [e for e in index.prefix.get(key[:2], ()) if len(e.head) == 2]
    for start in range(min(len(text) - 2, 24)):
        for entry in index.infix.get(text[start : start + 3], ()):
            head = entry.head
            if text.endswith(head[:-1]) if head[-1] == "\0" else text.startswith(head, start):
                heads.append(entry)
    phrases: dict[str, list[_Entry]] = defaultdict(list)
    for entry in heads:
        if entry.tail:
            second = entry.tail[0]
            phrases["" if second[0] in "*_" else second.rstrip("*")[:2]].append(entry)
    return tuple(e for e in heads if not e.tail), {second: tuple(found) for second, found in phrases.items()}


def _candidates(words: tuple[Word, ...]) -> list[tuple[_Entry, int, int, int, str]]:
    found: list[tuple[_Entry, int, int, int, str]] = []
    for at, word in enumerate(words):
        text = word.text
        if not text.isascii() and _RUN.search(text):
            found += _runs_in(text, at)
        if len(text) > LONGEST_WORD:
            continue
        alone, phrases = _heads(text)
        if alone:
            found += [(entry, at, at, 0, text) for entry in alone]
        if phrases and at + 1 < len(words):
            following = words[at + 1].text
            for second in ("", following[:1], following[:2]) if len(following) > 1 else ("", following):
                for entry in phrases.get(second, ()):
                    end = _tail_end(words, at, entry.tail)
                    if end >= 0:
                        found.append((entry, at, end, 0, " ".join([w.text for w in words[at : end + 1]])))
    return found


def _languages(found: list[tuple[_Entry, int, int, int, str]]) -> tuple[str, frozenset[str]]:
    """Return the likeliest language and the set whose lexica apply."""
    score: dict[str, float] = defaultdict(float)
    seen: set[tuple[str, int, int]] = set()
    for entry, first, _, start, surface in found:
        key = (entry.language, first, start)
        if key in seen:
            continue
        seen.add(key)
        score[entry.language] += 1.5 if len(surface) >= _TELLING or entry.concept == "words" else 0.25 * len(surface)
    if not score:
        return "", frozenset()
    best = max(sorted(score), key=lambda name: score[name])
    return best, frozenset(name for name, points in score.items() if points >= 0.6 * score[best])


def mark(text: str) -> Marked:
    """Find the wordings of the likeliest languages in a text: at each place the longest ones, never overlapping."""
    folded, words, questions, shouts, quoted = read_words(text)
    words = words[:MOST_WORDS]
    found = _candidates(words)
    language, chosen = _languages(found)
    places: dict[tuple[int, int], list[tuple[_Entry, int, int, str]]] = defaultdict(list)
    for entry, first, last, start, surface in found:
        concept = entry.concept
        if concept == "words":
            continue
        if entry.language in chosen or (entry.language == "en" and concept in _ANYWHERE and len(surface) > 3):
            places[first, start].append((entry, last, start + len(surface), surface))
    hits: list[Hit] = []
    free_word = free_at = 0
    for first, start in sorted(places):
        options = places[first, start]
        if first < free_word or (first == free_word and start < free_at):
            continue
        longest = max([(last, end) for _, last, end, _ in options]) if len(options) > 1 else options[0][1:3]
        kept = {entry.concept: surface for entry, last, end, surface in options if (last, end) == longest}
        if "retract" in kept:  # "do not remove me" as one wording says no more than itself
            kept = {"retract": kept["retract"]}
        word = words[first]
        hits += [
            Hit(c, s, first, longest[0], start, word.sentence, word.clause, first in quoted) for c, s in kept.items()
        ]
        if not word.text.isascii() and _RUN.search(word.text):
            free_word, free_at = first, longest[1]
        else:
            free_word, free_at = longest[0] + 1, 0
    told = tuple(hits)
    return Marked(folded, words, told, joined(told, questions), language, questions, shouts)
