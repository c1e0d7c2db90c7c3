"""Any octets end in a decision, soon: a few thousand mutated mails; the long run is bench/fuzz.py."""

from bench.fuzz import fuzz, mutated, seeds_of
from inbound.world import world_from_toml
from tests.corpora import corpus


def test_mutated_mails_end_in_decisions() -> None:
    """None of the mutated mails raises in any reader, and none takes long."""
    replies = corpus("replies")
    world = world_from_toml((replies / "world.toml").read_text("utf-8"))

    findings = fuzz((f"ci:{number}" for number in range(3_000)), seeds_of(replies.parent), world, most_ms=1_000)

    assert findings == []


def test_a_seed_stands_for_one_input() -> None:
    """What a finding names can be made again."""
    mails = [b"From: a@b.example\n\nhello\n"]

    assert mutated(mails, "1:7") == mutated(mails, "1:7")
    assert len({mutated(mails, f"1:{number}") for number in range(50)}) > 25
