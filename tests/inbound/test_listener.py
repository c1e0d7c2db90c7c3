"""The listener's door: who may come in, how many, for how long, and with which certificate."""

import asyncio
import contextlib
import smtplib
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trustme

from inbound import smtp
from kit.config_inbound import SmtpSettings
from kit.errors import InvalidSettings
from tests.inbound.peer import BEGIN, Peer, a_peer
from tests.inbound.taking import ANNA, Town, a_mail


@pytest.fixture
async def peer(town: Town) -> AsyncIterator[Peer]:
    async with town.listening() as listener, a_peer(listener.port) as made:
        yield made


async def test_the_connections_are_bounded(town: Town) -> None:
    """The one too many is told 421, and there is room again when another leaves."""
    async with town.listening(max_connections=1) as listener:
        async with a_peer(listener.port):
            reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
            assert (await reader.read()).startswith(b"421 4.3.2")
            writer.close()
        await asyncio.sleep(0.05)
        async with a_peer(listener.port):
            pass


async def test_silence_and_dripping_end(town: Town) -> None:
    """5321-9: a silent peer gets 421 after the idle time; one that drips, when the session's time is up."""
    async with town.listening(idle_seconds=0.1) as listener, a_peer(listener.port) as peer:
        assert (await peer.everything()).startswith("421 4.4.2")
    async with town.listening(idle_seconds=5, session_seconds=0.3) as listener, a_peer(listener.port) as peer:
        for _ in range(4):
            await peer.send(b"NOOP\r\n")
            await asyncio.sleep(0.02)
        assert "421 4.4.2" in await peer.everything()


async def test_endless_nonsense_ends(peer: Peer) -> None:
    """Somebody who speaks another protocol is let go."""
    await peer.send(b"GET / HTTP/1.1\r\n" * 100)

    assert (await peer.everything()).rstrip().endswith("421 4.7.0 too many errors")


async def test_stopping_tells_the_idle_and_finishes_the_busy(town: Town) -> None:
    """Fault 51: 421 for who waits; a mail that is coming in is decided first."""
    async with town.listening() as listener, a_peer(listener.port) as idle, a_peer(listener.port) as busy:
        await busy.say(*BEGIN.decode().split("\r\n")[:-1])
        stopping = asyncio.create_task(listener._stop())
        assert (await idle.everything()).startswith("421 4.3.2")
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        assert (await reader.read()).startswith(b"421 4.3.2")
        writer.close()
        await busy.send(a_mail(text="unsubscribe") + b".\r\n")
        answers = await busy.everything()
        await stopping

    assert answers.startswith("250 2.0.0")
    assert "\r\n421 4.3.2" in answers
    assert len(await town.events()) == 1


async def test_starttls_begins_afresh(town: Town, tmp_path: Path) -> None:
    """RFC 3207: after TLS everything is forgotten, and what came in clear behind STARTTLS is not executed."""
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")
    certificate.private_key_and_cert_chain_pem.write_to_path(tmp_path / "both.pem")
    settings = SmtpSettings(port=0, tls_certificate=str(tmp_path / "both.pem"))
    context = ssl.create_default_context()
    authority.configure_trust(context)

    async with town.listening(settings) as listener:

        def talk() -> tuple[int, bytes, int, bool]:
            with smtplib.SMTP("127.0.0.1", listener.port, timeout=10) as client:
                client._host = "localhost"  # type: ignore[attr-defined]  # the name in the certificate
                client.ehlo()
                client.starttls(context=context)
                code, text = client.mail("a@b.example")
                client.ehlo()
                client.sendmail(str(ANNA), ["promotions@shop.example"], a_mail(text="unsubscribe"))
                return code, text, client.ehlo()[0], client.has_extn("starttls")

        code, _, again, still_offered = await asyncio.to_thread(talk)
        injected = await asyncio.to_thread(_inject, listener.port, context)

    assert (code, again, still_offered) == (503, 250, False)
    assert injected.startswith(b"250-")
    assert len(await town.events()) == 1


