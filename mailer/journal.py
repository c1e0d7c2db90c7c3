"""What a worker has begun and how it ended, in plain files beside the database, so that a crash leaves little unknown.

One folder a worker, one file a claim. A line is written just before MAIL FROM starts and another right after the final
answer, without fsync: the kernel keeps what was written when only the process dies. So the files are believed on the
same boot of the same machine, and only once the process is surely gone; otherwise they prove nothing
(:func:`read` returns None) and what the worker held is unknown. It never decides whether something is sent again:
:func:`mailer.delivery.settle_dead` does.
"""

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from datetime import datetime
from json.encoder import encode_basestring_ascii as _quoted
from pathlib import Path
from typing import Any

from kit.processes import ProcessId
from mailer.outcomes import Outcome

_OWNER = "worker.json"
_FINAL = ("state", "reason", "code", "enhanced", "response", "hard_bounce")


class ClaimJournal:
    """The lines of one claim. Opened before its first letter begins, removed when its results are on disk."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_EXCL, 0o600)

    def began(self, delivery_id: int) -> bool:
        """Write that a letter begins; False where that can't be written, and then it must not begin."""
        return self._write(b"[%d]\n" % delivery_id)

    def ended(self, outcome: Outcome) -> bool:
        """Write what became of a letter. Where that fails, a crash right now would leave it unknown."""
        next_at = f'"{outcome.next_at.isoformat()}"' if outcome.next_at else "null"
        hard = "true" if outcome.hard_bounce else "false"
        said = f"{_quoted(outcome.enhanced)},{_quoted(outcome.response)}"  # the relay's words; the rest is ours
        line = f'[{outcome.id},"{outcome.state}","{outcome.reason}",{outcome.code},{said},{hard},{next_at}]\n'
        return self._write(line.encode("ascii"))

    def close(self, *, is_recorded: bool) -> None:
        """Close the file; remove it once the database knows everything in it."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        if is_recorded:
            self._file.unlink(missing_ok=True)

    def _write(self, line: bytes) -> bool:
        try:
            return os.write(self._descriptor, line) == len(line)
        except OSError:  # a full disk; what was cut short ends as a torn line that nobody believes
            return False


class Journal:
    """The journals of one worker."""

    def __init__(self, folder: Path, worker: str) -> None:
        """Make the worker's folder and write down which process it is."""
        self.worker = worker
        self.root = folder
        self._folder = folder / worker
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        (self._folder / _OWNER).write_text(json.dumps(ProcessId.here().as_dict()), "ascii")

    def open_claim(self, claim: str) -> ClaimJournal:
        """Begin the journal of a claim; OSError where that can't be done, and then nothing of it may begin."""
        return ClaimJournal(self._folder / claim)

    def close(self) -> None:
        """Remove the folder of a worker that ended with nothing in its hands; one with files in it stays."""
        if list(self._folder.iterdir()) == [self._folder / _OWNER]:
            shutil.rmtree(self._folder, ignore_errors=True)


def read(folder: Path, worker: str) -> dict[str, dict[int, Outcome]] | None:
    """Return what a dead worker's journals prove, by claim and delivery; None where nothing is proven.

    A letter that began and has no final line is unknown: it may have arrived. A torn last line never counts: the line
    that says "begins" is written whole before anything begins.
    """
    home = folder / worker
    owner = _owner(home)
    if owner is None or not owner.is_surely_gone:
        return None
    try:
        files = [file for file in home.iterdir() if file.name != _OWNER]
        return {file.name: _parse(file.read_bytes()) for file in files}
    except OSError:
        return None


def leftovers(folder: Path) -> list[str]:
    """Return the workers of this machine that are surely gone and have left journals behind."""
    try:
        homes = sorted(home for home in folder.iterdir() if home.is_dir())
    except OSError:
        return []
    return [home.name for home in homes if (owner := _owner(home)) is not None and owner.is_surely_gone]


def remove(folder: Path, worker: str) -> None:
    """Remove a dead worker's journals, after the database has taken over what they say."""
    owner = _owner(folder / worker)
    if owner is not None and owner.is_surely_gone:
        shutil.rmtree(folder / worker, ignore_errors=True)


def _owner(home: Path) -> ProcessId | None:
    with contextlib.suppress(OSError, ValueError, TypeError):
        return ProcessId(**json.loads((home / _OWNER).read_text("ascii")))
    return None


def _parse(content: bytes) -> dict[int, Outcome]:
    found: dict[int, Outcome] = {}
    for values in _lines(content):
        if len(values) == 1:
            found[values[0]] = Outcome(values[0], "unknown", "worker_lost")
        else:
            id_, *final, next_at = values
            moment = datetime.fromisoformat(next_at) if next_at else None
            found[id_] = Outcome(id_, **dict(zip(_FINAL, final, strict=True)), next_at=moment)
    return found


def _lines(content: bytes) -> Iterator[list[Any]]:
    """Yield the whole lines; what follows the last line end was cut short."""
    for line in content.split(b"\n")[:-1]:
        with contextlib.suppress(ValueError):
            values = json.loads(line)
            if isinstance(values, list) and len(values) in {1, len(_FINAL) + 2}:
                yield values
