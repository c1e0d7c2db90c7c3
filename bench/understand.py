"""Measures how well replies are understood on a labelled folder, beside the simple rules that others publish.

    python bench/understand.py ../shared/corpus/replies [--json] [--texts] [--worst 20]
    python bench/understand.py --cross 5     the texts in the repository, each read by weights that have not seen it
    python bench/understand.py --unseen [tests/inbound/unseen/second]     replies that no weight has seen

The folder holds ``eml/labels.jsonl`` with the mails beside it, ``texts.jsonl`` with the bare texts, and ``world.toml``.
Mails a second: the best of five passes over all of them, by processor time, after one that is not counted.
"""

import argparse
import json
import math
import re
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench.crossing import as_mail, crossed, on_one_line  # noqa: E402
from bench.train import TEXTS  # noqa: E402
from inbound.intent import understand  # noqa: E402
from inbound.mail import read_mail  # noqa: E402
from inbound.model import Scope  # noqa: E402
from inbound.reading import read  # noqa: E402
from inbound.replies import visible_text  # noqa: E402
from inbound.world import World, world_from_toml  # noqa: E402
from kit.processes import settle  # noqa: E402

PASSES = 5
UNSEEN = ROOT / "tests" / "inbound" / "unseen"
Decision = tuple[str, Any]
_UNICA = ("unsubscribe", "unsub", "stop", "end", "quit", "cancel")


def told(verdict: str, scope: Scope | list[str]) -> Decision:
    return verdict, tuple(sorted(scope)) if isinstance(scope, (list, tuple)) else scope


def discourse(subject: str, typed: str) -> Decision:
    """Subject or trimmed body is exactly the word."""
    if "unsubscribe" in {subject.strip().lower(), typed.strip().lower()}:
        return "unsubscribe", "all"
    return "human", None


def unica(subject: str, typed: str) -> Decision:
    """A listed word alone in the subject or on one of the first five lines; "unsubscribe" also inside the subject."""
    bare = re.sub(r"(?i)^((re|aw|fwd?|sv)\s*:\s*)+", "", subject).strip().lower()
    lines = [line.strip().lower().rstrip(".!") for line in typed.splitlines()[:5]]
    if bare in _UNICA or "unsubscribe" in bare or any(line in _UNICA for line in lines):
        return "unsubscribe", "all"
    return "human", None


def keywords(subject: str, typed: str) -> Decision:
    """Words that an operator would list, anywhere in subject or body."""
    text = f"{subject}\n{typed}".lower()
    if re.search(r"\b(unsubscribe|remove|leave|opt out|opt-out)\b", text):
        return "unsubscribe", "all"
    return "human", None


def outcome(label: dict[str, Any], got: Decision) -> str:
    """Name what became of a mail: right, unclear, wrong act, wrong scope, or missed."""
    gold = told(label["verdict"], label["scope"])
    if got[0] == "unclear":
        return "unclear"
    if got == gold:
        return "right"
    if got[0] in {"unsubscribe", "subscribe"}:
        return "wrong scope" if got[0] == gold[0] else "wrong act"
    if {got[0], gold[0]} == {"human", "auto"}:
        return "human/auto"
    return "missed" if gold[0] in {"unsubscribe", "subscribe"} else "other"


def figures(results: list[tuple[dict[str, Any], Decision]]) -> dict[str, float]:
    requests = [outcome(label, got) for label, got in results if label["verdict"] == "unsubscribe"]
    everything = [outcome(label, got) for label, got in results]
    autos = [got[0] for label, got in results if label["verdict"] == "auto"]
    return {
        "mails": len(results),
        "requests": len(requests),
        "acted_right": requests.count("right") / max(1, len(requests)),
        "acted_or_asked": sum(o in {"right", "unclear", "wrong scope"} for o in requests) / max(1, len(requests)),
        "wrong_acts": sum(o.startswith("wrong") for o in everything) / max(1, len(everything)),
        "unclear": everything.count("unclear") / max(1, len(everything)),
        "automatic_found": autos.count("auto") / max(1, len(autos)),
    }


def measure(folder: Path, world: World, *, texts: bool) -> tuple[list[tuple[dict[str, Any], Decision]], float]:
    """Read every mail (or bare text) of the folder; return label and decision of each, and the seconds it took."""
    results = []
    if texts:
        campaigns = {c.id: c for c in world.campaigns}
        labels = [json.loads(line) for line in (folder / "texts.jsonl").read_text("utf-8").splitlines()]
        started = time.process_time()
        for label in labels:
            replied = campaigns.get(label["in_reply_to"])
            intent = understand(label["subject"], label["text"], world=world, replied=replied)
            results.append((label, told(intent.verdict.value, intent.scope)))
        return results, time.process_time() - started
    labels = [json.loads(line) for line in (folder / "eml" / "labels.jsonl").read_text("utf-8").splitlines()]
    mails = [(label, (folder / "eml" / label["file"]).read_bytes()) for label in labels]
    for _, raw in mails:
        read(raw, world=world)
    settle()  # as the processes do that read for a living
    best = math.inf
    for _ in range(PASSES):
        started = time.process_time()
        readings = [read(raw, world=world) for _, raw in mails]
        best = min(best, time.process_time() - started)
    for (label, _), reading in zip(mails, readings, strict=True):
        results.append((label, told(reading.verdict.value, reading.scope)))
    return results, best


