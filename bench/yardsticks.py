"""What a rate of sending is measured against: RSA alone on all cores, Postfix's smtp-source, sinks that only count.

Used by ``bench/send.py``. Everything here runs in processes of its own, on the same cores as what is measured.
"""

import asyncio
import contextlib
import os
import re
import sys
import time
from collections.abc import Iterator, Sequence
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from pathlib import Path
from queue import Queue
from typing import cast

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256

from tests.peers.process import LOOPBACK, Peer, answers, free_port, run, wait_until
from tests.peers.require import find, need

ROOT = Path(__file__).resolve().parents[1]
RSA_SECONDS = 2.0
_TICKS = os.sysconf("SC_CLK_TCK")


def family(pid: int) -> list[int]:
    """Return a process and the processes that it started and that live."""
    files = Path(f"/proc/{pid}/task").glob("*/children")
    return [pid, *(one for file in files for child in file.read_text().split() for one in family(int(child)))]


def cpu_seconds(pid: int) -> float:
    """Return the processor time that a process and those it started took so far."""
    return sum(_cpu(one, 4) for one in family(pid))


def cpu_alone(pid: int) -> float:
    """Return the processor time that one process took so far, without those it started."""
    return _cpu(pid, 2)


def _cpu(pid: int, fields: int) -> float:
    found = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11 : 11 + fields]
    return sum(map(int, found)) / _TICKS


def memory_mb(pid: int) -> float:
    """Return the memory that a process and those it started hold: their own pages, and their share of common ones."""
    found = [re.search(r"Pss:\s+(\d+) kB", Path(f"/proc/{one}/smaps_rollup").read_text()) for one in family(pid)]
    return round(sum(int(one[1]) for one in found if one) / 1024, 1)


def most_mb(pid: int) -> float:
    """Return the most memory that a process held so far, common pages and all."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return round(int(found[1]) / 1024, 1) if found else 0.0


def _sign(barrier: Barrier, told: "Queue[float]") -> None:
    key = generate_private_key(public_exponent=65537, key_size=2048)
    digest, padding, kind, count = b"d" * 32, PKCS1v15(), Prehashed(SHA256()), 0
    barrier.wait()
    begun = time.perf_counter()
    while time.perf_counter() - begun < RSA_SECONDS:
        for _ in range(20):
            key.sign(digest, padding, kind)
        count += 20
    told.put(count / (time.perf_counter() - begun))


def rsa_signatures_per_s(cores: int) -> float:
    """Return how many RSA-2048 signatures all cores make together, busy with nothing else."""
    context = get_context("spawn")
    barrier, told = context.Barrier(cores), context.Queue()
    processes = [context.Process(target=_sign, args=(barrier, told)) for _ in range(cores)]
    for process in processes:
        process.start()
    rates = [cast(float, told.get(timeout=60)) for _ in processes]
    for process in processes:
        process.join()
    return sum(rates)


class CountingSink(Peer):
    """Postfix's smtp-sink on `host`:`port`, which keeps nothing and counts what it has answered with 250."""

    name = "smtp-sink"
    host = LOOPBACK

    def __init__(self) -> None:
        super().__init__()
        self._program = need("smtp-sink", "postfix")
        self.port = free_port()

    def prepare(self) -> Sequence[str | Path]:
        """Say how it is started: `-c` writes the counters each time a message has come."""
        return [self._program, "-c", f"{self.host}:{self.port}", "500"]

    def ready(self) -> bool:
        """Return whether the port answers."""
        return answers(self.port)

    @property
    def messages(self) -> int:
        """How many messages it has taken."""
        with self.log_file.open("rb") as file:
            file.seek(max(0, self.log_file.stat().st_size - 400))
            found = re.findall(rb"mesg=(\d+)", file.read())
        return int(found[-1]) if found else 0


class DelayingSink(Peer):
    """A sink of ours that lets `delay_ms` pass before each answer, as a relay far away does, and counts."""

    name = "delaying sink"
    host = LOOPBACK
    as_nobody = False

    def __init__(self, delay_ms: float) -> None:
        super().__init__()
        self.port = free_port()
        self.delay_ms = delay_ms

    def prepare(self) -> Sequence[str | Path]:
        """Say how it is started; its program is the second half of this module."""
        program = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from bench.yardsticks import serve_late; serve_late"
        return [sys.executable, "-c", f"{program}({self.port}, {self.delay_ms}, {str(self.folder / 'count')!r})"]

    def ready(self) -> bool:
        """Return whether the port answers."""
        return answers(self.port)

    @property
    def messages(self) -> int:
        """How many messages it has taken, as of the last tenth of a second."""
        with contextlib.suppress(OSError, ValueError):
            return int((self.folder / "count").read_text())
        return 0


Sink = CountingSink | DelayingSink


class _Late(asyncio.Protocol):
    """One client: every answer leaves after the delay, all that were due together in one write."""

    taken = 0

    def __init__(self, delay: float) -> None:
        self._delay, self._buffer, self._in_data = delay, b"", False
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._say(b"220 far.test ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        said: list[bytes] = []
        while True:
            end = self._buffer.find(b"\r\n.\r\n" if self._in_data else b"\r\n")
            if end < 0:
                break
            if self._in_data:
                _Late.taken += 1
                self._in_data, self._buffer = False, self._buffer[end + 5 :]
                said.append(b"250 2.0.0 Ok\r\n")
                continue
            verb, self._buffer = self._buffer[:4].upper(), self._buffer[end + 2 :]
            self._in_data = verb == b"DATA"
            said.append(
                b"354 Go on\r\n" if self._in_data
                else b"250-far.test\r\n250-PIPELINING\r\n250 8BITMIME\r\n" if verb == b"EHLO"
                else b"221 Bye\r\n" if verb == b"QUIT" else b"250 2.1.0 Ok\r\n"
            )  # fmt: skip
        if said:
            self._say(b"".join(said))

    def _say(self, answer: bytes) -> None:
        self._loop.call_later(self._delay, self._transport.write, answer)


def _write_whole(file: Path, text: str) -> None:
    """Write a small file in one step, so that nobody reads half of it."""
    new = file.with_suffix(".new")
    new.write_text(text)
    new.replace(file)


def serve_late(port: int, delay_ms: float, count: str) -> None:
    """Be the delaying sink until ended."""

    async def serve() -> None:
        server = await asyncio.get_running_loop().create_server(lambda: _Late(delay_ms / 1000), LOOPBACK, port)
        async with server:
            while True:
                await asyncio.to_thread(_write_whole, Path(count), str(_Late.taken))
                await asyncio.sleep(0.1)

    asyncio.run(serve())


@contextlib.contextmanager
def sink(delay_ms: float) -> Iterator[Sink]:
    """Run the sink that is wanted: Postfix's, or ours where there shall be a delay."""
    with DelayingSink(delay_ms) if delay_ms else CountingSink() as made:
        yield made


def smtp_source_per_s(letter: Path, *, messages: int, sessions: int, delay_ms: float) -> float | None:
    """Return at what rate smtp-source sends a letter to a sink like ours, or None where it isn't installed."""
    program = find("smtp-source")
    if program is None:
        return None
    with sink(delay_ms) as made:
        begun = time.perf_counter()
        how: list[str | Path] = ["-d", "-s", str(sessions), "-m", str(messages), "-F", letter]
        run([program, *how, "-f", "bulk@source.test", "-t", "sink@sink.test", f"{LOOPBACK}:{made.port}"])
        took = time.perf_counter() - begun
        wait_until(lambda: made.messages >= messages, f"the sink has {messages} messages")
    return messages / took
