"""The SMTP listener over real sockets: what a peer may say, what it is told, and what is on disk by then."""

import asyncio
import contextlib
import smtplib
import socket
import sqlite3
import struct
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from consent.tables import ConsentEventRow
from inbound.connection import COMMAND_OCTETS
from inbound.model import Channel
from inbound.smtp import domains_of
from kit.config import MailerSettings
from kit.config_inbound import InboundSettings, LmtpSettings
from kit.errors import InvalidSettings
from tests.database import NOW
from tests.inbound.peer import BEGIN, Peer, a_peer
from tests.inbound.taking import ANNA, BOB, TOKENS, Town, a_mail, an_envelope

DOT = b"\r\n.\r\n"


@pytest.fixture
async def peer(town: Town) -> AsyncIterator[Peer]:
    async with town.listening() as listener, a_peer(listener.port) as made:
        yield made


async def test_a_reply_by_smtplib_is_decided(town: Town) -> None:
    """The whole way with a client that is not ours."""
    async with town.listening() as listener:
        await asyncio.to_thread(
            _send, listener.port, str(ANNA), town.reply_address(town.anna), a_mail(text="unsubscribe")
        )

    assert await town.events() == [("withdraw_all", (), "reply", "token")]


def _send(port: int, sender: str, recipient: str, raw: bytes) -> None:
    with smtplib.SMTP("127.0.0.1", port, timeout=10) as client:
        client.sendmail(sender, [recipient], raw)


async def test_the_opt_out_is_on_disk_when_the_250_arrives(town: Town, tmp_path: Path) -> None:
    """Promise 1: a second connection to the database sees the event at the moment the answer is read."""
    if not town.database.is_sqlite:
        pytest.skip("looks into the SQLite file from outside")
    async with town.listening() as listener, a_peer(listener.port) as peer:
        await peer.say(*BEGIN.decode().split("\r\n")[:-1])
        await peer.send(a_mail(text="unsubscribe") + b".\r\n")
        answer = await peer.reply()

        with contextlib.closing(sqlite3.connect(tmp_path / "test.db")) as outside:
            acts = outside.execute(f"SELECT act FROM {ConsentEventRow.__tablename__}").fetchall()
    assert answer.startswith("250 2.0.0")
    assert acts[-1] == ("withdraw_all",)


async def test_the_greeting_offers_what_is_kept(peer: Peer) -> None:
    """EHLO lists the extensions; STARTTLS only with a certificate."""
    offers = [line[4:] for line in (await peer.say("EHLO peer.example")).split("\r\n")]

    assert offers == [
        "mx.shop.example", "SIZE 10485760", "PIPELINING", "ENHANCEDSTATUSCODES", "8BITMIME", "SMTPUTF8",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        (b"MAIL FROM:<@", "501 5.1.7"),
        (b'MAIL FROM:<"', "501 5.1.7"),
        (b"MAIL FROM:<a@[", "501 5.1.7"),
        (b"MAIL FROM:", "501 5.1.7"),
        (b"MAIL", "501 5.1.7"),
        (b"MAIL FROM:a@b.example", "501 5.1.7"),
        (b"MAIL FROM:<a(comment)@b.example>", "501 5.1.7"),
        (b"MAIL FROM:<a b@c.example>", "501 5.1.7"),
        (b"MAIL FROM:<a@b.example> SIZE=x", "501 5.5.4"),
        (b"MAIL FROM:<a@b.example> SIZE=99999999999", "552 5.3.4"),
        (b"MAIL FROM:<a@b.example> WHAT=1", "555 5.5.4"),
        (b"MAIL FROM:<a@b\0c>", "500 5.5.2"),
        (b"MAIL FROM:<a@b\nc>", "500 5.5.2"),
        (b"MAIL FROM:<\xff@b.example>", "553 5.6.7"),
        ("MAIL FROM:<ä@b.example>".encode(), "553 5.6.7"),
        (b"MAIL FROM:<" + b"l" * 65 + b"@b.example>", "501 5.1.7"),
        (b"MAIL FROM:<" + b"l" * 64 + b"@b.example>", "250 2.1.0"),
        (b"MAIL FROM:<>", "250 2.1.0"),
        (b"mail from:<a@b.example> body=8bitmime size=100", "250 2.1.0"),
        (b'MAIL FROM:<"a b"@c.example>', "250 2.1.0"),
        (b"MAIL FROM:<@relay.example,@b.example:u@d.example>", "250 2.1.0"),
        ("MAIL FROM:<用户@例え.jp> SMTPUTF8".encode(), "250 2.1.0"),
        (b"X" * (COMMAND_OCTETS + 1), "500 5.5.2"),
        (b"X" * 200_000, "500 5.5.2"),
        (b"AUTH PLAIN AAAA", "500 5.5.1"),
        (b"DATA", "503 5.5.1"),
        (b"RCPT TO:<promotions@shop.example>", "503 5.5.1"),
        (b"EXPN list", "502 5.5.1"),
        (b"", "500 5.5.1"),
        (b"EHLO", "501 5.5.2"),
        (b"NOOP", "250 2.0.0"),
        (b"RSET", "250 2.0.0"),
    ],
)
async def test_what_a_command_is_told(peer: Peer, command: bytes, answer: str) -> None:
    """Malformed is 501 or 553, never a 500 with the name of an exception, and the conversation goes on."""
    await peer.say("EHLO peer.example")

    assert (await peer.say(command)).startswith(answer)
    assert await peer.say("NOOP") == "250 2.0.0 fine"


