"""A desk of notices as a process of its own, for tests that kill it: ``-m tests.mailer.notices_process URL NOW WHEN``.

It queues what is due at NOW. It kills itself ``before`` the first commit of a step that queued letters, or ``after``,
before anything else is done; with ``never`` it ends when nothing more is due.
"""

import asyncio
import os
import signal
import sys
from datetime import datetime

import sqlalchemy as sa

from kit.config_service_mail import ServiceMailSettings
from kit.db import Database
from mailer.notices import Notices
from tests.database import SECRETS

ROOM_FOR_ALL = ServiceMailSettings(reminders_an_hour=100_000, policy_notices_an_hour=100_000)


class Fuse:
    """Ends the process without any cleanup at a moment of its transactions."""

    def __init__(self, when: str) -> None:
        """Watch every engine of this process."""
        self.has_queued = False
        sa.event.listen(sa.Engine, "after_cursor_execute", self.note)
        if when in {"before", "after"}:
            sa.event.listen(sa.Engine, "commit" if when == "before" else "begin", self.burn)

    def note(self, _connection: object, _cursor: object, statement: str, *_: object) -> None:
        """See whether letters were queued."""
        self.has_queued = self.has_queued or statement.startswith("INSERT INTO outbox")

    def burn(self, _connection: object) -> None:
        """Die, if there is something to lose."""
        if self.has_queued:
            os.kill(os.getpid(), signal.SIGKILL)


async def main(url: str, now: datetime, when: str) -> None:
    """Queue until nothing is due."""
    database = Database(url)
    Fuse(when)
    notices = Notices(database, SECRETS, ROOM_FOR_ALL, clock=lambda: now)
    while await notices.tick():
        pass
    await database.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], datetime.fromisoformat(sys.argv[2]), sys.argv[3]))
