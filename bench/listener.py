"""How many replies a second the listener takes, reads, decides and commits to disk, and what each costs.

``python -m bench.listener [--messages 1000] [--senders 16] [--seconds 15] [--mix real] [--profile FILE]`` runs the
listener's parts as ``byleave run --only listener`` joins them, on a fresh SQLite file, and lets a second process hand
over one reply of each subscriber on ``--senders`` connections. One JSON object: mails_per_s; cpu_ms_per_mail of the
listener's process; read_ms, what of it is reading (timed alone, in one thread); statements_per_mail; p50_ms and
p99_ms from the final dot to the 250; memory_mb at its highest. ``--mix one`` sends only unsubscribes.
"""

import argparse
import asyncio
import contextlib
import cProfile
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from byleave.engine import Engine, assemble
from byleave.wiring import Ground, open_ground
from consent.subscribers import Profile, add
from consent.tables import StandingRow
from inbound.model import Envelope
from inbound.reading import read
from inbound.tables import InboundMailRow
from inbound.worlds import Worlds
from kit.addresses import EmailAddress
from kit.clock import utc_now
from kit.config import DatabaseSettings, InboundSettings, Settings, SmtpSettings
from kit.log import configure_logging
from mailer.tables import MailingRow
from mailer.tokens import Tokens

SUBJECT = "Spring sale: 30% off every course bundle"
PROMOTION = (
    f"{SUBJECT}\n\nFrom Monday on all bundles cost less.\nHave a look at our pages.\n\nYour Pro Engineer Portal\n"
)
#: (subject, what they typed, further headers); the first of each ten are unsubscribes of some kind
REPLIES = (
    (f"Re: {SUBJECT}", "unsubscribe", ""),
    (f"Re: {SUBJECT}", "Please take me off your list, I have enough of these mails.", ""),
    ("unsubscribe", "", ""),
    (f"AW: {SUBJECT}", "Bitte keine weiteren E-Mails mehr, danke.", ""),
    (f"Re: {SUBJECT}", "Stop sending me this\n\nSent from my iPhone", ""),
    (f"RE: {SUBJECT}", "ne plus recevoir vos courriels, merci", ""),
    (f"Re: {SUBJECT}", "Hello,\nwhere is my order 4711? It should have come on Friday.\nRegards", ""),
    (f"Re: {SUBJECT}", "Is the bundle for beginners, too? I know a little about circuits already.", ""),
    (f"Re: {SUBJECT}", "Thank you for the nice course, my team liked it very much!", ""),
    (f"Automatic reply: {SUBJECT}", "I am out of office until Monday.", "Auto-Submitted: auto-replied\r\n"),
)
ONE = REPLIES[:1]


@dataclass
class Post:
    """One reply with its envelope."""

    sender: str
    to: str
    content: bytes