@pytest.mark.parametrize(
    ("recipient", "answer"),
    [
        ("<promotions@shop.example>", "250"),
        ("<PROMOTIONS@SHOP.EXAMPLE>", "250"),
        ("<postmaster>", "250"),
        ("<Postmaster>", "250"),
        ("<POSTMASTER@shop.example>", "250"),
        ("<@relay.example:promotions@shop.example>", "250"),
        ('<"promotions"@shop.example>', "250"),
        ("<someone@elsewhere.example>", "550 5.7.1"),
        ("<someone%elsewhere.example@other.example>", "550 5.7.1"),
        ("<someone>", "501 5.1.3"),
        ("<>", "501 5.1.3"),
        ("<u+tok(comment)@shop.example>", "501 5.1.3"),
        ("<promotions@shop.example> NOTIFY=NEVER", "555 5.5.4"),
    ],
)
async def test_whom_mail_is_taken_for(peer: Peer, recipient: str, answer: str) -> None:
    """Our domains and the postmaster; we are no relay."""
    await peer.say("EHLO peer.example", "MAIL FROM:<a@b.example>")

    assert (await peer.say(f"RCPT TO:{recipient}")).startswith(answer)


async def test_vrfy_says_the_same_of_everybody(peer: Peer) -> None:
    """RFC 5321 3.5.3: nobody learns here who is a customer."""
    assert await peer.say(f"VRFY {ANNA}") == await peer.say("VRFY nobody@x.example")


async def test_recipients_beyond_the_limit_are_put_off(town: Town) -> None:
    """RFC 5321 4.5.3.1.10: 452 for the rest, and the mail goes through for the others."""
    async with town.listening(max_recipients=100) as listener, a_peer(listener.port) as peer:
        await peer.say("EHLO peer.example", f"MAIL FROM:<{ANNA}>")
        answers = [(await peer.say(f"RCPT TO:<r{number}@shop.example>"))[:9] for number in range(105)]
        await peer.say("DATA")
        await peer.send(a_mail(text="unsubscribe") + b".\r\n")

        assert answers == ["250 2.1.5"] * 100 + ["452 4.5.3"] * 5
        assert (await peer.reply()).startswith("250")


