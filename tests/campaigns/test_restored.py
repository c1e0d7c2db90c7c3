"""After a restore nothing goes on by itself, and the sums stay exact."""

from campaigns import restored, store
from campaigns.model import State
from kit.db import Database
from mailer import delivery
from mailer import restored as mail_restored
from mailer.delivery import Slice
from mailer.outcomes import Outcome
from tests.campaigns.test_gathering import piece
from tests.campaigns.test_store import CONTENT, Jobs, launched, shown
from tests.database import LATER, NOW


async def test_whatever_would_go_on_is_held_with_a_note(database: Database) -> None:
    """What ran is paused, what was planned is a draft, what was gathered is gathered anew; drafts and ends stay."""
    running, paused, over = [await launched(database, people) for people in (3, 0, 0)]
    async with database.transaction() as session:
        await store.pause(session, paused)
        await store.cancel(session, over, now=NOW)
        planned, draft = [await store.new(session, CONTENT, now=NOW) for _ in range(2)]
        await store.schedule(session, planned, LATER, time_zone="UTC")
    await piece(database, draft)

    async with database.transaction() as session:
        held = await restored.hold_all(session)

    assert sorted(held) == [running, paused, planned]
    async with database.reading() as session:
        found = {one.id: one for one in await store.all_campaigns(session)}
        assert await store.due(session, now=LATER) == []
    states = [found[number].state for number in (running, paused, planned, draft, over)]
    assert states == [State.PAUSED, State.PAUSED, State.DRAFT, State.DRAFT, State.CANCELLED]
    assert all("restored from a backup" in found[number].note for number in held)


async def test_who_waited_or_was_in_hands_is_unknown_and_who_was_done_stays_so(database: Database) -> None:
    """They may have got it since the backup; resuming sends them nothing."""
    campaign, jobs = await launched(database, 6), Jobs()
    async with database.transaction() as session:
        options = {"first": 0, "last": 99, "limit": 2, "worker": "w", "now": NOW}
        sent = await delivery.claim_slice(session, campaign, **options)  # type: ignore[arg-type]  # plain options
        assert isinstance(sent, Slice)
        await delivery.record(
            session, campaign, [Outcome(row.id, "sent") for row in sent.rows], claim=sent.claim, now=NOW
        )
        await delivery.claim_slice(session, campaign, **options)  # type: ignore[arg-type]  # plain options

    async with database.transaction() as session:
        await restored.hold_all(session)
        assert await mail_restored.doubt(session, now=LATER) == 4
        assert await mail_restored.doubt(session, now=LATER) == 0
        await store.resume(session, campaign, enqueue=jobs)

    found = await shown(database, campaign)
    assert (found["sent"], found["unknown"], found["waiting"]) == (2, 4, 0)
    assert jobs.enqueued == []
