"""The courier: everybody due gets one letter, and in doubt nobody does."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncSession
from structlog.testing import capture_logs

from consent.ledger import withdraw
from consent.model import Clearance, SubscriberId
from kit.db import Database
from kit.errors import Temporary
from kit.jobs import Interrupted
from mailer import delivery
from mailer.delivery import Counts
from mailer.journal import Journal
from mailer.model import OutgoingMail
from mailer.outcomes import Outcome
from mailer.relays import Deferred, Failed, Result, Sent, Unknown
from mailer.tables import DeliveryRow
from mailer.written import Ready
from tests.database import BY_REPLY, NOW
from tests.mailer.carrying import EVERYTHING, PaperPost, a_courier, counts, letter
from tests.mailer.test_delivery import given_mailing
from tests.mailer.test_journal import owner_died


async def test_everybody_who_is_due_gets_one_letter(database: Database, tmp_path: Path) -> None:
    """Slice by slice to the end, and a second run of the same job sends nothing."""
    mailing, people = await given_mailing(database, 35)
    post = PaperPost()

    async with a_courier(database, tmp_path / "journal", post) as courier:
        await courier.send_chunk(mailing, *EVERYTHING)
        await courier.send_chunk(mailing, *EVERYTHING)

    assert sorted(post.sent) == sorted(people)
    assert await counts(database, mailing) == Counts(sent=35)
    assert list((tmp_path / "journal").iterdir()) == []


async def test_two_couriers_on_one_chunk_send_to_nobody_twice(database: Database, tmp_path: Path) -> None:
    """The claim decides, not the job."""
    mailing, people = await given_mailing(database, 60)
    post = PaperPost(pause=0.001)

    async with (
        a_courier(database, tmp_path, post, worker="w1") as first,
        a_courier(database, tmp_path, post, worker="w2") as second,
    ):
        await asyncio.gather(first.send_chunk(mailing, *EVERYTHING), second.send_chunk(mailing, *EVERYTHING))

    assert sorted(post.sent) == sorted(people)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Sent(250, "ok"), Counts(sent=1)),
        (Failed(550, "5.1.1", "no such user", hard_bounce=True), Counts(failed=1)),
        (Deferred(451, "4.7.1", "greylisted"), Counts(waiting=1)),
        (Unknown("connection lost after the dot"), Counts(unknown=1)),
    ],
    ids=["sent", "failed", "deferred", "unknown"],
)
async def test_each_answer_has_its_place(database: Database, tmp_path: Path, answer: Result, expected: Counts) -> None:
    """What the relay says is what is recorded, and the unknown is not sent again."""
    mailing, people = await given_mailing(database, 1)
    post = PaperPost(answer=lambda _: answer)

    async with a_courier(database, tmp_path, post) as courier:
        await courier.send_chunk(mailing, *EVERYTHING)
        await courier.send_chunk(mailing, *EVERYTHING)

    assert post.sent == people
    assert await counts(database, mailing) == expected


async def test_who_is_deferred_for_a_day_is_given_up(database: Database, tmp_path: Path) -> None:
    """A promotion is stale after a day."""
    mailing, _ = await given_mailing(database, 1)
    post = PaperPost(answer=lambda _: Deferred(451, "4.0.0", "later"))
    now = [NOW]

    async with a_courier(database, tmp_path, post, clock=lambda: now[0]) as courier:
        for _ in range(40):
            await courier.send_chunk(mailing, *EVERYTHING)
            now[0] += timedelta(hours=1)

    async with database.reading() as session:
        row = await session.get(DeliveryRow, 1)
    assert row is not None
    assert (row.state, row.reason, row.code) == ("failed", "gave_up", 451)
    assert 5 < row.attempt < 15


async def test_who_leaves_between_claim_and_mail_from_gets_nothing(database: Database, tmp_path: Path) -> None:
    """The withdrawal is heard at the last look."""
    mailing, people = await given_mailing(database, 3)

    async def leave(_mails: list[Ready]) -> None:
        async with database.transaction() as session:
            await withdraw(session, people[2], ["deals"], source=BY_REPLY, at=NOW)

    post = PaperPost(first=leave)
    async with a_courier(database, tmp_path, post) as courier:
        await courier.send_chunk(mailing, *EVERYTHING)

    assert post.sent == people[:2]
    assert await counts(database, mailing) == Counts(sent=2, skipped={"withdrawn": 1})


async def test_a_pause_is_heard_within_a_second_and_the_rest_waits(database: Database, tmp_path: Path) -> None:
    """What is claimed already goes back."""
    mailing, _ = await given_mailing(database, 40)
    post = PaperPost(pause=0.05)

    async with a_courier(database, tmp_path, post, slice_size=40) as courier:
        chunk = asyncio.create_task(courier.send_chunk(mailing, *EVERYTHING))
        await asyncio.sleep(0.2)
        async with database.transaction() as session:
            await delivery.set_gate(session, mailing, "held")
        at_pause = len(post.sent)
        await asyncio.wait_for(chunk, 5)

    assert len(post.sent) - at_pause <= 20
    found = await counts(database, mailing)
    assert found == Counts(sent=len(post.sent), waiting=40 - len(post.sent))


@pytest.mark.parametrize("trouble", ["lease", "outage", "journal"])
async def test_in_doubt_nothing_begins(database: Database, tmp_path: Path, trouble: str) -> None:
    """Without a lease, a relay or a journal everybody waits."""
    mailing, _ = await given_mailing(database, 5)
    post = PaperPost(outage="down" if trouble == "outage" else None)

    async with a_courier(database, tmp_path / "j", post, lease=lambda: None if trouble == "lease" else 1) as courier:
        if trouble == "journal":
            (tmp_path / "j" / "w1" / "worker.json").unlink()
            (tmp_path / "j" / "w1").rmdir()
        with pytest.raises(Temporary):
            await courier.send_chunk(mailing, *EVERYTHING)

    assert post.sent == []
    assert await counts(database, mailing) == Counts(waiting=5)


async def test_a_worker_that_stops_gives_back_what_did_not_begin(database: Database, tmp_path: Path) -> None:
    """What has begun is recorded, the rest waits, and the job says that it is not done."""
    mailing, _ = await given_mailing(database, 30)
    post = PaperPost(pause=0.001)

    async with a_courier(database, tmp_path, post, is_stopping=lambda: len(post.sent) >= 3) as courier:
        with pytest.raises(Interrupted):
            await courier.send_chunk(mailing, *EVERYTHING)

    assert await counts(database, mailing) == Counts(sent=3, waiting=27)


async def test_a_post_that_breaks_leaves_unknown_only_what_had_begun(database: Database, tmp_path: Path) -> None:
    """The rest waits, and what was answered is recorded."""
    mailing, _ = await given_mailing(database, 9)

    def answer(mail: Ready) -> Result:
        if mail.row.id == 4:
            raise OSError
        return Sent(250, "ok")

    async with a_courier(database, tmp_path, PaperPost(answer=answer)) as courier:
        await courier.send_chunk(mailing, *EVERYTHING)
        await courier.send_chunk(mailing, *EVERYTHING)  # what waits again is due at once

    assert await counts(database, mailing) == Counts(sent=8, unknown=1)


async def test_a_dead_address_is_told_in_the_transaction_of_the_record(database: Database, tmp_path: Path) -> None:
    """A hook that fails does not keep the result from being recorded."""
    mailing, people = await given_mailing(database, 2)
    told: list[SubscriberId] = []

    async def on_hard_bounce(_session: AsyncSession, person: SubscriberId, words: str) -> None:
        assert words == "no such user"
        told.append(person)
        if person == people[1]:
            raise RuntimeError

    post = PaperPost(answer=lambda _: Failed(550, "5.1.1", "no such user", hard_bounce=True))
    async with a_courier(database, tmp_path, post, on_hard_bounce=on_hard_bounce) as courier:
        await courier.send_chunk(mailing, *EVERYTHING)

    assert set(told) == set(people)
    assert await counts(database, mailing) == Counts(failed=2)


async def test_what_stands_under_the_name_of_a_forgotten_worker_is_settled(database: Database, tmp_path: Path) -> None:
    """A claim whose COMMIT arrived after its worker was buried; nothing proves that it never began."""
    mailing, _ = await given_mailing(database, 4)
    async with database.transaction() as session:
        for worker in ("forgotten", "known"):
            await delivery.claim_slice(session, mailing, first=0, last=99, limit=1, worker=worker, now=NOW)

    async def known_workers() -> set[str]:
        return {"known", "w1"}

    async with a_courier(database, tmp_path, PaperPost(), known_workers=known_workers) as courier:
        await courier.settle_strangers()

    assert await counts(database, mailing) == Counts(unknown=1, waiting=3)


async def test_a_claim_that_was_committed_unseen_goes_back(database: Database, tmp_path: Path) -> None:
    """The worker lives and knows nothing of it, so nothing of it began."""
    mailing, _ = await given_mailing(database, 4)
    async with database.transaction() as session:
        await delivery.claim_slice(session, mailing, first=0, last=99, limit=2, worker="w1", now=NOW, claim="lost")
        await delivery.claim_slice(session, mailing, first=0, last=99, limit=1, worker="w1", now=NOW, claim="mine")

    async with database.transaction() as session:
        assert await delivery.give_back_strays(session, "w1", live={"mine"}, now=NOW) == 2
        assert await delivery.give_back_strays(session, "w1", live={"mine"}, now=NOW) == 0


async def test_a_dead_workers_journal_is_settled_at_the_start(database: Database, tmp_path: Path) -> None:
    """A worker of this machine that died leaves little unknown, also when nobody beat for it."""
    mailing, _ = await given_mailing(database, 4)
    async with database.transaction() as session:
        taken = await delivery.claim_slice(session, mailing, first=0, last=99, limit=3, worker="w", now=NOW)
    assert isinstance(taken, delivery.Slice)
    claim = Journal(tmp_path, "w").open_claim(taken.claim)
    claim.began(taken.rows[0].id)
    claim.began(taken.rows[1].id)
    claim.ended(Outcome(taken.rows[1].id, "sent", code=250))
    claim.close(is_recorded=False)
    owner_died(tmp_path)

    with capture_logs() as told:
        async with a_courier(database, tmp_path, PaperPost()) as courier:
            await courier.settle_leftovers()

    settled = [event for event in told if event["event"] == "worker.settled"]
    assert settled  # the courier settles at its start, too: where both look at the same moment, both tell the same
    for event in settled:
        assert event["unknown_by_campaign"] == {mailing: 1}
        assert event["decisions"] == {"sent 250": 1, "unknown worker_lost": 1, "waiting": 1}
    assert await counts(database, mailing) == Counts(sent=1, unknown=1, waiting=2)
    assert not (tmp_path / "w").exists()


async def test_a_lease_that_was_lost_and_came_back_begins_nothing_of_the_old_time(
    database: Database, tmp_path: Path
) -> None:
    """Row 6 of the fault matrix: a frozen worker wakes and beats at once; others may have settled its slice."""
    mailing, _ = await given_mailing(database, 6)
    post = PaperPost(pause=0.001)

    def lease() -> int:
        return 2 if len(post.sent) >= 2 else 1

    async with a_courier(database, tmp_path, post, lease=lease) as courier:
        with pytest.raises(Temporary):
            await courier.send_chunk(mailing, *EVERYTHING)

    assert await counts(database, mailing) == Counts(sent=2, waiting=4)


async def test_who_was_claimed_and_not_composed_when_the_worker_was_cancelled_waits_again(
    database: Database, tmp_path: Path
) -> None:
    """The journal stays although nothing is in it: it is the proof that nothing began."""
    mailing, _ = await given_mailing(database, 3)
    composing, go_on = threading.Event(), threading.Event()

    def compose(clearance: Clearance) -> OutgoingMail:
        composing.set()
        go_on.wait(10)
        return letter(clearance)

    async def prepare(_mailing_id: int) -> Callable[[Clearance], OutgoingMail]:
        return compose

    async with a_courier(database, tmp_path, PaperPost(), prepare=prepare) as courier:
        chunk = asyncio.create_task(courier.send_chunk(mailing, *EVERYTHING))
        await asyncio.to_thread(composing.wait, 10)
        chunk.cancel()
        await asyncio.wait([chunk])
        go_on.set()
    owner_died(tmp_path, "w1")

    async with a_courier(database, tmp_path, PaperPost(), worker="w2") as courier:
        await courier.settle("w1")

    assert await counts(database, mailing) == Counts(waiting=3)
    assert await holders(database) == []


async def test_a_claim_whose_commit_was_lost_goes_back_when_the_database_is_there_again(
    database: Database, tmp_path: Path
) -> None:
    """Not only at once, when the database may still be away."""
    mailing, _ = await given_mailing(database, 3)
    is_away = True

    class Flaky(Database):
        async def at_once(self, work: Any) -> Any:
            await database.at_once(work)
            raise OSError

        @contextlib.asynccontextmanager
        async def transaction(self) -> AsyncIterator[AsyncSession]:
            if is_away:
                raise OSError
            async with database.transaction() as session:
                yield session

    flaky = Flaky(database.url)
    async with a_courier(flaky, tmp_path, PaperPost(), strangers_each_seconds=0.05) as courier:
        with pytest.raises(OSError):
            await courier.send_chunk(mailing, *EVERYTHING)
        is_away = False
        async with asyncio.timeout(5):
            while await holders(database):  # noqa: ASYNC110 - the courier looks by itself, and tells nobody
                await asyncio.sleep(0.02)

    await flaky.close()
    assert await counts(database, mailing) == Counts(waiting=3)


async def holders(database: Database) -> list[str]:
    async with database.reading() as session:
        return await delivery.strangers(session, [])
