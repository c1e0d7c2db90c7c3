"""A process of Byleave like any other, but that it writes down when the MAIL FROM of each promotion was begun.

``python -m bench.stamped PARTS FILE`` runs the parts (as ``byleave run --only PARTS`` does) with the settings of its
environment. Each line of the file is a moment (``time.monotonic_ns``, one clock for all processes of a machine) and an
address; the moment is taken right behind the last look, in the step in which the MAIL FROM is written. The relay's own
clock would not do: on a busy machine it reads late, and would call late what was begun in time.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TextIO

from byleave.engine import assemble
from byleave.running import STOP_SECONDS
from byleave.supervisor import stopped_by_signals, supervise
from byleave.wiring import open_ground
from consent.model import Clearance
from kit.config import Settings, load_settings
from kit.log import configure_logging
from mailer.batches import MailT, OnResult
from mailer.pace import Pace
from mailer.relays import parse_relays
from mailer.smtp import RelayPool


class StampedPool(RelayPool):
    """A relay pool that keeps the moments."""

    stamps: TextIO

    async def send_many(
        self,
        mails: Iterable[MailT] | AsyncIterable[MailT],
        may_start: Callable[[MailT], bool],
        on_result: OnResult[MailT],
    ) -> None:
        """Send as ever, and write down each start."""

        def stamped(mail: MailT) -> bool:
            is_free = may_start(mail)
            if is_free and isinstance(mail.clearance, Clearance):  # a promotion, no receipt
                self.stamps.write(f"{time.monotonic_ns()} {mail.rcpt_to}\n")
            return is_free

        await super().send_many(mails, stamped, on_result)


async def run(settings: Settings, parts: list[str], stamps: TextIO) -> None:
    """Run the parts until SIGTERM."""

    @asynccontextmanager
    async def open_relays(settings: Settings, pace: Pace) -> AsyncIterator[RelayPool]:
        relays, helo = parse_relays(settings.mailer.relays), settings.mailer.helo
        async with StampedPool(relays, connections=settings.mailer.connections, helo=helo, pace=pace) as pool:
            pool.stamps = stamps
            yield pool

    stop = asyncio.Event()
    with stopped_by_signals(stop):
        async with AsyncExitStack() as stack:
            ground = await stack.enter_async_context(open_ground(settings))
            engine = await assemble(ground, stack, parts, open_relays=open_relays)
            supervising = asyncio.create_task(supervise(engine.services, stop=stop, drain_seconds=STOP_SECONDS))
            places = [f"{name} {host}:{port}" async for name, host, port in engine.places()]
            print(f"byleave: ready ({'; '.join(places)})", flush=True)
            await supervising


if __name__ == "__main__":
    configure_logging("warning")
    with open(sys.argv[2], "w", buffering=1, encoding="utf-8") as file:  # noqa: PTH123 - a line at a time
        asyncio.run(run(load_settings(), sys.argv[1].split(","), file))
