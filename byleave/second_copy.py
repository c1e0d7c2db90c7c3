"""The second copy of opt-outs in plain files: ``var/optouts/2026-11.jsonl``, one line an act, only ever appended.

For the day on which the database is lost: copy the folder to another machine as often as you like. A line cut short by
a crash is no line; the act is written again behind it.
"""

import fcntl
import os
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path


class SecondCopy:
    """The folder of the files. Of several processes one holds it and writes."""

    def __init__(self, folder: Path) -> None:
        """Take the folder; nothing is made before :meth:`hold`."""
        self._folder = folder
        self._lock = -1

    def hold(self) -> bool:
        """Whether this process is the one that writes; asked again and again, another takes over from one that died."""
        if self._lock >= 0:
            return True
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(self._folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            return False
        self._lock = lock
        return True

    def append(self, lines: Sequence[str], *, now: datetime) -> None:
        """Put lines on disk."""
        if not lines:
            return
        file = self._folder / f"{now:%Y-%m}.jsonl"
        is_new = not file.exists()
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "r+b", buffering=0) as stream:
            size = stream.seek(0, os.SEEK_END)
            torn = size > 0 and os.pread(stream.fileno(), 1, size - 1) != b"\n"
            whole = b"\n" * torn + "".join(f"{line}\n" for line in lines).encode("ascii")
            while whole:
                whole = whole[stream.write(whole) :]
            os.fsync(stream.fileno())
        if is_new:
            _sync_folder(self._folder)

    def close(self) -> None:
        """Let go of the folder."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def lines_of(place: Path) -> Iterator[str]:
    """Yield the lines of a file, or of all files of a folder in their order."""
    files = sorted(place.glob("*.jsonl")) if place.is_dir() else [place]
    for file in files:
        with file.open(encoding="ascii", errors="replace") as stream:
            yield from (line.rstrip("\n") for line in stream if line.strip())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
