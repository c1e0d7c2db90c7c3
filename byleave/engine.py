"""The running parts joined: listeners, worker, web, one process or many, by what ``--only`` names.

Each part is entered on the caller's exit stack and comes back as named services in the order in which they stop:
listeners first, so that no new mail is taken, then what works on what was taken.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

from byleave import schema
from byleave.canaries import canary_of
from byleave.joining import Joining, invitations_of
from byleave.letters import TEMPLATES, Press, limits_of, relays_of
from byleave.metrics import Metrics
from byleave.readiness import ready_to_launch
from byleave.restoring import Watch
from byleave.retaining import retention_of
from byleave.serving import WebServer, exits_of, unwritten_of
from byleave.supervisor import Named
from byleave.wiring import Ground
from campaigns import store
from campaigns.runner import Runner
from campaigns.store import SEND_CHUNK
from consent import ledger
from consent.hearing import Hearing
from consent.model import Door, Proof, SubscriberId
from inbound.dispatch import House as InboundHouse
from inbound.imap import Mailbox
from inbound.intake import Intake
from inbound.loops import OwnNames
from inbound.origin.look import Look
from inbound.readers import ProcessReaders, Readers, ThreadReaders, warm_up
from inbound.smtp import Listener, domains_of
from inbound.worlds import Worlds
from kit.addresses import parse_address
from kit.beats import DeadWorker
from kit.config import MailerSettings, Settings
from kit.config_inbound import InboundSettings, OriginSettings
from kit.db import Session
from kit.dns import SystemDns
from kit.jobs import Jobs
from kit.log import logger
from mailer.courier import Courier
from mailer.footer import footer_templates
from mailer.journal import Journal
from mailer.letters import Letters, own_words
from mailer.notices import Notices
from mailer.pace import Pace
from mailer.postman import Postman
from mailer.presses import Composer, LoopPresses, Presses, ProcessPresses, ThreadPresses
from mailer.retry import RetryPlan
from mailer.smtp import RelayPool
from mailer.written import Compose

PARTS = ("listener", "imap", "worker", "web")

log = logger("byleave.engine")


@dataclass
class Engine:
    """What runs, with the ports that were taken; made by :func:`assemble`."""

    ground: Ground
    services: list[Named] = field(default_factory=list)
    smtp: Listener | None = None
    lmtp: Listener | None = None
    web: WebServer | None = None
    jobs: Jobs | None = None
    postman: Postman | None = None
    pool: RelayPool | None = None
    pace: Pace | None = None
    metrics: Metrics | None = None

    async def places(self) -> AsyncIterator[tuple[str, str, int]]:
        """Wait for each listening part, and yield its name, host and port."""
        settings = self.ground.settings
        for name, host, part in (
            ("smtp", settings.inbound.smtp.host, self.smtp),
            ("lmtp", settings.inbound.lmtp.host, self.lmtp),
            ("web", settings.web.host, self.web),
            ("metrics", settings.metrics.host, self.metrics),
        ):
            if part is not None:
                await part.ready.wait()
                yield name, host, part.port


#: opens what takes letters away
OpenRelays = Callable[[Settings, Pace], AbstractAsyncContextManager[RelayPool]]


async def assemble(
    ground: Ground, stack: AsyncExitStack, only: Collection[str] = PARTS, *, open_relays: OpenRelays = relays_of
) -> Engine:
    """Join the parts that are wanted; the stack closes what was opened, in the opposite order."""
    engine = Engine(ground)
    press = Press.of(ground)
    worker: list[Named] = []
    if "worker" in only:
        worker = await _worker(ground, press, engine, stack, open_relays)
    if {"listener", "imap"} & set(only):
        engine.services += await _inbound(ground, press, engine, stack, only)
    if "web" in only and ground.settings.web.enabled:
        exits = exits_of(ground)
        engine.web = WebServer(ground, press, exits)
        engine.services += [Named("web", engine.web), Named("opt-outs", exits)]
    engine.services += worker
    engine.services.append(Named("watch", Watch(ground)))
    if ground.settings.metrics.enabled:
        engine.metrics = Metrics(ground, pool=engine.pool, pace=engine.pace)
        engine.services.append(Named("metrics", engine.metrics))
    return engine


# -- what goes out ----------------------------------------------------------------------------------------------------


async def _worker(
    ground: Ground, press: Press, engine: Engine, stack: AsyncExitStack, open_relays: OpenRelays
) -> list[Named]:
    settings, database = ground.settings, ground.database
    jobs = engine.jobs = Jobs(database, settings.worker, schema_version=schema.newest())
    await jobs.prepare()
    pace = engine.pace = Pace(database, limits_of(settings), worker=jobs.worker, clock=ground.clock)
    pool = engine.pool = await stack.enter_async_context(open_relays(settings, pace))
    hearing = Hearing(unwritten=unwritten_of(settings))
    async with database.reading() as session:
        await hearing.start(session)
    journal = Journal(settings.var_folder / "journal", jobs.worker)
    courier = Courier(
        database, pool, partial(_prepare, press), hearing=hearing, journal=journal,
        lease=lambda: jobs.lease, is_stopping=lambda: jobs.is_stopping, plan=_plan(ground),
        slice_size=settings.mailer.slice_size, require_age=settings.consent.require_age,
        on_hard_bounce=partial(_suppress, ground), on_broken=partial(_hold, ground), known_workers=jobs.known_workers,
        pace=pace, presses=await _presses(settings.mailer),
    )  # fmt: skip
    stack.callback(courier.close)
    letters = Letters(press.sender, press.tokens, press.signer, TEMPLATES / "service")
    postman = engine.postman = Postman(
        database,
        pool,
        letters=letters,
        sender=press.sender,
        tokens=press.tokens,
        worker=jobs.worker,
        require_age=settings.consent.require_age,
    )
    notices = Notices(
        database, ground.secrets, settings.service_mail, require_age=settings.consent.require_age,
        wake_postman=postman.wake, clock=ground.clock,
    )  # fmt: skip
    jobs.register(SEND_CHUNK, courier.send_chunk)
    jobs.when_worker_dies(partial(_bury, courier, postman))
    runner = Runner(
        database, jobs.enqueue, jobs_alive=jobs.alive, chunk_size=settings.mailer.chunk_size,
        require_age=settings.consent.require_age, ready=partial(ready_to_launch, settings), canary=canary_of(settings),
        most_late=timedelta(hours=settings.worker.most_late_hours),
    )  # fmt: skip
    await jobs.start()
    stack.push_async_callback(jobs.stop, 0.0)  # where nobody supervises
    finish = partial(jobs.stop, settings.mailer.drain_seconds)
    return [
        Named("runner", runner), Named("jobs", jobs, finish), Named("postman", postman), Named("courier", courier),
        Named("notices", notices),
        Named("sign-ups", Joining(database, invitations_of(ground), wake_postman=postman.wake, clock=ground.clock)),
        Named("pace", pace), Named("retention", retention_of(ground, jobs)),
    ]  # fmt: skip


async def _prepare(press: Press, mailing_id: int) -> Compose:
    """Compile a campaign once; what comes back writes the letter of one person, in a thread or another process."""
    return Composer(await press.promotion(mailing_id), press.ground.clock)


async def _presses(settings: MailerSettings) -> Presses:
    """Return where letters are written, ready for the first one."""
    if not settings.compose_processes:
        return ThreadPresses() if settings.dkim_sign in {"both", "rsa"} else LoopPresses()
    presses = ProcessPresses(settings.compose_processes)
    await asyncio.to_thread(presses.start)
    return presses


def _plan(ground: Ground) -> RetryPlan:
    mailer = ground.settings.mailer
    longest = max(4 * 3600.0, mailer.retry_first_seconds)
    return RetryPlan(mailer.retry_first_seconds, 2.0, longest, mailer.retry_give_up_seconds)


async def _suppress(ground: Ground, session: Session, person: SubscriberId, response: str) -> None:
    """Suppress an address that the relay says is dead (RFC 3463: X.1.1 and its kin)."""
    source = ledger.Source(Door.BOUNCE, Proof.NONE, {"relay": response[:200]})
    await ledger.suppress(session, person, reason="hard bounce", source=source, at=ground.clock())


async def _hold(ground: Ground, mailing_id: int, why: str) -> None:
    """Pause a campaign whose letter can't be composed, so that a person looks at it."""
    log.error("campaign.broken", campaign_id=mailing_id, why=why)
    async with ground.database.transaction() as session:
        await store.pause(session, mailing_id, note=why)


