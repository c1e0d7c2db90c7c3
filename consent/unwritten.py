"""Opt-outs that are on disk and not in the database yet, because it takes no writes just now (promise 1).

One file is one wish, complete or not there: written under another name, synced, renamed, the folder synced. So several
processes may write, read and remove without a lock, and no crash leaves half a wish. Writing one into the ledger twice
is harmless, because the verbs are idempotent. While a file is there the senders of this machine hold back everything to
that person (:class:`consent.hearing.Hearing`); one that can't be read makes them hold back everything.
"""

import json
import os
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path

from consent.model import Door, SubscriberId

_DONE = ".json"


@dataclass(frozen=True, slots=True)
class Wish:
    """Somebody's wish to leave, by a link that was proven: the topic of one mailing, or everything."""

    person: SubscriberId
    mailing: int
    door: Door
    at: datetime
    everything: bool = False
    evidence: Mapping[str, str] = field(default_factory=dict)
    policy_version: str = ""


class Unwritten:
    """The wishes in one folder."""

    def __init__(self, folder: Path) -> None:
        """Take the folder; it is made by the first wish."""
        self._folder = folder
        self._known: dict[str, Wish] = {}

    def keep(self, wishes: Sequence[Wish]) -> None:
        """Put wishes on disk, where they outlive a power cut when this returns. Raises ``OSError`` where it can't."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for wish in wishes:
            values = {**asdict(wish), "at": wish.at.isoformat()}
            name = f"{wish.at:%Y%m%dT%H%M%S}-{uuid.uuid4().hex}"
            descriptor = os.open(self._folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                json.dump(values, file)
                file.flush()
                os.fsync(file.fileno())
            (self._folder / name).rename(self._folder / f"{name}{_DONE}")
        _sync(self._folder)

    def wishes(self) -> dict[str, Wish]:
        """Return what is kept, by name, the oldest first. Raises ``ValueError`` for a file that is no wish of ours."""
        names = self._names()
        self._known = {name: self._known.get(name) or self._read(name) for name in names}
        return dict(self._known)

    def people(self) -> frozenset[SubscriberId]:
        """Return whose wishes are kept. Cheap where there are none: a worker asks while it sends."""
        return frozenset(wish.person for wish in self.wishes().values())

    def forget(self, name: str) -> None:
        """Remove a wish that the database holds now."""
        (self._folder / name).unlink(missing_ok=True)

    def _names(self) -> list[str]:
        try:
            with os.scandir(self._folder) as found:
                return sorted(entry.name for entry in found if entry.name.endswith(_DONE))
        except FileNotFoundError:
            return []

    def _read(self, name: str) -> Wish:
        try:
            values = json.loads((self._folder / name).read_text("ascii"))
            return Wish(
                SubscriberId(int(values["person"])), int(values["mailing"]), Door(values["door"]),
                datetime.fromisoformat(values["at"]), bool(values["everything"]), dict(values["evidence"]),
                str(values["policy_version"]),
            )  # fmt: skip
        except (KeyError, TypeError, AttributeError) as cause:
            raise ValueError(name) from cause


def _sync(folder: Path) -> None:
    """Sync a folder, so that the names in it outlive a power cut, too."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
