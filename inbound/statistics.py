"""A small statistical model of our own: which mixture of features goes with which decision. Pure.

It learns from the texts in ``inbound/lexicon/texts`` by ``python bench/train.py`` and decides nothing alone: the rules
of :mod:`inbound.intent` hear it as one witness. Which features a text has is told by :mod:`inbound.features`.
"""

import math
import struct
import zlib
from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from sys import byteorder
from typing import Final

MAGIC: Final = b"BYL3"
FINEST: Final = 32767  # a weight is a signed number of two octets times the scale of its class


@dataclass(frozen=True, slots=True)
class Model:
    """Weights of some classes over the slots of features, and the scale of each class."""

    classes: tuple[str, ...]
    scales: tuple[float, ...]
    biases: tuple[float, ...]
    weights: tuple["array[int]", ...]  # two octets each

    def probabilities(self, slots: Iterable[int]) -> dict[str, float]:
        """Return how likely each class is; the sum is 1."""
        chosen = list(slots)
        scores = [
            bias + scale * sum([table[slot] for slot in chosen])
            for scale, bias, table in zip(self.scales, self.biases, self.weights, strict=True)
        ]
        top = max(scores)
        powers = [math.exp(score - top) for score in scores]
        total = sum(powers)
        return {name: power / total for name, power in zip(self.classes, powers, strict=True)}

    def leaning(self, slots: Iterable[int], *, toward: str, against: str) -> float:
        """Return how many points some features give to one class more than to another."""
        chosen = list(slots)
        points = {
            name: scale * sum([table[slot] for slot in chosen])
            for name, scale, table in zip(self.classes, self.scales, self.weights, strict=True)
            if name in {toward, against}
        }
        return points[toward] - points[against]


def pack(models: dict[str, Model]) -> bytes:
    """Write models as one compressed file; :func:`unpack` is its inverse."""
    out = [struct.pack("<B", len(models))]
    for name, model in sorted(models.items()):
        head = "\0".join((name, *model.classes)).encode()
        size = len(model.weights[0])
        out.append(struct.pack("<HBI", len(head), len(model.classes), size) + head)
        for scale, bias, weights in zip(model.scales, model.biases, model.weights, strict=True):
            out.append(struct.pack("<dd", scale, bias) + _little(weights).tobytes())
    return MAGIC + zlib.compress(b"".join(out), 9)


def unpack(raw: bytes) -> dict[str, Model]:
    """Read models written by :func:`pack`."""
    if raw[:4] != MAGIC:
        raise ValueError("these are not the weights of this version; run python bench/train.py")
    data = zlib.decompress(raw[4:])
    at = 1
    models: dict[str, Model] = {}
    for _ in range(data[0]):
        length, count, size = struct.unpack_from("<HBI", data, at)
        at += 7
        name, *classes = data[at : at + length].decode().split("\0")
        at += length
        scales, biases, weights = [], [], []
        for _ in range(count):
            scale, bias = struct.unpack_from("<dd", data, at)
            scales.append(scale)
            biases.append(bias)
            weights.append(_little(array("h", data[at + 16 : at + 16 + 2 * size])))
            at += 16 + 2 * size
        models[name] = Model(tuple(classes), tuple(scales), tuple(biases), tuple(weights))
    return models


def _little(weights: "array[int]") -> "array[int]":
    """Return weights in the order of octets of the file, which is this machine's own but for a few old ones."""
    if byteorder == "little":
        return weights
    swapped = array("h", weights)
    swapped.byteswap()
    return swapped


@cache
def models() -> dict[str, Model]:
    """Return the trained models that ship with the program, read once."""
    return unpack(resources.files("inbound.lexicon").joinpath("weights.bin").read_bytes())
