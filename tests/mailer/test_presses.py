"""Letters written in threads and in processes: the same bytes, whoever writes them; a process that died is replaced."""

import asyncio
import contextlib
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from consent.model import Clearance, SubscriberId
from kit.addresses import parse_address
from kit.config import CHECKOUT
from kit.errors import Permanent
from kit.processes import ProcessId
from mailer.compose import Source, compile_mailing
from mailer.model import OutgoingMail
from mailer.outcomes import Claimed, Outcome
from mailer.presses import LONG_SECONDS, Composer, LoopPresses, ProcessPresses, ThreadPresses, recipient_of
from mailer.promotion import Promotion
from mailer.signing import Signer
from mailer.written import Ready, letters
from tests.mailer.deadly import Deadly
from tests.mailer.letters_at_hand import MAILING, NOW, SENDER, TOKENS, dkim_keys
from tests.mailer.test_signing import LATELY, verdicts

SOURCE = Source("Hi {{ name }}", "Hi {{ name }}, {{ customer.points / 2 }}", "<p>Hi {{ name }} {{ campaign.deal }}")


def a_composer() -> Composer:
    compiled = compile_mailing(SENDER, MAILING, SOURCE, {"deal": "x & y"})
    return Composer(Promotion(SENDER, MAILING, compiled, TOKENS, Signer(dkim_keys())), lambda: LATELY)


def claimed(number: int, **attributes: str | int) -> Claimed:
    clearance = Clearance(
        SubscriberId(number), parse_address(f"reader{number}@customer.example"), "deals", NOW, 1, f"Reader {number}",
        "de", attributes,  # type: ignore[arg-type]  # numbers come from imports, too
    )  # fmt: skip
    return Claimed(number, 1, NOW, clearance)


@pytest.fixture(scope="module")
def processes() -> Iterator[ProcessPresses]:
    presses = ProcessPresses(2)
    presses.start()
    yield presses
    presses.close()


async def test_a_process_writes_what_a_thread_writes(processes: ProcessPresses) -> None:
    """Byte for byte, signatures and all, in the order of the rows; who can't get one is an outcome."""
    composer = a_composer()
    rows = [claimed(number, points=number) for number in range(1, 6)] + [claimed(6), claimed(7, points=3)]

    here = await ThreadPresses().letters(composer, rows)
    there = await processes.letters(composer, rows)

    for one, other, row in zip(here, there, rows, strict=True):
        if isinstance(one, Outcome):
            assert one == other
            assert one.id == 6
            assert "missing" in one.response
        else:
            assert isinstance(other, Ready)
            assert other.row is row
            assert other.clearance is row.clearance
            assert (other.mail_from, other.rcpt_to, other.content) == (one.mail_from, one.rcpt_to, one.content)
            assert verdicts(other.content) == [True, True]


async def test_the_loop_writes_what_a_thread_writes_and_others_have_their_turn() -> None:
    """Byte for byte, in the order of the rows; who waits for the loop waits for a moment and not for a slice."""
    composer = a_composer()
    rows = [claimed(number, points=number) for number in range(1, 60)] + [claimed(60), claimed(61, points=3)]
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    with contextlib.closing(LoopPresses()) as presses:
        here = await presses.letters(composer, rows)
    counting.cancel()
    there = await ThreadPresses().letters(composer, rows)

    assert [one.id if isinstance(one, Outcome) else one.row.id for one in here] == [row.id for row in rows]
    assert [one.content if isinstance(one, Ready) else one for one in here] == [
        one.content if isinstance(one, Ready) else one for one in there
    ]
    assert turns > 10  # 60 letters with RSA take some 25 moments


async def test_letters_that_take_long_leave_the_loop() -> None:
    """Nobody waits for more than one of them; the rest are written in a thread."""
    where: list[str] = []

    def compose(clearance: Clearance) -> OutgoingMail:
        where.append(threading.current_thread().name)
        time.sleep(LONG_SECONDS * 1.5)
        return OutgoingMail("b@bounce.example", clearance.address, "<m@example>", b"Subject: s\r\n\r\nx\r\n")

    with contextlib.closing(LoopPresses()) as presses:
        made = await presses.letters(compose, [claimed(number) for number in range(1, 4)])

    assert [one.row.id for one in made if isinstance(one, Ready)] == [1, 2, 3]
    assert where[0] == threading.main_thread().name
    assert not {threading.main_thread().name} & set(where[1:])


async def test_all_letters_of_a_slice_are_written_before_the_first_is_signed() -> None:
    """And who can't get one, in either step, harms nobody else."""
    steps: list[tuple[str, int]] = []

    def compose(clearance: Clearance) -> Callable[[], OutgoingMail]:
        number = int(clearance.subscriber)
        steps.append(("written", number))
        if number == 2:
            raise ZeroDivisionError

        def signed() -> OutgoingMail:
            steps.append(("signed", number))
            if number == 3:
                raise Permanent("no key fits")
            return OutgoingMail("b@bounce.example", clearance.address, "<m@example>", b"Subject: s\r\n\r\nx\r\n")

        return signed

    made = letters(compose, [claimed(number) for number in range(1, 5)])

    assert steps == [*(("written", number) for number in range(1, 5)), ("signed", 1), ("signed", 3), ("signed", 4)]
    assert [one.response if isinstance(one, Outcome) else one.row.id for one in made] == [
        1, "ZeroDivisionError", "no key fits", 4
    ]  # fmt: skip