async def _bury(courier: Courier, postman: Postman, dead: DeadWorker) -> None:
    await courier.settle(dead.id)
    await postman.deliver(dead=[dead.id])


# -- what comes in ----------------------------------------------------------------------------------------------------


async def _inbound(
    ground: Ground, press: Press, engine: Engine, stack: AsyncExitStack, only: Collection[str]
) -> list[Named]:
    settings, inbound = ground.settings, ground.settings.inbound
    domains = domains_of(settings.mailer, inbound)
    intake = Intake(
        ground.database, readers=await _readers(inbound), worlds=_worlds(ground, press), house=_house(ground, press),
        settings=inbound, look=_look(inbound.origin), clock=ground.clock,
        wake_postman=engine.postman.wake if engine.postman else lambda: None,
    )  # fmt: skip
    stack.callback(intake.close)
    stack.push_async_callback(intake.drain)
    hostname = settings.mailer.helo or socket.gethostname()
    found: list[Named] = []
    if "listener" in only:
        if inbound.smtp.enabled:
            engine.smtp = Listener(inbound.smtp, inbound, domains=domains, take=intake.take, hostname=hostname)
            found.append(Named("smtp", engine.smtp))
        if inbound.lmtp.enabled:
            engine.lmtp = Listener(inbound.lmtp, inbound, domains=domains, take=intake.take, hostname=hostname)
            found.append(Named("lmtp", engine.lmtp))
    if "imap" in only and inbound.imap.enabled:
        found.append(Named("imap", Mailbox(inbound.imap, inbound, database=ground.database, take=intake.take)))
    found.append(Named("deferred mail", intake))
    return found