@dataclass
class Driver:
    """The senders' side: its own process, a few connections, one mail after the other on each."""

    port: int
    posts: list[Post]
    end: float  # by the monotonic clock: nothing is sent after it
    seconds: list[float] = field(default_factory=list)
    refused: int = 0

    async def drive(self, senders: int) -> dict[str, Any]:
        posts = iter(self.posts)
        began = time.perf_counter()
        await asyncio.gather(*(self._send(posts) for _ in range(senders)))
        took = time.perf_counter() - began
        waits = sorted(self.seconds)
        return {
            "mails_per_s": round(len(waits) / took, 1),
            "refused": self.refused,
            "p50_ms": round(waits[len(waits) // 2] * 1000, 1),
            "p99_ms": round(waits[len(waits) * 99 // 100] * 1000, 1),
        }

    async def _send(self, posts: Iterator[Post]) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        await reader.readline()
        writer.write(b"HELO bench.example\r\n")
        await reader.readline()
        for post in posts:
            if time.monotonic() > self.end:
                break
            writer.write(f"MAIL FROM:<{post.sender}>\r\nRCPT TO:<{post.to}>\r\nDATA\r\n".encode())
            for _ in range(3):
                await reader.readline()
            began = time.perf_counter()
            writer.write(post.content + b".\r\n")
            answer = await reader.readline()
            self.seconds.append(time.perf_counter() - began)
            self.refused += not answer.startswith(b"250")
        writer.close()


def replies(senders: list[tuple[int, str]], mailing: int, tokens: Tokens, domain: str, mix: str) -> list[Post]:
    """Write one reply of each subscriber, with the letter that is answered quoted below."""
    quoted = "\r\n".join(f"> {line}" for line in PROMOTION.splitlines())
    kinds = ONE if mix == "one" else REPLIES
    posts = []
    for place, (person, address) in enumerate(senders):
        subject, typed, headers = kinds[place % len(kinds)]
        to = tokens.reply_address(domain, person, mailing)
        body = typed.replace("\n", "\r\n")
        if typed:
            body += f"\r\n\r\nOn Fri, 20 Nov 2026 at 12:00, Portal <promotions@proengineer.example> wrote:\r\n{quoted}"
        content = (
            f"From: {address}\r\nTo: <{to}>\r\nSubject: {subject}\r\nDate: Fri, 20 Nov 2026 12:00:00 +0000\r\n"
            f"Message-ID: <{place}@example.com>\r\nIn-Reply-To: {tokens.message_id('x.example', person, mailing)}\r\n"
            f"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n{headers}\r\n{body}\r\n"
        )
        posts.append(Post(address, to, content.encode()))
    return posts


def settings_in(folder: Path) -> Settings:
    return Settings(
        var=str(folder),
        database=DatabaseSettings(url=f"sqlite+aiosqlite:///{folder}/byleave.db"),
        inbound=InboundSettings(smtp=SmtpSettings(port=0)),
    )


async def people_and_mailing(ground: Ground, number: int) -> tuple[list[tuple[int, str]], int]:
    """Add subscribers who all agreed to the first topic, and a mailing that was sent."""
    topic = ground.settings.topics[0].key
    profiles = [Profile(EmailAddress(f"reader{place}", "example.com"), f"Reader {place}") for place in range(number)]
    async with ground.database.transaction() as session:
        known = await add(session, profiles, secrets=ground.secrets, at=utc_now())
        granted = [
            {"purpose": "promotion", "topic": topic, "subscriber_id": person, "state": "granted"}
            for person in known.values()
        ]
        await session.execute(sa.insert(StandingRow), granted)
        row = MailingRow(
            name="Bench", topic=topic, subject=SUBJECT, text=PROMOTION, gate="done", values={}, created_at=utc_now()
        )
        session.add(row)
        await session.flush()
        return [(person, key) for key, person in known.items()], row.id


@contextlib.asynccontextmanager
async def running(folder: Path) -> AsyncIterator[tuple[Ground, Engine]]:
    """Run the listener's services."""
    async with AsyncExitStack() as stack:
        ground = await stack.enter_async_context(open_ground(settings_in(folder), initialise=True))
        engine = await assemble(ground, stack, ("listener",))
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(named.service.run()) for named in engine.services]
            assert engine.smtp is not None
            await engine.smtp.ready.wait()
            yield ground, engine
            for task in tasks:
                task.cancel()


async def measure(messages: int, senders: int, mix: str, seconds: float, profile: str) -> dict[str, Any]:
    """Prepare, let the other process send, and count what it cost here."""
    with tempfile.TemporaryDirectory(prefix="listener") as name:
        async with running(Path(name)) as (ground, engine):
            people, mailing = await people_and_mailing(ground, messages)
            tokens = Tokens(ground.secrets.token_keys, ground.secrets.current_token_key)
            posts = replies(people, mailing, tokens, ground.settings.mailer.reply_domain, mix)
            alone = await reading_alone(ground, posts, tokens)
            statements = [0]
            sa.event.listen(
                ground.database.engine.sync_engine, "before_cursor_execute", lambda *_: statements.__setitem__(
                    0, statements[0] + 1
                )
            )  # fmt: skip
            assert engine.smtp is not None
            profiler = cProfile.Profile(time.thread_time) if profile else contextlib.nullcontext()
            before = time.process_time()
            with profiler:
                told = await send(engine.smtp.port, posts, senders, seconds)
            cpu = time.process_time() - before
            if isinstance(profiler, cProfile.Profile):
                profiler.dump_stats(profile)
            async with ground.database.reading() as session:
                decided = await session.scalar(sa.select(sa.func.count()).select_from(InboundMailRow)) or 1
    return told | {
        "mails": decided,
        "cpu_ms_per_mail": round(cpu / decided * 1000, 2),
        "read_ms": round(alone * 1000, 2),
        "statements_per_mail": round(statements[0] / decided, 2),
        "processor_share": round(cpu / decided * told["mails_per_s"], 2),
        "memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "load": round(os.getloadavg()[0], 1),
    }


async def reading_alone(ground: Ground, posts: list[Post], tokens: Tokens) -> float:
    """Return the processor seconds that reading one mail takes, with nothing beside it."""
    world = await Worlds(ground.database, company="", addresses=(), tokens=tokens).world()
    some = posts[:100]
    for post in some[:10]:
        read(post.content, world=world, envelope=Envelope(post.sender, (post.to,)))
    began = time.process_time()
    for post in some:
        read(post.content, world=world, envelope=Envelope(post.sender, (post.to,)))
    return (time.process_time() - began) / len(some)


async def send(port: int, posts: list[Post], senders: int, seconds: float) -> dict[str, Any]:
    """Let a second process send everything, or what it can in the time; return what it saw."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.listener", "--drive", str(port), "--senders", str(senders),
        "--seconds", str(seconds), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    letters = json.dumps([(post.sender, post.to, post.content.decode()) for post in posts])
    told, _ = await process.communicate(letters.encode())
    result: dict[str, Any] = json.loads(told)
    return result


def drive(port: int, senders: int, seconds: float) -> None:
    """Be the second process."""
    posts = [Post(sender, to, content.encode()) for sender, to, content in json.load(sys.stdin)]
    print(json.dumps(asyncio.run(Driver(port, posts, time.monotonic() + seconds).drive(senders))))


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=1000)
    parser.add_argument("--senders", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=15.0, help="send no longer than this")
    parser.add_argument("--mix", choices=("real", "one"), default="real")
    parser.add_argument("--profile", default="", metavar="FILE", help="write cProfile's figures of the event loop here")
    parser.add_argument("--json", action="store_true", help="one JSON object; it is so in any case")
    parser.add_argument("--drive", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    configure_logging("warning")
    if given.drive:
        drive(given.drive, given.senders, given.seconds)
    else:
        print(json.dumps(asyncio.run(measure(given.messages, given.senders, given.mix, given.seconds, given.profile))))


if __name__ == "__main__":
    main()
