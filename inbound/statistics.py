"""A small statistical model of our own: which mixture of features goes with which decision. Pure.

It learns from the texts in ``inbound/lexicon/texts`` by ``python bench/train.py`` and decides nothing alone: the rules
of :mod:`inbound.intent` hear it as one witness. Two opinions are averaged: a linear one, which can be explained word by
word, and one with a hidden layer, which knows what goes together. Which features a text has is told by
:mod:`inbound.features`.

Each slot of a feature has one row of numbers: an octet for each hidden unit, two octets for each class. A row is kept
as one long number with a lane for each of them, wide enough to add many. So adding two long numbers adds all lanes at
once, and plain Python does in a microsecond what would be a loop over some thirty numbers.
"""

import math
import struct
import zlib
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from sys import byteorder
from typing import Final

MAGIC: Final = b"BYL5"
FINEST: Final = 32767  # a weight of a class is a signed number of two octets times the scale of its class
COARSE: Final = 127  # a weight of a hidden unit is a signed octet times the scale of its unit
NOUGHT: Final = 32768  # how a class's weight of nothing is kept, in a lane of four octets
HALF: Final = 128  # how a unit's weight of nothing is kept, in a lane of two octets
AT_ONCE: Final = 256  # rows that are added before their lanes are read: 256 * 255 < 65536


@dataclass(frozen=True, slots=True)
class Linear:
    """The linear opinion: for each class a weight a slot, the scale of the weights, and a bias."""

    weights: tuple["array[int]", ...]  # two octets each, signed
    scales: tuple[float, ...]
    biases: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Hidden:
    """The hidden layer: an octet a slot and unit, scales and starts of units; what leads from them to classes."""

    octets: bytes  # slot after slot; 128 stands for nothing
    scales: tuple[float, ...]
    starts: tuple[float, ...]
    out: tuple[tuple[float, ...], ...]
    biases: tuple[float, ...]


class Model:
    """The two opinions about some classes, joined for fast reading."""

    __slots__ = ("_rows", "_width", "classes", "hidden", "linear")

    def __init__(self, classes: Sequence[str], linear: Linear, hidden: Hidden) -> None:
        """Take both opinions; they have the same slots, a power of two."""
        self.classes, self.linear, self.hidden = tuple(classes), linear, hidden
        units, count, slots = len(hidden.scales), len(self.classes), len(linear.weights[0])
        self._width = width = 2 * units + 4 * count
        table = bytearray(width * slots)
        for unit in range(units):
            table[2 * unit :: width] = hidden.octets[unit::units]
        for n, weights in enumerate(linear.weights):
            lanes = array("H", [weight + NOUGHT for weight in weights])
            if byteorder == "big":
                lanes.byteswap()
            raw = lanes.tobytes()
            table[2 * units + 4 * n :: width] = raw[::2]
            table[2 * units + 4 * n + 1 :: width] = raw[1::2]
        nothing = bytes(struct.pack(f"<{units}H{count}I", *[HALF] * units, *[NOUGHT] * count))
        shared = int.from_bytes(nothing, "little")  # most slots hold nothing: one number serves them all
        pieces = (bytes(table[at : at + width]) for at in range(0, len(table), width))
        self._rows = [shared if piece == nothing else int.from_bytes(piece, "little") for piece in pieces]

    def probabilities(self, slots: Iterable[int]) -> dict[str, float]:
        """Return how likely each class is; the sum is 1."""
        chosen = list(slots)
        rows, width, units = self._rows, self._width, 2 * len(self.hidden.scales)
        active = [0] * len(self.hidden.scales)
        points = [0] * len(self.classes)
        for start in range(0, len(chosen), AT_ONCE):
            chunk = chosen[start : start + AT_ONCE]
            raw = sum([rows[slot] for slot in chunk]).to_bytes(width, "little")
            lanes, wide = array("H", raw[:units]), array("I", raw[units:])
            if byteorder == "big":
                lanes.byteswap()
                wide.byteswap()
            half, nought = HALF * len(chunk), NOUGHT * len(chunk)
            active = [have + lane - half for have, lane in zip(active, lanes, strict=True)]
            points = [have + lane - nought for have, lane in zip(points, wide, strict=True)]
        linear = self.linear
        first = [bias + s * value for bias, s, value in zip(linear.biases, linear.scales, points, strict=True)]
        return dict(zip(self.classes, map(_mean, _shares(first), _shares(self._second(active))), strict=True))

    def leaning(self, slots: Iterable[int], *, toward: str, against: str) -> float:
        """Return how many points some features give to one class more than to another, by the linear opinion."""
        chosen = list(slots)
        linear = self.linear
        points = {
            name: scale * sum([table[slot] for slot in chosen])
            for name, scale, table in zip(self.classes, linear.scales, linear.weights, strict=True)
            if name in {toward, against}
        }
        return points[toward] - points[against]

    def _second(self, sums: Sequence[int]) -> list[float]:
        hidden = self.hidden
        active = [
            value if (value := start + scale * summed) > 0 else 0.0
            for start, scale, summed in zip(hidden.starts, hidden.scales, sums, strict=True)
        ]
        return [
            bias + sum([weight * value for weight, value in zip(weights, active, strict=True)])
            for bias, weights in zip(hidden.biases, hidden.out, strict=True)
        ]