def _inject(port: int, context: ssl.SSLContext) -> bytes:
    """Send a command in clear right behind STARTTLS; return the first reply under TLS."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
        plain.recv(1000)
        plain.sendall(b"EHLO peer.example\r\n")
        plain.recv(1000)
        plain.sendall(b"STARTTLS\r\nMAIL FROM:<injected@x.example>\r\n")
        plain.recv(1000)
        with context.wrap_socket(plain, server_hostname="localhost") as wrapped:
            wrapped.sendall(b"EHLO peer.example\r\n")
            return wrapped.recv(1000)


async def test_who_hangs_makes_room_for_who_delivers(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """All places are taken by peers that say nothing: the first of them has to go, the busy one stays."""
    monkeypatch.setattr(smtp, "PATIENCE_SECONDS", 0.0)
    async with town.listening(max_connections=3) as listener, contextlib.AsyncExitStack() as stack:
        hanging = [await stack.enter_async_context(a_peer(listener.port)) for _ in range(3)]
        async with a_peer(listener.port) as honest:
            await honest.say(*BEGIN.decode().split("\r\n")[:-1])
            await honest.send(a_mail(text="unsubscribe") + b".\r\n")
            assert (await honest.reply()).startswith("250")
            assert (await hanging[0].everything()).startswith("421 4.3.2")
            async with a_peer(listener.port):  # the next to go is a silent one again, not the one that brought a mail
                assert (await hanging[1].everything()).startswith("421 4.3.2")
                assert (await honest.say("NOOP")).startswith("250")

    assert len(await town.events()) == 1


@pytest.mark.parametrize(("peers", "welcome"), [(("127.0.0.0/8",), True), (("192.0.2.0/24", "2001:db8::/32"), False)])
async def test_only_our_own_mail_servers_may_connect(town: Town, peers: tuple[str, ...], *, welcome: bool) -> None:
    """An allow-list of the mail server in front."""
    async with town.listening(SmtpSettings(port=0, peers=peers)) as listener:
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        assert (await reader.readline()).startswith(b"220" if welcome else b"421 4.7.0")
        writer.close()


PROXY_V2 = (
    b"\r\n\r\n\0\r\nQUIT\n" + b"\x21\x11\x00\x0c" + socket.inet_aton("198.51.100.7") + b"\x7f\0\0\1\x1f\x90\x00\x19"
)


@pytest.mark.parametrize(
    ("header", "seen"),
    [
        (b"PROXY TCP4 198.51.100.7 127.0.0.1 8080 25\r\n", b"[198.51.100.7]"),
        (PROXY_V2, b"[198.51.100.7]"),
        (b"PROXY UNKNOWN\r\n", b"[127.0.0.1]"),
        (b"EHLO peer.example\r\n", None),
        (b"PROXY TCP4 nonsense\r\n", None),
    ],
)
async def test_a_proxy_names_the_real_peer(town: Town, header: bytes, seen: bytes | None) -> None:
    """PROXY 1 and 2; from a proxy's address nothing else is taken, and from others it is no command."""
    async with town.listening(SmtpSettings(port=0, proxies=("127.0.0.1/32",))) as listener:
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        writer.write(header)
        if seen is None:
            assert (await reader.read()).startswith(b"421 4.7.0")
        else:
            speaker = Peer(reader, writer)
            assert (await speaker.reply()).startswith("220")
            await speaker.say(*BEGIN.decode().split("\r\n")[:-1])
            await speaker.send(a_mail(text="Hello") + b".\r\n")
            assert (await speaker.reply()).startswith("250")
        writer.close()
    if seen is not None:
        (handed_on,) = await town.outbox()
        assert seen in (handed_on.raw or b"")


