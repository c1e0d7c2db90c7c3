"""Promise 1 under SIGKILL: what was answered 250 is on disk, whenever the listener dies."""

import asyncio
import contextlib
import os
import random
import signal
import socket
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from consent.subscribers import Profile, add
from consent.tables import ConsentEventRow
from kit.addresses import EmailAddress
from tests.database import NOW, SECRETS, fresh_database
from tests.inbound.taking import a_mail, town_on

ROUNDS = int(os.environ.get("BYLEAVE_CRASH_ROUNDS", "25"))
CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
async def test_every_acknowledged_opt_out_survives_sigkill(tmp_path: Path) -> None:
    """Killed right after the 250 was read, or at some moment before it; the peer comes again until it has its 250."""
    people = [EmailAddress(f"p{number}", "example.com") for number in range(ROUNDS)]
    async with fresh_database(tmp_path, kind="sqlite") as database, town_on(database) as town:
        async with database.transaction() as session:
            known = await add(session, [Profile(person) for person in people], secrets=SECRETS, at=NOW)
        helper = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.inbound.serving", str(tmp_path / "test.db"),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, cwd=CHECKOUT,
        )  # fmt: skip
        try:
            for number, person in enumerate(people):
                await _round(helper, number, person)
                async with database.reading() as session:
                    left = await session.scalars(
                        sa.select(ConsentEventRow.act).where(ConsentEventRow.subscriber_id == known[person.key])
                    )
                    assert list(left) == ["withdraw_all"]
        finally:
            assert helper.stdin is not None
            helper.stdin.close()
            await helper.wait()

        decisions = await town.decisions()
    assert len(decisions) == ROUNDS  # what was committed and not answered counted once, too


async def _round(helper: asyncio.subprocess.Process, number: int, person: EmailAddress) -> None:
    """Send one opt-out until it is acknowledged; every listener is killed, one in two of them too early."""
    mail = a_mail(sender=person, text="unsubscribe", message_id=f"{number}@example.com")
    is_early = number % 2 == 1
    while True:
        assert helper.stdin is not None
        assert helper.stdout is not None
        helper.stdin.write(b"go\n")
        pid, port = map(int, (await helper.stdout.readline()).split())
        early = random.uniform(0, 0.03) if is_early else None
        is_acknowledged = await asyncio.to_thread(_send, port, pid, str(person), mail, early)
        if is_acknowledged:
            return
        is_early = False


def _send(port: int, pid: int, sender: str, mail: bytes, early: float | None) -> bool:
    """Send the mail and kill the listener: at once when the 250 is read, or so many seconds after the dot."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection, connection.makefile("rb") as replies:
        connection.sendall(
            f"HELO x.example\r\nMAIL FROM:<{sender}>\r\nRCPT TO:<promotions@shop.example>\r\nDATA\r\n".encode()
        )
        for _ in range(5):
            replies.readline()
        connection.sendall(mail + b".\r\n")
        answer = b""
        with contextlib.suppress(OSError):
            if early is not None:
                connection.settimeout(early)
            answer = replies.readline()
        os.kill(pid, signal.SIGKILL)
        return answer.startswith(b"250")
