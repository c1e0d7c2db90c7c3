"""The canary: a few first, spread over the domains; the rest by itself, or a pause that says why."""

import asyncio
from collections import Counter
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from campaigns import acts, launching, steering, store, watching
from campaigns.canary import Canary, Seen, choose, enough, objection, places
from campaigns.runner import Runner
from campaigns.tables import CampaignRow
from consent import ledger
from consent.ledger import Source
from consent.model import Door, Proof, SubscriberId
from kit.db import Database
from mailer.relays import Deferred, Withheld
from tests.campaigns.test_runner import JobList
from tests.campaigns.test_store import given_campaign, shown
from tests.database import NOW
from tests.mailer.carrying import PaperPost, a_courier

RULE = Canary(share=0.1, least_people=40, wait_seconds=600.0)


async def ready() -> None:
    """Refuse nothing."""


async def launch(database: Database, people: int) -> tuple[int, JobList]:
    campaign, jobs = await given_campaign(database, people), JobList()
    await launching.launch(database, campaign, ready=ready, enqueue=jobs.enqueue, now=NOW, chunk_size=20, canary=RULE)
    return campaign, jobs


async def run_jobs(database: Database, folder: Path, jobs: JobList) -> list[int]:
    post, waiting = PaperPost(), list(jobs.waiting.values())
    jobs.waiting.clear()
    async with a_courier(database, folder, post) as courier:
        for job in waiting:
            await courier.send_chunk(*job)
    return post.sent


async def step(database: Database, campaign: int, jobs: JobList, *, minutes: int) -> str:
    async with database.transaction() as session:
        now = NOW + timedelta(minutes=minutes)
        return await watching.step(session, campaign, RULE, enqueue=jobs.enqueue, chunk_size=20, now=now)


async def trouble(database: Database, people: list[int], door: Door) -> None:
    for person in people:
        async with database.transaction() as session:
            source = Source(door, Proof.NONE, {})
            await ledger.suppress(session, SubscriberId(person), reason="test", source=source, at=NOW)


async def state_of(database: Database, campaign: int) -> str | None:
    async with database.reading() as session:
        return (await session.get_one(CampaignRow, campaign)).canary


async def test_a_tenth_goes_first_and_the_rest_follows_after_the_wait(database: Database, tmp_path: Path) -> None:
    campaign, jobs = await launch(database, 60)

    first = await run_jobs(database, tmp_path, jobs)
    assert len(first) == 6
    assert await step(database, campaign, jobs, minutes=0) == "sent"
    assert await step(database, campaign, jobs, minutes=9) == ""
    assert await run_jobs(database, tmp_path, jobs) == []
    assert await step(database, campaign, jobs, minutes=10) == "passed"
    rest = await run_jobs(database, tmp_path, jobs)

    assert len(set(first) | set(rest)) == len(first) + len(rest) == 60
    assert (await shown(database, campaign))["sent"] == 60
    assert await state_of(database, campaign) == "passed"


async def test_too_many_complaints_pause_it_with_a_note_and_a_person_may_overrule(
    database: Database, tmp_path: Path
) -> None:
    """What was seen before the person's word counts no more; what comes afterwards does."""
    campaign, jobs = await launch(database, 60)
    first = await run_jobs(database, tmp_path, jobs)
    await step(database, campaign, jobs, minutes=0)
    await trouble(database, first[:2], Door.COMPLAINT)

    assert await step(database, campaign, jobs, minutes=1) == "stopped"
    assert await step(database, campaign, jobs, minutes=60) == ""
    status = await shown(database, campaign)
    assert status["state"] == "paused"
    assert "2 of 6 people complained" in status["note"]
    async with database.transaction() as session:
        assert [act["act"] for act in await acts.of(session, campaign)] == ["launched", "stopped"]
        await steering.resume(session, campaign, by="eve", now=NOW, enqueue=jobs.enqueue, chunk_size=20)
    assert await step(database, campaign, jobs, minutes=61) == ""
    rest = await run_jobs(database, tmp_path, jobs)
    assert len(rest) == 54
    await trouble(database, rest[:5], Door.BOUNCE)
    assert await step(database, campaign, jobs, minutes=62) == "stopped"


