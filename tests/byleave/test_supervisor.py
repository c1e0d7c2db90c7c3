"""Services live until they are told to stop, are started again when they fail, and end in their order."""

import asyncio

from byleave.supervisor import Named, supervise


class Steady:
    """Runs until cancelled and says when it ended."""

    def __init__(self, name: str, ended: list[str]) -> None:
        self.name, self.ended = name, ended
        self.started = asyncio.Event()

    async def run(self) -> None:
        self.started.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.ended.append(self.name)


class Fragile(Steady):
    """Fails at its first start."""

    starts = 0

    async def run(self) -> None:
        self.starts += 1
        if self.starts == 1:
            message = "by hand"
            raise RuntimeError(message)
        await super().run()


async def test_they_end_in_their_order_and_finish_first() -> None:
    """What a service holds comes to an end before it is cancelled, and before the next one is."""
    ended: list[str] = []
    first, second = Steady("first", ended), Steady("second", ended)
    stop = asyncio.Event()

    async def finish() -> None:
        ended.append("second finishes")

    services = [Named("first", first), Named("second", second, finish)]
    running = asyncio.create_task(supervise(services, stop=stop, drain_seconds=5))
    await first.started.wait()
    await second.started.wait()
    stop.set()
    await running

    assert ended == ["first", "second finishes", "second"]


async def test_one_that_fails_is_started_again_and_the_others_go_on() -> None:
    """After a second; nobody else notices."""
    ended: list[str] = []
    fragile, steady = Fragile("fragile", ended), Steady("steady", ended)
    stop = asyncio.Event()

    services = [Named("fragile", fragile), Named("steady", steady)]
    running = asyncio.create_task(supervise(services, stop=stop, drain_seconds=5))
    async with asyncio.timeout(30):
        await fragile.started.wait()
    assert ended == []
    stop.set()
    await running

    assert fragile.starts == 2
    assert ended == ["fragile", "steady"]
