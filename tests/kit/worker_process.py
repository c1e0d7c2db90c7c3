"""A worker as a process of its own, for tests that kill it: ``python -m tests.kit.worker_process URL FILE DEAD_AFTER``.

Its one job "note" takes a text and seconds, and writes a line to FILE when it begins and another when it ends.
"""

import asyncio
import sys
from pathlib import Path

from kit.config import WorkerSettings
from kit.db import Database
from kit.jobs import Jobs


async def main(url: str, file: Path, dead_after: float) -> None:
    database = Database(url)
    settings = WorkerSettings(beat_seconds=0.2, dead_after_seconds=dead_after, poll_seconds=0.1)
    jobs = Jobs(database, settings)

    async def note(what: str, seconds: int) -> None:
        with file.open("a") as stream:
            stream.write(f"begin {what} {jobs.worker}\n")
        await asyncio.sleep(seconds)
        with file.open("a") as stream:
            stream.write(f"end {what} {jobs.worker}\n")

    jobs.register("note", note)
    await jobs.start()
    await jobs.run()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), float(sys.argv[3])))
