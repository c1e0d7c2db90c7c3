"""The whole way on real servers: our letters through Postfix into Dovecot's mailboxes, and the answers back to us.

Postfix hands the customers' mail to Dovecot by LMTP, and what they answer to our listener: by SMTP, by LMTP, or into a
mailbox that we watch by IMAP IDLE. Two independent judges verify both signatures of a letter as it lies in the mailbox.
"""

import asyncio
import contextlib
import email
import email.policy
import smtplib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import dkim
import pytest

from byleave import demo_cast
from byleave.demo_cast import Received, Reply
from consent.record import record
from inbound.mail import read_mail
from kit.addresses import parse_address
from mailer.keys import load_keys, public_text
from tests.peers.dovecot import Dovecot
from tests.peers.fixtures import StartPostfix
from tests.peers.opendkim import DkimVerdict
from tests.peers.postfix import Postfix
from tests.peers.process import free_port
from tests.scenarios.installation import Installation, Running, installed, standing_of
from tests.scenarios.kills import finished

pytestmark = pytest.mark.peer

Verify = Callable[[bytes, dict[str, str]], list[DkimVerdict]]

REPLY_DOMAIN, BOUNCE_DOMAIN = "reply.proengineer.example", "bounce.proengineer.example"
REPLIES = "replies@hosted.test"  # the mailbox that IMAP watches
ANN, BOB, CAT, DAN, EVE = (f"{name}@inbox.test" for name in ("ann", "bob", "cat", "dan", "eve"))
GONE = "gone@nowhere.test"
STAYS = "stays@inbox.test"
STRANGER = "friend@inbox.test"
PEOPLE = (ANN, BOB, CAT, DAN, EVE, STAYS, GONE)
SECONDS = 60.0


@dataclass(frozen=True)
class World:
    """Postfix in the middle, Dovecot with the mailboxes, and our own installation."""

    here: Installation
    postfix: Postfix
    dovecot: Dovecot
    running: Running

    def send(self, sender: str, to: str, letter: bytes) -> None:
        """Hand a customer's mail to Postfix."""
        with smtplib.SMTP(self.postfix.host, self.postfix.port, timeout=30) as server:
            server.sendmail(sender, [to], letter)

    def got(self, address: str, number: int = 1) -> Received:
        """Return the promotion that came as the so-manieth mail into a mailbox."""
        stored = self.dovecot.wait_for(address, number, seconds=SECONDS)[number - 1]
        return received(stored.raw)


@pytest.fixture(params=["smtp", "lmtp", "imap"])
def world(
    request: pytest.FixtureRequest, tmp_path: Path, start_postfix: StartPostfix, dovecot: Dovecot
) -> Iterator[World]:
    """Everything joined, with the answers coming in by one channel."""
    channel = str(request.param)
    port = free_port()
    to_dovecot = f"lmtp:[{dovecot.host}]:{dovecot.lmtp_port}"
    to_us = to_dovecot if channel == "imap" else f"{channel}:[127.0.0.1]:{port}"
    routes = {
        "inbox.test": to_dovecot, "hosted.test": to_dovecot, "nowhere.test": "error:5.1.1 no such mailbox",
        REPLY_DOMAIN: to_us, BOUNCE_DOMAIN: to_us,
    }  # fmt: skip
    # A hosting company keeps all that comes to the two domains in one mailbox.
    catch_all = f"inline:{{ {{ @{REPLY_DOMAIN} = {REPLIES} }}, {{ @{BOUNCE_DOMAIN} = {REPLIES} }} }}"
    aliases = catch_all if channel == "imap" else ""
    # A server that learns only after its 250 that a mailbox is not there has to write a report (RFC 3464).
    postfix = start_postfix(routes, virtual_alias_maps=aliases, smtpd_reject_unlisted_recipient="no")
    settings = {
        "MAILER__RELAYS": f'["smtp://127.0.0.1:{postfix.port}"]',
        "COMPANY__CUSTOMER_SERVICE": "service@hosted.test",
        "INBOUND__SMTP__ENABLED": str(channel == "smtp").lower(), "INBOUND__SMTP__PORT": str(port),
        "INBOUND__LMTP__ENABLED": str(channel == "lmtp").lower(), "INBOUND__LMTP__PORT": str(port),
    }  # fmt: skip
    if channel == "imap":
        settings |= {
            "INBOUND__IMAP__ENABLED": "true", "INBOUND__IMAP__HOST": "localhost",
            "INBOUND__IMAP__PORT": str(dovecot.imaps_port), "INBOUND__IMAP__CA_FILE": str(dovecot.ca_file),
            "INBOUND__IMAP__USER": REPLIES, "INBOUND__IMAP__PASSWORD": dovecot.password,
        }  # fmt: skip
    with installed(tmp_path / "here", settings) as here:
        here.import_people(PEOPLE, topics=("deals", "newsletter"))
        yield World(here, postfix, dovecot, here.run())