async def test_staff_are_told_how_far_it_is(database: Database, tmp_path: Path) -> None:
    """In each state: how many are first, how many of their letters are answered, until when the others wait."""
    campaign, jobs = await launch(database, 60)

    async def told(number: int) -> tuple[str, int, int, bool]:
        async with database.reading() as session:
            found = await watching.told(session, number)
        assert found is not None
        return found["state"], found["people"], found["answered"], found["until"] is not None

    assert await told(campaign) == ("sending", 6, 0, False)
    await run_jobs(database, tmp_path, jobs)
    assert await told(campaign) == ("sending", 6, 6, False)
    await step(database, campaign, jobs, minutes=0)
    assert await told(campaign) == ("waiting", 6, 6, True)
    await step(database, campaign, jobs, minutes=10)
    await run_jobs(database, tmp_path, jobs)
    assert await told(campaign) == ("passed", 6, 6, False)


async def test_a_pause_by_staff_keeps_the_canary_as_it_is(database: Database, tmp_path: Path) -> None:
    campaign, jobs = await launch(database, 60)
    async with database.transaction() as session:
        await store.pause(session, campaign)
    assert await run_jobs(database, tmp_path, jobs) == []
    async with database.transaction() as session:
        await steering.resume(session, campaign, by="eve", now=NOW, enqueue=jobs.enqueue, chunk_size=20)

    assert len(await run_jobs(database, tmp_path, jobs)) == 6


async def test_a_small_campaign_goes_out_at_once(database: Database, tmp_path: Path) -> None:
    campaign, jobs = await launch(database, 39)

    assert len(await run_jobs(database, tmp_path, jobs)) == 39
    assert await state_of(database, campaign) is None


async def test_the_runner_watches_and_lets_the_rest_go(database: Database, tmp_path: Path) -> None:
    campaign, jobs = await launch(database, 60)
    await run_jobs(database, tmp_path, jobs)
    for minutes in (0, 11):
        now = NOW + timedelta(minutes=minutes)
        await Runner(database, jobs.enqueue, canary=RULE, clock=lambda now=now: now, chunk_size=20).tick()  # type: ignore[misc]  # bound at once

    assert await state_of(database, campaign) == "passed"
    assert len(await run_jobs(database, tmp_path, jobs)) == 54


@given(st.integers(0, 400), st.integers(0, 400), st.integers(0, 20_000), st.sampled_from([0.0, 0.003, 0.05, 1.0]))
def test_counting_no_further_than_it_matters_changes_no_judgement(
    bounces: int, complaints: int, answered: int, most: float
) -> None:
    """Cut at ``enough``, the number of letters leads to the same words as the whole number."""
    rule = Canary(most_bounces=most)
    limit = enough(bounces, complaints, rule)
    counted = answered if limit is None else min(answered, limit)

    assert objection(Seen(counted, bounces, complaints), rule) == objection(Seen(answered, bounces, complaints), rule)


def test_a_campaign_without_trouble_is_not_counted_at_all() -> None:
    assert enough(2, 1, Canary()) == 0
    assert enough(3, 0, Canary()) == 61


async def test_a_look_that_finds_nothing_to_do_writes_nothing(database: Database, tmp_path: Path) -> None:
    """Another process holds the pen all the while; on SQLite a writer would wait for it."""
    campaign, jobs = await launch(database, 60)
    await run_jobs(database, tmp_path, jobs)
    await step(database, campaign, jobs, minutes=0)
    other = Database(database.url)

    async with other.transaction() as session, asyncio.timeout(5):
        await session.execute(sa.update(CampaignRow).values(note="locked"))
        await Runner(database, jobs.enqueue, canary=RULE, clock=lambda: NOW + timedelta(minutes=1)).tick()

    await other.close()
    assert await state_of(database, campaign) == "waiting"