def by(results: list[tuple[dict[str, Any], Decision]], key: str) -> dict[str, dict[str, int]]:
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for label, got in results:
        found[str(label.get(key, "-"))][outcome(label, got)] += 1
    return {name: dict(found[name]) for name in sorted(found, key=lambda n: (-sum(found[n].values()), n))}


def simple_rules(folder: Path, world: World) -> dict[str, dict[str, float]]:
    found = {}
    for rule in (discourse, unica, keywords):
        results = []
        for line in (folder / "eml" / "labels.jsonl").read_text("utf-8").splitlines():
            label = json.loads(line)
            mail = read_mail((folder / "eml" / label["file"]).read_bytes())
            results.append((label, rule(mail.subject, visible_text(mail, world).typed)))
        found[rule.__name__] = figures(results)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--cross", type=int, default=0, metavar="PARTS", help="measure on the texts to learn from")
    parser.add_argument(
        "--unseen", nargs="?", type=Path, const=UNSEEN, help="measure on replies that no weight has seen"
    )
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--texts", action="store_true", help="the bare texts instead of the mails")
    parser.add_argument("--worst", type=int, default=10)
    given = parser.parse_args()
    if given.cross:
        show(cross(given.cross, given.worst), as_json=given.json)
        return
    if given.unseen:
        show(unseen(given.worst, given.unseen), as_json=given.json)
        return
    if given.folder is None:
        parser.error("name a folder, or --cross, or --unseen")
    world = world_from_toml((given.folder / "world.toml").read_text("utf-8"))
    results, seconds = measure(given.folder, world, texts=given.texts)
    confusion = Counter(f"{label['verdict']} -> {got[0]}" for label, got in results)
    report = {
        "figures": figures(results),
        "mails_a_second": round(len(results) / seconds),
        "confusion": dict(confusion.most_common()),
        "by_language": by(results, "lang"),
        "by_client": by(results, "client"),
        "by_trap": by(results, "trap"),
        "simple_rules": {} if given.texts else simple_rules(given.folder, world),
        "worst": [
            {"file": label.get("file", label.get("subject")), "lang": label["lang"], "trap": label["trap"], "got": got}
            for label, got in results
            if outcome(label, got).startswith(("wrong", "missed"))
        ][: given.worst],
    }
    show(report, as_json=given.json)


def cross(parts: int, worst: int) -> dict[str, Any]:
    """Report on the texts to learn from, each read by weights that have not seen it."""
    found = crossed(parts)
    results = [(text, told(got.verdict.value, got.scope)) for text, got in found]
    wrong = [pair for pair in found if outcome(pair[0], told(pair[1].verdict.value, pair[1].scope)).startswith("wrong")]
    return {
        "figures": figures(results),
        "confusion": dict(Counter(f"{label['verdict']} -> {got[0]}" for label, got in results).most_common()),
        "by_language": by(results, "lang"),
        "by_trap": by(results, "trap"),
        "worst": [on_one_line(*pair) for pair in sorted(wrong, key=lambda pair: -pair[1].confidence)][:worst],
        "missed": [
            on_one_line(*pair) for pair in found if outcome(pair[0], told(pair[1].verdict.value, None)) == "missed"
        ][:worst],
    }


def unseen(worst: int, folder: Path = UNSEEN) -> dict[str, Any]:
    """Report on the unseen replies, each read whole as a mail; of wrong ones the traps alone are shown, so many."""
    world = world_from_toml((TEXTS / "world.toml").read_text("utf-8"))
    results = []
    files = sorted(folder.glob("*.jsonl"))
    for text in (json.loads(line) for file in files for line in file.read_text("utf-8").splitlines()):
        reading = read(as_mail(text), world=world)
        results.append((text, told(reading.verdict.value, reading.scope)))
    wrong = [label["trap"] for label, got in results if outcome(label, got).startswith("wrong")]
    return {
        "figures": figures(results),
        "confusion": dict(Counter(f"{label['verdict']} -> {got[0]}" for label, got in results).most_common()),
        "by_language": by(results, "lang"),
        "wrong": wrong[:worst],
    }


def show(report: dict[str, Any], *, as_json: bool) -> None:
    """Print a report, as JSON or in lines."""
    if as_json:
        print(json.dumps(report, ensure_ascii=False, indent=1))
        return
    for name, part in report.items():
        print(f"\n{name}")
        rows = part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else [("", part)]
        for key, value in rows:
            print(f"  {key}: {value:.3f}" if isinstance(value, float) else f"  {key}: {value}")


if __name__ == "__main__":
    main()