async def test_the_promise_is_kept_on_real_mail(world: World, opendkim_verify: Verify) -> None:
    """A campaign, each way out once, and the next campaign without those who took one."""
    here = world.here
    async with here.database() as database:
        with idling(world.dovecot, ANN) as heard:
            first = here.launch("Spring sale")
            assert b"EXISTS" in await asyncio.to_thread(heard)
        await finished(database, first)
        stored = await asyncio.to_thread(world.dovecot.wait_for, ANN, 1, seconds=SECONDS)
        verify_signatures(world, stored[0].raw, opendkim_verify)
        read = read_mail(stored[0].raw)
        assert str(read.sender) == "promotions@proengineer.example"
        assert "bundles cost 30 %" in read.text

        await asyncio.to_thread(answers, world)

        for address in (ANN, BOB, CAT, DAN):
            await until_left(world, address)
        await until_suppressed(world, GONE)
        async with here.database() as second_look:
            assert "deals" in (await standing_of(second_look, EVE)).granted()  # a stranger wrote; Eve is asked
        question = (await asyncio.to_thread(world.dovecot.wait_for, EVE, 2, seconds=SECONDS))[1]
        assert b"Auto-Submitted: auto-" in question.raw

        counts = await finished(database, here.launch("Summer sale"))
    assert counts["snapshot"] == counts["sent"] == 2
    await asyncio.to_thread(world.postfix.wait_empty, seconds=SECONDS)
    got = {address for address in PEOPLE[:-1] if "Summer sale" in subjects(world, address)}
    assert got == {EVE, STAYS}


def answers(world: World) -> None:
    """Let each customer take another way out."""
    now = datetime.now(UTC)
    ann, bob, cat, dan, eve = (world.got(address) for address in (ANN, BOB, CAT, DAN, EVE))
    # a reply as Gmail writes it, to the signed address
    world.send(
        ANN, ann.reply_to, demo_cast.written(Reply("en", "gmail", "Please unsubscribe me.", "", "all"), ann, now)
    )
    # an empty mail to the mailto address of List-Unsubscribe (RFC 2369 3.2)
    world.send(BOB, bob.mailto, demo_cast.mailto(bob, now))
    # a reply in the person's own words, from another spelling of their address
    alias = "cat+shop@inbox.test"
    words = Reply("de", "outlook", "Bitte melden Sie mich ab, danke.", "", "all")
    letter = demo_cast.written(words, cat, now).replace(b"From: cat@", b"From: cat+shop@")
    world.send(alias, cat.reply_to, letter)
    # the button of a mail program that is used from another account
    world.send("dan.private@inbox.test", dan.mailto, demo_cast.mailto(dan, now).replace(b"From: dan@", b"From: dan.p@"))
    # somebody to whom Eve has passed her copy on
    world.send(STRANGER, eve.reply_to, demo_cast.forwarded(eve, STRANGER, now))


def verify_signatures(world: World, raw: bytes, opendkim_verify: Verify) -> None:
    """Both signatures hold, say dkimpy and OpenDKIM, with the keys that `byleave keys dns` publishes."""
    keys = load_keys(Path(world.here.settings["VAR"]) / "keys", "byleave1", "proengineer.example")
    records = {f"{key.selector}._domainkey.{key.domain}": public_text(key) for key in keys}

    def dns(name: bytes, timeout: int = 5) -> bytes:
        return records[name.decode().rstrip(".")].encode()

    verdicts = opendkim_verify(raw, records)
    assert sorted((one.selector, one.ok) for one in verdicts) == [("byleave1-ed25519", True), ("byleave1-rsa", True)]
    assert [dkim.DKIM(raw).verify(idx=place, dnsfunc=dns) for place in (0, 1)] == [True, True]
    assert not dkim.verify(raw.replace(b"30 %", b"40 %").replace(b"30 =25", b"40 =25"), dnsfunc=dns)


@contextlib.contextmanager
def idling(dovecot: Dovecot, user: str) -> Iterator[Callable[[], bytes]]:
    """Watch a mailbox by IDLE (RFC 2177); what is yielded waits for the first news."""
    with dovecot.imap(user) as session:
        session.sock.settimeout(SECONDS)
        session.send(b"I1 IDLE\r\n")
        assert session.readline().startswith(b"+ ")
        yield session.readline
        session.send(b"DONE\r\n")
        while not session.readline().startswith(b"I1 OK"):
            pass


async def until_left(world: World, address: str) -> None:
    """Wait until a person's opt-out is in the ledger."""
    async with world.here.database() as database, asyncio.timeout(SECONDS):
        while "deals" in (await standing_of(database, address)).granted():  # noqa: ASYNC110 - in another process
            await asyncio.sleep(0.1)


async def until_suppressed(world: World, address: str) -> None:
    """Wait until Postfix's own report of failed delivery has suppressed an address."""
    async with world.here.database() as database, asyncio.timeout(SECONDS):
        while True:
            async with database.reading() as session:
                known = await record(session, parse_address(address))
            if known and known["suppressed"]:
                return
            await asyncio.sleep(0.1)


def subjects(world: World, address: str) -> list[str]:
    """Return the subjects in a mailbox."""
    return [received(mail.raw).subject for mail in world.dovecot.fetch(address) if b"\nList-Id:" in mail.raw]


def received(raw: bytes) -> Received:
    """Read a promotion as a customer's mail program does."""
    message = email.message_from_bytes(raw, policy=email.policy.default)
    body = message.get_body(("plain",))
    assert body is not None
    text = body.get_content()
    links = [link.strip(" <>\r\n\t") for link in str(message["List-Unsubscribe"]).split(",")]
    return Received(
        rcpt_to=message["To"].addresses[0].addr_spec, mail_from=str(message["Return-Path"]).strip("<>"),
        subject=str(message["Subject"]), reply_to=message["Reply-To"].addresses[0].addr_spec,
        message_id=str(message["Message-ID"]), one_click=links[0],
        mailto=links[1].removeprefix("mailto:").partition("?")[0],
        preferences=next(word for word in text.split() if "/p/" in word),
        feedback_id=str(message["CFBL-Feedback-ID"]), text=text, raw=raw,
    )  # fmt: skip
