"""The world of a story: real ledger, campaigns, courier and doors over a real database, and a book of what is true.

The book knows the rules in the plainest form and nothing of the code. The post asks it at each MAIL FROM; what goes out
against the book is a breach.
"""

import asyncio
import contextlib
import json
import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from byleave.restoring import Watch, look
from byleave.wiring import Ground
from campaigns.runner import Runner
from consent import ledger, subscribers
from consent.hearing import Hearing
from consent.ledger import Source
from consent.model import Door, Proof, SubscriberId
from consent.policy import TopicValue, keep_topics
from consent.subscribers import Profile
from consent.unwritten import Unwritten
from inbound.intake import Intake
from inbound.readers import ThreadReaders
from inbound.worlds import Worlds
from kit.addresses import EmailAddress
from kit.config import Settings
from kit.config_inbound import InboundSettings
from kit.db import Database, Session
from mailer.courier import Courier
from mailer.exits import Exits
from mailer.journal import Journal
from mailer.relays import Deferred, Failed, Result, Sent, Withheld
from mailer.written import Ready
from tests.database import KIND, NOW, SECRETS, _postgres, fresh_database
from tests.inbound.taking import HOUSE
from tests.mailer.carrying import prepare

TOPICS = ("deals", "events")
Act = Callable[[], Awaitable[None]]


@dataclass
class Book:
    """What is true of consent: (person, topic) -> state, and who ever left."""

    states: dict[tuple[int, str], str] = field(default_factory=dict)
    left: set[tuple[int, str]] = field(default_factory=set)
    closed: set[int] = field(default_factory=set)  # suppressed addresses

    def state(self, person: int, topic: str) -> str:
        return self.states.get((person, topic), "none")

    def ask(self, person: int, topic: str) -> None:
        if self.state(person, topic) != "granted":
            self.states[person, topic] = "pending"

    def confirm(self, person: int) -> None:
        for key, state in self.states.items():
            if key[0] == person and state == "pending":
                self.states[key] = "granted"

    def bring(self, person: int, topic: str) -> None:
        """An import: it never brings back anybody who left."""
        if (person, topic) not in self.left:
            self.states[person, topic] = "granted"

    def leave(self, person: int, topics: Iterable[str]) -> None:
        for topic in topics:
            self.states[person, topic] = "withdrawn"
            self.left.add((person, topic))

    def may_get(self, person: int, topic: str) -> bool:
        return self.state(person, topic) == "granted" and person not in self.closed


class StoryPost:
    """A post that lets things happen between two letters, and looks at the book when a MAIL FROM goes out."""

    outage: str | None = None

    def __init__(self, world: "World") -> None:
        self._world = world
        self.acts: list[Act] = []
        self.answers: list[str] = []

    async def send_many(
        self,
        mails: Iterable[Ready],
        may_start: Callable[[Ready], bool],
        on_result: Callable[[Ready, Result, str], None],
    ) -> None:
        for mail in mails:
            if self.acts:
                await self.acts.pop(0)()
            if not may_start(mail):
                on_result(mail, Withheld(), "paper")
                continue
            answer = self.answers.pop(0) if self.answers else "sent"
            self._world.mail_from(mail, may_have_arrived=answer in {"sent", "lost", "crash"})
            match answer:
                case "crash":
                    self._world.crashed.set()
                    await asyncio.Event().wait()
                case "deferred":
                    on_result(mail, Deferred(451, "4.2.0", "later"), "paper")
                case "dead":
                    self._world.book.closed.add(mail.clearance.subscriber)
                    self._world.lost_acts.append(("close", mail.clearance.subscriber, ()))
                    on_result(mail, Failed(550, "5.1.1", "no such user", hard_bounce=True), "paper")
                case "lost":
                    pass  # the connection broke: nobody tells
                case _:
                    on_result(mail, Sent(250, "2.0.0 ok"), "paper")


