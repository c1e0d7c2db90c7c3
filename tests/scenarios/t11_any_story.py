"""Any story that people, mail servers, staff and machines can make up keeps the promises of docs/architecture.md.

People join, leave by every door, are imported and bounced; campaigns are launched, paused, cancelled; workers crash
between any two letters; the clock jumps; the database comes from a backup. A plain book says what is true
(:mod:`tests.scenarios.story`). A failure prints the story, and the blob that tells it again. ``BYLEAVE_STORIES`` says
how many are told.
"""

import asyncio
import os
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from campaigns import launching, store
from campaigns.reports import status
from consent import book, ledger, rejoin
from consent.enrol import enrol
from consent.ledger import Source
from consent.model import Door, Proof, Purpose
from consent.standing import states_of
from consent.unwritten import Wish
from consent.verifying import Verifier
from inbound.model import Envelope
from tests.database import BY_IMPORT, SECRETS
from tests.inbound.taking import TOKENS, a_mail
from tests.scenarios.installation import total
from tests.scenarios.story import TOPICS, Act, World

PEOPLE = 5
STORIES = int(os.environ.get("BYLEAVE_STORIES") or (60 if os.environ.get("CI") else 8))
PAGE = Source(Door.PAGE, Proof.TOKEN)

people = st.integers(0, PEOPLE - 1)
topics = st.sampled_from(TOPICS)
doors = st.sampled_from(["reply", "one_click", "page", "everything", "complaint"])
acts = st.lists(
    st.one_of(st.none(), st.tuples(st.just("leave"), people, doors), st.tuples(st.sampled_from(["hold", "cancel"]))),
    max_size=4,
)
answers = st.lists(st.sampled_from(["sent", "sent", "deferred", "dead", "lost", "crash"]), max_size=5)


