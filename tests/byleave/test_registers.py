"""``byleave requests`` and ``byleave disclosures``: entered once, never changed, found when they are asked for."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from consent import disclosures, register
from consent.deadlines import Request, RequestAct, RequestKind, Step
from consent.disclosures import Disclosure, Ground, Sort
from kit.db import Database
from tests.database import NOW, given_subscribers
from tests.scenarios.installation import Installation

EVIDENCE = ("--topic", "deals", "--source", "fair", "--over-13")
CARD = "4111 1111 1111 1111"


def days_ago(number: int) -> str:
    return (datetime.now(UTC).date() - timedelta(days=number)).isoformat()


async def fill(database: Database) -> None:
    (person,) = await given_subscribers(database, 1)
    async with database.transaction() as session:
        today = NOW.date()
        request = Request(0, RequestKind.ERASURE, person, "ticket 5 of a@b.example", today, today, "kim")
        number = await register.add(session, request, at=NOW)
        await register.append(session, number, Step(NOW, RequestAct.NOTED, "kim", "wrote\nfrom a@b.example"))
        entry = Disclosure(0, NOW, Sort.DISCLOSURE, "Police", Ground.LAW, "x", "name", "kim", 0)
        await disclosures.add(session, entry, [person])


async def test_what_is_kept_for_good_holds_no_address(database: Database) -> None:
    """Notes are one line each."""
    await fill(database)

    async with database.reading() as session:
        request = await register.load(session, 1)
        entry = await disclosures.load(session, 1)

    assert request is not None
    assert request.reference == "ticket 5 of (an address)"
    assert request.steps[0].note == "wrote from (an address)"
    assert entry is not None
    assert entry.people == 1


@pytest.mark.parametrize("table", ["privacy_request", "privacy_request_step", "disclosure", "disclosure_person"])
async def test_the_database_refuses_to_change_a_register(database: Database, table: str) -> None:
    """On both databases."""
    await fill(database)

    column = "subscriber_id" if table == "disclosure_person" else "id"
    for statement in (f"UPDATE {table} SET {column} = 9", f"DELETE FROM {table}"):
        with pytest.raises(sa.exc.DBAPIError, match="append-only"):
            async with database.transaction() as session:
                await session.execute(sa.text(statement))


def test_a_request_from_its_receipt_to_its_end(here: Installation) -> None:
    """One month, extended in time, ended once."""
    here.ask("subscribers", "add", "ann@inbox.test", *EVIDENCE)

    entered = here.ask("requests", "add", "access", "--person", "ann@inbox.test", "--reference", "T-9", "--by", "kim")
    number = str(entered["number"])
    extended = here.ask("requests", "extend", number, "--reason", "many files", "--by", "kim")
    here.ask("requests", "note", number, "sent the file", "--by", "lee")
    here.byleave("requests", "extend", number, "--reason", "more", expect=1)
    ended = here.ask("requests", "close", number, "--by", "lee")

    assert (entered["state"], entered["person"], entered["overdue"]) == ("open", 1, False)
    assert extended["due_on"] > entered["due_on"]
    assert [(step["act"], step["by"]) for step in ended["steps"]] == [
        ("extended", "kim"), ("noted", "lee"), ("closed", "lee"),
    ]  # fmt: skip
    here.byleave("requests", "close", number, expect=1)
    assert "ended before" in here.complaint
    assert here.ask("requests", "list") == []
    assert here.ask("requests", "list", "--all")[0]["state"] == "answered"
    assert "many files" in here.byleave("requests", "show", number)


def test_monitoring_hears_of_what_is_overdue(here: Installation) -> None:
    """Exit code 3, and the overdue ones first; a refusal needs its reason."""
    here.ask("requests", "add", "objection", "--received", days_ago(5), "--by", "kim")
    assert here.ask("requests", "list", "--check") == []
    here.ask("requests", "add", "erasure", "--received", days_ago(40), "--by", "kim")

    late = here.ask("requests", "list", "--check", expect=3)

    assert [one["kind"] for one in late] == ["erasure"]
    assert [one["kind"] for one in here.ask("requests", "list")] == ["erasure", "objection"]
    assert "OVERDUE" in here.byleave("requests", "list")
    here.byleave("requests", "extend", "2", "--reason", "late", expect=1)
    assert "run out" in here.complaint
    here.byleave("requests", "close", "2", "--outcome", "refused", expect=1)
    here.ask("requests", "close", "2", "--outcome", "refused", "--note", "no such person")
    assert here.ask("requests", "list", "--check") == []


def test_what_can_not_be_is_refused(here: Installation) -> None:
    """Days to come, people nobody knows, card numbers, requests that are not there."""
    for wrong in (["--received", "2031-01-01"], ["--received", "soon"], ["--person", "7"], ["--reference", CARD]):
        here.byleave("requests", "add", "access", "--by", "kim", *wrong, expect=1)
        assert CARD not in here.complaint
    here.byleave("requests", "add", "gold", expect=2)
    here.byleave("requests", "show", "1", expect=1)


def test_a_disclosure_is_entered_and_found(here: Installation, tmp_path: Path) -> None:
    """By whom it was asked, on what ground, what was given, about whom."""
    here.ask("subscribers", "add", "ann@inbox.test", *EVIDENCE)
    law = ("--to", "District court", "--ground", "law", "--given", "consent record", "--by", "kim")

    entered = here.ask("disclosures", "add", *law, "--person", "ann@inbox.test", "--reference", "12 C 3/26")
    here.ask("disclosures", "add", *law, "--people", "40")

    assert (entered["people"], entered["persons"], entered["sort"]) == (1, [1], "disclosure")
    assert [one["people"] for one in here.ask("disclosures", "list")] == [40, 1]
    assert [one["number"] for one in here.ask("disclosures", "list", "--person", "1")] == [1]
    assert "District court" in here.byleave("disclosures", "list")
    assert here.ask("disclosures", "show", "1") == entered
    here.byleave("disclosures", "show", "9", expect=1)
    here.byleave("disclosures", "add", *law[:2], "--ground", "law", "--given", CARD, expect=1)
    here.byleave("disclosures", "add", "--to", " ", "--ground", "law", "--given", "x", expect=1)


@pytest.mark.parametrize(
    "command",
    [("requests", "add", "access", "--by", CARD),
     ("subscribers", "import", "people.csv", "--topic", "deals", "--source", CARD),
     ("subscribers", "add", "a@inbox.test", "--topic", "deals", "--name", CARD),
     ("share", "stop", "1", "--reason", CARD)],
    ids=["who", "source", "name", "reason"],
)  # fmt: skip
def test_no_door_for_text_takes_a_card_number(here: Installation, command: tuple[str, ...]) -> None:
    """P14: refused, and not said again in the complaint."""
    (here.folder / "people.csv").write_text("email\na@inbox.test\n")
    given = [str(here.folder / one) if one == "people.csv" else one for one in command]

    here.byleave(*given, expect=1)

    assert "card number" in here.complaint
    assert "4111" not in here.complaint
