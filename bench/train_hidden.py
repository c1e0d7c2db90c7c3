"""Fits the hidden layer of the statistical model: features -> a few units -> classes. Used by ``bench/train.py``.

Adam on small batches; of each text some features, and of the units some, are left out at random each time, so that
none is leaned on alone. Deterministic on one machine. The result is rounded to an octet a unit and slot.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from inbound.features import BUCKETS
from inbound.statistics import COARSE, HALF, Hidden

UNITS: Final = 24
EPOCHS: Final = 8
BATCH: Final = 64
RATE: Final = 3e-3
FEATURES_LEFT_OUT: Final = 0.2
UNITS_LEFT_OUT: Final = 0.3
FADE: Final = (0.9, 0.999)  # of the two running means
FIRST: Final = 0.02
Floats = NDArray[np.float32]


class _Adam:
    """One array of parameters with its running means."""

    def __init__(self, values: Floats) -> None:
        self.values = values
        self._mean = np.zeros_like(values)
        self._square = np.zeros_like(values)
        self._steps = 0

    def step(self, slope: Floats, rate: float) -> None:
        self._steps += 1
        first, second = FADE
        self._mean *= first
        self._mean += (1 - first) * slope
        self._square *= second
        self._square += (1 - second) * slope * slope
        size = rate * np.sqrt(1 - second**self._steps) / (1 - first**self._steps)
        self.values -= (size * self._mean / (np.sqrt(self._square) + 1e-8)).astype(np.float32)


def fit_hidden(
    table: "csr_matrix[np.float64]", right: NDArray[np.int64], counts: NDArray[np.float64], count: int
) -> Hidden:
    """Return the layer that tells the classes of the rows of a table of slots; ``counts`` is how much each counts."""
    chance = np.random.default_rng(7)
    worth = counts.astype(np.float32)
    used = np.flatnonzero(np.diff(table.tocsc().indptr))
    texts = csr_matrix(table[:, used], dtype=np.float32)
    rows = _Adam(chance.normal(0, FIRST, (len(used), UNITS)).astype(np.float32))
    starts = _Adam(np.zeros(UNITS, np.float32))
    out = _Adam(chance.uniform(-1, 1, (UNITS, count)).astype(np.float32) / np.float32(np.sqrt(UNITS)))
    biases = _Adam(np.zeros(count, np.float32))
    for epoch in range(EPOCHS):
        rate = RATE * (1 - epoch / EPOCHS) + 1e-5
        order = chance.permutation(len(right))
        for at in range(0, len(order), BATCH):
            chosen = order[at : at + BATCH]
            some = texts[chosen]
            some.data = some.data * (chance.random(len(some.data)) >= FEATURES_LEFT_OUT)
            summed = some @ rows.values + starts.values
            kept = (chance.random(summed.shape) >= UNITS_LEFT_OUT) / np.float32(1 - UNITS_LEFT_OUT)
            gate = (summed > 0) * kept.astype(np.float32)
            active = summed * gate
            scores = active @ out.values + biases.values
            scores -= scores.max(axis=1, keepdims=True)
            powers = np.exp(scores)
            error = powers / powers.sum(axis=1, keepdims=True)
            error[np.arange(len(chosen)), right[chosen]] -= 1
            error *= worth[chosen, None] / len(chosen)
            back = (error @ out.values.T) * gate
            out.step(active.T @ error, rate)
            biases.step(error.sum(axis=0), rate)
            rows.step(np.asarray(some.T @ back, dtype=np.float32), rate)
            starts.step(back.sum(axis=0), rate)
    weights = rows.values * np.float32(1 - FEATURES_LEFT_OUT)  # none is left out when a letter is read
    scales = np.maximum(np.abs(weights).max(axis=0), 1e-9) / COARSE
    octets = np.full((BUCKETS, UNITS), HALF, dtype=np.uint8)
    octets[used] = np.rint(weights / scales) + HALF
    return Hidden(
        octets.tobytes(),
        tuple(scales.tolist()),
        tuple(starts.values.tolist()),
        tuple(map(tuple, out.values.T.tolist())),
        tuple(biases.values.tolist()),
    )
