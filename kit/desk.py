"""The desk at which cases (mails, opt-outs) are decided in groups, so that many share one commit to disk.

Whoever comes first and finds nobody at work decides for all that wait, itself alone if it is alone: nobody waits for
a group to fill. A group that fails is taken apart and each case decided alone, so that one that can't be decided
harms no other. It opens no transaction itself; the caller's ``decide`` does.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from kit.log import logger

MOST_TOGETHER = 64  # cases in one transaction; bounds how long other writers wait, and what a poisonous case costs

log = logger("kit.desk")

Case = TypeVar("Case")
Answer = TypeVar("Answer")


class _Waiting(Generic[Case, Answer]):
    """A case at the desk, and the answer for who brought it."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

    def fail(self, error: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)


class Desk(Generic[Case, Answer]):
    """Decides what is brought, the oldest first, one group at a time."""

    def __init__(self, decide: Callable[[Sequence[Case]], Awaitable[Sequence[Answer]]], *, seconds: float) -> None:
        """Take what decides a group in one transaction of its own, and how long that may take."""
        self._decide = decide
        self._seconds = seconds
        self._queue: list[_Waiting[Case, Answer]] = []
        self._turn = asyncio.Lock()

    async def bring(self, case: Case) -> Answer:
        """Return what became of a case once that is on disk. Raises what its own case raises.

        Raises ``TimeoutError`` where nobody came to it in time; it may be decided all the same, and is known then.
        """
        waiting: _Waiting[Case, Answer] = _Waiting(case)
        self._queue.append(waiting)
        try:
            async with asyncio.timeout(self._seconds):
                await self._turn.acquire()
        except BaseException:
            waiting.answer.cancel()  # who is in a group already may still be decided; nobody asks any more
            if waiting in self._queue:
                self._queue.remove(waiting)
            raise
        try:
            while not waiting.answer.done():
                group, self._queue = self._queue[:MOST_TOGETHER], self._queue[MOST_TOGETHER:]
                await self._answer(group)
        finally:
            self._turn.release()
        return waiting.answer.result()

    async def _answer(self, group: Sequence[_Waiting[Case, Answer]]) -> None:
        """Give each of a group its answer, whatever happens."""
        try:
            async with asyncio.timeout(self._seconds):
                await self._together(group)
        except Exception as error:  # noqa: BLE001 - it goes to those who wait
            for waiting in group:
                waiting.fail(error)
        finally:
            for waiting in group:  # only a cancelled desk leaves somebody without
                waiting.fail(TimeoutError())

    async def _together(self, group: Sequence[_Waiting[Case, Answer]]) -> None:
        try:
            answers = await self._decide([waiting.case for waiting in group])
        except Exception as error:
            if len(group) == 1:
                raise
            log.warning("group.split", cases=len(group), why=type(error).__name__)
            for waiting in group:
                await self._answer([waiting])
            return
        for waiting, answer in zip(group, answers, strict=True):
            if not waiting.answer.done():
                waiting.answer.set_result(answer)
