"""Who works: each worker's heartbeat and lease, and who of the others is dead.

Whether a worker's beat changed is told by the watching process's own clock, never by comparing two clocks. A lease
lasts half of the time after which others take its holder for dead, so a worker stops beginning things before anybody
settles what it held. What becomes of the jobs of a dead one is decided in :mod:`kit.jobs`.
"""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa

from kit.config import WorkerSettings
from kit.db import Database, Session, insert, moment_of
from kit.processes import ProcessId, lasting_seconds
from kit.tables import WorkerBeatRow

_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)  # the beat of who said that it is gone


@dataclass(frozen=True, slots=True)
class DeadWorker:
    """A worker that will not beat again."""

    id: str
    is_surely_gone: bool  # its process ended, proven on this machine; else it may only be very late


class Beats:
    """The heartbeat of this process, and those of the others as it sees them."""

    def __init__(self, database: Database, settings: WorkerSettings, *, schema_version: str = "") -> None:
        """Take the database; nothing is written before the first beat."""
        self._database, self._settings, self._version = database, settings, schema_version
        self._process = ProcessId.here()
        self._last_beat = self._looked_at = float("-inf")
        self._leases = 0
        self._seen: dict[str, tuple[datetime, float]] = {}  # of other workers, and since when each is unchanged
        self.worker = f"{self._process.host[:40]}-{self._process.pid}-{uuid.uuid4().hex[:8]}"
        """The name of this worker; another one after each start."""

    @property
    def lease(self) -> int | None:
        """The number of the lease, while this worker beat so recently that nobody takes it for dead; else None.

        Without it nothing new may begin. One that was lost and came back has another number: meanwhile others may have
        settled what this worker held, so nothing of the old time may begin in the new one.
        """
        return self._leases if self._lasts(lasting_seconds()) else None

    async def known(self) -> set[str]:
        """Return the workers that live, or died and are not wholly taken over yet."""
        async with self._database.reading() as session:
            return set(await session.scalars(sa.select(WorkerBeatRow.id)))

    async def beat(self) -> None:
        """Say that this worker lives, by the database's clock; the lease counts from before the statement was sent."""
        begun = lasting_seconds()
        await self._database.at_once(self._write)
        if not self._lasts(begun):
            self._leases += 1
        self._last_beat = begun

    async def _write(self, session: Session) -> None:
        process, now = self._process, await moment_of(session)
        row = {
            "host": process.host, "pid": process.pid, "place": process.place, "began": process.began,
            "schema_version": self._version,
            "started_at": now, "seen_at": now,
        }  # fmt: skip
        statement = insert(session, WorkerBeatRow).values(id=self.worker, **row)
        await session.execute(statement.on_conflict_do_update(index_elements=["id"], set_={"seen_at": now}))

    async def dead(self) -> list[DeadWorker]:
        """Return who is surely gone, said so, or has not beaten for its time, told by this process's own clock.

        What is compared is whether a beat changed between our looks, never two clocks: one that jumps kills nobody
        and keeps nobody alive. Who could not look for a while (it was frozen, or the database was gone for all)
        begins to watch anew.
        """
        async with self._database.reading() as session:
            rows = list(await session.scalars(sa.select(WorkerBeatRow).where(WorkerBeatRow.id != self.worker)))
        now, patience = lasting_seconds(), self._settings.dead_after_seconds
        known, self._seen = self._seen if now - self._looked_at < patience / 2 else {}, {}
        self._looked_at = now
        dead = []
        for row in rows:
            beat, since = known.get(row.id, (row.seen_at, now))
            self._seen[row.id] = (row.seen_at, since if beat == row.seen_at else now)
            is_gone = ProcessId(row.host, row.place, row.pid, row.began).is_surely_gone
            if is_gone or row.seen_at == _LONG_AGO or now - self._seen[row.id][1] > patience:
                dead.append(DeadWorker(row.id, is_gone))
        return dead

    async def bury(self, dead: DeadWorker) -> None:
        """Take a dead worker off the list; all of its jobs run elsewhere."""
        async with self._database.transaction() as session:
            await session.execute(sa.delete(WorkerBeatRow).where(WorkerBeatRow.id == dead.id))

    async def leave(self, *, holds_jobs: bool) -> None:
        """Take our name off the list where nothing of ours is pending; else let others see at once that we are gone."""
        mine = WorkerBeatRow.id == self.worker
        async with self._database.transaction() as session:
            if holds_jobs:
                await session.execute(sa.update(WorkerBeatRow).where(mine).values(seen_at=_LONG_AGO))
            else:
                await session.execute(sa.delete(WorkerBeatRow).where(mine))

    def _lasts(self, moment: float) -> bool:
        return moment - self._last_beat < self._settings.dead_after_seconds / 2
