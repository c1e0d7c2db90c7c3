"""A small statistical model of our own: which mixture of concepts, words and letters goes with which decision. Pure.

It learns from the texts in ``inbound/lexicon/texts`` by ``python bench/train.py`` and decides nothing alone: the
rules of
:mod:`inbound.intent` hear it as one witness. Most of its features are concepts of the lexicon in their order, which
are the
same in every language, so that what it learned from English it knows in Thai.
"""

import math
import struct
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

from inbound.lexicon.marked import Hit, Marked

BUCKETS: Final = 1 << 16  # bounds the weights file: one octet a bucket and class
WORDS_READ: Final = 400  # bounds the work on a long letter
MAGIC: Final = b"BYL2"


def bucket(feature: str) -> int:
    """Return the slot of a feature: the same on every machine and in every run."""
    return zlib.crc32(feature.encode("utf-8", "replace")) & (BUCKETS - 1)


def _sentences(hits: Sequence[Hit], named: Sequence[str]) -> Iterable[tuple[int, list[str]]]:
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


def concept_features(marked: Marked, place: str) -> list[str]:
    """Name the concepts of a text, alone, in pairs and in threes, sentence by sentence."""
    found: set[str] = set()
    named = marked.names
    for number, (sentence, names) in enumerate(_sentences(marked.hits, named)):
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
            for other in names[n + 1 : n + 6]:
                found.add(f"{place}~{name}~{other}")
                if asked:
                    found.add(f"{place}?~{name}~{other}")
    whole = sorted(set(named))
    found.update(f"{place}&{a}&{b}" for n, a in enumerate(whole) for b in whole[n + 1 :])
    return sorted(found)


def features(body: Marked, subject: Marked, *, is_reply: bool) -> list[str]:
    """Name all features of a letter: its body, the subject the customer typed (not ours), whether it is a reply."""
    size = len(body.words) if not _spaceless(body) else sum(len(w.text) for w in body.words) // 3
    found = [f"len{min(6, int(math.log2(size + 1)))}", f"reply{is_reply}", f"own{bool(subject.words)}"]
    if body.shouts:
        found.append("!")
    if body.questions:
        found.append("?")
        if 0 in body.questions and len({w.sentence for w in body.words}) == 1:
            found.append("?only")
    found += concept_features(body, "b") + concept_features(subject, "s")
    found += [f"x{a}&{b}" for a in sorted(set(subject.names)) for b in sorted(set(body.names))]
    return found


def _spaceless(marked: Marked) -> bool:
    return bool(marked.words) and max(len(w.text) for w in marked.words) > 15


@dataclass(frozen=True, slots=True)
class Model:
    """Weights of some classes over the buckets, a byte each, and the scale of each class."""

    classes: tuple[str, ...]
    scales: tuple[float, ...]
    biases: tuple[float, ...]
    weights: tuple[bytes, ...]  # signed octets

    def probabilities(self, slots: Iterable[int]) -> dict[str, float]:
        """Return how likely each class is; the sum is 1."""
        chosen = list(slots)
        scores = []
        for scale, bias, raw in zip(self.scales, self.biases, self.weights, strict=True):
            table = memoryview(raw).cast("b")
            scores.append(bias + scale * sum([table[slot] for slot in chosen]))
        top = max(scores)
        powers = [math.exp(score - top) for score in scores]
        total = sum(powers)
        return {name: power / total for name, power in zip(self.classes, powers, strict=True)}


def pack(models: dict[str, Model]) -> bytes:
    """Write models as one compressed file; :func:`unpack` is its inverse."""
    out = [struct.pack("<B", len(models))]
    for name, model in sorted(models.items()):
        head = "\0".join((name, *model.classes)).encode()
        out.append(struct.pack("<HB", len(head), len(model.classes)) + head)
        for scale, bias, weights in zip(model.scales, model.biases, model.weights, strict=True):
            out.append(struct.pack("<dd", scale, bias) + weights)
    return MAGIC + zlib.compress(b"".join(out), 9)


def unpack(raw: bytes) -> dict[str, Model]:
    """Read models written by :func:`pack`."""
    if raw[:4] != MAGIC:
        raise ValueError("these are not the weights of this version; run python bench/train.py")
    data = zlib.decompress(raw[4:])
    at = 1
    models: dict[str, Model] = {}
    for _ in range(data[0]):
        length, count = struct.unpack_from("<HB", data, at)
        at += 3
        name, *classes = data[at : at + length].decode().split("\0")
        at += length
        scales, biases, weights = [], [], []
        for _ in range(count):
            scale, bias = struct.unpack_from("<dd", data, at)
            scales.append(scale)
            biases.append(bias)
            weights.append(data[at + 16 : at + 16 + BUCKETS])
            at += 16 + BUCKETS
        models[name] = Model(tuple(classes), tuple(scales), tuple(biases), tuple(weights))
    return models


@cache
def models() -> dict[str, Model]:
    """Return the trained models that ship with the program, read once."""
    return unpack(resources.files("inbound.lexicon").joinpath("weights.bin").read_bytes())
