"""The LMTP listener: RFC 2033, with real sockets."""

import asyncio
import smtplib

import pytest

from tests.inbound.peer import a_peer
from tests.inbound.taking import ANNA, BOB, LMTP, Town, a_mail
from tests.inbound.test_smtp import DOT, ENDINGS


async def test_lhlo_alone_greets(town: Town) -> None:
    """RFC 2033 4.1: HELO and EHLO are unknown here."""
    async with town.listening(LMTP) as listener, a_peer(listener.port) as peer:
        assert (await peer.say("HELO x.example")).startswith("500")
        assert (await peer.say("EHLO x.example")).startswith("500")
        offers = await peer.say("LHLO x.example")

    assert [word in offers for word in ("PIPELINING", "ENHANCEDSTATUSCODES", "8BITMIME", "SIZE")] == [True] * 4


async def test_each_accepted_recipient_gets_a_reply(town: Town) -> None:
    """RFC 2033 4.2: five recipients, two refused, three replies after the dot, and the session goes on."""
    async with town.listening(LMTP) as listener, a_peer(listener.port) as peer:
        await peer.say("LHLO x.example", f"MAIL FROM:<{ANNA}>")
        names = ["a@shop.example", "b@other.example", "c@shop.example", "d", "e@reply.shop.example"]
        codes = [(await peer.say(f"RCPT TO:<{name}>"))[:3] for name in names]
        await peer.say("DATA")
        await peer.send(a_mail(text="unsubscribe") + b".\r\nNOOP\r\n")
        answers = [await peer.reply() for _ in range(4)]

    assert codes == ["250", "550", "250", "501", "250"]
    assert [answer[:9] for answer in answers] == ["250 2.0.0"] * 4
    assert answers[3] == "250 2.0.0 fine"
    assert len(await town.events()) == 1


async def test_data_without_a_recipient_is_503(town: Town) -> None:
    """RFC 2033 4.2: where every recipient was refused there is nobody to answer for."""
    async with town.listening(LMTP) as listener, a_peer(listener.port) as peer:
        await peer.say("LHLO x.example", f"MAIL FROM:<{ANNA}>", "RCPT TO:<b@other.example>")

        assert (await peer.say("DATA")).startswith("503")


@pytest.mark.parametrize("ending", ENDINGS[:-1], ids=repr)
@pytest.mark.parametrize("one_by_one", [False, True], ids=["one write", "byte by byte"])
async def test_no_second_mail_can_be_smuggled_in(town: Town, ending: bytes, one_by_one: bool) -> None:
    """The matrix of 5321-2 for LMTP: one refusal for each recipient, and nothing is taken."""
    smuggled = b"MAIL FROM:<bob@example.org>\r\nRCPT TO:<promotions@shop.example>\r\nDATA\r\n" + a_mail(sender=BOB)
    async with town.listening(LMTP) as listener, a_peer(listener.port) as peer:
        await peer.say("LHLO x.example", f"MAIL FROM:<{ANNA}>", "RCPT TO:<a@shop.example>", "RCPT TO:<b@shop.example>")
        await peer.say("DATA")
        await peer.send(a_mail() + b"x" + ending + smuggled + DOT + b"QUIT\r\n", one_by_one=one_by_one)
        answers = (await peer.everything()).split("\r\n")[:-1]

    assert [answer[:10] for answer in answers] == ["550 5.6.11", "550 5.6.11", "221 2.0.0 "]
    assert await town.mails() == []


async def test_python_s_lmtp_client_is_served(town: Town) -> None:
    """A client that is not ours."""
    async with town.listening(LMTP) as listener:

        def talk() -> None:
            with smtplib.LMTP("127.0.0.1", listener.port, timeout=10) as client:
                client.sendmail(str(ANNA), ["promotions@shop.example"], a_mail(text="unsubscribe"))

        await asyncio.to_thread(talk)

    assert len(await town.events()) == 1


async def test_smtp_and_lmtp_bring_the_same_mail_once(town: Town) -> None:
    """Fault 42: one event, one receipt."""
    async with town.listening() as smtp, town.listening(LMTP) as lmtp:
        for listener, hello in ((smtp, "EHLO"), (lmtp, "LHLO"), (smtp, "EHLO")):
            async with a_peer(listener.port) as peer:
                await peer.say(f"{hello} x.example", f"MAIL FROM:<{ANNA}>", "RCPT TO:<promotions@shop.example>", "DATA")
                await peer.send(a_mail(text="unsubscribe") + b".\r\n")
                assert (await peer.reply()).startswith("250")

    assert len(await town.events()) == len(await town.outbox()) == len(await town.mails()) == 1