async def test_a_process_that_died_is_replaced(processes: ProcessPresses) -> None:
    """Whoever killed it: none of its letters is blamed, and all of them are written."""
    composer, rows = a_composer(), [claimed(1, points=2), claimed(2, points=2)]
    await processes.letters(composer, rows)
    pool = processes._pool  # nobody else knows its processes
    for pid in list(pool._processes):
        os.kill(pid, signal.SIGKILL)

    async with asyncio.timeout(60):
        while processes._pool is pool:
            made = await processes.letters(composer, rows)
            assert [type(one) for one in made] == [Ready, Ready]


@pytest.mark.parametrize("deadly", [{3}, {1, 4}], ids=["one", "several"])
async def test_a_letter_that_kills_is_found_and_the_others_are_written(deadly: set[int]) -> None:
    """It fails for good, under a reason of its own; everybody else gets theirs, in the order of the rows."""
    compiled = compile_mailing(SENDER, MAILING, SOURCE, {"deal": "x"})
    composer = Composer(Deadly(SENDER, MAILING, compiled, TOKENS, Signer(dkim_keys())), lambda: LATELY)
    rows = [claimed(number, points=2, deadly=int(number in deadly)) for number in range(1, 5)]

    with contextlib.closing(ProcessPresses(2)) as processes:
        async with asyncio.timeout(120):
            made = await processes.letters(composer, rows)

    assert [one.id if isinstance(one, Outcome) else one.row.id for one in made] == list(range(1, 5))
    failed = {one.id: (one.state, one.reason, one.was_started) for one in made if isinstance(one, Outcome)}
    assert failed == dict.fromkeys(deadly, ("failed", "broken", False))


async def test_a_promotion_whose_letters_kill_is_no_persons_fault() -> None:
    """Nobody's letter fails for it: the promotion can't be written, and says so."""
    compiled = compile_mailing(SENDER, MAILING, SOURCE, {"deal": "x"})
    composer = Composer(Deadly(SENDER, MAILING, compiled, TOKENS, Signer(dkim_keys())), lambda: LATELY)

    with contextlib.closing(ProcessPresses(1)) as processes:
        async with asyncio.timeout(120):
            with pytest.raises(Permanent, match="end the process"):
                await processes.letters(composer, [claimed(number, points=2, deadly=1) for number in range(1, 9)])


async def test_an_interrupt_for_all_leaves_the_processes_at_work(processes: ProcessPresses) -> None:
    """A Ctrl-C reaches every process of a terminal; the worker drains first, and needs its letters for that."""
    composer, rows = a_composer(), [claimed(1, points=2), claimed(2, points=2)]
    await processes.letters(composer, rows)
    for pid in list(processes._pool._processes):
        os.kill(pid, signal.SIGINT)

    made = await processes.letters(composer, rows)

    assert [type(one) for one in made] == [Ready, Ready]


async def test_many_promotions_at_the_same_time(processes: ProcessPresses) -> None:
    """More than a process keeps: each letter is of its own promotion all the same."""
    subjects = [f"Offer {number}" for number in range(9)]
    composers = [
        Composer(
            Promotion(SENDER, MAILING, compile_mailing(SENDER, MAILING, Source(one, "x")), TOKENS, Signer(dkim_keys())),
            lambda: LATELY,
        )
        for one in subjects
    ]

    made = await asyncio.gather(*(processes.letters(composer, [claimed(1), claimed(2)]) for composer in composers * 2))

    for subject, pair in zip(subjects * 2, made, strict=True):
        for one in pair:
            assert isinstance(one, Ready)
            assert f"Subject: {subject}\r\n".encode() in one.content


def test_a_promotion_travels() -> None:
    """Packed and unpacked it writes the same letter."""
    promotion = a_composer().promotion
    person = recipient_of(claimed(3, points=1).clearance)

    assert pickle.loads(pickle.dumps(promotion)).letter(person, LATELY) == promotion.letter(person, LATELY)


def test_processes_end_with_their_parent() -> None:
    """Also where it was killed and could not close anything."""
    program = (
        "import sys, time\n"
        "from mailer.presses import ProcessPresses\n"
        "def main():\n"
        "    presses = ProcessPresses(2); presses.start()\n"
        "    print(*presses._pool._processes, flush=True); time.sleep(60)\n"
        "if __name__ == '__main__': main()\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=CHECKOUT)
    assert parent.stdout is not None
    children = [int(pid) for pid in parent.stdout.readline().split()]
    known = [ProcessId(here.host, here.place, pid, _began(pid)) for pid in children for here in [ProcessId.here()]]
    assert len(known) == 2
    assert not any(child.is_surely_gone for child in known)

    parent.kill()
    parent.wait(10)
    parent.stdout.close()

    end = time.monotonic() + 20
    while not all(child.is_surely_gone for child in known):
        assert time.monotonic() < end, "a process outlived its parent"
        time.sleep(0.02)


def _began(pid: int) -> int:
    with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - one line of the kernel's
        return int(file.read().rpartition(b") ")[2].split()[19])
