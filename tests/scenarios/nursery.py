"""Starts processes of Byleave quickly: one parent imports everything once, and each process is forked from it.

A process made here runs the command line from its first line, with the environment, folder and files given to it; it
differs from ``python -m byleave`` only in that its imports are done. Each has a number of its own and can be killed.
"""

import atexit
import contextlib
import functools
import gc
import json
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from kit.config import CHECKOUT

PRELOADED = ("byleave.cli", "byleave.engine", "byleave.letters", "alembic.command", "dbos", "aiosqlite", "psycopg")
IMPORTING_SECONDS = 120.0


class Child:
    """A process that was forked for us. Its number stays its own until it was waited for."""

    def __init__(self, nursery: "Nursery", pid: int) -> None:
        self._nursery, self.pid = nursery, pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return how it ended (a signal as its negative number), or None while it lives."""
        if self.returncode is None:
            self.returncode = self._nursery.request({"wait": self.pid})
        return self.returncode

    def wait(self, seconds: float) -> int:
        """Return how it ended, or raise TimeoutError."""
        end = time.monotonic() + seconds
        while (code := self.poll()) is None:
            if time.monotonic() > end:
                raise TimeoutError(f"process {self.pid} still lives after {seconds:g} s")
            time.sleep(0.01)
        return code

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, unless it was waited for."""
        if self.returncode is None:
            os.kill(self.pid, number)


class Nursery:
    """The parent of all processes of one test run."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.scenarios.nursery"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            cwd=CHECKOUT, text=True,
        )  # fmt: skip

    def start(self, arguments: Sequence[str], environment: Mapping[str, str], *, out: Path, err: Path) -> Child:
        """Start ``byleave`` with arguments; what it prints goes into the two files."""
        wish = {"arguments": list(arguments), "environment": dict(environment), "out": str(out), "err": str(err)}
        return Child(self, self.request(wish))

    def request(self, wish: Mapping[str, Any]) -> Any:
        """Ask the parent and return its answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._lock:
            self._process.stdin.write(json.dumps(wish) + "\n")
            self._process.stdin.flush()
            return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        """End the parent, and with it whoever still lives."""
        with contextlib.suppress(OSError):
            self._process.communicate(timeout=20)


@functools.cache
def nursery() -> Nursery:
    """Return the one of this test run; it ends with it."""
    made = Nursery()
    atexit.register(made.close)
    return made


def _serve() -> None:
    """Be the parent: read wishes line by line until the test run is over."""
    for name in PRELOADED:
        __import__(name)
    _warm_up()
    gc.freeze()
    children: set[int] = set()
    for line in sys.stdin:
        wish = json.loads(line)
        if "wait" in wish:
            pid, status = os.waitpid(wish["wait"], os.WNOHANG)
            children.discard(pid)
            print(json.dumps(os.waitstatus_to_exitcode(status) if pid else None), flush=True)
            continue
        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            _live(wish)
        children.add(pid)
        print(pid, flush=True)
    for pid in children:
        os.kill(pid, signal.SIGKILL)


def _warm_up() -> None:
    """Read one mail, so that the words of all languages are in memory."""
    from inbound.reading import read
    from inbound.world import World

    read(b"From: a@inbox.test\r\nSubject: hello\r\n\r\nPlease stop these mails.\r\n", world=World("Shop", (), ()))


def _live(wish: Mapping[str, Any]) -> NoReturn:
    """Be the child: take its files and its environment, and run the command line to its end."""
    code = 70
    try:
        for descriptor, flags, path in ((0, os.O_RDONLY, os.devnull), (1, 0, wish["out"]), (2, 0, wish["err"])):
            file = os.open(path, flags or os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            os.dup2(file, descriptor)
            os.close(file)
        os.environ.clear()
        os.environ.update(wish["environment"])
        sys.argv = ["byleave", *wish["arguments"]]
        from byleave.cli import main

        main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - the end of a process
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    _serve()
