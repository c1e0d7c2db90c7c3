"""``byleave init``, ``doctor``, ``keys``, ``understand``, and how the command line reads its settings."""

import json
from pathlib import Path

import pytest

from byleave.cli import config_first
from tests.corpora import corpus
from tests.scenarios.installation import Installation


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (["run", "--config", "a.toml"], ["--config", "a.toml", "run"]),
        (["run", "--config=a.toml", "--only", "web"], ["--config=a.toml", "run", "--only", "web"]),
        (["--config", "a.toml", "run"], ["--config", "a.toml", "run"]),
        (["understand", "--", "--config"], ["understand", "--", "--config"]),
        (["run", "--config"], ["--config", "run"]),
        ([], []),
    ],
)
def test_config_may_stand_anywhere(written: list[str], read: list[str]) -> None:
    """Before or behind the command; what stands behind -- is no option."""
    assert config_first(written) == read


def test_settings_come_from_file_and_environment(here: Installation) -> None:
    """A wrong key is named with the nearest right one; a file that is not there is named, too."""
    file = here.folder / "mine.toml"
    file.write_text('[mailer]\ndkim_selectr = "x"\n')

    here.byleave("doctor", "--config", file, expect=1)
    assert "did you mean 'dkim_selector'?" in here.complaint
    here.byleave("init", "--config", here.folder / "none.toml", expect=1)
    assert "there is no settings file" in here.complaint
    here.settings["MAILR__HELO"] = "x"
    here.byleave("init", expect=1)
    assert "there is no section 'mailr'" in here.complaint


def test_doctor_says_what_is_missing_and_what_is_bad(here: Installation) -> None:
    """Warnings end with 0, something bad with 1; each finding says what to do."""
    before = {one["what"]: one for one in here.ask("doctor")}
    assert before["database"]["mark"] == "warning"
    assert "byleave init" in before["database"]["said"]

    here.byleave("init")
    after = {one["what"]: one["mark"] for one in here.ask("doctor")}
    assert (after["database"], after["secrets"], after["signing keys"]) == ("good", "good", "good")
    assert after["relays"] == "warning"  # the sandbox

    (Path(here.settings["VAR"]) / "secrets.json").chmod(0o644)
    here.settings["MAILER__RELAYS"] = '["smtp://127.0.0.1:1"]'
    bad = {one["what"]: one for one in here.ask("doctor", expect=1)}
    assert (bad["secrets"]["mark"], bad["relays"]["mark"]) == ("bad", "bad")
    assert "chmod 600" in bad["secrets"]["said"]
    assert "bad" in here.byleave("doctor", expect=1)


def test_keys_are_made_once_and_their_records_told(here: Installation) -> None:
    """A key that is there is never overwritten."""
    made = here.ask("keys", "new")
    before = [Path(file).read_bytes() for file in made["files"]]

    here.byleave("keys", "new", expect=1)
    records = here.ask("keys", "dns", "--host", "mx.proengineer.example")

    assert [Path(file).read_bytes() for file in made["files"]] == before
    by_name = {(one["name"], one["type"]): one["value"] for one in records}
    assert "k=ed25519" in by_name["byleave1-ed25519._domainkey.proengineer.example.", "TXT"]
    assert by_name["reply.proengineer.example.", "MX"] == "10 mx.proengineer.example."
    assert here.ask("keys", "new", "--selector", "next")["files"]


def test_understand_reads_without_database(here: Installation) -> None:
    """One JSON object a mail, in the order of the files; nothing is made on disk."""
    folder = here.folder / "mails"
    folder.mkdir()
    (folder / "1.eml").write_bytes(b"From: a@inbox.test\r\nSubject: Re: Sale\r\n\r\nPlease unsubscribe me.\r\n")
    (folder / "2.eml").write_bytes(b"From: a@inbox.test\r\nSubject: Re: Sale\r\n\r\nWhere is my order 1234?\r\n")
    (folder / "3.txt").write_bytes(b"\xff\xfe\x00")

    said = [json.loads(line) for line in here.byleave("understand", "--json", folder).splitlines()]

    assert [Path(one["file"]).name for one in said] == ["1.eml", "2.eml", "3.txt"]
    assert [one["verdict"] for one in said[:2]] == ["unsubscribe", "human"]
    assert set(said[0]) == {"file", "verdict", "scope", "recipients", "bounce", "confidence", "reasons"}
    assert said[0]["scope"] == "all"
    assert not Path(here.settings["VAR"]).exists()
    here.byleave("understand", here.folder / "missing.eml", expect=1)
    assert "there is no " in here.complaint


def test_understand_takes_the_world_of_the_corpus(here: Installation) -> None:
    """A world file names company, topics and campaigns; one that is none is refused."""
    replies = corpus("replies")

    lines = here.byleave("understand", "--json", "--world", replies / "world.toml", replies / "eml").splitlines()

    assert len(lines) == len(list((replies / "eml").rglob("*.eml")))
    assert all(json.loads(line)["verdict"] for line in lines)
    bad = here.folder / "world.toml"
    bad.write_text("topics = 3\n")
    here.byleave("understand", "--world", bad, replies / "eml", expect=1)
    assert "is no world file" in here.complaint
