"""A small statistical model of our own: which mixture of features goes with which decision. Pure.

It learns from the texts in ``inbound/lexicon/texts`` by ``python bench/train.py`` and decides nothing alone: the rules
of :mod:`inbound.intent` hear it as one witness. Two opinions are averaged: a linear one, which can be explained word by
word, and one with a hidden layer, which knows what goes together. Which features a text has is told by
:mod:`inbound.features`.
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

MAGIC: Final = b"BYL4"
FINEST: Final = 32767  # a weight is a signed number of two octets times the scale of its class
COARSE: Final = 127  # a weight of the hidden layer is a signed octet times the scale of its unit
LANE: Final = 2  # octets in which one unit's octets are added up
AT_ONCE: Final = 256  # rows whose octets add up within a lane: 256 * 255 < 65536


class Hidden:
    """A layer of units between features and classes.

    Each slot has a row of one octet a unit. A row is kept as one long number with a lane of two octets for each unit,
    so that adding two numbers adds all units at once: plain Python does in microseconds what would be a long loop.
    """

    __slots__ = ("biases", "out", "rows", "scales", "starts", "units")

    def __init__(
        self,
        rows: bytes,
        *,
        scales: Sequence[float],
        starts: Sequence[float],
        out: Sequence[Sequence[float]],
        biases: Sequence[float],
    ) -> None:
        """Take the rows (an octet a unit, 128 standing for nothing), the units' scales and starts, and what leads out.

        ``out`` holds for each class a weight a unit.
        """
        self.scales, self.starts, self.biases = tuple(scales), tuple(starts), tuple(biases)
        self.out = tuple(tuple(weights) for weights in out)
        self.units = units = len(self.scales)
        wide = bytearray(LANE * len(rows))
        wide[::LANE] = rows
        step = LANE * units
        self.rows = [int.from_bytes(wide[at : at + step], "little") for at in range(0, len(wide), step)]

    def octets(self) -> bytes:
        """Return the rows as they are written to a file."""
        step = LANE * self.units
        return b"".join(row.to_bytes(step, "little")[::LANE] for row in self.rows)

    def probabilities(self, slots: Sequence[int]) -> list[float]:
        """Return how likely each class is."""
        rows, mask = self.rows, len(self.rows) - 1
        sums = [0] * self.units
        for start in range(0, len(slots), AT_ONCE):
            chunk = slots[start : start + AT_ONCE]
            total = sum([rows[slot & mask] for slot in chunk])
            lanes = array("H", total.to_bytes(LANE * self.units, "little"))
            if byteorder == "big":
                lanes.byteswap()
            nothing = 128 * len(chunk)
            sums = [have + lane - nothing for have, lane in zip(sums, lanes, strict=True)]
        active = [
            max(0.0, start + scale * value)
            for start, scale, value in zip(self.starts, self.scales, sums, strict=True)
        ]  # fmt: skip
        return _shares(
            bias + sum([weight * value for weight, value in zip(weights, active, strict=True)])
            for bias, weights in zip(self.biases, self.out, strict=True)
        )


@dataclass(frozen=True, slots=True)
class Model:
    """Weights of some classes over the slots of features, the scale of each class, and the second opinion."""

    classes: tuple[str, ...]
    scales: tuple[float, ...]
    biases: tuple[float, ...]
    weights: tuple["array[int]", ...]  # two octets each
    hidden: Hidden | None = None

    def probabilities(self, slots: Iterable[int]) -> dict[str, float]:
        """Return how likely each class is; the sum is 1."""
        chosen = list(slots)
        shares = _shares(
            bias + scale * sum([table[slot] for slot in chosen])
            for scale, bias, table in zip(self.scales, self.biases, self.weights, strict=True)
        )
        if self.hidden is not None:
            second = self.hidden.probabilities(chosen)
            shares = [(one + other) / 2 for one, other in zip(shares, second, strict=True)]
        return dict(zip(self.classes, shares, strict=True))

    def leaning(self, slots: Iterable[int], *, toward: str, against: str) -> float:
        """Return how many points some features give to one class more than to another, by the linear opinion."""
        chosen = list(slots)
        points = {
            name: scale * sum([table[slot] for slot in chosen])
            for name, scale, table in zip(self.classes, self.scales, self.weights, strict=True)
            if name in {toward, against}
        }
        return points[toward] - points[against]


def _shares(scores: Iterable[float]) -> list[float]:
    """Return scores as shares of one."""
    scores = list(scores)
    top = max(scores)
    powers = [math.exp(score - top) for score in scores]
    total = sum(powers)
    return [power / total for power in powers]


def pack(models: dict[str, Model]) -> bytes:
    """Write models as one compressed file; :func:`unpack` is its inverse."""
    out = [struct.pack("<B", len(models))]
    for name, model in sorted(models.items()):
        head = "\0".join((name, *model.classes)).encode()
        out.append(struct.pack("<HBI", len(head), len(model.classes), len(model.weights[0])) + head)
        out.append(_doubles((*model.scales, *model.biases)))
        out += [_little(weights).tobytes() for weights in model.weights]
        hidden = model.hidden
        out.append(struct.pack("<HI", *((hidden.units, len(hidden.rows)) if hidden else (0, 0))))
        if hidden:
            out.append(_doubles((*hidden.scales, *hidden.starts, *hidden.biases)))
            out += [_doubles(weights) for weights in hidden.out]
            out.append(hidden.octets())
    return MAGIC + zlib.compress(b"".join(out), 9)


def unpack(raw: bytes) -> dict[str, Model]:
    """Read models written by :func:`pack`."""
    if raw[:4] != MAGIC:
        raise ValueError("these are not the weights of this version; run python bench/train.py")
    data = _Reader(zlib.decompress(raw[4:]))
    (many,) = data.unpack("<B")
    models: dict[str, Model] = {}
    for _ in range(many):
        length, count, size = data.unpack("<HBI")
        name, *classes = data.take(length).decode().split("\0")
        scales, biases = data.doubles(count), data.doubles(count)
        weights = tuple(_little(array("h", data.take(2 * size))) for _ in range(count))
        units, rows = data.unpack("<HI")
        hidden = None
        if units:
            unit_scales, starts, out_biases = data.doubles(units), data.doubles(units), data.doubles(count)
            out = [data.doubles(units) for _ in range(count)]
            hidden = Hidden(data.take(units * rows), scales=unit_scales, starts=starts, out=out, biases=out_biases)
        models[name] = Model(tuple(classes), scales, biases, weights, hidden)
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
