"""Who writes to a listener: honest mail servers that deliver replies, and hostile peers of every kind.

Used by ``bench/listener.py`` and by the scenario of the attack. Both crowds run in processes of their own.
"""

import asyncio
import contextlib
import itertools
import json
import random
import time
from collections.abc import Iterator, Sequence
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
TEXTS = ROOT / "inbound" / "lexicon" / "texts" / "open.jsonl"
HOST = "127.0.0.1"
ADDRESSES = 50  # that the hostile come from
PATIENCE = 120.0  # seconds for one answer


class Wire(NamedTuple):
    """One connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


Mail = tuple[str, str, bytes]  # from, to, content


def replies(people: Sequence[tuple[str, str]], *, seed: int = 1) -> list[Mail]:
    """Return one reply of each person (their address, and the reply address of the letter they got), in many words."""
    rng = random.Random(seed)
    texts = [json.loads(line) for line in TEXTS.read_text("utf-8").splitlines()]
    leaving = [one for one in texts if one["verdict"] == "unsubscribe" and one["scope"] == "all" and one["in_reply_to"]]
    found = []
    for number, (sender, to) in enumerate(people):
        words = rng.choice(leaving)
        quoted = "\r\n".join(f"> All bundles cost {part} % less until Sunday." for part in range(20, 32))
        body = f"{words['text']}\r\n\r\nOn Mon, 23 Nov 2026, Pro Engineer Portal wrote:\r\n{quoted}\r\n"
        head = (
            f"From: <{sender}>\r\nTo: <{to}>\r\nSubject: Re: May sale\r\nMessage-ID: <{seed}.{number}@crowd.test>\r\n"
            "Date: Thu, 26 Nov 2026 08:00:00 +0000\r\nMIME-Version: 1.0\r\n"
            "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
        )
        content = (head + "\r\n".join(body.splitlines()) + "\r\n").replace("\r\n.", "\r\n..").encode()
        found.append((sender, to, content))
    return found


async def _deliver(port: int, mails: "itertools.chain[Mail]", seconds: list[float], refused: list[str]) -> None:
    """Deliver mails over connections of one's own, coming again after a 4xx as every mail server does."""
    for mail in mails:
        for attempt in range(20):
            try:
                answer, took = await asyncio.wait_for(_one(port, mail), PATIENCE)
            except (OSError, asyncio.IncompleteReadError, TimeoutError) as error:
                answer, took = f"4 {type(error).__name__}", 0.0
            if not answer.startswith("4"):
                break
            await asyncio.sleep(min(2.0, 0.05 * 2**attempt))
        if answer.startswith("250"):
            seconds.append(took)
        else:
            refused.append(answer)


_lines: dict[int, tuple[asyncio.StreamReader, asyncio.StreamWriter]] = {}


async def _one(port: int, mail: Mail) -> tuple[str, float]:
    """Deliver one mail; return the answer after the dot and how long it took."""
    me = id(asyncio.current_task())
    sender, to, content = mail
    if me not in _lines:
        _lines[me] = await asyncio.open_connection(HOST, port)
        await _reply(_lines[me][0])
        _lines[me][1].write(b"EHLO crowd.test\r\n")
        await _reply(_lines[me][0])
    reader, writer = _lines[me]
    try:
        writer.write(f"MAIL FROM:<{sender}> BODY=8BITMIME\r\nRCPT TO:<{to}>\r\nDATA\r\n".encode())
        answers = [await _reply(reader) for _ in range(3)]
        if not answers[2].startswith("354"):
            return answers[2], 0.0
        writer.write(content + b".\r\n")
        began = time.perf_counter()
        return await _reply(reader), time.perf_counter() - began
    except BaseException:
        _lines.pop(me)
        writer.close()
        raise


async def _reply(reader: asyncio.StreamReader) -> str:
    while True:
        line = await reader.readuntil(b"\n")
        if line.startswith(b"421"):
            raise OSError("421")
        if line[3:4] != b"-":
            return line.decode()


