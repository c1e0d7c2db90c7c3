"""Unknown letters: shown, sent again or dropped by a person's word alone, and the sums stay exact."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DatabaseError

from campaigns import acts, store, unknowns
from campaigns.model import Missing, NotPossible
from campaigns.runner import Runner
from campaigns.tables import CampaignActRow
from campaigns.unknowns import Settled
from consent.ledger import withdraw
from consent.model import SubscriberId
from kit.db import Database
from mailer import delivery, fates
from mailer.delivery import Slice
from mailer.outcomes import Outcome
from mailer.relays import Sent
from tests.campaigns.test_runner import JobList
from tests.campaigns.test_store import launched, shown
from tests.database import BY_REPLY, LATER, NOW
from tests.mailer.carrying import EVERYTHING, PaperPost, a_courier


async def taken(database: Database, campaign: int) -> Slice:
    async with database.transaction() as session:
        first, last = EVERYTHING
        found = await delivery.claim_slice(session, campaign, first=first, last=last, limit=99, worker="w", now=NOW)
    assert isinstance(found, Slice)
    return found


async def given_unknowns(database: Database, *, people: int = 4, unknown: int = 3) -> tuple[int, Slice]:
    """Launch a campaign in which some answers were lost and the others were sent."""
    campaign = await launched(database, people)
    claimed = await taken(database, campaign)
    async with database.transaction() as session:
        outcomes = [
            Outcome(row.id, "unknown", "answer_lost", response="the connection was lost", relay="one")
            if place < unknown
            else Outcome(row.id, "sent", code=250, relay="two")
            for place, row in enumerate(claimed.rows)
        ]
        await delivery.record(session, campaign, outcomes, claim=claimed.claim, now=NOW)
    return campaign, claimed


async def finished(database: Database, campaign: int) -> None:
    await Runner(database, JobList().enqueue, clock=lambda: LATER).tick()
    assert (await shown(database, campaign))["state"] == "finished"


async def test_unknown_letters_are_shown_with_what_is_known_of_them(database: Database) -> None:
    campaign, claimed = await given_unknowns(database)

    async with database.reading() as session:
        found = await fates.unknowns(session, campaign)
        assert await fates.unknown_by_mailing(session) == {campaign: 3}

    assert [one.person for one in found] == [row.clearance.subscriber for row in claimed.rows[:3]]
    assert {(one.reason, one.relay, one.since, one.attempt) for one in found} == {("answer_lost", "one", NOW, 1)}


async def test_a_finished_campaign_runs_on_for_letters_that_staff_send_again(
    database: Database, tmp_path: Path
) -> None:
    """Each is sent once more, who left meanwhile gets nothing, and the act is kept with a name and a number."""
    campaign, claimed = await given_unknowns(database)
    await finished(database, campaign)
    gone = SubscriberId(claimed.rows[1].clearance.subscriber)
    async with database.transaction() as session:
        await withdraw(session, gone, ["deals"], source=BY_REPLY, at=NOW)

    async with database.transaction() as session:
        assert await unknowns.send_again(session, campaign, by="ann", now=LATER) == Settled(campaign, 3)
    assert (await shown(database, campaign))["waiting"] == 3
    post, jobs = PaperPost(answer=lambda _: Sent(250, "ok")), JobList()
    runner = Runner(database, jobs.enqueue, clock=lambda: LATER)
    await runner.tick()
    async with a_courier(database, tmp_path, post, clock=lambda: LATER) as courier:
        for job in jobs.waiting.values():
            await courier.send_chunk(*job)
    await runner.tick()

    assert sorted(post.sent) == sorted(row.clearance.subscriber for row in (claimed.rows[0], claimed.rows[2]))
    status = await shown(database, campaign)
    assert (status["state"], status["sent"], status["unknown"], status["skipped"]) == (
        "finished",
        3,
        0,
        {"withdrawn": 1},
    )
    async with database.reading() as session:
        (act,) = await acts.of(session, campaign)
    assert (act["act"], act["by"], act["letters"]) == ("unknown_sent_again", "ann", 3)


async def test_a_late_word_of_the_old_claim_counts_no_more_once_staff_have_settled_it(database: Database) -> None:
    campaign, claimed = await given_unknowns(database)
    async with database.transaction() as session:
        await unknowns.send_again(session, campaign, by="ann", now=NOW)

    async with database.transaction() as session:
        late = [Outcome(row.id, "sent") for row in claimed.rows[:3]]
        assert await delivery.record(session, campaign, late, claim=claimed.claim, now=LATER) == 0

    assert (await shown(database, campaign))["waiting"] == 3


async def test_single_people_are_settled_and_the_others_stay_unknown(database: Database) -> None:
    campaign, claimed = await given_unknowns(database)
    people = [row.clearance.subscriber for row in claimed.rows]

    async with database.transaction() as session:
        assert await unknowns.drop(session, campaign, people=[people[0], people[3]], by="ann", now=NOW) == Settled(
            campaign, 1
        )

    status = await shown(database, campaign)
    assert (status["unknown"], status["skipped"], status["sent"]) == (2, {"dropped": 1}, 1)


async def test_what_was_dropped_is_never_sent(database: Database, tmp_path: Path) -> None:
    """Not by a resume, not by sending again, not by a dead worker's journal."""
    campaign, _ = await given_unknowns(database)
    async with database.transaction() as session:
        await unknowns.drop(session, campaign, by="ann", now=NOW)
    async with database.transaction() as session:
        assert await unknowns.send_again(session, campaign, by="ann", now=NOW) == Settled(campaign, 0)
        assert await delivery.settle_dead(session, ["w"], proof=None, now=NOW) == []
    post = PaperPost()
    async with a_courier(database, tmp_path, post) as courier:
        await courier.send_chunk(campaign, *EVERYTHING)

    assert post.sent == []
    async with database.reading() as session:
        assert [act["act"] for act in await acts.of(session, campaign)] == ["unknown_dropped"]


