"""Stopping in the middle and starting again: nothing is unknown after an orderly stop, and the rest is sent."""

import asyncio
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from kit.config import CHECKOUT
from tests.fakes.recording_relay import RecordingRelay
from tests.scenarios.installation import Installation, installed, total
from tests.scenarios.kills import finished, sent

pytestmark = pytest.mark.slow

PEOPLE = 1000


async def test_a_stop_in_the_middle_of_a_campaign_leaves_nothing_unknown(tmp_path: Path, database_url: str) -> None:
    """SIGTERM lets what is on its way come to its end; the next start sends the rest, to each person once."""
    settings = {"MAILER__SLICE_SIZE": "50", "MAILER__CHUNK_SIZE": "250", "DATABASE__URL": database_url}
    with RecordingRelay(pause=0.01) as relay:
        with installed(tmp_path / "here", settings | {"MAILER__RELAYS": relay.url}) as here:
            here.import_people(f"reader{number:05}@inbox.test" for number in range(PEOPLE))
            first = here.run()
            campaign = here.launch("Sale")
            await sent(relay, "Sale", PEOPLE // 10)

            code = await asyncio.to_thread(first.stop)
            between = here.status(campaign)
            here.run("worker")
            async with here.database() as database:
                counts = await finished(database, campaign)

        assert code == 0
        assert between["unknown"] == 0
        assert 0 < between["waiting"] < PEOPLE
        assert total(between) == PEOPLE
        assert counts["sent"] == PEOPLE
        assert set(Counter(relay.taken("Sale")).values()) == {1}
        assert len(relay.taken("Sale")) == PEOPLE


def test_init_may_be_repeated(tmp_path: Path) -> None:
    """The second one changes nothing: same secrets, same keys, same people."""
    with installed(tmp_path / "here") as here:
        here.import_people(["ann@inbox.test"])
        var = Path(here.settings["VAR"])
        before = {file.name: file.read_bytes() for file in [var / "secrets.json", *(var / "keys").iterdir()]}

        said = here.ask("init")

        after = {file.name: file.read_bytes() for file in [var / "secrets.json", *(var / "keys").iterdir()]}
        assert after == before
        assert said["var"] == str(var)
        assert here.ask("subscribers", "show", "ann@inbox.test")["topics"]["deals"] == "granted"


def test_the_module_itself_runs_and_ends(tmp_path: Path) -> None:
    """``python -m byleave run`` makes an embedded set-up at its first start, says its ports, and ends with 0."""
    here = Installation(tmp_path / "here")
    process = subprocess.Popen(
        [sys.executable, "-m", "byleave", "run"], env=here.environment, cwd=CHECKOUT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert process.stdout is not None

    line = process.stdout.readline()
    process.terminate()
    process.communicate(timeout=90)

    assert line.startswith("byleave: ready (smtp 127.0.0.1:")
    assert process.returncode == 0


def test_an_unknown_part_is_refused(tmp_path: Path) -> None:
    """A misspelt part is named, with those there are."""
    here = Installation(tmp_path / "here")

    running = here.start("listner")

    assert running.process.wait(60) == 1
    assert "there is no part 'listner'; there are listener, imap, worker, web" in running.tail()
