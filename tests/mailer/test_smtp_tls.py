"""The relay pool over TLS and with a password, on real sockets."""

import asyncio
import ssl
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiosmtpd.smtp import SMTP, AuthResult

from kit.errors import InvalidSettings
from mailer.relays import Deferred, Sent, parse_relay
from mailer.smtp import RelayPool
from tests.fakes.scripted_smtp import Peer, ScriptedServer
from tests.mailer.pooling import QUICK, Mail, mails, pool, send


@dataclass
class Authority:
    file: str
    server: ssl.SSLContext


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    ca = trustme.CA()
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    return Authority(str(tmp_path / "ca.pem"), context)


class Recorder:
    """What an aiosmtpd server took."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, bytes]] = []
        self.logins: list[tuple[bytes, bytes]] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        assert session.ssl is not None
        self.taken.append((envelope.rcpt_tos[0], envelope.content))
        return "250 2.0.0 taken"

    def login(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        self.logins.append((data.login, data.password))
        return AuthResult(success=data.password == b"right", handled=False)


@pytest.mark.parametrize("password", ["right", "wrong"])
async def test_aiosmtpd_with_starttls_and_auth(authority: Authority, password: str) -> None:
    recorder = Recorder()

    def factory() -> SMTP:
        return SMTP(
            recorder,
            require_starttls=True,
            tls_context=authority.server,
            authenticator=recorder.login,
            auth_required=True,
        )

    loop = asyncio.get_running_loop()
    server = await loop.create_server(factory, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, pool(f"smtp://us:{password}@127.0.0.1:{port}?ca={authority.file}") as open_pool:
        results = await send(open_pool, mails(3))

    assert set(recorder.logins) == {(b"us", password.encode())}
    if password == "right":
        assert {type(result) for result in results.values()} == {Sent}
        assert len(recorder.taken) == 3
    else:
        assert all(isinstance(result, Deferred) and "535" in result.text for result in results.values())
        assert recorder.taken == []


async def test_implicit_tls_and_a_certificate_that_must_be_right(authority: Authority) -> None:
    async def play(peer: Peer) -> None:
        await peer.greet(("SIZE",))
        await peer.take()
        await peer.line()
        await peer.say("221 bye")

    async with ScriptedServer(play, authority.server) as server:
        url = server.url.replace("smtp:", "smtps:")
        async with pool(f"{url}?ca={authority.file}") as open_pool:
            (good,) = (await send(open_pool, [Mail()])).values()
        stranger = Path(authority.file).with_name("other.pem")
        trustme.CA().cert_pem.write_to_path(stranger)
        async with pool(f"{url}?ca={stranger}") as open_pool:
            (bad,) = (await send(open_pool, [Mail()])).values()

    assert isinstance(good, Sent)
    assert isinstance(bad, Deferred)
    assert "certificate" in bad.text


@pytest.mark.parametrize("is_one_piece", [True, False])
async def test_a_reply_injected_behind_starttls_drops_the_connection(
    authority: Authority, *, is_one_piece: bool
) -> None:
    """RFC 3207 4.2: no credentials go out, no mail goes out."""

    async def play(peer: Peer) -> None:
        await peer.greet(("STARTTLS", "AUTH PLAIN"))
        assert await peer.line() == "STARTTLS"
        if is_one_piece:
            await peer.say("220 go", "250 AUTH PLAIN")
        else:
            await peer.say("220 go")
            await peer.say("250 AUTH PLAIN")
        await peer.line()

    async with ScriptedServer(play) as server, pool(f"smtp://u:p@127.0.0.1:{server.port}") as open_pool:
        (result,) = (await send(open_pool, [Mail()])).values()

    assert isinstance(result, Deferred)
    assert b"AUTH" not in server.heard[0]
    assert b"MAIL" not in server.heard[0]


async def test_a_relay_elsewhere_without_starttls_gets_nothing() -> None:
    async def play(peer: Peer) -> None:
        await peer.greet(("AUTH PLAIN",))
        await peer.line()

    async with ScriptedServer(play) as server:
        # Another name of this machine that is not loopback by its looks.
        relay = replace(parse_relay(f"smtp://u:p@ip4-loopback.example:{server.port}"), host="127.1")
        assert relay.requires_tls
        async with RelayPool([relay], connections=1, helo="us.example", timeouts=QUICK) as open_pool:
            (result,) = (await send(open_pool, [Mail()])).values()

    assert isinstance(result, Deferred)
    assert "STARTTLS" in result.text
    assert bytes(server.heard[0]) == b"EHLO us.example\r\n"


async def test_a_ca_file_that_is_not_there_is_a_fault_of_the_settings() -> None:
    with pytest.raises(InvalidSettings):
        async with pool("smtps://127.0.0.1?ca=/nonexistent/ca.pem"):
            pass
