"""``byleave subscribers``: import, add, show, as a script sees them: one JSON value, and an exit code."""

import json
from pathlib import Path
from typing import Any

from tests.scenarios.installation import Installation

EVIDENCE = ("--topic", "deals", "--source", "form of the spring fair")


def written(here: Installation, text: str, encoding: str = "utf-8") -> Path:
    file = here.folder / "people.csv"
    file.write_bytes(text.encode(encoding))
    return file


def test_an_import_is_granted_on_its_evidence(here: Installation) -> None:
    """Semicolons, a BOM and further columns are fine; the evidence stands in the ledger."""
    file = written(here, "email;name;plan\nann@inbox.test;Ann;gold\nbob@inbox.test;Bob;basic\n", "utf-8-sig")

    report = here.ask("subscribers", "import", file, *EVIDENCE, "--over-13")
    ann = here.ask("subscribers", "show", "ann@inbox.test")

    assert (report["good"], report["added"], report["granted"], report["refused"]) == (2, 2, 2, [])
    assert ann["topics"]["deals"] == "granted"
    assert ann["age"] == "over_13"
    (event,) = ann["events"]
    assert (event["door"], event["proof"]) == ("import", "evidence")
    assert event["evidence"]["source"] == "form of the spring fair"


def test_refused_lines_are_named_and_the_rest_is_imported(here: Installation) -> None:
    """Exit code 3: done in part. Each refusal has its line and its reason."""
    lines = ("email,birth_date", "ann@inbox.test,1990-01-01", ",1990-01-01", "kid@inbox.test,2024-05-05", "no address,")
    file = written(here, "\n".join(lines))

    report = here.ask("subscribers", "import", file, *EVIDENCE, expect=3)

    assert report["imported"] == 1
    assert [refusal["line"] for refusal in report["refused"]] == [3, 4, 5]
    assert all(refusal["reason"] for refusal in report["refused"])
    here.byleave("subscribers", "show", "kid@inbox.test", expect=1)


def test_card_numbers_refuse_the_whole_file(here: Installation) -> None:
    """Nothing half done: nobody of the file is known afterwards, and the number is not repeated to anybody."""
    file = written(here, "email,note\nann@inbox.test,hello\nbob@inbox.test,4111 1111 1111 1111\n")

    here.byleave("subscribers", "import", file, *EVIDENCE, expect=1)

    assert "card" in here.complaint
    assert "4111" not in here.complaint
    here.byleave("subscribers", "show", "ann@inbox.test", expect=1)


def test_a_dry_run_writes_nothing(here: Installation) -> None:
    """It reports what an import would do."""
    file = written(here, "email\nann@inbox.test\n")

    report = here.ask("subscribers", "import", file, *EVIDENCE, "--dry-run")

    assert (report["good"], report["imported"], report["dry_run"]) == (1, 0, True)
    here.byleave("subscribers", "show", "ann@inbox.test", expect=1)


def test_an_unknown_topic_and_an_empty_source_are_refused(here: Installation) -> None:
    """The reason is one line on standard error, and standard output stays empty."""
    file = written(here, "email\nann@inbox.test\n")

    assert here.byleave("subscribers", "import", file, "--topic", "dogs", "--source", "x", "--json", expect=1) == ""
    assert "there is no topic 'dogs'; known are " in here.complaint
    assert here.byleave("subscribers", "import", file, "--topic", "deals", "--source", " ", "--json", expect=1) == ""
    assert "--source must say where" in here.complaint
    here.byleave("subscribers", "import", file, "--topic", "deals", expect=2)
    here.byleave("subscribers", "import", here.folder / "no.csv", *EVIDENCE, expect=1)
    assert "can't be read" in here.complaint


def test_an_import_does_not_bring_back_who_has_left(here: Installation) -> None:
    """Promise 6: a second import of the same file changes nothing."""
    file = written(here, "email\nann@inbox.test\n")

    here.ask("subscribers", "import", file, *EVIDENCE)
    again = here.ask("subscribers", "import", file, *EVIDENCE)

    assert (again["added"], again["granted"]) == (0, 0)
    assert len(here.ask("subscribers", "show", "ann@inbox.test")["events"]) == 1


def test_add_waits_for_a_yes_unless_there_is_evidence(here: Installation) -> None:
    """Nobody is subscribed by staff alone."""
    pending: Any = here.ask("subscribers", "add", "ann@inbox.test", "--topic", "deals")
    granted: Any = here.ask("subscribers", "add", "bob@inbox.test", *EVIDENCE, "--name", "Bob", "--language", "de")

    assert pending["topics"]["deals"] == "pending"
    assert granted["topics"]["deals"] == "granted"
    here.byleave("subscribers", "add", "not an address", "--topic", "deals", expect=1)
    assert here.complaint.startswith("byleave: ")


def test_show_is_readable_without_json(here: Installation) -> None:
    """People see the address, the topics and each event."""
    here.ask("subscribers", "add", "ann@inbox.test", *EVIDENCE)

    said = here.byleave("subscribers", "show", "ANN@inbox.test")

    assert said.startswith("ann@inbox.test")
    assert "granted" in said
    assert "source: form of the spring fair" in said
    here.byleave("subscribers", "show", "nobody@inbox.test", expect=1)
    assert "nobody with that address is known" in here.complaint
    assert json.loads(here.byleave("subscribers", "show", "ann@inbox.test", "--json"))["email"] == "ann@inbox.test"
