"""``byleave ledger``: the chain verified in the database and from a file, what was done to it named, its end noted."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.scenarios.installation import Installation

ROOT = Path(__file__).resolve().parents[2]
EVIDENCE = ("--topic", "deals", "--source", "form of the fair, asked by ann@inbox.test", "--over-13")


@pytest.fixture
def filled(here: Installation) -> Installation:
    """Three people who agreed."""
    file = here.folder / "people.csv"
    file.write_text("email\n" + "\n".join(f"{name}@inbox.test" for name in ("ann", "bob", "cyd")))
    here.ask("subscribers", "import", file, *EVIDENCE)
    return here


def change(here: Installation, *statements: str) -> None:
    """Do what only somebody with the whole database in his hands can do."""
    with closing(sqlite3.connect(here.url.partition(":///")[2])) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        for trigger in ("consent_event_no_update", "consent_event_no_delete"):
            connection.execute(f"DROP TRIGGER IF EXISTS {trigger}")
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def test_the_database_is_verified(filled: Installation) -> None:
    """From the first event to the end that was noted; a person's events are named."""
    noted = filled.byleave("ledger", "head").strip()
    heads = filled.folder / "heads.txt"
    heads.write_text(f"2026-11-26 {noted}\n\n")

    report = filled.ask("ledger", "verify", "--head", noted, "--heads", heads, "--person", "2")

    assert report["good"]
    assert f"{report['seq']}:{report['hash']}" == noted
    assert (report["events"], report["noted"], report["person_places"]) == (3, 2, [2])
    assert "3 events fit" in filled.byleave("ledger", "verify")
    filled.byleave("ledger", "verify", "--head", "12:xyz", expect=1)


@pytest.mark.parametrize(
    ("statement", "seq", "said"),
    [
        ("UPDATE consent_event SET topics = '[\"events\"]' WHERE seq = 2", 2, "does not give the hash"),
        ("DELETE FROM consent_event WHERE seq = 2", 2, "2 is missing"),
        ("DELETE FROM consent_event WHERE seq = 3", 3, "says that it ends at 3:"),
        ("UPDATE consent_event SET evidence = 'no json' WHERE seq = 2", 2, "holds what no event can hold"),
        ("UPDATE consent_event SET at = 'never' WHERE seq = 3", 3, "holds what no event can hold"),
        ("UPDATE ledger_head SET seq = 2, hash = (SELECT hash FROM consent_event WHERE seq = 2)", 3, "behind it"),
        ("DELETE FROM ledger_head", 1, "events behind it"),
    ],
)
def test_what_was_done_to_the_database_is_named(filled: Installation, statement: str, seq: int, said: str) -> None:
    """Exit code 1, the first such event, and why."""
    change(filled, statement)

    report = filled.ask("ledger", "verify", expect=1)

    assert (report["good"], report["fault"]["seq"]) == (False, seq)
    assert said in report["fault"]["why"]
    filled.byleave("ledger", "verify", expect=1)
    assert f"event {seq}:" in filled.complaint


def test_an_end_that_was_cut_off_together_with_its_head_needs_the_noted_one(filled: Installation) -> None:
    """The chain fits; what was noted elsewhere says what is gone."""
    noted = filled.byleave("ledger", "head").strip()
    change(
        filled,
        "DELETE FROM consent_event WHERE seq = 3",
        "UPDATE ledger_head SET seq = 2, hash = (SELECT hash FROM consent_event WHERE seq = 2)",
    )

    assert filled.ask("ledger", "verify")["good"]
    assert "1 events at the end are gone" in filled.ask("ledger", "verify", "--head", noted, expect=1)["fault"]["why"]


def test_a_file_is_verified_by_a_machine_that_has_nothing_else(filled: Installation, tmp_path: Path) -> None:
    """No database, no secret, no settings; nothing in the file names a person but by number, also after an erasure."""
    change(
        filled,
        "UPDATE subscriber SET address = NULL, address_key = NULL, mailbox_key = NULL, address_hash = NULL, name = ''",
    )
    file, own = tmp_path / "ledger.jsonl", tmp_path / "two.jsonl"
    written = filled.ask("ledger", "export", file)
    filled.ask("ledger", "export", own, "--person", "2")

    assert written["events"] == 3
    assert oct(file.stat().st_mode & 0o777) == "0o600"
    assert "inbox.test" not in file.read_text()
    elsewhere = Installation(tmp_path / "elsewhere")
    head = f"{written['seq']}:{written['hash']}"
    assert elsewhere.ask("ledger", "verify", "--file", file, "--head", head, "--person", "1")["person_places"] == [1]
    assert elsewhere.ask("ledger", "verify", "--file", own)["person_places"] == [2]
    assert not (tmp_path / "elsewhere" / "var").exists()
    filled.byleave("ledger", "export", file, expect=1)
    assert "is there already" in filled.complaint
    file.write_bytes(file.read_bytes().replace(b"form of the fair", b"form of the fare"))
    assert elsewhere.ask("ledger", "verify", "--file", file, expect=1)["fault"]["seq"] == 1
    elsewhere.byleave("ledger", "verify", "--file", ROOT / "README.md", expect=1)
    assert "no file that 'byleave ledger export' wrote" in elsewhere.complaint


def test_verifying_a_file_imports_no_database(tmp_path: Path) -> None:
    """What decides is pure, so that a court's expert can read it in an hour."""
    code = (
        "import sys; import consent.ledgerfile; "
        "bad = {'sqlalchemy', 'dbos', 'jinja2', 'pydantic'} & set(sys.modules); sys.exit(str(bad) if bad else 0)"
    )

    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
