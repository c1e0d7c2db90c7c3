"""One task group for everything that lives long; the only place that starts such tasks, restarts and stops them.

A service is an object with ``async def run(self)`` that ends only by cancellation. One that fails is started again
after a growing delay, and the others go on. On SIGTERM or SIGINT the services are cancelled in their order, each with
time to finish what it holds: listeners first (no new mail is taken), then the runners.
"""

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from kit.log import logger

FIRST_DELAY_SECONDS = 1.0
LONGEST_DELAY_SECONDS = 60.0
STEADY_SECONDS = 120.0  # after so long without a failure the delay begins anew

log = logger("byleave.supervisor")


class Service(Protocol):
    """Something that lives as long as the process."""

    async def run(self) -> None:
        """Work until cancelled; finish what is held before the cancellation goes on."""


@dataclass(frozen=True, slots=True)
class Named:
    """A service and the name it has in the log."""

    name: str
    service: Service
    #: called and waited for before the service is cancelled, to let what it holds come to an end
    finish: Callable[[], Awaitable[None]] | None = None


async def supervise(services: Sequence[Named], *, stop: asyncio.Event, drain_seconds: float) -> None:
    """Run the services until ``stop`` is set, then cancel them one after the other in their order."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_keep_running(named), name=named.name) for named in services]
        await stop.wait()
        for named, task in zip(services, tasks, strict=True):
            if named.finish is not None:
                await _finish(named, drain_seconds)
            task.cancel()
            done, _ = await asyncio.wait([task], timeout=drain_seconds)
            log.info("service.stopped", service=task.get_name(), in_time=bool(done))


async def _finish(named: Named, seconds: float) -> None:
    assert named.finish is not None, named.name  # noqa: S101 - the caller looked
    try:
        async with asyncio.timeout(seconds):
            await named.finish()
    except Exception:
        log.exception("service.unfinished", service=named.name)


@contextlib.contextmanager
def stopped_by_signals(stop: asyncio.Event) -> Iterator[None]:
    """Set ``stop`` on SIGTERM and SIGINT."""
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGTERM, signal.SIGINT)
    for number in numbers:
        loop.add_signal_handler(number, stop.set)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


async def _keep_running(named: Named) -> None:
    loop = asyncio.get_running_loop()
    delay = FIRST_DELAY_SECONDS
    while True:
        started = loop.time()
        try:
            await named.service.run()
            log.error("service.ended", service=named.name)
        except OSError as error:
            log.error("service.failed", service=named.name, why=str(error), again_in=delay)  # noqa: TRY400 - says it all
        except Exception:
            log.exception("service.failed", service=named.name, again_in=delay)
        if loop.time() - started > STEADY_SECONDS:
            delay = FIRST_DELAY_SECONDS
        await asyncio.sleep(delay)
        delay = min(delay * 2, LONGEST_DELAY_SECONDS)
