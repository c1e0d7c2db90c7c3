"""Trains the statistical model from the texts in the repository and writes ``inbound/lexicon/weights.bin``.

    python bench/train.py             learn from all texts and write the weights (about two minutes)
    python bench/train.py --hold 3    leave three tenths out, say how well those are read, write nothing

Pure Python and deterministic: logistic regression by AdaGrad with a small L2 pull, weights rounded to one octet.
"""

import argparse
import json
import math
import random
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from inbound.intent import own_subject  # noqa: E402
from inbound.lexicon.matching import mark  # noqa: E402
from inbound.statistics import BUCKETS, Model, bucket, features, pack  # noqa: E402
from inbound.world import World, world_from_toml  # noqa: E402

TEXTS = ROOT / "inbound" / "lexicon" / "texts"
CLASSES = ("unsubscribe", "subscribe", "human", "auto")
EPOCHS = 14
RATE = 0.12
PULL = 2e-5


def read_texts() -> list[dict[str, Any]]:
    found = []
    for file in sorted(TEXTS.glob("*.jsonl")):
        found += [
            {**json.loads(line), "file": file.stem} for line in file.read_text("utf-8").splitlines() if line.strip()
        ]
    return found


def is_held(text: dict[str, Any], tenths: int) -> bool:
    key = (text["text"] + text["subject"]).encode()
    return text["file"] == "more" and int(sha256(key).hexdigest(), 16) % 10 < tenths


def slots_of(text: dict[str, Any], world: World) -> tuple[int, ...]:
    subject = mark(own_subject(text["subject"], world))
    names = features(mark(text["text"][:4000]), subject, is_reply=text["in_reply_to"] is not None)
    return tuple(sorted({bucket(name) for name in names}))


def train(rows: list[tuple[tuple[int, ...], int, float]], count: int) -> Model:
    """Fit ``count`` classes to rows of slots, class and weight."""
    weights = [[0.0] * BUCKETS for _ in range(count)]
    squares = [[1e-3] * BUCKETS for _ in range(count)]
    biases = [0.0] * count
    order = list(range(len(rows)))
    shuffle = random.Random(7)
    for epoch in range(EPOCHS):
        shuffle.shuffle(order)
        rate = RATE * (1 - 0.8 * epoch / EPOCHS)
        for n in order:
            slots, right, worth = rows[n]
            scores = [b + sum([w[s] for s in slots]) for b, w in zip(biases, weights, strict=True)]
            top = max(scores)
            powers = [math.exp(score - top) for score in scores]
            total = sum(powers)
            for k in range(count):
                error = worth * (powers[k] / total - (k == right))
                if abs(error) < 0.004:
                    continue
                biases[k] -= 0.02 * error
                w, q, e2 = weights[k], squares[k], error * error
                for s in slots:
                    q[s] += e2
                    w[s] -= rate * (error + PULL * w[s]) / math.sqrt(q[s])
    scales = tuple(max(max(map(abs, w)), 1e-9) / 127 for w in weights)
    octets = tuple(bytes((round(v / scale) & 0xFF) for v in w) for w, scale in zip(weights, scales, strict=True))
    return Model(CLASSES[:count], scales, tuple(biases), octets)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hold", type=int, default=0, help="tenths of the texts to leave out")
    hold = parser.parse_args().hold
    world = world_from_toml((TEXTS / "world.toml").read_text("utf-8"))
    texts = read_texts()
    rows = [(slots_of(t, world), CLASSES.index(t["verdict"]), 1.0) for t in texts if not is_held(t, hold)]
    model = train(rows, len(CLASSES))
    print(f"learned from {len(rows)} texts")
    if not hold:
        (ROOT / "inbound" / "lexicon" / "weights.bin").write_bytes(pack({"verdict": model}))
        return
    held = [t for t in texts if is_held(t, hold)]
    right = 0
    for text in held:
        chances = model.probabilities(slots_of(text, world))
        right += max(chances, key=lambda name: chances[name]) == text["verdict"]
    print(f"held out {len(held)}: {right / len(held):.1%} right")


if __name__ == "__main__":
    main()
