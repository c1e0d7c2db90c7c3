"""Trains the statistical models from the texts in the repository and writes ``inbound/lexicon/weights.bin``.

    python bench/train.py             learn from all texts and write the weights (a few minutes)

Logistic regression with an L2 pull by L-BFGS, and beside it a hidden layer (:mod:`bench.train_hidden`). What only one
text has is left out. Deterministic on one machine. How well it reads what it has not seen:
``python bench/understand.py --cross 5``.
"""

import argparse
import json
import sys
from array import array
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.sparse import csr_matrix

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench.train_hidden import fit_hidden  # noqa: E402
from inbound import topics  # noqa: E402
from inbound.features import BUCKETS, features, slots  # noqa: E402
from inbound.grammar import command_in  # noqa: E402
from inbound.intent import own_subject  # noqa: E402
from inbound.lexicon.folding import fold  # noqa: E402
from inbound.lexicon.spacing import mark_text  # noqa: E402
from inbound.scoping import MODES, ROLES, Wish, mention_features, mode_features  # noqa: E402
from inbound.statistics import FINEST, Linear, Model, pack  # noqa: E402
from inbound.world import World, world_from_toml  # noqa: E402

TEXTS = ROOT / "inbound" / "lexicon" / "texts"
CLASSES = ("unsubscribe", "subscribe", "human", "auto")
TRUST = 1.0
LESSER = 0.5  # what a feature of words weighs beside one of concepts: there are many, and each is seldom
ROUNDS = 300
SEEN = 2  # texts that a feature must be in
#: What each slot is worth, the class, and how much the row counts.
Row = tuple[dict[int, float], int, float]
#: Texts that were worded and labelled by those who measure count more than those that we wrote to learn from.
WORTHS = {"open": 10.0, "more": 5.0}
Numbers = NDArray[np.float64]


def read_texts() -> list[dict[str, Any]]:
    found = []
    for file in sorted(TEXTS.glob("*.jsonl")):
        found += [
            {**json.loads(line), "file": file.stem} for line in file.read_text("utf-8").splitlines() if line.strip()
        ]
    return found


def worth_of(text: dict[str, Any]) -> float:
    return WORTHS.get(text.get("file", ""), 1.0)


def features_of(text: dict[str, Any], world: World) -> dict[int, float]:
    subject = mark_text(own_subject(text["subject"], world))
    concepts, words = features(mark_text(text["text"][:4000]), subject, is_reply=text["in_reply_to"] is not None)
    return _worths(concepts, words)


def scope_rows(text: dict[str, Any], world: World) -> tuple[list[Row], list[Row]]:
    """Return the rows that a text gives to the models of mode and of role; texts that wish nothing give none."""
    if text["verdict"] not in {"unsubscribe", "subscribe"} or "scope" not in text:
        return [], []
    wish: Wish = text["verdict"]
    own = own_subject(text["subject"], world)
    command = command_in(own, "subject")
    if command and topics.campaign_of(command.argument, world):
        return [], []
    marked = mark_text(fold(f"{own}\n{text['text'][:4000]}") if own else text["text"][:4000])
    replied = next((c for c in world.campaigns if c.id == text["in_reply_to"]), None)
    named = topics.mentions(marked, world)
    keys = {m.key for m in named}
    gold = set(text["scope"]) if isinstance(text["scope"], list) else None
    everything = {t.key for t in world.topics}
    if gold is None:
        mode = 0
    elif gold <= keys or not (everything - gold) <= keys:
        mode = 1
    else:
        mode = 2
    roles: list[Row] = [
        (
            _worths_of_names(mention_features(marked, m, wish, replied, named)),
            2 if gold is None else 0 if m.key in gold else 1,
            worth_of(text),
        )
        for m in named
    ]
    return [(_worths_of_names(mode_features(marked, named, wish, replied)), mode, worth_of(text))], roles


def train_all(texts: list[dict[str, Any]], world: World) -> dict[str, Model]:
    """Train the three models: the verdict, the mode of the scope, the role of each topic named."""
    verdicts: list[Row] = [(features_of(t, world), CLASSES.index(t["verdict"]), worth_of(t)) for t in texts]
    modes: list[Row] = []
    roles: list[Row] = []
    for text in texts:
        mode, role = scope_rows(text, world)
        modes += mode
        roles += role
    return {"verdict": train(verdicts, CLASSES), "mode": train(modes, MODES), "role": train(roles, ROLES)}


