"""Where letters are written and signed: between two sendings, in threads, or in processes of their own.

Writing only calculates. OpenSSL's RSA lets other threads work meanwhile; without it threads would only wait for each
other, and each letter is written on the loop. Processes have an interpreter each, and each letter comes back finished,
at the cost of copying it. A process that died is replaced, and its letters, none of which had begun, are
written again in halves: so the letter that kills is found, and everybody else gets theirs.
"""

import asyncio
import contextlib
import itertools
import os
import pickle
import signal
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from multiprocessing import connection, get_context, parent_process
from typing import Protocol

from consent.model import Clearance
from kit.addresses import EmailAddress
from kit.clock import Clock, utc_now
from kit.errors import Permanent, Temporary
from kit.log import logger
from kit.processes import settle
from mailer.model import OutgoingMail, Plain, Recipient
from mailer.outcomes import Claimed, Outcome
from mailer.promotion import Promotion
from mailer.written import Compose, Ready, broken, compose_all, letters, unfit

MOMENT_SECONDS = 0.001  # then others have their turn
LONG_SECONDS = 0.02  # a letter for which nobody should have to wait
THREADS = 2
PROMOTIONS_KEPT = 4  # compiled, by each process
MOST_DEADLY = 2  # letters of one slice that are left out; with a third it is the campaign and not the person
TRIALS = 2  # deaths over one letter alone that prove it deadly; one may be somebody else's doing

#: a person as they travel to a process: values that cost little to pack
Person = tuple[int, str, str, str, str, dict[str, Plain]]
#: a letter as it comes back (return path, content, whether it needs SMTPUTF8, travels as it is), or why there is none
Print = tuple[str, bytes, bool, bool] | str

_log = logger("mailer.presses")


class Presses(Protocol):
    """Writes letters at some place."""

    async def letters(self, compose: Compose, rows: Sequence[Claimed]) -> list[Ready | Outcome]:
        """Return each letter, or the outcome of who can't get one.

        Raises Temporary where none can be written now, and Permanent where those of this promotion never can.
        """
        ...  # the body is the presses'

    def close(self) -> None:
        """Let go of threads and processes."""
        ...  # the body is the presses'


@dataclass(frozen=True)
class Composer:
    """Writes the letters of one promotion, here (called) or in another process (packed)."""

    promotion: Promotion
    clock: Clock = utc_now

    def __call__(self, clearance: Clearance) -> Callable[[], OutgoingMail]:
        """Return the letter to one person, to be signed yet."""
        return self.promotion.written(recipient_of(clearance), self.clock())


def recipient_of(clearance: Clearance) -> Recipient:
    """Return the person of a clearance as a letter sees them."""
    return Recipient(
        clearance.subscriber, clearance.address, clearance.name, clearance.language or "en", clearance.attributes
    )


class LoopPresses:
    """Writes on the event loop, for a moment at a time; where letters take long, in a thread."""

    def __init__(self) -> None:
        """Make a place where one slice is written at a time."""
        self._one_at_a_time = asyncio.Lock()
        self._for_long_ones = ThreadPresses(1)

    async def letters(self, compose: Compose, rows: Sequence[Claimed]) -> list[Ready | Outcome]:
        """See :class:`Presses`."""
        made: list[Ready | Outcome] = []
        async with self._one_at_a_time:
            begun = time.perf_counter()
            for row in rows:
                made += letters(compose, (row,))
                taken = time.perf_counter() - begun
                if taken > LONG_SECONDS:
                    return made + await self._for_long_ones.letters(compose, rows[len(made) :])
                if taken > MOMENT_SECONDS:
                    await asyncio.sleep(0)
                    begun = time.perf_counter()
        return made

    def close(self) -> None:
        """See :class:`Presses`."""
        self._for_long_ones.close()


