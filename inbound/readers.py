"""Where mails are read: in threads of this process, or in processes of their own, which can be ended when one hangs.

Reading only calculates. In a process of its own it takes another processor, and a mail that would take for ever costs
a process that is made anew; a thread can't be ended and is only given up.
"""

import asyncio
import itertools
import pickle
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from typing import Protocol

from inbound.mail import read_mail
from inbound.model import Envelope, Reading
from inbound.reading import read_letter
from inbound.world import World
from kit.processes import settle

THREADS = 2  # mails read at one time: threads that only calculate slow each other down, and one may be slow
STUCK = 28  # threads that overran their time; beyond them mail is put off
AHEAD = 2  # mails handed to a process at one time: the next lies ready
WORLDS_KEPT = 2  # by a process: the one of now, and the one of the mails under way


class Read(Protocol):
    """Reads one mail: pure and bounded (:func:`read_through`)."""

    def __call__(self, raw: bytes, *, world: World, envelope: Envelope) -> Reading:
        """Return what the mail is and what it asks for."""
        ...  # the body is the reader's


class Readers(Protocol):
    """Reads mails at some place. ``at_once`` is how many it takes at one time."""

    at_once: int

    @property
    def are_stuck(self) -> bool:
        """Whether every place hangs, so that mail has to be put off."""
        ...  # the body is the readers'

    async def read(self, raw: bytes, *, world: World, envelope: Envelope) -> Reading:
        """Return what the mail is; whatever the reader raises comes through."""
        ...  # the body is the readers'

    def give_up(self, task: "asyncio.Future[Reading]") -> None:
        """Wait no more for a mail that takes too long."""
        ...  # the body is the readers'

    def close(self) -> None:
        """Let go of threads and processes."""
        ...  # the body is the readers'


def read_through(raw: bytes, *, world: World, envelope: Envelope) -> Reading:
    """Read a mail and let a fault of the reader through: the intake then keeps the mail and tries again later."""
    return read_letter(read_mail(raw), raw, world=world, envelope=envelope)


def warm_up() -> None:
    """Read a mail before the first one comes in: words and models of all languages are loaded by that."""
    read_through(b"Subject: hello\r\n\r\nplease take me off your list\r\n", world=World(), envelope=Envelope())


class ThreadReaders:
    """Reads in threads of this process."""

    at_once = THREADS

    def __init__(self, read: Read = read_through) -> None:
        """Take what reads one mail."""
        self._read = read
        self._threads = ThreadPoolExecutor(THREADS + 1 + STUCK, thread_name_prefix="reader")
        self._stuck = 0

    @property
    def are_stuck(self) -> bool:
        """See :class:`Readers`."""
        return self._stuck >= STUCK

    async def read(self, raw: bytes, *, world: World, envelope: Envelope) -> Reading:
        """See :class:`Readers`."""
        return await asyncio.wrap_future(self._threads.submit(self._read, raw, world=world, envelope=envelope))

    def give_up(self, task: "asyncio.Future[Reading]") -> None:
        """Leave the thread to itself: it can't be ended."""
        self._stuck += 1
        task.add_done_callback(self._unstuck)

    def close(self) -> None:
        """See :class:`Readers`."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _unstuck(self, task: "asyncio.Future[Reading]") -> None:
        self._stuck -= 1
        if not task.cancelled():
            task.exception()  # the mail is deferred already; nobody else wants to know


class ProcessReaders:
    """Reads in processes of their own. They are made at the first mail, and anew after one had to be ended."""

    are_stuck = False

    def __init__(self, count: int) -> None:
        """Take how many processes to keep."""
        self.at_once = AHEAD * count
        self._count = count
        self._numbers = itertools.count(1)
        self._world: World | None = None
        self._number, self._packed = 0, b""
        self._pool = self._made()

    def start(self) -> None:
        """Make the processes now and load what they need; returns when they are ready."""
        for work in [self._pool.submit(warm_up) for _ in range(self._count)]:
            work.result()

    async def read(self, raw: bytes, *, world: World, envelope: Envelope) -> Reading:
        """See :class:`Readers`. The world travels once to a process, and is known there by its number."""
        if world is not self._world:
            self._world, self._number, self._packed = world, next(self._numbers), pickle.dumps(world)
        number, packed, pool = self._number, self._packed, self._pool
        try:
            reading = await asyncio.wrap_future(pool.submit(_read_there, raw, number, b"", envelope))
            if reading is None:
                reading = await asyncio.wrap_future(pool.submit(_read_there, raw, number, packed, envelope))
        except BrokenExecutor:  # a process died, by the kernel's hand or by this mail: the next one finds new ones
            if self._pool is pool:
                self._pool = self._made()
            raise
        if reading is None:
            raise RuntimeError("a reader does not know the world that it was just given")
        return reading

    def give_up(self, task: "asyncio.Future[Reading]") -> None:
        """End the processes. Mails that were read beside this one fail with it, are kept, and read again later."""
        pool, self._pool = self._pool, self._made()
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        for process in list(pool._processes.values()):  # noqa: SLF001 - the pool has no other way to end what hangs
            process.kill()
        pool.shutdown(wait=False, cancel_futures=True)

    def close(self) -> None:
        """See :class:`Readers`."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _made(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(self._count, mp_context=get_context("spawn"), initializer=_begin)


_worlds: dict[int, World] = {}  # of this process, by number


def _begin() -> None:
    warm_up()
    settle()


def _read_there(raw: bytes, number: int, packed: bytes, envelope: Envelope) -> Reading | None:
    """Read a mail in a process of its own; None where the world with this number is not known here yet."""
    if number not in _worlds:
        if not packed:
            return None
        while len(_worlds) >= WORLDS_KEPT:
            del _worlds[min(_worlds)]
        _worlds[number] = pickle.loads(packed)  # noqa: S301 - packed by our own parent process
    return read_through(raw, world=_worlds[number], envelope=envelope)