def _mean(one: float, other: float) -> float:
    return (one + other) / 2


def _shares(scores: Sequence[float]) -> list[float]:
    """Return scores as shares of one."""
    top = max(scores)
    powers = [math.exp(score - top) for score in scores]
    total = sum(powers)
    return [power / total for power in powers]


def pack(models: dict[str, Model]) -> bytes:
    """Write models as one compressed file; :func:`unpack` is its inverse."""
    out = [struct.pack("<B", len(models))]
    for name, model in sorted(models.items()):
        linear, hidden = model.linear, model.hidden
        head = "\0".join((name, *model.classes)).encode()
        sizes = (len(head), len(model.classes), len(hidden.scales), len(linear.weights[0]))
        out.append(struct.pack("<HBHI", *sizes) + head)
        out.append(_doubles((*linear.scales, *linear.biases, *hidden.biases, *hidden.scales, *hidden.starts)))
        out += [_doubles(weights) for weights in hidden.out]
        out += [_little(weights).tobytes() for weights in linear.weights]
        out.append(hidden.octets)
    return MAGIC + zlib.compress(b"".join(out), 9)


def unpack(raw: bytes) -> dict[str, Model]:
    """Read models written by :func:`pack`."""
    if raw[:4] != MAGIC:
        raise ValueError("these are not the weights of this version; run python bench/train.py")
    data = _Reader(zlib.decompress(raw[4:]))
    (many,) = data.unpack("<B")
    models: dict[str, Model] = {}
    for _ in range(many):
        length, count, units, slots = data.unpack("<HBHI")
        name, *classes = data.take(length).decode().split("\0")
        scales, biases, out_biases = data.doubles(count), data.doubles(count), data.doubles(count)
        unit_scales, starts = data.doubles(units), data.doubles(units)
        out = tuple(data.doubles(units) for _ in range(count))
        weights = tuple(_little(array("h", data.take(2 * slots))) for _ in range(count))
        hidden = Hidden(data.take(units * slots), unit_scales, starts, out, out_biases)
        models[name] = Model(classes, Linear(weights, scales, biases), hidden)
    return models


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def take(self, octets: int) -> bytes:
        self._at += octets
        return self._data[self._at - octets : self._at]

    def unpack(self, form: str) -> tuple[int, ...]:
        return struct.unpack(form, self.take(struct.calcsize(form)))

    def doubles(self, count: int) -> tuple[float, ...]:
        return struct.unpack(f"<{count}d", self.take(8 * count))


def _doubles(values: Sequence[float]) -> bytes:
    return struct.pack(f"<{len(values)}d", *values)


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
