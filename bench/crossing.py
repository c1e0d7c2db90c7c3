"""Measures understanding on texts that the weights have not seen: learn from four fifths, read the fifth, in turn.

Used by ``python bench/understand.py --cross 5``. The texts are those in ``inbound/lexicon/texts``; the lexicon stays
as it is, the weights are learned anew for each part. Every text goes through the whole reading of a mail.
"""

import json
import sys
from concurrent.futures import ProcessPoolExecutor
from email.message import EmailMessage
from email.policy import SMTP
from functools import cache
from hashlib import sha256
from multiprocessing import get_context
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench.train import TEXTS, read_texts, train_all  # noqa: E402
from inbound.intent import understand  # noqa: E402
from inbound.model import Intent, Reading  # noqa: E402
from inbound.reading import read, replied_campaign  # noqa: E402
from inbound.world import World, world_from_toml  # noqa: E402

Crossed = tuple[dict[str, Any], Intent | Reading]


@cache
def _world() -> World:
    return world_from_toml((TEXTS / "world.toml").read_text("utf-8"))


def part_of(text: dict[str, Any], parts: int) -> int:
    """Return the part that a text belongs to: by its words, so that copies of a text stand in the same part."""
    return int(sha256(" ".join(text["text"].split()).encode()).hexdigest(), 16) % parts


def as_mail(text: dict[str, Any]) -> bytes:
    """Return a text as the mail of a customer who answers us."""
    mail = EmailMessage(policy=SMTP)
    mail["From"] = "customer@example.org"
    mail["To"] = "promotions@proengineer.example"
    mail["Subject"] = " ".join(text["subject"].split())
    mail["Message-ID"] = "<1@example.org>"
    if text["in_reply_to"]:
        mail["In-Reply-To"] = f"<{text['in_reply_to']}.5@proengineer.example>"
    mail.set_content(text["text"])
    return mail.as_bytes()


def _one(part: int, parts: int) -> list[Crossed]:
    world = _world()
    texts = read_texts()
    learned = train_all([text for text in texts if part_of(text, parts) != part], world)
    found: list[Crossed] = []
    for text in texts:
        if part_of(text, parts) != part:
            continue
        reading = read(as_mail(text), world=world)
        if reading.intent is None or reading.visible is None:
            found.append((text, reading))
            continue
        replied = replied_campaign(reading.mail, world)
        intent = understand(reading.mail.subject, reading.visible.typed, world=world, replied=replied, learned=learned)
        found.append((text, intent))
    return found


def crossed(parts: int) -> list[Crossed]:
    """Return every text with what was decided about it by weights that had not seen it."""
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        found = list(pool.map(_one, range(parts), [parts] * parts))
    return [pair for part in found for pair in part]


def on_one_line(text: dict[str, Any], got: Intent | Reading) -> str:
    """Return a text with what was decided about it on one line."""
    shown = json.dumps(f"{text['subject']} | {text['text'][:200]}", ensure_ascii=False)
    scopes = f"{text['verdict']} {text['scope']} -> {got.verdict.value} {got.scope}"
    return f"{text['lang']} {text['trap']}: {scopes} ({got.confidence:.2f}) {shown}"