async def _readers(inbound: InboundSettings) -> Readers:
    """Return what reads mails, ready for the first one."""
    if not inbound.reader_processes:
        await asyncio.to_thread(warm_up)
        return ThreadReaders()
    readers = ProcessReaders(inbound.reader_processes)
    await asyncio.to_thread(readers.start)
    return readers


def _worlds(ground: Ground, press: Press) -> Worlds:
    settings = ground.settings
    addresses = (settings.mailer.from_address, settings.company.customer_service)
    subjects, lines = own_words(TEMPLATES / "service", settings.company.name)
    return Worlds(
        ground.database, company=settings.company.name, addresses=tuple(map(parse_address, addresses)),
        own_lines=(*footer_templates(), *lines), own_subjects=subjects, tokens=press.tokens,
    )  # fmt: skip


def _house(ground: Ground, press: Press) -> InboundHouse:
    settings, mailer = ground.settings, ground.settings.mailer
    own = OwnNames(
        addresses=frozenset({parse_address(mailer.from_address).key, parse_address(mailer.feedback_address).key}),
        domains=frozenset({mailer.reply_domain, mailer.bounce_domain}),
        loop_mark=mailer.reply_domain,
    )
    return InboundHouse(
        secrets=ground.secrets, tokens=press.tokens, own=own,
        customer_service=parse_address(settings.company.customer_service),
        answer_every=timedelta(days=settings.consent.receipt_every_days),
        policy_version=settings.consent.default_policy_version, invitations=invitations_of(ground),
        signed_by_us=press.signer.has_signed,
        unproven_an_hour=settings.inbound.origin.unproven_an_hour,
    )  # fmt: skip


def _look(settings: OriginSettings) -> Look | None:
    """Return what finds out where mails come from, or None where the operator wants none."""
    if not settings.check:
        return None
    dns = SystemDns(settings.name_servers)
    return Look(dns, settings.seconds, settings.own_server, frozenset(map(str.lower, settings.arc_sealers)))