async def _honest(port: int, mails: Sequence[Mail], connections: int) -> dict[str, Any]:
    seconds: list[float] = []
    refused: list[str] = []
    began = time.perf_counter()
    queues = [mails[place::connections] for place in range(connections)]
    await asyncio.gather(*(_deliver(port, itertools.chain(queue), seconds, refused) for queue in queues))
    took = time.perf_counter() - began
    for _, writer in _lines.values():
        writer.close()
    return {"seconds": took, "answered": sorted(seconds), "refused": refused[:10], "count": len(refused)}


def _run_honest(port: int, mails: Sequence[Mail], connections: int, out: Connection) -> None:
    out.send(asyncio.run(_honest(port, mails, connections)))


def honest(port: int, mails: Sequence[Mail], *, connections: int = 20) -> dict[str, Any]:
    """Deliver all mails from a process of its own.

    Returns ``seconds`` in all, ``answered`` (how long each 250 took, ascending), ``refused`` and their ``count``.
    """
    context = get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_run_honest, args=(port, mails, connections, there))
    process.start()
    found: dict[str, Any] = here.recv()
    process.join()
    return found


# -- the hostile ------------------------------------------------------------------------------------------------------

BOMB = (
    b"From: a@b.test\r\nSubject: " + b"=?utf-8?q?=C3?= " * 3000 + b"\r\n"
    + b"".join(b"X-%d: %s\r\n" % (n, b"y" * 900) for n in range(900))
    + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
    + b"--b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" * 3000
)  # fmt: skip


async def _hang(wire: Wire) -> None:
    """Say nothing at all."""
    await wire.reader.read()


async def _drip(wire: Wire) -> None:
    """Send a mail, one octet at a time."""
    wire.writer.write(b"EHLO x\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<promotions@proengineer.example>\r\nDATA\r\n")
    while True:
        wire.writer.write(b"x")
        await wire.writer.drain()
        await asyncio.sleep(0.2)


async def _flood(wire: Wire) -> None:
    """Send commands without reading the answers."""
    while True:
        wire.writer.write(b"NOOP\r\nRCPT TO:<x>\r\nVRFY y\r\n" * 20)
        await wire.writer.drain()
        await asyncio.sleep(0.05)


async def _bomb(wire: Wire) -> None:
    """Send mails that are hard to read."""
    wire.writer.write(b"EHLO x\r\n")
    for number in itertools.count():
        wire.writer.write(b"MAIL FROM:<a@b.test>\r\nRCPT TO:<promotions@proengineer.example>\r\nDATA\r\n")
        wire.writer.write(BOMB + b"\r\n%d %d\r\n.\r\n" % (id(wire), number))
        await wire.writer.drain()
        await asyncio.sleep(2.0)


async def _leave(wire: Wire) -> None:
    """Come, and go in the middle of a word."""
    wire.writer.write(b"EHL")
    await asyncio.sleep(0.3)


_KINDS = (*[_hang] * 5, *[_drip] * 5, *[_flood] * 4, *[_leave] * 5, _bomb)


async def _hostile(port: int, count: int) -> None:
    async def one(number: int) -> None:
        kind = _KINDS[number % len(_KINDS)]
        while True:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                home = (f"127.0.1.{number % ADDRESSES + 1}", 0)
                reader, writer = await asyncio.open_connection(HOST, port, local_addr=home)
                with contextlib.suppress(OSError):
                    await kind(Wire(reader, writer))
                writer.close()
            await asyncio.sleep(0.5)

    await asyncio.gather(*(one(number) for number in range(count)))


def _run_hostile(port: int, count: int) -> None:
    asyncio.run(_hostile(port, count))


@contextlib.contextmanager
def hostile(port: int, count: int) -> Iterator[None]:
    """Attack with so many connections, of five kinds, from a process of its own, until the block ends."""
    process = get_context("spawn").Process(target=_run_hostile, args=(port, count), daemon=True)
    process.start()
    try:
        yield
    finally:
        process.kill()
        process.join()
