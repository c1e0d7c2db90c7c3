"""How a peer lives: a folder with a short path, a free port, one process of ours, its log in the failure.

Every process is ended by the process id that we were given when we started it. Nothing here knows what the peer speaks.
"""

import contextlib
import grp
import os
import pwd
import random
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

LOOPBACK: Final = "127.0.0.1"
STARTING_SECONDS: Final = 15.0
"""How long a peer may take until it answers; a busy machine with two cores needs some of it."""
STOPPING_SECONDS: Final = 10.0
LOG_TAIL: Final = 60
"""Lines of each log that a failure shows."""

_given: set[int] = set()
LIVE: list["Peer"] = []
"""Peers that run now; the fixtures' report hook shows their logs when a test fails."""


def free_port() -> int:
    """Return a port on loopback that nobody listens on, and that no outgoing connection is given by the kernel.

    Below 32768, where Linux begins its ephemeral ports: a port found there stays free until the peer has bound it.
    """
    chance = random.SystemRandom()
    while True:
        port = chance.randrange(20_000, 32_000)
        if port in _given:
            continue
        with socket.socket() as probe:
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
        _given.add(port)
        return port


@contextlib.contextmanager
def workspace(owner: str | None = None) -> Iterator[Path]:
    """Make a folder with a short path, since a Unix socket's path has 107 bytes, and remove it at the end."""
    folder = Path(tempfile.mkdtemp(prefix="bl-", dir="/tmp"))
    folder.chmod(0o755)
    if owner is not None and os.geteuid() == 0:
        shutil.chown(folder, owner)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def unprivileged() -> tuple[str, str]:
    """Return user and group for peers that refuse to be root: nobody when we are root, otherwise ourselves."""
    account = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.getuid())
    return account.pw_name, _group_name(account.pw_gid)


def hand_over(*paths: Path) -> None:
    """Give files to the unprivileged user."""
    if os.geteuid() == 0:
        user, group = unprivileged()
        for path in paths:
            shutil.chown(path, user, group)


def run(command: Sequence[str | Path], *, env: Mapping[str, str] | None = None, as_nobody: bool = False) -> str:
    """Run a short command to its end and return what it prints; raise with its complaints too when it fails."""
    user, group = _switch(as_nobody=as_nobody)
    done = subprocess.run(
        [str(part) for part in command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        text=True,
        errors="replace",
        timeout=120,
        env={**os.environ, **(env or {})},
        user=user,
        group=group,
        extra_groups=None if user is None else [],
        cwd="/",
    )
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return done.stdout


def answers(port: int) -> bool:
    """Return whether something accepts connections on this port of loopback."""
    try:
        socket.create_connection((LOOPBACK, port), timeout=1).close()
    except OSError:
        return False
    return True


def wait_until(fact: Callable[[], bool], what: str, *, seconds: float = STARTING_SECONDS) -> None:
    """Return as soon as the fact holds; raise TimeoutError that says what was awaited."""
    end = time.monotonic() + seconds
    while not fact():
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {seconds:g} s")
        time.sleep(0.02)


class Peer:
    """One real server in its own folder: a context manager that starts it, waits until it answers, and ends it.

    A subclass writes its configuration in `prepare` and returns the command, which must stay in the foreground.
    """

    name = "peer"
    as_nobody = True
    """Run as an unprivileged user when we are root."""

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()
        self._process: subprocess.Popen[bytes] | None = None
        self.folder = Path()

    def prepare(self) -> Sequence[str | Path]:
        """Write the configuration below `self.folder` and return the command to run."""
        raise NotImplementedError

    def ready(self) -> bool:
        """Return whether the peer serves now."""
        raise NotImplementedError

    @property
    def log_file(self) -> Path:
        """Where the peer writes its log; what it prints goes there as well."""
        return self.folder / "log"

    @property
    def pid(self) -> int:
        """The process id of the peer's first process, as given to us at its start."""
        if self._process is None:
            raise RuntimeError(f"{self.name} does not run")
        return self._process.pid

    def log(self) -> str:
        """Return the whole log so far."""
        return self.log_file.read_text(errors="replace") if self.log_file.is_file() else ""

    def log_tail(self) -> str:
        """Return the last lines of the log, under a title."""
        return "\n".join([f"--- {self.name}, end of its log", *self.log().splitlines()[-LOG_TAIL:]])

    def start(self) -> None:
        """Run the command and wait until the peer answers; also used to bring a stopped peer back."""
        command = [str(part) for part in self.prepare()]
        user, group = _switch(as_nobody=self.as_nobody)
        with self.log_file.open("ab") as output:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                user=user,
                group=group,
                extra_groups=None if user is None else [],
                cwd="/",
                start_new_session=True,
            )
        LIVE.append(self)
        wait_until(self._serves, f"{self.name} answers")

    def stop(self) -> None:
        """Ask the process to end, then end it; twice is as good as once."""
        process, self._process = self._process, None
        if self in LIVE:
            LIVE.remove(self)
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOPPING_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(STOPPING_SECONDS)

    def __enter__(self) -> Self:
        self.folder = self._stack.enter_context(workspace())
        self.log_file.touch()
        if self.as_nobody:
            hand_over(self.folder, self.log_file)
        try:
            self.start()
        except BaseException as failure:
            failure.add_note(self.log_tail())
            self.stop()
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, trace: TracebackType | None
    ) -> None:
        if failure is not None:
            failure.add_note(self.log_tail())
        self.stop()
        self._stack.close()

    def _serves(self) -> bool:
        if self._process is not None and self._process.poll() is not None:
            raise RuntimeError(f"{self.name} ended by itself with {self._process.returncode}")
        return self.ready()


def _switch(*, as_nobody: bool) -> tuple[str | None, str | None]:
    return unprivileged() if as_nobody and os.geteuid() == 0 else (None, None)


def _group_name(number: int) -> str:
    return grp.getgrgid(number).gr_name
