"""``byleave subscribers record``: what a court reads, complete, escaped, and true to the ledger."""

import html
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from byleave import paper
from consent import ledger
from consent.chain import content_hash
from consent.model import Door, Proof, SubscriberId
from consent.record import record, record_of
from kit.addresses import parse_address
from kit.db import Database
from tests.database import BY_REPLY, LATER, NOW, given_subscribers
from tests.scenarios.installation import Installation

WORDING = "Ja, schickt mir Angebote & mehr <script>"
EVIDENCE = ("--topic", "deals", "--source", "form <b>of</b> the fair", "--over-13")


async def test_it_has_each_event_with_the_very_wording_and_its_hashes(database: Database) -> None:
    """The hashes are those of the ledger; by number it is the same as by address."""
    anna, _ = await given_subscribers(database, 2)
    source = ledger.Source(Door.PAGE, Proof.TOKEN, {"language": "de"}, wording=WORDING, policy_version="1")
    async with database.transaction() as session:
        await ledger.withdraw(session, anna, ["deals"], source=BY_REPLY, at=NOW)
        await ledger.subscribe(session, anna, ["deals"], source=source, at=LATER)

        found = await record_of(session, anna)
        assert found == await record(session, parse_address("p00000@example.com"))
        assert await record_of(session, SubscriberId(99)) is None

    assert found is not None
    asked = found["events"][-1]
    assert (asked["wording"], asked["language"], asked["policy_version"]) == (WORDING, "de", "1")
    assert "the person asked for promotions about “Deals”" in asked["sentence"]
    assert [event["previous"] for event in found["events"]][1:] == [event["hash"] for event in found["events"]][:-1]
    content = {
        "seq": asked["seq"], "subscriber": anna, "act": "subscribe", "purpose": "promotion", "topics": ["deals"],
        "at": "2026-11-20T13:00:00.000000+00:00", "until": None, "door": "page", "proof": "token",
        "evidence": {"language": "de"}, "wording": asked["wording_sha256"], "policy_version": "1",
    }  # fmt: skip
    assert content_hash(asked["previous"], content) == asked["hash"]
    page = paper.page(found, company="Shop & Sons", head="3:abc", at=NOW)
    assert html.escape(WORDING) in page
    assert "<script" not in page
    assert "(language <bdi>de</bdi>)" in page
    assert page.count("<h3>Event ") == 3
    assert all(event["hash"] in page for event in found["events"])


def test_by_command_and_as_a_page(here: Installation, tmp_path: Path) -> None:
    """Text, JSON and HTML say the same; nothing in the page is run or fetched."""
    here.ask("subscribers", "add", "ann@inbox.test", *EVIDENCE, "--name", "<img src=x>")
    file = tmp_path / "ann.html"

    said = here.byleave("subscribers", "record", "ann@inbox.test")
    told = here.ask("subscribers", "record", "1", "--html", file)

    page = file.read_text("utf-8")
    (event,) = told["events"]
    assert event["sentence"] in said
    assert html.escape(event["sentence"]) in page
    assert told["head"] == here.byleave("ledger", "head").strip()
    assert told["head"] in page
    assert list(told["policies"]) == [event["policy_version"]]
    assert not re.search(r"<(?:script|img|link|iframe)|https?://", page)
    assert oct(file.stat().st_mode & 0o777) == "0o600"
    here.byleave("subscribers", "record", "ann@inbox.test", "--html", file, expect=1)
    for stranger in ("2", "9" * 30, "bob@inbox.test", "no address"):
        here.byleave("subscribers", "record", stranger, expect=1)


def test_nothing_that_steers_comes_onto_the_page() -> None:
    """Direction controls and their kin are marked; of an erased person the number is left."""
    erased: dict[str, Any] = {
        "id": 7, "email": None, "topics": {"a\u202eb": "none"}, "reminder": "none", "third_party_sharing": "none",
        "suppressed": None, "events": [], "policies": {},
    }  # fmt: skip

    page = paper.page(erased, company="\x1b]0;x", head="", at=datetime(2026, 1, 1, tzinfo=UTC))

    assert not re.search(r"[\x00-\x09\x0b-\x1f\u202e]", page)
    assert "number 7 (erased" in page
