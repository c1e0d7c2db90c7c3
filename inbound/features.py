"""What a text is described by before it is weighed: its concepts, its words, and the order of both. Pure.

Concepts are the same in every language, so that what was learned from English is known in Thai; words and letters tell
what the lexicon does not know. Each feature has a name, and the checksum of the name is its slot in the weights. What
a mixture of them means is learned and told by :mod:`inbound.statistics`.
"""

import math
import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from inbound.lexicon.marked import STEM, Hit, Marked, is_spaceless

BUCKETS: Final = 1 << 17  # bounds the weights: two octets a bucket and class, one a bucket and hidden unit
RUN_READ: Final = 100  # letters of one word in a script without spaces
_FAR_AHEAD: Final = 6  # concepts of a sentence that are looked at together
_END: Final = (0, 0, "$")


def slots(names: Iterable[str]) -> set[int]:
    """Return the places of features: the same on every machine and in every run."""
    crc, mask = zlib.crc32, BUCKETS - 1
    return {crc(name.encode("utf-8", "replace")) & mask for name in names}


def features(body: Marked, subject: Marked, *, is_reply: bool) -> tuple[set[int], set[int]]:
    """Return the slots of a letter, those of concepts and those of words.

    A letter is its body, the subject the customer typed (not ours), and whether it is a reply.
    """
    size = len(body.words) if not _is_spaceless(body) else sum(len(w.text) for w in body.words) // 3
    found = [f"len{min(6, int(math.log2(size + 1)))}", f"reply{is_reply}", f"own{bool(subject.words)}"]
    if body.shouts:
        found.append("!")
    if body.questions:
        found.append("?")
        if 0 in body.questions and len({w.sentence for w in body.words}) == 1:
            found.append("?only")
    found += concept_features(body, "b")
    words = word_slots(body, "b")
    if subject.words:
        found += concept_features(subject, "s")
        words |= word_slots(subject, "s")
        found += [f"x{a}&{b}" for a in set(subject.names) for b in set(body.names)]
    return slots(found), words


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


def word_slots(marked: Marked, place: str) -> set[int]:
    """Return the slots of the words of a text, of their stems and pairs, of runs of letters where there are no spaces,
    and of the same mixed with concepts: "please UNSUB me" says in one language what "bitte UNSUB mich" says in another.

    Each has a name: "/", the place, a kind, and the words, as in ``/bWnot want``. Names are not built here; a checksum
    goes on from the checksum of the beginning, which many of them share.
    """  # noqa: D205 - one sentence
    crc = zlib.crc32
    letters, word_, stem, pair, two, three, apart = (crc(f"/{place}{kind}".encode()) for kind in "cwpWmMS")
    found: list[int] = []
    for sentence in marked.sentences:
        last = 0
        for _, word in sentence:
            if is_spaceless(word):
                if last:
                    found.append(crc(_octets(word[:20]), last))
                    last = 0
                run = [_octets(letter) for letter in word[:RUN_READ]]
                for at in range(len(run)):
                    so_far = letters
                    for octets in run[at : at + 4]:
                        so_far = crc(octets, so_far)
                        found.append(so_far)
                continue
            octets = _octets(word)
            if len(word) > 20:
                octets, begins = _octets(word[:40]), _octets(word[:20])
            else:
                begins = octets
            if last:
                found.append(crc(begins, last))
            found.append(crc(octets, word_))
            if len(word) >= STEM:
                found.append(crc(_octets(word[:STEM]), stem))
            last = crc(b" ", crc(octets, pair))
    for tokens in marked.tokens:
        before, before_that = b"^_", b""
        for _, _, token in (*tokens, _END):
            octets = _octets(token)
            found.append(crc(octets, crc(before, two)))
            if before_that:
                found.append(crc(octets, crc(before, crc(before_that, three))))
                found.append(crc(octets, crc(before_that, apart)))
            before, before_that = octets + b"_", before
    mask = BUCKETS - 1
    return {number & mask for number in found}


def _octets(text: str) -> bytes:
    return text.encode("utf-8", "replace")


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
