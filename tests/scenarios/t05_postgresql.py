"""The same engine on PostgreSQL in two processes: one listens and serves pages, the other one sends."""

import contextlib
import http.client
import smtplib
from pathlib import Path

import pytest

from consent import subscribers
from kit.addresses import parse_address
from kit.secrets import load_or_make_secrets
from mailer.tokens import Tokens
from tests.fakes.recording_relay import RecordingRelay
from tests.peers.postgres import Postgres
from tests.scenarios.installation import Installation, installed, standing_of, total
from tests.scenarios.kills import finished

pytestmark = pytest.mark.peer

PEOPLE = [f"reader{number:03}@inbox.test" for number in range(300)]
WRITES, CLICKS = PEOPLE[7], PEOPLE[8]


async def test_two_processes_share_a_postgresql(tmp_path: Path, postgres_url: str) -> None:
    """A campaign, a reply and a one-click, the next campaign: the opt-outs taken by one process bind the other."""
    with RecordingRelay() as relay:
        settings = {"DATABASE__URL": postgres_url, "MAILER__RELAYS": relay.url}
        with installed(tmp_path / "here", settings) as here:
            here.import_people(PEOPLE)
            front = here.start("listener,web")
            worker = here.start("worker")
            front.wait_ready()
            worker.wait_ready()
            async with here.database() as database:
                first = await finished(database, campaign := here.launch("First"))

                _write(front.ports["smtp"], WRITES)
                async with database.reading() as session:
                    person = await subscribers.find(session, parse_address(CLICKS))
                assert person is not None
                assert _press(front.ports["web"], _one_click(here, person.id, campaign)) == 200
                for address in (WRITES, CLICKS):
                    assert (await standing_of(database, address)).granted() == ()

                second = await finished(database, here.launch("Second"))
            assert [worker.stop(), front.stop()] == [0, 0]

        assert sorted(relay.taken("First")) == PEOPLE
        assert sorted(relay.taken("Second")) == [one for one in PEOPLE if one not in {WRITES, CLICKS}]
        assert (first["sent"], total(first)) == (300, 300)
        assert (second["sent"], total(second), second["snapshot"]) == (298, 298, 298)


def test_run_does_not_touch_a_shared_database_that_nobody_initialised(tmp_path: Path, postgres: Postgres) -> None:
    """It says what to do instead, and does it to nothing."""
    url = postgres.create_database()
    with Installation(tmp_path / "here", {"DATABASE__URL": url}) as here:
        running = here.start("listener")

        code = running.process.wait(60)

    assert code == 1
    assert "the database is empty; run 'byleave init' once" in running.tail()
    postgres.drop_database(url)


def _write(port: int, sender: str) -> None:
    letter = f"From: {sender}\r\nSubject: Re: First\r\nMessage-ID: <1@inbox.test>\r\n\r\nplease unsubscribe me\r\n"
    with smtplib.SMTP("127.0.0.1", port, timeout=30) as server:
        server.sendmail(sender, ["promotions@proengineer.example"], letter)


def _one_click(here: Installation, person: int, campaign: int) -> str:
    secrets = load_or_make_secrets(Path(here.settings["VAR"]) / "secrets.json")
    return Tokens(secrets.token_keys, secrets.current_token_key).one_click_url("", person, campaign)


def _press(port: int, path: str) -> int:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as client:
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        client.request("POST", path, "List-Unsubscribe=One-Click", form)
        return client.getresponse().status
