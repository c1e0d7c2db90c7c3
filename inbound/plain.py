"""Is the whole letter one plain wish to leave?  Then nothing needs to be weighed. Pure.

Greetings and courtesies are taken off both ends; what is left has to be, from its first to its last word, one of the
sentences of ``plain.toml``. So no negation, object or second thought can hide beside it. It decides nothing
about letters that say more; :mod:`inbound.intent` weighs those.
"""

import re
import tomllib
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Final

from inbound.lexicon.folding import fold

LONGEST: Final = 200  # characters; a longer letter says more than one thing
MOST_COURTESIES: Final = 6  # taken off each end; bounds the work
DATA: Final = Path(__file__).with_name("plain.toml")

_PUNCTUATION = re.compile(r"[^\w\s]|_")
_UNSPACED = frozenset({"ja", "zh", "ko"})
_LATIN = re.compile("[a-z]")
_SCRIPTS = {
    "ru": re.compile("[\u0400-\u04ff]"),
    "ar": re.compile("[\u0600-\u06ff]"),
    "ko": re.compile("[\uac00-\ud7af\u1100-\u11ff]"),
    "ja": re.compile("[\u3040-\u30ff\u4e00-\u9fff]"),
    "zh": re.compile("[\u4e00-\u9fff]|^td?$"),
}


@dataclass(frozen=True, slots=True)
class Plain:
    """A plain wish to leave: in which language, and whether it is good under any subject."""

    language: str
    is_sure: bool
    words: str


@dataclass(frozen=True, slots=True)
class _Language:
    """One language's sentences, compiled."""

    name: str
    before: re.Pattern[str]
    behind: re.Pattern[str]
    sure: re.Pattern[str]
    short: re.Pattern[str]
    stay: re.Pattern[str]


def plain_wish(text: str) -> Plain | None:
    """Return the wish that a whole text is, or None where it says anything else, or more."""
    for language, candidates in _candidates(text):
        for candidate in candidates:
            if language.sure.fullmatch(candidate):
                return Plain(language.name, is_sure=True, words=candidate)
            if language.short.fullmatch(candidate):
                return Plain(language.name, is_sure=False, words=candidate)
    return None


def plain_stay(text: str) -> str:
    """Return the words of a whole text that asks not to be taken off, or an empty text where it is no such letter."""
    for language, candidates in _candidates(text):
        for candidate in candidates:
            if language.stay.fullmatch(candidate):
                return candidate
    return ""


def is_courtesy(text: str) -> bool:
    """Say whether a text is nothing but a greeting or thanks ("hello"): as a subject it says nothing."""
    return any("" in candidates for _, candidates in _candidates(text))


@lru_cache(maxsize=16)
def _candidates(text: str) -> tuple[tuple[_Language, tuple[str, ...]], ...]:
    """Return for each language whose script it is the text as it has to match: whole, and without its courtesies."""
    if len(text) > LONGEST or not text.strip():
        return ()
    spaced = " ".join(_PUNCTUATION.sub(" ", fold(text)).split())
    packed = spaced.replace(" ", "")
    found = []
    for language in _languages():
        if not _SCRIPTS.get(language.name, _LATIN).search(spaced):
            continue
        words = packed if language.name in _UNSPACED else spaced
        found.append((language, tuple(dict.fromkeys((words, _without_courtesies(words, language))))))
    return tuple(found)


def _without_courtesies(words: str, language: _Language) -> str:
    for _ in range(MOST_COURTESIES):
        shorter = language.behind.sub("", language.before.sub("", words, count=1), count=1).strip()
        if shorter == words:
            break
        words = shorter
    return words


@cache
def _languages() -> tuple[_Language, ...]:
    raw = tomllib.loads(DATA.read_text("utf-8"))
    return tuple(_compiled(name, data) for name, data in raw.items())


def _compiled(name: str, data: dict[str, list[str]]) -> _Language:
    packed = name in _UNSPACED
    courtesy = "|".join(f"(?:{fold(pattern)})" for pattern in data["courtesy"])
    edge = "" if packed else r"(?= |$)"
    start = "" if packed else r"(?:(?<= )|^)"
    sure, short, stay = (
        re.compile("|".join(f"(?:{_folded(pattern, packed=packed)})" for pattern in data[kind]))
        for kind in ("sure", "short", "stay")
    )
    return _Language(
        name,
        re.compile(rf"^(?:{courtesy}){edge}"),
        re.compile(rf"{start}(?:{courtesy})$"),
        sure,
        short,
        stay,
    )


def _folded(pattern: str, *, packed: bool) -> str:
    folded = fold(pattern)
    return folded.replace(" ", "") if packed else folded
