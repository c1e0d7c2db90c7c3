"""Customers write while hostile peers hang, drip, flood and send bombs: every customer is heard.

Honest replies: BYLEAVE_ATTACK_MAILS; hostile connections: BYLEAVE_ATTACK_PEERS. Figures go to standard output.
"""

import asyncio
import os
import re
from pathlib import Path

import pytest
import sqlalchemy as sa

from bench.crowd import honest, hostile, replies
from consent.tables import SubscriberRow
from inbound.tables import DecisionRow
from kit.secrets import load_or_make_secrets
from mailer.tokens import Tokens
from tests.scenarios.installation import installed, standing_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

MAILS = int(os.environ.get("BYLEAVE_ATTACK_MAILS") or (2000 if os.environ.get("CI") else 500))
PEERS = int(os.environ.get("BYLEAVE_ATTACK_PEERS") or 500)
MOST_MEMORY_MB = 300


async def test_every_customer_is_heard_while_the_listener_is_attacked(tmp_path: Path) -> None:
    """Each honest reply is answered 250 and decided, and the listener's memory stays within bounds."""
    people = [f"reader{number:05}@inbox.test" for number in range(MAILS)]
    with installed(tmp_path / "here") as here:
        here.import_people([*people, "stays@inbox.test"])
        letter = tmp_path / "campaign.toml"
        letter.write_text('name = "May"\nsubject = "May sale"\ntopic = "deals"\ntext = "All bundles cost 30 % less."\n')
        mailing = int(here.ask("campaign", "new", letter)["id"])
        async with here.database() as database, database.reading() as session:
            rows = await session.execute(sa.select(SubscriberRow.address, SubscriberRow.id))
            numbers = {str(address): int(number) for address, number in rows}
        secrets = load_or_make_secrets(Path(here.settings["VAR"]) / "secrets.json")
        tokens = Tokens(secrets.token_keys, secrets.current_token_key)
        listener = here.run("listener")
        port = listener.ports["smtp"]
        written = [(one, tokens.reply_address("reply.proengineer.example", numbers[one], mailing)) for one in people]
        with hostile(port, PEERS):
            await asyncio.sleep(2)
            told = await asyncio.to_thread(honest, port, replies(written), connections=20)
        memory = most_memory(listener.process.pid)
        async with here.database() as database:
            async with database.reading() as session:
                of_people = sa.select(sa.func.count()).where(DecisionRow.subscriber_id.in_(sorted(numbers.values())))
                decided = await session.scalar(of_people)
            stays = await standing_of(database, "stays@inbox.test")
        listener.stop()

    took = told["answered"]
    print(f"{MAILS} replies, {PEERS} hostile: {MAILS / told['seconds']:.0f}/s, p99 {took[int(len(took) * 0.99)]:.2f} s,"
          f" {memory:.0f} MB")  # fmt: skip
    assert (told["count"], told["refused"]) == (0, [])
    assert len(took) == decided == MAILS
    assert stays.granted() == ("deals",)
    assert memory < MOST_MEMORY_MB


def most_memory(process: int) -> float:
    """Return the most memory that a process has held, in MB."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) / 1024
