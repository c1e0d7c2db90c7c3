"""Many patterns searched at the cost of a few find just what the alternation of them finds."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inbound import automatic, automatic_subjects
from inbound.phrases import Names, Phrases, folded, needles_of
from tests.corpora import corpus

ALL = {
    name: value
    for module in (automatic, automatic_subjects)
    for name, value in vars(module).items()
    if isinstance(value, Phrases)
}
SOURCES = sorted({source for value in ALL.values() for source in value.sources})
PLAIN = re.compile(r"[\w '\-]{2,}")


def alternation(phrases: Phrases) -> re.Pattern[str]:
    return re.compile("|".join(phrases.sources), re.IGNORECASE)


@pytest.mark.parametrize("name", sorted(ALL))
def test_phrases_find_what_their_alternation_finds(name: str) -> None:
    """No pattern is left out by the letters that are looked for first, on any text of the corpora."""
    whole = alternation(ALL[name])
    texts = [
        text
        for file in ("texts.jsonl", "more-texts.jsonl")
        for line in (corpus("replies") / file).read_text("utf-8").splitlines()
        for text in (json.loads(line)["subject"], json.loads(line)["text"])
    ]

    assert [text for text in texts if bool(ALL[name].search(text)) != bool(whole.search(text))] == []


@given(st.lists(st.sampled_from([piece for source in SOURCES for piece in PLAIN.findall(source)]), max_size=4))
def test_phrases_find_what_their_alternation_finds_in_pieces_of_themselves(pieces: list[str]) -> None:
    """Texts made of the wordings' own pieces, in small and in capital letters, are told apart alike."""
    for text in (" ".join(pieces), "".join(pieces).upper()):
        for phrases in ALL.values():
            assert bool(phrases.search(text)) == bool(alternation(phrases).search(text))


@pytest.mark.parametrize(
    ("source", "needles"),
    [
        ("automa", {"automa"}),
        (r"\bbot\b", {"bot"}),
        (r"auto-?(?:reply|respon)", {"reply", "respon"}),
        (r"(?:do not|don't) (?:reply|respond)(?: directly)? to this", {" to this"}),
        (r"colou?r+ed", {"colo"}),
        (r"a\.b{2,3}c", {"a.b"}),
        (r"(?!x)abc(?<=c)", {"abc"}),
        (r"[#№]\s?\d{3,}", None),
        (r"ab|\d", None),
        (r"İptal", {"iptal"}),
    ],
)
def test_a_pattern_names_the_letters_it_cannot_do_without(source: str, needles: set[str] | None) -> None:
    """The needles are the longest of what every match must hold."""
    assert needles_of(source) == needles


@pytest.mark.parametrize(("one", "other"), [("İI", "iı"), ("ſ", "S"), ("K", "k"), ("ς", "Σ")])
def test_letters_that_match_each_other_fold_alike(one: str, other: str) -> None:
    """What the matcher takes for the same letter is the same when folded."""
    assert re.fullmatch(one, other, re.IGNORECASE)
    assert folded(one) == folded(other)


def test_names_are_found_in_their_order() -> None:
    """At the start or anywhere, the names come as they were given."""
    names = Names(["automatic reply", "auto", "re", "reply"])

    assert list(names.starting("automatic reply: hello")) == ["automatic reply", "auto"]
    assert list(names.within("an automatic reply")) == ["automatic reply", "auto", "re", "reply"]
    assert list(names.within("")) == []