ENDINGS = [
    b"\n.\n",
    b"\n.\r\n",
    b"\r.\r\n",
    b"\r\n.\r",
    b"\r\r\n.\r\r\n",
    b"\r\n.\n",
    b"\r.\r",
    b"\n.\r",
    b"\r\n\0.\r\n",
]


@pytest.mark.parametrize("ending", ENDINGS, ids=repr)
@pytest.mark.parametrize("one_by_one", [False, True], ids=["one write", "byte by byte"])
async def test_no_second_mail_can_be_smuggled_in(town: Town, ending: bytes, one_by_one: bool) -> None:
    """5321-2: whatever other servers take for an end, here it is one mail that is refused, or one that is taken."""
    smuggled = b"MAIL FROM:<bob@example.org>\r\nRCPT TO:<promotions@shop.example>\r\nDATA\r\n" + a_mail(
        sender=BOB, text="unsubscribe", message_id="smuggled@x"
    )
    async with town.listening() as listener, a_peer(listener.port) as peer:
        await peer.say(*BEGIN.decode().split("\r\n")[:-1])
        await peer.send(a_mail(text="hello") + b"x" + ending + smuggled + DOT + b"QUIT\r\n", one_by_one=one_by_one)
        answers = (await peer.everything()).split("\r\n")

    assert len([line for line in answers if line]) == 2
    assert answers[0].startswith("250" if b"\0" in ending else "550 5.6.11")
    assert answers[1].startswith("221")
    assert await town.events(town.bob) == []
    assert len(await town.mails()) == (1 if b"\0" in ending else 0)


async def test_dots_are_unstuffed_and_long_lines_taken(town: Town) -> None:
    """RFC 5321 4.5.2; a line of 60,000 octets is sloppy, but an opt-out all the same."""
    async with town.listening() as listener, a_peer(listener.port) as peer:
        await peer.say(*BEGIN.decode().split("\r\n")[:-1])
        await peer.send(a_mail(text="hello\r\n..x\r\n" + "y" * 60_000) + b".\r\n")
        assert (await peer.reply()).startswith("250")

    (row,) = await town.outbox()
    assert row.raw is not None
    assert b"\r\n.x\r\n" in row.raw
    assert row.raw.startswith(b"Received: from peer.example ([127.0.0.1])\r\n\tby mx.shop.example with ESMTP;")


async def test_lines_and_mails_beyond_the_limits_are_refused(town: Town) -> None:
    """All of it is read, then one refusal, and the next mail is fine."""
    begin = [f"MAIL FROM:<{ANNA}>", "RCPT TO:<promotions@shop.example>", "DATA"]
    async with town.listening(max_bytes=100_000) as listener, a_peer(listener.port) as peer:
        await peer.say("EHLO peer.example", *begin)
        await peer.send(b"x" * 70_000 + DOT)
        assert (await peer.reply()).startswith("554 5.6.0")
        await peer.say(*begin)
        await peer.send(b"x\r\n" * 50_000 + b".\r\n")
        assert (await peer.reply()).startswith("552 5.3.4")
        await peer.say(*begin)
        await peer.send(b"Received: x\r\n" * 101 + a_mail() + b".\r\n")
        assert (await peer.reply()).startswith("554 5.4.6")
        await peer.say(*begin)
        await peer.send(b"Received: x\r\n" * 99 + a_mail() + b".\r\n")
        assert (await peer.reply()).startswith("250")

    assert listener._held == 0


async def test_a_peer_that_hangs_up_after_the_dot_is_decided_and_may_come_again(town: Town) -> None:
    """Fault 7 and 8: FIN or RST right after the dot; the second delivery finds it done."""
    raw = BEGIN + a_mail(text="unsubscribe") + b".\r\n"
    async with town.listening() as listener:
        for options in (None, struct.pack("ii", 1, 0)):
            await asyncio.to_thread(_hang_up, listener.port, raw, options)
        await asyncio.sleep(0.3)
        await town.intake.drain()

        async with a_peer(listener.port) as peer:
            await peer.send(raw)
            answers = [await peer.reply() for _ in range(5)]

    assert answers[-1].startswith("250")
    assert len(await town.events()) == len(await town.outbox()) == 1


