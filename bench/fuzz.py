"""Reads mutated mails and random octets without end, and reports each that raises or takes too long, with its seed.

    python -m bench.fuzz [--inputs 100000] [--seed 1] [--folder ../shared/corpus] [--most-ms 200]

The same seed makes the same input on every machine: ``python -m bench.fuzz --only 1:4711`` reads one again.
"""

import argparse
import json
import random
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from inbound.mail import read_mail  # noqa: E402
from inbound.model import Reading  # noqa: E402
from inbound.reading import read, read_letter  # noqa: E402
from inbound.world import World, world_from_toml  # noqa: E402

LONGEST = 8_192  # octets of one input; what is longer is for bench/reading.py
_PIECES = (
    b"\n", b"\r\n", b"\r", b"\0", b"\x1b$B", b"\x1b(B", b"\xff", b"\xc3", b"\xe2\x80\xae", b"=?utf-8?q?=C3?=",
    b"=?utf-8?b?", b"=?x?q?",
    b"?=", b"=", b"==", b"=\n", b"--", b"--b", b"> ", b">", b"<", b"&#x110000;", b"&#0;", b"<!--", b"<div>",
    b"<blockquote>", b"</p>", b"<br>", b"Content-Type: multipart/mixed; boundary=b\n", b"Content-Type: text/html\n\n",
    b"Content-Type: message/rfc822\n\n", b"Content-Type: message/delivery-status\n\n", b"; charset=utf-7",
    b"; charset=idna", b"; charset=hz", b"; charset*0*=''%ff", b"Content-Transfer-Encoding: base64\n",
    b"Content-Transfer-Encoding: quoted-printable\n", b"On Mon, Jan 5, 2026 at 9:00 AM Ann <a@b.example> wrote:\n",
    b"-----Original Message-----\n", b"From: a@b.example\nTo: c@d.example\nSubject: x\n", b"unsubscribe ", b"don't ",
    b"From: ", b"To: ", b"Subject: ", b"Date: Mon, 99 Jan 9999 99:99:99 +9999\n", b"Message-ID: <[..]>\n",
    b"From: (((\n",
    b"Final-Recipient: rfc822; ", b"Status: 5.1.1\n", b"Feedback-Type: abuse\n", b"\xed\xa0\x80", b"\xf0\x9f\x9b\x91",
    "退订".encode(), "отпишите меня".encode(), "إلغاء الاشتراك".encode(), "İı".encode(), "\u0301".encode() * 9,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Finding:
    """An input that raised, or took too long: its seed, and what was seen."""

    seed: str
    what: str
    milliseconds: float


def seeds_of(folder: Path) -> list[bytes]:
    """Return the mails to mutate: each short enough one of the corpora, in a steady order."""
    files = sorted(path for path in folder.rglob("*.eml") if path.stat().st_size <= LONGEST)
    return [path.read_bytes() for path in files] or [b"From: a@b.example\nSubject: unsubscribe\n\nplease\n"]


def mutated(mails: Sequence[bytes], seed: str) -> bytes:
    """Return the input that a seed stands for: a mail with a few things done to it, or plain noise."""
    chance = random.Random(seed)  # the same on every machine
    if chance.random() < 0.05:
        return chance.randbytes(chance.randrange(2_000))
    mail = bytearray(chance.choice(mails))
    for _ in range(chance.randrange(1, 9)):
        _mutate(mail, chance, mails)
        del mail[LONGEST:]
    return bytes(mail)


def _mutate(mail: bytearray, chance: random.Random, mails: Sequence[bytes]) -> None:
    at = chance.randrange(len(mail) + 1)
    after = min(len(mail), at + chance.choice((1, 4, 40, 400, 4_000)))
    match chance.randrange(8):
        case 0:
            mail[at:at] = chance.choice(_PIECES)
        case 1:
            mail[at:at] = chance.choice(_PIECES) * chance.choice((2, 20, 300))
        case 2:
            del mail[at:after]
        case 3:
            mail[at:at] = mail[at:after] * chance.choice((1, 3, 30))
        case 4 if at < len(mail):
            mail[at] ^= 1 << chance.randrange(8)
        case 5:
            mail[at:after] = chance.randbytes(min(after - at, 64))
        case 6:
            other = chance.choice(mails)
            start = chance.randrange(len(other) + 1)
            mail[at:after] = other[start : start + 2_000]
        case _:
            lines = bytes(mail).split(b"\n")
            chance.shuffle(lines) if chance.random() < 0.2 else lines.reverse()
            mail[:] = b"\n".join(lines)


def fuzz(seeds: Iterable[str], mails: Sequence[bytes], world: World, *, most_ms: float = 200) -> list[Finding]:
    """Read the inputs of some seeds; return what raised, gave no decision, or took longer on a second look, too."""
    findings: list[Finding] = []
    for seed in seeds:
        raw = mutated(mails, seed)
        what, took = _look(raw, world)
        if took > most_ms:
            again, took_again = _look(raw, world)
            what, took = again or what, min(took, took_again)
        if what or took > most_ms:
            findings.append(Finding(seed, what or "slow", round(took, 1)))
    return findings


def _look(raw: bytes, world: World) -> tuple[str, float]:
    """Return what went wrong ("" for nothing) and the milliseconds of processor time."""
    started = time.process_time()
    try:
        # The inner one lets errors through; the outer one must hold whatever the inner one does.
        what = "" if isinstance(read_letter(read_mail(raw), raw, world=world), Reading) else "no decision"
    except Exception as error:  # noqa: BLE001  # finding those is what this is for
        told = read(raw, world=world)
        what = f"{type(error).__name__}: {str(error)[:200]} ({told.verdict.value})"
    return what, 1000 * (time.process_time() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", help="read one input again, by the seed that was reported")
    parser.add_argument("--folder", type=Path, default=ROOT.parent / "shared" / "corpus")
    parser.add_argument("--most-ms", type=float, default=200)
    given = parser.parse_args()
    mails = seeds_of(given.folder)
    world = world_from_toml((given.folder / "replies" / "world.toml").read_text("utf-8"))
    read(mails[0], world=world)  # builds what is built once
    seeds = [given.only] if given.only else [f"{given.seed}:{number}" for number in range(given.inputs)]
    started = time.process_time()
    findings = fuzz(seeds, mails, world, most_ms=given.most_ms)
    report = {
        "inputs": len(seeds),
        "seconds": round(time.process_time() - started, 1),
        "findings": [f"{one.seed} {one.what} {one.milliseconds} ms" for one in findings],
    }
    print(json.dumps(report, ensure_ascii=False, indent=1))
    sys.exit(bool(findings))


if __name__ == "__main__":
    main()
