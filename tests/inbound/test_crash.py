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
GROUP = 24  # who come at once
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


@pytest.mark.slow
async def test_killed_while_a_group_is_decided(tmp_path: Path) -> None:
    """Many come at once and the listener dies under them: who had a 250 is out, and who comes again is out once."""
    people = [EmailAddress(f"g{number}", "example.com") for number in range(GROUP)]
    async with fresh_database(tmp_path, kind="sqlite") as database, town_on(database) as town:
        async with database.transaction() as session:
            known = await add(session, [Profile(person) for person in people], secrets=SECRETS, at=NOW)
        helper = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.inbound.serving", str(tmp_path / "test.db"),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, cwd=CHECKOUT,
        )  # fmt: skip
        assert helper.stdin is not None
        assert helper.stdout is not None
        waiting = set(people)
        try:
            for seconds in (0.03, 0.06, 0.12, 20.0, 20.0):
                helper.stdin.write(b"go\n")
                pid, port = map(int, (await helper.stdout.readline()).split())
                killing = asyncio.get_running_loop().call_later(seconds, os.kill, pid, signal.SIGKILL)
                told = await asyncio.gather(*(asyncio.to_thread(_ask, port, person) for person in waiting))
                killing.cancel()
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                out = {person for person, is_told in zip(tuple(waiting), told, strict=True) if is_told}
                async with database.reading() as session:
                    left = await session.scalars(sa.select(ConsentEventRow.subscriber_id).where(
                        ConsentEventRow.act == "withdraw_all"
                    ))  # fmt: skip
                    assert {known[person.key] for person in out} <= set(left)
                waiting -= out
        finally:
            helper.stdin.close()
            await helper.wait()

        assert not waiting
        assert len(await town.decisions()) == len(await town.events()) == GROUP


def _ask(port: int, person: EmailAddress) -> bool:
    """Send one person's opt-out; return whether it was acknowledged before the listener died."""
    raw = a_mail(sender=person, text="unsubscribe", message_id=f"{person.local}@example.com")
    begin = f"HELO x.example\r\nMAIL FROM:<{person}>\r\nRCPT TO:<promotions@shop.example>\r\nDATA\r\n".encode()
    with (
        contextlib.suppress(OSError),
        socket.create_connection(("127.0.0.1", port), timeout=20) as connection,
        connection.makefile("rb") as replies,
    ):
        connection.sendall(begin)
        for _ in range(5):
            replies.readline()
        connection.sendall(raw + b".\r\n")
        return replies.readline().startswith(b"250")
    return False


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