def _hang_up(port: int, octets: bytes, linger: bytes | None) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.recv(100)
        connection.sendall(octets)
        if linger:
            connection.settimeout(0.2)
            with contextlib.suppress(TimeoutError):
                while connection.recv(1000).find(b"354") < 0:
                    pass
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)


async def test_the_null_sender_is_an_empty_text(town: Town) -> None:
    """RFC 5321 4.5.5: a bounce with our VERP address is understood."""
    verp = TOKENS.bounce_address("bounce.shop.example", town.anna, town.mailing)
    async with town.listening() as listener, a_peer(listener.port) as peer:
        await peer.say("HELO peer.example", "MAIL FROM:<>", f"RCPT TO:<{verp}>", "DATA")
        await peer.send(a_mail(sender="mailer-daemon@x.example", text="bounced") + b".\r\n")
        assert (await peer.reply()).startswith("250")

    assert [event[0] for event in await town.events()] == ["suppress"]


async def test_pipelined_commands_are_answered_in_order(town: Town) -> None:
    """RFC 2920: two mails in one write, five answers each."""
    first, second = a_mail(text="unsubscribe"), a_mail(sender=BOB, text="unsubscribe", message_id="2@x")
    async with town.listening() as listener, a_peer(listener.port) as peer:
        begin = b"MAIL FROM:<%s>\r\nRCPT TO:<promotions@shop.example>\r\nDATA\r\n"
        await peer.send(
            b"HELO peer.example\r\n" + begin % b"Anna.Smith@gmail.com" + first + b".\r\n" + begin % b"bob@example.org"
            + second + b".\r\nQUIT\r\n"
        )  # fmt: skip
        codes = [line[:3] for line in (await peer.everything()).split("\r\n") if line]

    assert codes == ["250", "250", "250", "354", "250", "250", "250", "354", "250", "221"]
    assert len(await town.events()) == 2


async def test_cut_at_any_octet_nothing_half_done_remains(town: Town) -> None:
    """Fault 11: the connection is cut after n octets; before the dot nothing happened."""
    raw = BEGIN + a_mail(text="unsubscribe")
    async with town.listening() as listener:
        for length in range(0, len(raw), 9):
            await asyncio.to_thread(_hang_up, listener.port, raw[:length], None)
        await asyncio.sleep(0.1)

        assert not listener._open
    assert await town.mails() == []


def test_the_domains_are_those_of_our_addresses() -> None:
    """From, replies and bounces, and what the settings add."""
    assert domains_of(MailerSettings(), InboundSettings(domains=("Extra.example",))) == {
        "proengineer.example", "reply.proengineer.example", "bounce.proengineer.example", "extra.example",
    }  # fmt: skip


async def test_lmtp_is_not_offered_on_port_25(town: Town) -> None:
    """RFC 2033 5."""
    with pytest.raises(InvalidSettings):
        async with town.listening(LmtpSettings(port=25)):
            pass


async def test_trouble_of_ours_is_451(town: Town) -> None:
    """Findings 1: never a 5xx, never the name of an exception."""

    async def broken(raw: bytes, envelope: object, at: object) -> object:
        raise OSError(28, "No space left on device")

    async with town.listening() as listener:
        listener.take = broken  # type: ignore[assignment]  # a broken one
        async with a_peer(listener.port) as peer:
            await peer.say(*BEGIN.decode().split("\r\n")[:-1])
            await peer.send(a_mail() + b".\r\n")

            assert await peer.reply() == "451 4.3.0 local trouble, please try again"


def test_the_channels_have_names_that_fit_the_table() -> None:
    """Four letters at most."""
    assert all(len(channel.value) <= 4 for channel in Channel)
    assert an_envelope().rcpt_to
    assert NOW.tzinfo is not None
