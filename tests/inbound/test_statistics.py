"""Adding long numbers gives what adding each weight would give."""

import math
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inbound.features import BUCKETS
from inbound.statistics import Hidden, Linear, Model, models, pack, unpack

SLOTS = 64
OCTETS = st.binary(min_size=3 * SLOTS, max_size=3 * SLOTS)
WEIGHTS = st.lists(st.integers(-32767, 32767), min_size=SLOTS, max_size=SLOTS)


def a_model(octets: bytes, one: list[int], other: list[int]) -> Model:
    hidden = Hidden(octets, (0.01, 0.02, 0.005), (0.1, -0.2, 0.0), ((0.5, -1.0, 2.0), (-0.5, 1.0, 0.1)), (0.1, -0.1))
    return Model(("yes", "no"), Linear((array("h", one), array("h", other)), (1e-4, 2e-4), (0.3, -0.3)), hidden)


def slowly(model: Model, slots: list[int]) -> list[float]:
    """Return the chances as the definition has them, one weight after the other."""
    linear, hidden = model.linear, model.hidden
    units = len(hidden.scales)
    first = [
        bias + scale * sum(table[slot] for slot in slots)
        for table, scale, bias in zip(linear.weights, linear.scales, linear.biases, strict=True)
    ]
    active = [
        max(0.0, hidden.starts[u] + hidden.scales[u] * sum(hidden.octets[slot * units + u] - 128 for slot in slots))
        for u in range(units)
    ]
    second = [
        bias + sum(w * a for w, a in zip(out, active, strict=True))
        for out, bias in zip(hidden.out, hidden.biases, strict=True)
    ]

    def shares(scores: list[float]) -> list[float]:
        powers = [math.exp(score - max(scores)) for score in scores]
        return [power / sum(powers) for power in powers]

    return [(a + b) / 2 for a, b in zip(shares(first), shares(second), strict=True)]


@given(OCTETS, WEIGHTS, WEIGHTS, st.lists(st.integers(0, SLOTS - 1), max_size=700))
def test_lanes_add_up_as_single_weights_do(octets: bytes, one: list[int], other: list[int], slots: list[int]) -> None:
    """Also beyond the number of rows that fit into a lane, and for the largest weights."""
    model = a_model(octets, one, other)

    assert list(model.probabilities(slots).values()) == pytest.approx(slowly(model, slots), abs=1e-9)


def test_more_features_than_a_lane_can_hold_are_added_in_parts() -> None:
    model = a_model(b"\xff" * (3 * SLOTS), [32767] * SLOTS, [-32767] * SLOTS)
    slots = [n % SLOTS for n in range(1_000)]

    assert list(model.probabilities(slots).values()) == pytest.approx(slowly(model, slots), abs=1e-9)


@given(OCTETS, WEIGHTS, WEIGHTS)
def test_a_file_of_weights_gives_back_what_was_written(octets: bytes, one: list[int], other: list[int]) -> None:
    model = a_model(octets, one, other)

    back = unpack(pack({"verdict": model}))["verdict"]

    assert (back.classes, back.linear, back.hidden) == (model.classes, model.linear, model.hidden)


def test_weights_of_another_version_are_refused_with_what_to_do() -> None:
    with pytest.raises(ValueError, match=r"bench/train\.py"):
        unpack(b"BYL1....")


def test_the_shipped_weights_are_of_this_version() -> None:
    shipped = models()

    assert set(shipped) == {"verdict", "mode", "role"}
    assert {len(table) for model in shipped.values() for table in model.linear.weights} == {BUCKETS}