@given(st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 60), min_size=1), st.integers(1, 40), st.integers())
def test_each_domain_has_its_share_and_the_choice_is_the_same_again(
    domains: dict[str, int], size: int, seed: int
) -> None:
    people = [(number, name) for name, many in sorted(domains.items()) for number in range(many)]
    numbered = [(place, name) for place, (_, name) in enumerate(people)]

    chosen = choose(numbered, size, seed)

    assert chosen == choose(numbered[::-1], size, seed)
    assert len(set(chosen)) == len(chosen) == min(size, len(numbered))
    of = dict(numbered)
    for name, number in Counter(of[id_] for id_ in chosen).items():
        assert abs(number - domains[name] * len(chosen) / len(numbered)) <= 1


@given(st.integers(1, 1000), st.integers(0, 5000), st.integers(1, 60), st.integers())
def test_places_lie_in_the_range(first: int, span: int, size: int, seed: int) -> None:
    found = places(first, first + span, size, seed)

    assert found == places(first, first + span, size, seed)
    assert all(first <= place <= first + span for place in found)


@given(st.integers(0, 10_000), st.integers(0, 500), st.integers(0, 500), st.integers(0, 100))
def test_more_trouble_never_lets_a_campaign_go_on(answered: int, bounces: int, complaints: int, more: int) -> None:
    if objection(Seen(answered, bounces, complaints), RULE):
        assert objection(Seen(answered, bounces + more, complaints + more), RULE)


def test_the_limits_are_shares_and_single_accidents_stop_nothing() -> None:
    assert objection(Seen(10, 2, 1), RULE) == ""
    assert objection(Seen(1000, 50, 3), RULE) == ""
    assert "51 of 1000 addresses were dead (5.1%" in objection(Seen(1000, 51, 0), RULE)
    assert "4 of 1000 people complained" in objection(Seen(1000, 0, 4), RULE)
    assert (RULE.size(39), RULE.size(40), Canary(share=0).size(10**6)) == (0, 4, 0)


async def test_who_of_the_canary_had_no_turn_yet_still_goes_first(database: Database, tmp_path: Path) -> None:
    """Put off by the pace, they keep their mark: the others wait for all of them."""
    campaign, jobs = await launch(database, 60)
    chunks = list(jobs.waiting.values())
    async with a_courier(database, tmp_path, PaperPost(answer=lambda _: Withheld(5.0))) as courier:
        for chunk in chunks:
            await courier.send_chunk(*chunk)
    assert await step(database, campaign, jobs, minutes=0) == ""

    post = PaperPost()
    async with a_courier(database, tmp_path, post, clock=lambda: NOW + timedelta(seconds=5)) as courier:
        for chunk in chunks:
            await courier.send_chunk(*chunk)

    assert len(post.sent) == 6
    assert await step(database, campaign, jobs, minutes=0) == "sent"


async def test_who_of_the_canary_was_tried_once_holds_the_others_up_no_longer(
    database: Database, tmp_path: Path
) -> None:
    """Greylisted, their next try may be hours away; until then they may still go when it comes."""
    campaign, jobs = await launch(database, 60)
    chunks, later = list(jobs.waiting.values()), PaperPost(answer=lambda _: Deferred(451, "4.7.1", "greylisted"))
    async with a_courier(database, tmp_path, later) as courier:
        for chunk in chunks:
            await courier.send_chunk(*chunk)
    assert await step(database, campaign, jobs, minutes=0) == "sent"

    post = PaperPost()
    async with a_courier(database, tmp_path, post, clock=lambda: NOW + timedelta(hours=3)) as courier:
        for chunk in chunks:
            await courier.send_chunk(*chunk)

    assert sorted(post.sent) == sorted(later.sent)
    assert len(post.sent) == 6
