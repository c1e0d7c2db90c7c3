"""A database comes from a backup, by the commands of docs/operations.md, and nothing old is sent.

At the backup's moment a campaign is about to be sent. Afterwards it is sent, somebody leaves, somebody joins and
leaves, another campaign goes out; then the machine dies and the backup takes the database's place.
"""

import json
import shutil
import smtplib
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from consent import subscribers
from kit.addresses import parse_address
from tests.fakes.recording_relay import RecordingRelay
from tests.scenarios.installation import Installation, installed, standing_of, total
from tests.scenarios.kills import finished

pytestmark = pytest.mark.slow

PEOPLE = [f"reader{number:02}@inbox.test" for number in range(20)]
LEAVER, NEWCOMER = PEOPLE[3], "newcomer@inbox.test"


def back_up(url: str, folder: Path) -> Path:
    """Back up as the operations page says."""
    if url.startswith("sqlite"):
        copy = folder / "copy.db"
        subprocess.run(["sqlite3", url.partition(":///")[2], f".backup '{copy}'"], check=True)
        return copy
    copy = folder / "copy.dump"
    subprocess.run(["pg_dump", "--format=custom", f"--file={copy}", url.replace("+psycopg", "")], check=True)
    return copy


def put_back(url: str, copy: Path) -> None:
    """Restore as the operations page says; nothing runs meanwhile."""
    if url.startswith("sqlite"):
        file = Path(url.partition(":///")[2])
        for one in (file, file.with_name(f"{file.name}-wal"), file.with_name(f"{file.name}-shm")):
            one.unlink(missing_ok=True)
        shutil.copy(copy, file)
        return
    plain = url.replace("+psycopg", "")
    server, _, name = plain.rpartition("/")
    subprocess.run(["dropdb", f"--maintenance-db={server}/postgres", name], check=True)
    subprocess.run(["createdb", f"--maintenance-db={server}/postgres", name], check=True)
    subprocess.run(["pg_restore", "--dbname", plain, str(copy)], check=True)


def wait_until(fact: Callable[[], bool], why: str) -> None:
    end = time.monotonic() + 60
    while not fact():
        assert time.monotonic() < end, why
        time.sleep(0.05)


def reply(port: int, sender: str) -> None:
    letter = f"From: {sender}\r\nSubject: unsubscribe\r\nMessage-ID: <{sender}>\r\n\r\nplease unsubscribe me\r\n"
    with smtplib.SMTP("127.0.0.1", port, timeout=30) as server:
        server.sendmail(sender, ["promotions@proengineer.example"], letter)


def marked(here: Installation) -> int:
    file = Path(here.settings["VAR"]) / "mark.json"
    return int(json.loads(file.read_text())["count"]) if file.exists() else 0


def copied(here: Installation) -> str:
    return "".join(file.read_text() for file in (Path(here.settings["VAR"]) / "optouts").glob("*.jsonl"))


async def test_a_restored_backup_sends_nothing_old(tmp_path: Path, database_url: str) -> None:
    """What ran is held, what was planned is a draft, who left stays out, and lost numbers are not given out again."""
    with RecordingRelay() as relay:
        settings = {"DATABASE__URL": database_url, "MAILER__RELAYS": relay.url}
        with installed(tmp_path / "here", settings) as here:
            here.import_people(PEOPLE)
            running = here.launch("Before")
            copy = back_up(database_url, tmp_path)

            parts = here.run("listener,worker")
            async with here.database() as database:
                before = await finished(database, running)
            here.import_people([NEWCOMER])
            for sender in (LEAVER, NEWCOMER):
                reply(parts.ports["smtp"], sender)
            async with here.database() as database:
                lost = await finished(database, last := here.launch("Lost"))
                async with database.reading() as session:
                    person = await subscribers.find(session, parse_address(NEWCOMER))
                    assert person is not None
            wait_until(lambda: copied(here).count("\n") >= 2, "opt-outs have no second copy")
            count = marked(here)
            wait_until(lambda: marked(here) > count, "the mark stands still")
            parts.kill()
            put_back(database_url, copy)

            parts = here.run("worker")
            held = here.status(running)
            async with here.database() as database:
                assert (await standing_of(database, LEAVER)).granted() == ()
                here.import_people([NEWCOMER, "later@inbox.test"])
                after = await finished(database, number := here.launch("After"))
                async with database.reading() as session:
                    later = await subscribers.find(session, parse_address("later@inbox.test"))
                    assert later is not None
            again = here.ask("restore")
            assert parts.stop() == 0

        assert (before["sent"], lost["sent"]) == (20, 19)
        assert (held["state"], held["waiting"], held["unknown"], total(held)) == ("paused", 0, 20, held["snapshot"])
        assert len(relay.taken("Before")) == 20
        assert number > last
        assert later.id > person.id
        assert sorted(relay.taken("After")) == sorted([*(one for one in PEOPLE if one != LEAVER), "later@inbox.test"])
        assert total(after) == after["snapshot"]
        # the newcomer was imported anew: now there is somebody whom the opt-out can be brought back for
        assert again["optouts"] == {"unchanged": 1, "applied": 1}