class AnyStory(RuleBasedStateMachine):
    """One house, told step by step."""

    @initialize()
    def begin(self) -> None:
        self.runner = asyncio.Runner()
        self.world = World()
        self.go(self.world.begin(PEOPLE))
        self.ever: set[int] = set()  # numbers of campaigns, in whatever database
        self.bring(set(range(PEOPLE - 1)), {"deals"})  # so that most stories have letters in them
        self.launch("deals")

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.go(self.world.end())
            self.runner.close()

    def go(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(work)

    def then(self, seconds: float = 1) -> None:
        self.world.now += timedelta(seconds=seconds)

    # -- joining ------------------------------------------------------------------------------------------------------

    @rule(place=people, topic=topics)
    def subscribe(self, place: int, topic: str) -> None:
        """A person asks on the page; nothing is granted yet."""
        self.then()
        person = self.world.people[place]
        self.go(self.world.do(ledger.subscribe, person, [topic], source=PAGE, at=self.world.now))
        self.world.book.ask(person, topic)

    @rule(place=people)
    def confirm(self, place: int) -> None:
        """They follow the link of the mail that asked them."""
        self.then()
        person = self.world.people[place]
        self.go(self.world.do(rejoin.confirm_pending, person, source=PAGE, at=self.world.now))
        self.world.book.confirm(person)

    @rule(places=st.sets(people, min_size=1), wanted=st.sets(topics, min_size=1))
    def bring(self, places: set[int], wanted: set[str]) -> None:
        """An import of an old list: it grants what nobody ever withdrew, and nothing else (promise 6)."""
        self.then()
        profiles = [self.world.profiles[place] for place in sorted(places)]
        verb = {"source": BY_IMPORT, "secrets": SECRETS, "at": self.world.now}
        self.go(self.world.do(enrol, profiles, sorted(wanted), **verb))
        for place in places:
            for topic in wanted:
                self.world.book.bring(self.world.people[place], topic)

    # -- leaving ------------------------------------------------------------------------------------------------------

    @rule(place=people, door=doors)
    def leave(self, place: int, door: str) -> None:
        """By every door there is; it has answered when this returns."""
        self.then()
        self.go(self.leaving(place, door))

    async def leaving(self, place: int, door: str) -> None:
        world, person = self.world, self.world.people[place]
        mailing = max(world.campaigns, default=0)
        gone = list(TOPICS)
        match door:
            case "one_click":
                gone = [world.campaigns[mailing]] if mailing else gone
                assert await world.exits.leave(Wish(person, mailing, Door.ONE_CLICK, world.now))
            case "reply":
                address = TOKENS.reply_address("reply.shop.example", person, mailing)
                sender = world.profiles[place].address
                raw = a_mail(
                    sender=sender, to=address, subject="unsubscribe", text="unsubscribe",
                    message_id=f"{world.now.timestamp()}.{place}@example.com",
                )  # fmt: skip
                answer = await world.intake.take(raw, Envelope(str(sender), (address,)), world.now)
                assert answer.code == 250
            case "page":
                gone = ["deals"]
                await world.do(ledger.withdraw, person, gone, source=PAGE, at=world.now)
            case _:
                source = PAGE if door == "everything" else Source(Door.COMPLAINT, Proof.TOKEN)
                await world.do(ledger.withdraw_all, person, source=source, at=world.now)
        world.note_leaving(person, gone)

    @rule(place=people)
    def bounce(self, place: int) -> None:
        """A mail server says that the address is dead."""
        self.then()
        person = self.world.people[place]
        source = Source(Door.BOUNCE, Proof.NONE)
        verb = self.world.do(ledger.suppress, person, reason="hard bounce", source=source, at=self.world.now)
        self.go(verb)
        self.world.book.closed.add(person)
        self.world.lost_acts.append(("close", person, ()))

    # -- campaigns ----------------------------------------------------------------------------------------------------

    @rule(topic=topics)
    def launch(self, topic: str) -> None:
        """By the real door, piece by piece."""
        self.then()
        content = {"name": "c", "topic": topic, "subject": "Half price", "text": "Hello"}
        number = self.go(self.world.do(store.new, content, now=self.world.now))
        assert number not in self.ever, "a number was given out twice"
        self.ever.add(number)
        self.world.campaigns[number] = topic
        self.go(self.launching(number))

    async def launching(self, number: int) -> None:
        async def ready() -> None:
            return None

        world = self.world
        await launching.launch(world.database, number, ready=ready, enqueue=world.enqueue, now=world.now, chunk_size=3)

    @precondition(lambda self: bool(self.world.campaigns))
    @rule(number=st.integers(0, 9), move=st.sampled_from(["hold", "go on", "go on", "cancel"]))
    def move(self, number: int, move: str) -> None:
        """Staff pause, resume and cancel."""
        self.then()
        self.go(self.moving(sorted(self.world.campaigns)[number % len(self.world.campaigns)], move))

    async def moving(self, campaign: int, move: str) -> None:
        world = self.world
        match move:
            case "hold":
                await world.do(store.pause, campaign)
            case "cancel":
                await world.do(store.cancel, campaign, now=world.now)
            case _:
                await world.do(store.resume, campaign, enqueue=world.enqueue, chunk_size=3)

    @rule(between=acts, ends=answers, with_journal=st.booleans())
    def work(self, between: list[Any], ends: list[str], with_journal: bool) -> None:
        """A worker carries a chunk, and between two letters anything happens."""
        self.working(between, ends, with_journal=with_journal)

    @rule(ends=answers, with_journal=st.booleans())
    def work_undisturbed(self, ends: list[str], with_journal: bool) -> None:
        """A worker carries a chunk, and nothing happens but what mail servers answer."""
        self.working([], ends, with_journal=with_journal)

    def working(self, between: list[Any], ends: list[str], *, with_journal: bool) -> None:
        self.then()
        if not self.world.jobs:
            self.launch("deals")
        happenings = [self.happening(one) for one in between]
        self.go(self.world.work(happenings, ends, with_journal=with_journal))

    def happening(self, what: tuple[Any, ...] | None) -> Act:
        async def act() -> None:
            self.then()
            if what is None:
                return
            if what[0] == "leave":
                await self.leaving(what[1], what[2])
            else:
                await self.moving(self.world.current, what[0])

        return act

    @rule(minutes=st.sampled_from([0, 6, 60, 60 * 30]))
    def tick(self, minutes: int) -> None:
        """The clock goes on, or jumps; the runner looks."""
        self.then(minutes * 60 + 1)
        self.go(self.world.runner.tick())
        self.go(self.world.watch.tick())

    # -- the database put back ----------------------------------------------------------------------------------------

    @rule()
    def back_up(self) -> None:
        self.then()
        self.go(self.world.back_up())

    @precondition(lambda self: self.world.backup is not None)
    @rule()
    def put_back(self) -> None:
        """The machine dies, and an older database takes the place of the present one."""
        self.then()
        self.go(self.world.put_back())

    @rule(ends=answers, journal=st.booleans())
    def lose_a_chunk(self, ends: list[str], journal: bool) -> None:
        """Letters go out between the backup and the loss; the restored database knows nothing of them."""
        self.back_up()
        self.working([], ends, with_journal=journal)
        self.put_back()

    # -- what holds at any moment -------------------------------------------------------------------------------------

    @invariant()
    def nobody_gets_what_they_must_not(self) -> None:
        """Promises 2 and 3: nothing begins after an opt-out was answered, and nothing arrives twice."""
        if hasattr(self, "world"):
            assert not self.world.breaches

    @invariant()
    def sums_are_exact(self) -> None:
        """Promise 4."""
        if hasattr(self, "world"):
            for campaign in self.world.campaigns:
                found = self.go(self.world.do(status, campaign))
                assert found["snapshot"] == total(found) == self.go(self.snapshot_of(campaign)), found

    async def snapshot_of(self, campaign: int) -> int:
        found = await self.world.do(store.load, campaign)
        return int(found.snapshot)

    @invariant()
    def the_ledger_says_what_the_book_says(self) -> None:
        """Promises 6 and 9: opt-outs are monotone, the fold is what is kept beside it, the chain is whole."""
        if hasattr(self, "world"):
            self.go(self.compare())

    async def compare(self) -> None:
        world = self.world
        async with world.database.reading() as session:
            for person in world.people:
                standing = await ledger.standing_of(session, person)
                for topic in TOPICS:
                    kept = (await states_of(session, [person], topic)).get(person)
                    told = standing.state(Purpose.PROMOTION, topic)
                    assert told.value == world.book.state(person, topic), (person, topic)
                    assert kept in {told, None}
            stated, last = await book.ends(session)
            verifier = Verifier()
            async for page in book.entries(session, upto=last):
                assert all(entry.content and verifier.follow(entry.content, entry.hash) for entry in page)
            assert verifier.finish(stated).fault is None


TestAnyStory = AnyStory.TestCase
TestAnyStory.settings = settings(max_examples=STORIES, stateful_step_count=25, print_blob=True)
