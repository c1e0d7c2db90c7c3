"""What a text is described by before it is weighed: its concepts, its words, and the order of both. Pure.

Concepts are the same in every language, so that what was learned from English is known in Thai; words and letters tell
what the lexicon does not know. Each feature is a name; :func:`slots` gives its place in the weights. What a mixture of
them means is learned and told by :mod:`inbound.statistics`.
"""

import math
import zlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Final

from inbound.lexicon.marked import STEM, Hit, Marked, is_spaceless

BUCKETS: Final = 1 << 17  # bounds the weights: two octets a bucket and class, one a bucket and hidden unit
RUN_READ: Final = 100  # letters of one word in a script without spaces
_FAR_AHEAD: Final = 6  # concepts of a sentence that are looked at together


def slots(names: Iterable[str]) -> set[int]:
    """Return the places of features: the same on every machine and in every run."""
    crc, mask = zlib.crc32, BUCKETS - 1
    return {crc(name.encode("utf-8", "replace")) & mask for name in names}


def features(body: Marked, subject: Marked, *, is_reply: bool) -> list[str]:
    """Name all features of a letter: its body, the subject the customer typed (not ours), whether it is a reply."""
    size = len(body.words) if not _is_spaceless(body) else sum(len(w.text) for w in body.words) // 3
    found = [f"len{min(6, int(math.log2(size + 1)))}", f"reply{is_reply}", f"own{bool(subject.words)}"]
    if body.shouts:
        found.append("!")
    if body.questions:
        found.append("?")
        if 0 in body.questions and len({w.sentence for w in body.words}) == 1:
            found.append("?only")
    for place, marked in (("b", body), ("s", subject)):
        found += concept_features(marked, place)
        found += word_features(marked, place)
    found += [f"x{a}&{b}" for a in sorted(set(subject.names)) for b in sorted(set(body.names))]
    return found


def concept_features(marked: Marked, place: str) -> list[str]:
    """Name the concepts of a text, alone, in pairs and in threes, sentence by sentence."""
    found: set[str] = set()
    for number, (sentence, names) in enumerate(_concepts_by_sentence(marked.hits, marked.names)):
        asked = sentence in marked.questions
        for n, name in enumerate(names):
            found.add(f"{place}:{name}")
            if number == 0:
                found.add(f"{place}0:{name}")
            if asked:
                found.add(f"{place}?:{name}")
            if n + 1 < len(names):
                found.add(f"{place}>{name}>{names[n + 1]}")
            if n + 2 < len(names):
                found.add(f"{place}>>{name}>{names[n + 1]}>{names[n + 2]}")
            for other in names[n + 1 : n + _FAR_AHEAD]:
                found.add(f"{place}~{name}~{other}")
                if asked:
                    found.add(f"{place}?~{name}~{other}")
    whole = sorted(set(marked.names))
    found.update(f"{place}&{a}&{b}" for n, a in enumerate(whole) for b in whole[n + 1 :])
    return sorted(found)


def word_features(marked: Marked, place: str) -> list[str]:
    """Name the words of a text, their stems and pairs, runs of letters where there are no spaces, and the same mixed
    with concepts: "please UNSUB me" says in one language what "bitte UNSUB mich" says in another.

    Each name begins with "/", by which the trainer knows them: they count less than concepts.
    """  # noqa: D205 - one sentence
    found: list[str] = []
    for sentence in marked.sentences:
        for n, (_, word) in enumerate(sentence):
            if is_spaceless(word):
                run = word[:RUN_READ]
                found += [f"/{place}c{run[k : k + size]}" for size in (1, 2, 3, 4) for k in range(len(run) - size + 1)]
                continue
            found.append(f"/{place}w{word[:40]}")
            if len(word) >= STEM:
                found.append(f"/{place}p{word[:STEM]}")
            if n + 1 < len(sentence):
                found.append(f"/{place}W{word[:40]} {sentence[n + 1][1][:20]}")
    for tokens in marked.tokens:
        padded = ("^", *(token for _, _, token in tokens), "$")
        found += [f"/{place}m{a}_{b}" for a, b in pairwise(padded)]
        for a, b, c in zip(padded, padded[1:], padded[2:], strict=False):
            found += (f"/{place}M{a}_{b}_{c}", f"/{place}S{a}_{c}")
    return found


def _is_spaceless(marked: Marked) -> bool:
    return bool(marked.words) and max(len(w.text) for w in marked.words) > 15


def _concepts_by_sentence(hits: Sequence[Hit], named: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    current: list[str] = []
    sentence = -1
    for hit, name in zip(hits, named, strict=True):
        if current and hit.sentence != sentence:
            yield sentence, current
            current = []
        sentence = hit.sentence
        current.append(name)
    if current:
        yield sentence, current