async def test_a_cancelled_campaign_sends_nothing_again(database: Database) -> None:
    campaign, _ = await given_unknowns(database)
    async with database.transaction() as session:
        await store.cancel(session, campaign, now=NOW)

    async with database.transaction() as session:
        assert isinstance(await unknowns.send_again(session, campaign, by="ann", now=NOW), NotPossible)
        assert await unknowns.drop(session, campaign, by="ann", now=NOW) == Settled(campaign, 3)
        assert await unknowns.send_again(session, 99, by="ann", now=NOW) == Missing(99)
        assert await unknowns.drop(session, 99, by="ann", now=NOW) == Missing(99)


async def test_acts_are_append_only(database: Database) -> None:
    campaign, _ = await given_unknowns(database)
    async with database.transaction() as session:
        await acts.note(session, campaign, "paused", by="ann", at=NOW)

    for statement in (sa.update(CampaignActRow).values(by="bob"), sa.delete(CampaignActRow)):
        with pytest.raises(DatabaseError):
            async with database.transaction() as session:
                await session.execute(statement)


async def test_letters_are_counted_by_relay_domain_and_code(database: Database) -> None:
    campaign = await launched(database, 5)
    claimed = await taken(database, campaign)
    fate = [
        {"state": "sent", "code": 250, "relay": "one"},
        {"state": "sent", "code": 250, "relay": "two"},
        {"state": "failed", "reason": "bounced", "code": 550, "enhanced": "5.1.1", "relay": "two"},
        {"state": "waiting", "reason": "deferred", "code": 451, "enhanced": "4.7.1", "relay": "one", "next_at": LATER},
    ]
    async with database.transaction() as session:
        outcomes = [Outcome(row.id, **one) for row, one in zip(claimed.rows, fate, strict=False)]  # type: ignore[arg-type]  # the fields of Outcome
        await delivery.record(session, campaign, outcomes, claim=claimed.claim, now=NOW)

    async with database.reading() as session:
        relays = await fates.by_relay(session, campaign)
        domains = await fates.by_domain(session, campaign)
        codes = await fates.by_code(session, campaign)

    assert relays == [
        {"relay": "", "waiting": 1},
        {"relay": "one", "sent": 1, "waiting": 1},
        {"relay": "two", "sent": 1, "failed": 1},
    ]
    assert domains == [{"domain": "example.com", "sent": 2, "failed": 1, "waiting": 2}]
    assert codes == [
        {"state": "waiting", "reason": "deferred", "code": 451, "enhanced": "4.7.1", "number": 1},
        {"state": "failed", "reason": "bounced", "code": 550, "enhanced": "5.1.1", "number": 1},
    ]