class ThreadPresses:
    """Writes in threads of this process."""

    def __init__(self, count: int = THREADS) -> None:
        """Take how many threads there are."""
        self._count = count
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="press")

    async def letters(self, compose: Compose, rows: Sequence[Claimed]) -> list[Ready | Outcome]:
        """See :class:`Presses`."""
        loop = asyncio.get_running_loop()
        made = await asyncio.gather(
            *(loop.run_in_executor(self._threads, letters, compose, part) for part in _parts(rows, self._count))
        )
        return [one for part in made for one in part]

    def close(self) -> None:
        """See :class:`Presses`."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class ProcessPresses:
    """Writes in processes of their own. A promotion travels once to each, and is known there by its number."""

    def __init__(self, count: int) -> None:
        """Take how many processes to keep."""
        self._count = count
        self._numbers = itertools.count(1)
        self._packed: OrderedDict[int, tuple[Promotion, int, bytes]] = OrderedDict()
        self._pool = _made(count)
        self._trial = asyncio.Lock()  # one at a time: each has a process of its own, so that a death proves something

    def start(self) -> None:
        """Make the processes now and load what they need; returns when they are ready."""
        gate = [self._pool.submit(_warm_up) for _ in range(self._count)]
        for one in gate:
            one.result()

    async def letters(self, compose: Compose, rows: Sequence[Claimed]) -> list[Ready | Outcome]:
        """See :class:`Presses`."""
        if not isinstance(compose, Composer):
            raise TypeError("only a promotion's composer travels to another process")
        made = await asyncio.gather(*(self._part(compose, part) for part in _parts(rows, self._count)))
        return [one for part in made for one in part]

    def close(self) -> None:
        """See :class:`Presses`."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _part(self, compose: Composer, rows: Sequence[Claimed]) -> list[Ready | Outcome]:
        pool = self._pool
        try:
            return await self._written(pool, compose, rows)
        except BrokenExecutor:
            if self._pool is pool:
                pool.shutdown(wait=False, cancel_futures=True)
                self._pool = _made(self._count)
        _log.warning("press.died", letters=len(rows))
        async with self._trial:
            return await self._tried(compose, rows, [])

    async def _tried(self, compose: Composer, rows: Sequence[Claimed], deadly: list[Claimed]) -> list[Ready | Outcome]:
        """Write letters alone in a process; where it dies, half by half, until those that kill are found."""
        for _ in range(1 if len(rows) > 1 else TRIALS):
            pool = _made(1)
            try:
                await _wait_for(pool)
                return await self._written(pool, compose, rows)
            except BrokenExecutor:
                pass
            finally:
                pool.shutdown(wait=False, cancel_futures=True)
        if len(rows) == 1:
            _log.error("letter.broken", delivery_id=rows[0].id, subscriber_id=rows[0].clearance.subscriber)
            deadly.append(rows[0])
            if len(deadly) > MOST_DEADLY:
                raise Permanent("the letters of this campaign end the process that writes them")
            return [broken(rows[0])]
        middle = len(rows) // 2
        first = await self._tried(compose, rows[:middle], deadly)
        return [*first, *await self._tried(compose, rows[middle:], deadly)]

    async def _written(
        self, pool: ProcessPoolExecutor, compose: Composer, rows: Sequence[Claimed]
    ) -> list[Ready | Outcome]:
        number, packed = self._pack(compose.promotion)
        people, now = [_person(row.clearance) for row in rows], compose.clock()
        prints = await asyncio.wrap_future(pool.submit(_print_there, number, b"", people, now))
        if prints is None:
            prints = await asyncio.wrap_future(pool.submit(_print_there, number, packed, people, now))
        if prints is None:
            raise RuntimeError("a process does not know the promotion that it was just given")
        return [_ready(row, print_) for row, print_ in zip(rows, prints, strict=True)]

    def _pack(self, promotion: Promotion) -> tuple[int, bytes]:
        """Return the number of a promotion and its packed form, made once."""
        kept = self._packed.get(id(promotion))
        if kept is None or kept[0] is not promotion:
            kept = self._packed[id(promotion)] = promotion, next(self._numbers), pickle.dumps(promotion)
            while len(self._packed) > PROMOTIONS_KEPT:
                self._packed.popitem(last=False)
        return kept[1:]


def _made(count: int) -> ProcessPoolExecutor:
    # its own interpreter from the start: a fork would copy threads' locks as they are
    return ProcessPoolExecutor(count, mp_context=get_context("spawn"), initializer=_end_with_parent)


async def _wait_for(pool: ProcessPoolExecutor) -> None:
    """Wait until a process works. One that dies over nothing accuses no letter: this machine has no room for it."""
    try:
        await asyncio.wrap_future(pool.submit(_warm_up))
    except BrokenExecutor as cause:
        raise Temporary("no process that writes letters lives", delay=5.0) from cause


def _parts(rows: Sequence[Claimed], count: int) -> list[Sequence[Claimed]]:
    size = max(1, -(-len(rows) // count))
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def _person(clearance: Clearance) -> Person:
    person = recipient_of(clearance)
    address = person.address
    return person.subscriber_id, address.local, address.domain, person.name, person.language, dict(person.attributes)


def _ready(row: Claimed, print_: Print) -> Ready | Outcome:
    if isinstance(print_, str):
        return unfit(row, print_)
    mail_from, content, needs_smtputf8, travels_as_it_is = print_
    to = str(row.clearance.address)
    return Ready(row, row.clearance, mail_from, to, content, needs_smtputf8, travels_as_it_is)


# -- in the process ---------------------------------------------------------------------------------------------------

_promotions: OrderedDict[int, Promotion] = OrderedDict()  # of this process, by number


def _print_there(number: int, packed: bytes, people: Sequence[Person], now: datetime) -> list[Print] | None:
    """Write letters; None where the promotion with this number is not known here yet."""
    promotion = _promotions.get(number)
    if promotion is None:
        if not packed:
            return None
        promotion = _promotions[number] = pickle.loads(packed)  # noqa: S301 - packed by our own parent process
        while len(_promotions) > PROMOTIONS_KEPT:
            _promotions.popitem(last=False)

    def write(person: Person) -> Callable[[], OutgoingMail]:
        number, local, domain, name, language, attributes = person
        return promotion.written(Recipient(number, EmailAddress(local, domain), name, language, attributes), now)

    return [mail if isinstance(mail, str) else _print_of(mail) for mail in compose_all(write, people)]


def _print_of(mail: OutgoingMail) -> Print:
    return mail.mail_from, mail.content, mail.needs_smtputf8, mail.travels_as_it_is


def _warm_up() -> None:
    """Load nothing more: importing this module was all."""


def _end_with_parent() -> None:
    """End this process when its parent is gone: whoever is killed closes no pool. A Ctrl-C for all does not end it."""
    settle()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = parent_process()
    if parent is None:
        return

    def watch() -> None:
        with contextlib.suppress(OSError):
            connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, name="parent", daemon=True).start()
