"""``byleave run``: everything joined, supervised until SIGTERM or SIGINT, ended in good order."""

import asyncio
from collections.abc import Collection
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from byleave import console
from byleave.supervisor import stopped_by_signals, supervise
from byleave.wiring import open_ground
from kit.config import Settings
from kit.errors import InvalidSettings
from kit.processes import settle, share_memory

if TYPE_CHECKING:
    from byleave.engine import Engine

STOP_SECONDS = 30.0  # for a service to finish what it holds


async def run(settings: Settings, only: Collection[str], *, stop: asyncio.Event | None = None) -> None:
    """Run the parts named until told to stop."""
    share_memory()
    from byleave.engine import PARTS, assemble  # the job engine and the web server are slow to import
    from byleave.restoring import look

    unknown = sorted(set(only) - set(PARTS))
    if unknown:
        raise InvalidSettings(f"there is no part '{unknown[0]}'; there are {', '.join(PARTS)}")
    stop = stop or asyncio.Event()
    with stopped_by_signals(stop):
        async with AsyncExitStack() as stack:
            ground = await stack.enter_async_context(open_ground(settings, serving=True))
            await look(ground)
            engine = await assemble(ground, stack, only or PARTS)
            async with asyncio.TaskGroup() as group:
                telling = group.create_task(_tell_when_ready(engine, stop), name="tell when ready")
                await supervise(engine.services, stop=stop, drain_seconds=STOP_SECONDS)
                telling.cancel()


async def _tell_when_ready(engine: "Engine", stop: asyncio.Event) -> None:
    """Say in one line on standard output where we listen, once we do; scripts wait for it."""
    places = [f"{name} {host}:{port}" for name, host, port in [place async for place in engine.places()]]
    parts = ", ".join(named.name for named in engine.services)
    if not stop.is_set():
        settle()
        console.out.print(f"byleave: ready ({'; '.join(places) or 'no ports'}; running {parts})", markup=False)
