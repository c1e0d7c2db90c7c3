"""Measures where the microseconds of a letter go: each step of writing and signing alone, in one thread.

    python -m bench.steps [--letters 1000]

Printed for each step: processor microseconds a letter, the best of five rounds. The letters are those of
``bench/send.py``, each to another person. What happens around them (claim, hand-over, record) is measured there.
"""

import argparse
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench.send import letter  # noqa: E402
from kit.addresses import EmailAddress  # noqa: E402
from mailer.compose import Source, compile_mailing  # noqa: E402
from mailer.envelope import stuffed  # noqa: E402
from mailer.form import PERSONAL, PromotionForm  # noqa: E402
from mailer.mime import check  # noqa: E402
from mailer.model import Recipient  # noqa: E402
from mailer.promotion import Promotion  # noqa: E402
from mailer.signing import Signer  # noqa: E402
from tests.mailer.letters_at_hand import MAILING, SENDER, TOKENS, dkim_keys  # noqa: E402

ROUNDS = 5


def best(step: Callable[[Recipient], object], people: list[Recipient]) -> float:
    """Return the processor microseconds that a step takes for one person, at best; each round has people of its own."""
    step(people[0])
    rounds, size = [], len(people) // ROUNDS
    for start in range(0, size * ROUNDS, size):
        begun = time.process_time()
        for person in people[start : start + size]:
            step(person)
        rounds.append((time.process_time() - begun) / size * 1e6)
    return round(min(rounds), 1)


def measure(letters: int) -> dict[str, float]:
    """Return the microseconds of each step."""
    now, words = datetime.now(UTC), letter()
    people = [
        Recipient(number, EmailAddress(f"reader{number:07}", "inbox.test"), f"Reader {number}", "en", {"plan": "pro"})
        for number in range(letters * ROUNDS)
    ]
    compiled = compile_mailing(SENDER, MAILING, Source(words["subject"], "", words["html"]))
    form = PromotionForm(SENDER, MAILING, compiled.lines)
    names = [name.lower().encode() for name in PERSONAL]
    seals = {
        kind: Signer(dkim_keys(), using=using).seal(fixed=form.fixed, personal=names)
        for kind, using in (("RSA-2048", ["rsa-sha256"]), ("Ed25519", ["ed25519-sha256"]))
    }
    ways = {person.subscriber_id: TOKENS.links(SENDER, person.subscriber_id, MAILING.id) for person in people}
    filled = {person.subscriber_id: compiled.fill(person, ways[person.subscriber_id]) for person in people}
    draft = form.draft(people[0], ways[0], filled[0], now)
    content = draft.mail().content
    plain = Promotion(SENDER, MAILING, compiled, TOKENS, Signer(dkim_keys(), using=()))
    steps: dict[str, Callable[[Recipient], object]] = {
        "six signed tokens": lambda person: TOKENS.links(SENDER, person.subscriber_id, MAILING.id),
        "words: three templates, footer": lambda person: compiled.fill(person, ways[person.subscriber_id]),
        "bytes: headers, body, their checks": lambda person: form.draft(
            person, ways[person.subscriber_id], filled[person.subscriber_id], now
        ),
        "all of an unsigned letter": lambda person: plain.letter(person, now),
        "RSA-2048 signature": lambda _: seals["RSA-2048"].fields(draft.personal, draft.body[2:], now),
        "Ed25519 signature": lambda _: seals["Ed25519"].fields(draft.personal, draft.body[2:], now),
        "for comparison: the wire's look at bytes of others": lambda _: stuffed(content),
        "for comparison: the check of a whole letter": lambda _: check(content),
    }
    return {name: best(step, people) for name, step in steps.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--letters", type=int, default=1000)
    for name, microseconds in measure(parser.parse_args().letters).items():
        print(f"{microseconds:8.1f}  {name}")


if __name__ == "__main__":
    main()