class World:
    """Everything that lives in a story."""

    def __init__(self) -> None:
        self.now = NOW
        self.book = Book()
        self.letters: Counter[tuple[int, int]] = Counter()  # (campaign, person): letters that may have arrived
        self.breaches: list[str] = []  # kept, not raised: whoever sends goes on whatever a post raises
        self.jobs: list[tuple[int, int, int]] = []
        self.campaigns: dict[int, str] = {}
        self.crashed = asyncio.Event()
        self.lost_acts: list[tuple[str, int, Sequence[str]]] = []  # opt-outs since the backup
        self.backup: tuple[str, Book, list[tuple[int, int, int]], dict[int, str]] | None = None
        self._folder = tempfile.TemporaryDirectory()
        self._stack = contextlib.AsyncExitStack()
        self._workers = 0
        self.current = 0  # the campaign of the chunk under way

    # -- the house ----------------------------------------------------------------------------------------------------

    async def begin(self, people: int) -> None:
        """Build the house, with people whom nobody has asked yet."""
        self.folder = Path(self._folder.name)
        self.database = await self._stack.enter_async_context(fresh_database(self.folder))
        profiles = [Profile(EmailAddress(f"p{number}", "example.com")) for number in range(people)]
        async with self.database.transaction() as session:
            await keep_topics(session, [TopicValue(topic, topic.title()) for topic in TOPICS])
            known = await subscribers.add(session, profiles, secrets=SECRETS, at=self.now)
        self.profiles = profiles
        self.people = [known[profile.address.key] for profile in profiles]
        await self._open()

    async def _open(self) -> None:
        """Join the parts over the present database."""
        self.ground = Ground(Settings(var=str(self.folder / "var")), SECRETS, self.database, self.clock)
        self.watch = Watch(self.ground)
        self.exits = Exits(self.database, Unwritten(self.folder / "opt-outs"))
        self.intake = Intake(
            self.database, readers=ThreadReaders(), worlds=Worlds(self.database, company="Shop", addresses=()),
            house=HOUSE, settings=InboundSettings(decide_seconds=60), clock=self.clock,
        )  # fmt: skip
        self.runner = Runner(self.database, self.enqueue, jobs_alive=self._alive, chunk_size=3, clock=self.clock)
        self.post = StoryPost(self)
        self._hire()

    def _hire(self) -> None:
        """A new worker process."""
        self._workers += 1
        self.worker = f"worker{self._workers}"
        self.courier = Courier(
            self.database, self.post, prepare, hearing=Hearing(), journal=Journal(self.folder / "journal", self.worker),
            lease=lambda: 1, slice_size=3, deaf_seconds=600.0, on_hard_bounce=self._close, clock=self.clock,
        )  # fmt: skip

    async def end(self) -> None:
        """Take the house down."""
        if hasattr(self, "intake"):
            await self._shut()
        await self._stack.aclose()
        self._folder.cleanup()

    async def _shut(self) -> None:
        await self.intake.drain()
        self.intake.close()
        self.courier.close()
        self.watch.close()

    def clock(self) -> datetime:
        return self.now

    async def do(self, verb: Any, *args: Any, **options: Any) -> Any:
        async with self.database.transaction() as session:
            return await verb(session, *args, **options)

    # -- work ---------------------------------------------------------------------------------------------------------

    async def enqueue(
        self, _session: Session, _name: str, *args: int | str, job_id: str, is_bulk: bool = False
    ) -> None:
        mailing, first, last = map(int, args)
        self.jobs.append((mailing, first, last))

    async def _alive(self, prefix: str) -> int:
        return sum(f"mailing-{job[0]}-" == prefix for job in self.jobs)

    async def _close(self, session: Session, person: SubscriberId, _response: str) -> None:
        await ledger.suppress(
            session, person, reason="hard bounce", source=Source(Door.BOUNCE, Proof.NONE), at=self.now
        )

    def mail_from(self, mail: Ready, *, may_have_arrived: bool) -> None:
        """A MAIL FROM goes out: promises 2 and 3 are asked here."""
        person, topic = mail.clearance.subscriber, mail.clearance.topic
        if not self.book.may_get(person, topic):
            self.breaches.append(f"{person} has not agreed to {topic}: {self.book.state(person, topic)}")
        self.letters[self.current, person] += may_have_arrived
        if self.letters[self.current, person] > 1:
            self.breaches.append(f"{person} gets campaign {self.current} twice")

    async def work(self, acts: list[Act], answers: list[str], *, with_journal: bool) -> None:
        """Run the next job, with things happening between letters; a crash leaves what it leaves."""
        if not self.jobs:
            return
        job = self.jobs.pop(0)
        self.current = job[0]
        self.post.acts, self.post.answers = acts, answers
        self.crashed.clear()
        running = asyncio.create_task(self.courier.send_chunk(*job))
        dying = asyncio.create_task(self.crashed.wait())
        await asyncio.wait({running, dying}, return_when=asyncio.FIRST_COMPLETED)
        dying.cancel()
        if not running.done():
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running
            self.jobs.append(job)  # what a dead worker's job is taken over for
            await self._replace_worker(with_journal=with_journal)
            return
        await running

    async def _replace_worker(self, *, with_journal: bool) -> None:
        dead, home = self.worker, self.folder / "journal" / self.worker
        owner = json.loads((home / "worker.json").read_text())
        if with_journal:  # the process is proven to be gone
            (home / "worker.json").write_text(json.dumps(owner | {"began": owner["began"] + 1}))
        self._hire()
        await self.courier.settle(dead)

    # -- doors --------------------------------------------------------------------------------------------------------

    def note_leaving(self, person: int, topics: Sequence[str]) -> None:
        """The door has answered: from now on nothing may begin."""
        self.book.leave(person, topics)
        self.lost_acts.append(("leave", person, topics))

    # -- the database put back ----------------------------------------------------------------------------------------

    async def back_up(self) -> None:
        """Copy the database, with what is true at this moment."""
        await self.database.close()
        if KIND == "postgresql":
            name = self.database.url.rpartition("/")[2]
            copy = await asyncio.to_thread(_postgres().create_database, template=name)
        else:
            file = self.database.url.partition(":///")[2]
            copy = f"{file}.copy"
            await asyncio.to_thread(_copy_sqlite, file, copy)
        self.backup = (copy, deepcopy(self.book), list(self.jobs), dict(self.campaigns))
        self.lost_acts = []

    async def put_back(self) -> None:
        """Put the copy in the database's place, and start as the program starts."""
        assert self.backup is not None
        await self.watch.tick()
        await self.watch.tick()
        await self._shut()
        await self.database.close()
        copy, book, jobs, campaigns = self.backup
        self.book, self.jobs, self.campaigns = deepcopy(book), list(jobs), dict(campaigns)
        if KIND == "postgresql":
            name = copy.rpartition("/")[2]
            url = await asyncio.to_thread(_postgres().create_database, template=name)
            self.database = Database(url, pool_size=5)
            self._stack.push_async_callback(self.database.close)
        else:
            file = self.database.url.partition(":///")[2]
            await asyncio.to_thread(_put_back_sqlite, copy, file)
        await self._open()
        await look(self.ground)
        for kind, person, topics in self.lost_acts:
            if kind == "leave":
                self.book.leave(person, topics)
            else:
                self.book.closed.add(person)


def _put_back_sqlite(copy: str, file: str) -> None:
    for suffix in ("-wal", "-shm"):
        Path(f"{file}{suffix}").unlink(missing_ok=True)
    shutil.copy(copy, file)


def _copy_sqlite(file: str, copy: str) -> None:
    """Copy a database as ``.backup`` of the sqlite3 command does."""
    Path(copy).unlink(missing_ok=True)
    with contextlib.closing(sqlite3.connect(file)) as source, contextlib.closing(sqlite3.connect(copy)) as target:
        source.backup(target)