async def test_a_proxy_s_word_holds_under_tls_too(town: Town, tmp_path: Path) -> None:
    """STARTTLS begins the session afresh (RFC 3207), but the peer is still who the proxy said it is."""
    authority = trustme.CA()
    file = tmp_path / "both.pem"
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(file)
    settings = SmtpSettings(port=0, tls_certificate=str(file), proxies=("127.0.0.1/32",))
    context = ssl.create_default_context()
    authority.configure_trust(context)
    async with town.listening(settings) as listener:

        def talk() -> bytes:
            with socket.create_connection(("127.0.0.1", listener.port), timeout=10) as plain:
                plain.sendall(b"PROXY TCP4 198.51.100.7 127.0.0.1 8080 25\r\n")
                plain.recv(1000)
                plain.sendall(b"EHLO peer.example\r\n")
                plain.recv(1000)
                plain.sendall(b"STARTTLS\r\n")
                plain.recv(1000)
                with context.wrap_socket(plain, server_hostname="localhost") as wrapped:
                    wrapped.sendall(BEGIN + a_mail(text="Hello") + b".\r\nQUIT\r\n")
                    return b"".join(iter(lambda: wrapped.recv(1000), b""))

        assert b"250 2.0.0" in await asyncio.to_thread(talk)
    (handed_on,) = await town.outbox()
    assert b"[198.51.100.7]" in (handed_on.raw or b"")


async def test_without_a_proxy_its_header_is_no_command(peer: Peer) -> None:
    """Whoever claims another address without being our proxy is told 500."""
    assert (await peer.say("PROXY TCP4 198.51.100.7 127.0.0.1 8080 25")).startswith("500")


async def test_a_new_certificate_is_taken_up_while_we_run(town: Town, tmp_path: Path) -> None:
    """What a renewal writes is served without a restart; a broken file leaves the old one in use."""
    file = tmp_path / "both.pem"
    first, second = trustme.CA(), trustme.CA()
    first.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(file)
    async with town.listening(SmtpSettings(port=0, tls_certificate=str(file))) as listener:
        assert not listener.renew_certificate()
        file.write_bytes(b"broken")
        assert not listener.renew_certificate()
        await asyncio.to_thread(_greet_under_tls, listener.port, first)
        second.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(file)
        assert listener.renew_certificate()
        await asyncio.to_thread(_greet_under_tls, listener.port, second)
        with pytest.raises(ssl.SSLError):
            await asyncio.to_thread(_greet_under_tls, listener.port, first)
        async with asyncio.timeout(5):  # a handshake that failed leaves no connection behind
            while listener._open:  # noqa: ASYNC110 - there is nothing to be told by
                await asyncio.sleep(0.01)


def _greet_under_tls(port: int, authority: trustme.CA) -> None:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    with smtplib.SMTP("127.0.0.1", port, timeout=10) as client:
        client._host = "localhost"  # type: ignore[attr-defined]  # the name in the certificate
        client.starttls(context=context)
        assert client.ehlo()[0] == 250


async def test_who_floods_is_kept_out_and_others_are_not(town: Town) -> None:
    """Two connections full of nonsense, and the address has to wait; a customer's server hears nothing of it."""
    async with town.listening() as listener:
        for _ in range(3):
            reader, writer = await asyncio.open_connection("127.0.0.1", listener.port, local_addr=("127.0.3.7", 0))
            writer.write(b"NOOP\r\n" * 300)
            said = await reader.read()
            writer.close()
        assert said == b"421 4.7.0 come again in a minute\r\n"
        async with a_peer(listener.port) as other:
            assert (await other.say("NOOP")).startswith("250")


async def test_networks_that_are_none_are_said_at_the_start(town: Town) -> None:
    """Not at the first connection."""
    with pytest.raises(InvalidSettings, match=r"192\.0\.2\.0/24"):
        async with town.listening(SmtpSettings(port=0, peers=("everybody",))):
            pass


async def test_a_certificate_that_is_not_there_is_said_at_the_start(town: Town) -> None:
    """Not at the first STARTTLS."""
    with pytest.raises(InvalidSettings, match="certificate"):
        async with town.listening(SmtpSettings(port=0, tls_certificate="/nowhere.pem")):
            pass