def train(rows: list[Row], classes: tuple[str, ...]) -> Model:
    """Fit the classes to rows of features and class."""
    worth = [slots for slots, _, _ in rows]
    seen = Counter(slot for row in worth for slot in row)
    columns = {slot: n for n, slot in enumerate(sorted(slot for slot, times in seen.items() if times >= SEEN))}
    worth = [{slot: value for slot, value in row.items() if slot in columns} for row in worth]
    starts = np.cumsum([0, *map(len, worth)])
    places = np.array([columns[slot] for row in worth for slot in row])
    values = np.array([value for row in worth for value in row.values()])
    shape = (len(rows), len(columns))
    right = np.array([right for _, right, _ in rows])
    counts = np.array([count for _, _, count in rows])
    fitted = _fit(csr_matrix((values, places, starts), shape=shape), right, counts, len(classes))
    # what a slot was worth in the table is folded into its weight, so that reading only has to add
    scale_of = np.ones(len(columns))
    scale_of[places] = values
    weights = fitted[:, :-1] * scale_of
    scales = np.maximum(np.abs(weights).max(axis=1), 1e-9) / FINEST
    packed = []
    for line, scale in zip(weights, scales, strict=True):
        whole = np.zeros(BUCKETS, dtype="<i2")
        whole[list(columns)] = np.rint(line / scale)
        packed.append(array("h", whole.tobytes()))
    table = csr_matrix((np.ones(len(places)), np.array(list(columns))[places], starts), shape=(len(rows), BUCKETS))
    linear = Linear(tuple(packed), tuple(map(float, scales)), tuple(map(float, fitted[:, -1])))
    return Model(classes, linear, fit_hidden(table, right, counts, len(classes)))


def _worths(concepts: Iterable[int], words: Iterable[int]) -> dict[int, float]:
    """Return slot -> worth; where features of both kinds share a slot, the concept counts."""
    return {**dict.fromkeys(sorted(words), LESSER), **dict.fromkeys(sorted(concepts), 1.0)}


def _worths_of_names(names: set[str]) -> dict[int, float]:
    """Return slot -> worth of features by their names; those of words begin with "/"."""
    words = {name for name in names if name.startswith("/")}
    return _worths(slots(names - words), slots(words))


def _fit(table: "csr_matrix[np.float64]", right: NDArray[np.int64], counts: Numbers, count: int) -> Numbers:
    """Return weights and, in the last column, biases; the biases are not pulled."""
    size = table.shape[1]
    rows = np.arange(len(right))

    def loss(flat: Numbers) -> tuple[float, Numbers]:
        weights = flat.reshape(count, size + 1)
        scores = np.asarray(table @ weights[:, :-1].T) + weights[:, -1]
        scores -= scores.max(axis=1, keepdims=True)
        powers = np.exp(scores)
        chances = powers / powers.sum(axis=1, keepdims=True)
        cost = -TRUST * float((counts * np.log(np.maximum(chances[rows, right], 1e-300))).sum())
        cost += 0.5 * float((weights[:, :-1] ** 2).sum())
        chances[rows, right] -= 1
        chances *= counts[:, None]
        slope = np.empty_like(weights)
        slope[:, :-1] = TRUST * np.asarray(chances.T @ table) + weights[:, :-1]
        slope[:, -1] = TRUST * chances.sum(axis=0)
        return cost, slope.ravel()

    start = np.zeros(count * (size + 1))
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": ROUNDS, "maxcor": 20})
    fitted: Numbers = np.asarray(found.x).reshape(count, size + 1)
    return fitted


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args()
    world = world_from_toml((TEXTS / "world.toml").read_text("utf-8"))
    texts = read_texts()
    trained = train_all(texts, world)
    (ROOT / "inbound" / "lexicon" / "weights.bin").write_bytes(pack(trained))
    print(f"learned from {len(texts)} texts")


if __name__ == "__main__":
    main()
