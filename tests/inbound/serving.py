"""A listener in a process of its own, to be killed: ``python -m tests.inbound.serving DATABASE``.

For each line on standard input a new process with a listener is made and told of as "PID PORT"; when it is dead, the
next line may come. Making it by fork spares the seconds of importing.
"""

import asyncio
import os
import sys

from inbound.intake import Intake
from inbound.readers import ThreadReaders
from inbound.smtp import Listener
from inbound.worlds import Worlds
from kit.config_inbound import InboundSettings, SmtpSettings
from kit.db import Database
from kit.log import configure_logging
from tests.inbound.taking import DOMAINS, HOUSE, simple_read


async def serve(file: str) -> None:
    """Listen until killed."""
    database = Database(f"sqlite+aiosqlite:///{file}")
    settings = InboundSettings()
    worlds = Worlds(database, company="Shop", addresses=())
    intake = Intake(database, readers=ThreadReaders(simple_read), worlds=worlds, house=HOUSE, settings=settings)
    listener = Listener(SmtpSettings(port=0), settings, domains=DOMAINS, take=intake.take, hostname="mx.shop.example")
    running = asyncio.create_task(listener.run())
    await listener.ready.wait()
    print(os.getpid(), listener.port, flush=True)
    await running


def main() -> None:
    """Make listeners, one after the other."""
    configure_logging("error")
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            asyncio.run(serve(sys.argv[1]))
        os.waitpid(child, 0)


if __name__ == "__main__":
    main()
