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
from collections import Counter
from hashlib import sha256
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from inbound import topics  # noqa: E402
from inbound.grammar import command_in  # noqa: E402
from inbound.intent import own_subject  # noqa: E402
from inbound.lexicon.folding import fold  # noqa: E402
from inbound.lexicon.spacing import mark_text  # noqa: E402
from inbound.scoping import MODES, ROLES, Wish, mention_slots, mode_slots  # noqa: E402
from inbound.statistics import BUCKETS, Model, bucket, features, pack  # noqa: E402
from inbound.world import World, world_from_toml  # noqa: E402

TEXTS = ROOT / "inbound" / "lexicon" / "texts"
Row = tuple[tuple[int, ...], int, float]
CLASSES = ("unsubscribe", "subscribe", "human", "auto")
EPOCHS = 12
RATE = 0.1
PULL = 0.6


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
    subject = mark_text(own_subject(text["subject"], world))
    names = features(mark_text(text["text"][:4000]), subject, is_reply=text["in_reply_to"] is not None)
    return tuple(sorted({bucket(name) for name in names}))


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
    roles = [
        (tuple(mention_slots(marked, m, wish, replied, named)), 2 if gold is None else 0 if m.key in gold else 1, 1.0)
        for m in named
    ]
    return [(tuple(mode_slots(marked, named, wish, replied)), mode, 1.0)], roles


def train_all(
    texts: list[dict[str, Any]], world: World, slots: dict[int, tuple[int, ...]] | None = None
) -> dict[str, Model]:
    """Train the three models: the verdict, the mode of the scope, the role of each topic named."""
    known = slots or {}
    verdicts = [
        (known.get(id(t)) or slots_of(t, world), CLASSES.index(t["verdict"]), float(t.get("worth", 1.0))) for t in texts
    ]
    modes: list[Row] = []
    roles: list[Row] = []
    for text in texts:
        mode, role = scope_rows(text, world)
        modes += mode
        roles += role
    return {"verdict": train(verdicts, CLASSES), "mode": train(modes, MODES), "role": train(roles, ROLES)}


def train(rows: list[Row], classes: tuple[str, ...]) -> Model:
    """Fit the classes to rows of slots, class and weight."""
    count = len(classes)
    weights = [[0.0] * BUCKETS for _ in range(count)]
    squares = [[1e-2] * BUCKETS for _ in range(count)]
    biases = [0.0] * count
    seen = Counter(s for slots, _, _ in rows for s in slots)
    pull = {
        s: PULL / times for s, times in seen.items()
    }  # each weight is pulled to nothing once an epoch, however rare
    order = list(range(len(rows)))
    shuffle = random.Random(7)
    for epoch in range(EPOCHS):
        shuffle.shuffle(order)
        rate = RATE * (1 - 0.9 * epoch / EPOCHS)
        for n in order:
            slots, right, worth = rows[n]
            scores = [b + sum([w[s] for s in slots]) for b, w in zip(biases, weights, strict=True)]
            top = max(scores)
            powers = [math.exp(score - top) for score in scores]
            total = sum(powers)
            for k in range(count):
                error = worth * (powers[k] / total - (k == right))
                biases[k] -= 0.02 * error
                w, q = weights[k], squares[k]
                for s in slots:
                    g = error + pull[s] * w[s]
                    q[s] += g * g
                    w[s] -= rate * g / math.sqrt(q[s])
    scales = tuple(max(1e-9, *map(abs, w)) / 127 for w in weights)
    octets = tuple(bytes((round(v / scale) & 0xFF) for v in w) for w, scale in zip(weights, scales, strict=True))
    return Model(classes, scales, tuple(biases), octets)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hold", type=int, default=0, help="tenths of the texts to leave out")
    hold = parser.parse_args().hold
    world = world_from_toml((TEXTS / "world.toml").read_text("utf-8"))
    texts = read_texts()
    learned = [t for t in texts if not is_held(t, hold)]
    trained = train_all(learned, world)
    print(f"learned from {len(learned)} texts")
    if not hold:
        (ROOT / "inbound" / "lexicon" / "weights.bin").write_bytes(pack(trained))
        return
    held = [t for t in texts if is_held(t, hold)]
    right = 0
    for text in held:
        chances = trained["verdict"].probabilities(slots_of(text, world))
        right += max(chances, key=lambda name: chances[name]) == text["verdict"]
    print(f"held out {len(held)}: {right / len(held):.1%} right")


if __name__ == "__main__":
    main()
