"""The relay pool over real sockets on loopback."""

import asyncio
import os
import shutil
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiosmtpd.smtp import SMTP, AuthResult

from kit.errors import InvalidSettings
from mailer.channel import Timeouts
from mailer.relays import Deferred, Failed, Result, Sent, Unknown, Withheld, parse_relay
from mailer.sandbox import SandboxRelay, read_store
from mailer.smtp import RelayPool
from tests.fakes.scripted_smtp import Peer, ScriptedServer

SINK = shutil.which("smtp-sink", path="/usr/sbin:/usr/bin")
QUICK = Timeouts(connect=5, greeting=5, command=5, data=5, block=5, dot=5, idle=5, quit=1)


@dataclass(frozen=True)
class Mail:
    rcpt_to: str = "ann@there.example"
    mail_from: str = "back@us.example"
    content: bytes = b"Subject: x\r\n\r\n.hi\r\n"
    needs_smtputf8: bool = False
    clearance: object = None


def pool(*urls: str, connections: int = 1, timeouts: Timeouts = QUICK, each: int = 1000) -> RelayPool:
    relays = [replace(parse_relay(url), name=str(number)) for number, url in enumerate(urls)]
    return RelayPool(
        relays, connections=connections, helo="us.example", timeouts=timeouts, messages_per_connection=each
    )


def yes(_: object = None) -> bool:
    return True


async def send(open_pool: RelayPool, mails: list[Mail], may_start: Callable[[Mail], bool] = yes) -> dict[str, Result]:
    results: dict[str, Result] = {}

    def note(mail: Mail, result: Result, _relay: str) -> None:
        assert mail.rcpt_to not in results
        results[mail.rcpt_to] = result

    async with asyncio.timeout(20):
        await open_pool.send_many(mails, may_start, note)
    return results


def mails(number: int) -> list[Mail]:
    return [Mail(f"u{at}@there.example") for at in range(number)]


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def test_many_mails_over_renewed_connections_arrive_once_and_whole(tmp_path: Path) -> None:
    async with SandboxRelay(tmp_path) as relay, pool(relay.url, connections=3, each=7) as open_pool:
        results = await send(open_pool, mails(100))

    assert all(isinstance(result, Sent) for result in results.values())
    stored = read_store(tmp_path)
    assert sorted(mail.rcpt_to for mail in stored) == sorted(results)
    assert {mail.content for mail in stored} == {Mail().content}


async def test_a_large_mail_and_a_stream_of_mails_arrive(tmp_path: Path) -> None:
    large = b"x" * 998 + b"\r\n"

    async def source() -> AsyncIterator[Mail]:
        for at in range(30):
            yield Mail(f"u{at}@there.example", content=large * (3000 if at % 10 == 0 else 1))

    results: list[Result] = []
    async with SandboxRelay(tmp_path) as relay, pool(relay.url, connections=2) as open_pool:
        await open_pool.send_many(source(), yes, lambda _, result, __: results.append(result))

    assert [type(result) for result in results] == [Sent] * 30
    assert sorted(len(mail.content) for mail in read_store(tmp_path))[-3:] == [3_000_000] * 3


async def test_the_last_look_withholds_a_mail_and_nothing_of_it_is_sent(tmp_path: Path) -> None:
    async with SandboxRelay(tmp_path) as relay, pool(relay.url) as open_pool:
        results = await send(open_pool, mails(9), lambda mail: not mail.rcpt_to.startswith("u4@"))
        assert await open_pool.send(Mail(), may_start=lambda: False) == Withheld()

    assert results["u4@there.example"] == Withheld()
    assert len(read_store(tmp_path)) == 8


async def test_the_last_look_is_taken_when_its_mail_from_is_due_not_before() -> None:
    """The second mail is asked for only when the first one's body goes out."""
    asked: list[str] = []
    seen_at_data: list[list[str]] = []

    async def play(peer: Peer) -> None:
        await peer.greet()
        for _ in range(2):
            for _ in range(3):
                await peer.line()
            seen_at_data.append(list(asked))
            await peer.say("250 ok", "250 ok", "354 go")
            await peer.message()
            await peer.say("250 done")

    async with ScriptedServer(play) as server, pool(server.url) as open_pool:
        await send(open_pool, mails(2), lambda mail: not asked.append(mail.rcpt_to))  # type: ignore[func-returns-value]  # None is false

    assert seen_at_data == [["u0@there.example"], ["u0@there.example", "u1@there.example"]]


@pytest.mark.parametrize("offers", [("PIPELINING",), ("SIZE",)])
async def test_refusals_of_some_leave_the_others_alone(offers: tuple[str, ...]) -> None:
    """RFC 5321: two of five recipients are refused; three are sent on the same connection."""

    async def play(peer: Peer) -> None:
        await peer.greet(offers)
        is_refused = False
        while (line := await peer.line()) != "QUIT":
            if line.startswith("RCPT"):
                is_refused = "u1@" in line or "u3@" in line
                await peer.say("550 5.1.1 no such user" if is_refused else "250 ok")
            elif line == "DATA" and is_refused:
                await peer.say("554 5.5.1 no valid recipients")
            elif line == "DATA":
                await peer.say("354 go")
                await peer.message()
                await peer.say("250 done")
            else:
                await peer.say("250 ok")
        await peer.say("221 bye")

    async with ScriptedServer(play) as server, pool(server.url) as open_pool:
        results = await send(open_pool, mails(5))

    kinds = [type(results[mail.rcpt_to]) for mail in mails(5)]
    assert kinds == [Sent, Failed, Sent, Failed, Sent]
    assert len(server.heard) == 1
    assert not server.errors


@pytest.mark.parametrize("way", ["close", "reset", "hang"])
async def test_a_lost_answer_to_the_dot_is_unknown_and_never_sent_again(way: str) -> None:
    taken: list[bytes] = []

    async def play(peer: Peer) -> None:
        await peer.greet()
        for _ in range(3):
            await peer.line()
        await peer.say("250 ok", "250 ok", "354 go")
        taken.append(await peer.message())
        if way == "reset":
            peer.reset()
        elif way == "hang":
            await asyncio.sleep(60)

    limits = replace(QUICK, dot=0.2)
    async with ScriptedServer(play) as server, pool(server.url, timeouts=limits) as open_pool:
        results = await send(open_pool, [Mail()])

    assert isinstance(results["ann@there.example"], Unknown)
    assert len(taken) == 1


async def test_a_connection_cut_before_the_dot_is_tried_over_another_one() -> None:
    async def play(peer: Peer) -> None:
        await peer.greet()
        if len(server.heard) == 1:
            await peer.take()
            await peer.line()
            return
        await peer.take()
        await peer.line()

    async with ScriptedServer(play) as server, pool(server.url) as open_pool:
        server_results = await send(open_pool, mails(2))

    assert {type(result) for result in server_results.values()} == {Sent}
    assert len(server.heard) == 2


async def test_a_relay_that_always_cuts_in_mid_mail_defers_it_in_the_end() -> None:
    async def play(peer: Peer) -> None:
        await peer.greet()
        await peer.line()
        await peer.say("421 4.3.2 going down")

    async with ScriptedServer(play) as server, pool(server.url) as open_pool:
        results = await send(open_pool, [Mail()])

    (result,) = results.values()
    assert isinstance(result, Deferred)
    assert "going down" in result.text


async def test_a_dead_relay_is_passed_over_and_all_dead_is_deferred(tmp_path: Path) -> None:
    dead = f"smtp://127.0.0.1:{unused_port()}"
    async with SandboxRelay(tmp_path) as relay, pool(dead, relay.url, connections=2) as open_pool:
        results = await send(open_pool, mails(10))
    assert {type(result) for result in results.values()} == {Sent}

    async with pool(dead) as open_pool:
        results = await send(open_pool, mails(3))
        assert open_pool.outage is not None
    assert {type(result) for result in results.values()} == {Deferred}
    assert all(getattr(result, "enhanced", "") == "4.4.1" for result in results.values())


async def test_connections_are_shared_out_by_weight(tmp_path: Path) -> None:
    async with (
        SandboxRelay(tmp_path / "a") as one,
        SandboxRelay(tmp_path / "b") as two,
        pool(f"{one.url}?weight=3", two.url, connections=4) as open_pool,
    ):
        await send(open_pool, mails(200))
        shares = len(one.connections), len(two.connections)

    assert shares == (3, 1)


@pytest.mark.parametrize("banner", ["554 5.7.1 go away", "421 busy", "garbage"])
async def test_a_relay_that_does_not_greet_us_defers(banner: str) -> None:
    async def play(peer: Peer) -> None:
        await peer.say(banner)
        await peer.line()

    async with ScriptedServer(play) as server, pool(server.url) as open_pool:
        results = await send(open_pool, mails(2))

    assert {type(result) for result in results.values()} == {Deferred}


async def test_a_silent_relay_is_left_after_its_time() -> None:
    async def play(peer: Peer) -> None:
        await peer.line()

    limits = replace(QUICK, greeting=0.1)
    async with ScriptedServer(play) as server, pool(server.url, timeouts=limits) as open_pool:
        (result,) = (await send(open_pool, [Mail()])).values()

    assert isinstance(result, Deferred)
    assert "too long" in result.text
    assert bytes(server.heard[0]) == b""


async def test_an_idle_connection_says_good_bye() -> None:
    parted = asyncio.Event()

    async def play(peer: Peer) -> None:
        await peer.greet(("SIZE",))
        await peer.take()
        if await peer.line() == "QUIT":
            parted.set()
            await peer.say("221 bye")

    limits = replace(QUICK, idle=0.1)
    async with ScriptedServer(play) as server, pool(server.url, timeouts=limits) as open_pool:
        await send(open_pool, [Mail()])
        await asyncio.wait_for(parted.wait(), 5)


async def test_drain_finishes_what_has_begun_and_begins_nothing_more() -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def play(peer: Peer) -> None:
        await peer.greet(("SIZE",))
        await peer.line()
        begun.set()
        await go_on.wait()
        await peer.say("250 ok")
        await peer.line()
        await peer.say("250 ok")
        await peer.line()
        await peer.say("354 go")
        await peer.message()
        await peer.say("250 done")
        await peer.line()
        await peer.say("221 bye")

    async with ScriptedServer(play) as server, pool(server.url) as open_pool:
        sending = asyncio.create_task(send(open_pool, mails(3)))
        await begun.wait()
        draining = asyncio.create_task(open_pool.drain())
        await asyncio.sleep(0)
        go_on.set()
        await draining
        results = await sending
        late = await open_pool.send(Mail(), may_start=yes)

    assert [type(results[mail.rcpt_to]) for mail in mails(3)] == [Sent, Deferred, Deferred]
    assert isinstance(late, Deferred)
    assert bytes(server.heard[0]).endswith(b"QUIT\r\n")


async def test_a_callers_fault_comes_back_to_the_caller_and_spoils_no_other(tmp_path: Path) -> None:
    def boom(_: object) -> bool:
        raise KeyError("boom")

    async with SandboxRelay(tmp_path) as relay, pool(relay.url) as open_pool:
        with pytest.raises(KeyError):
            await send(open_pool, mails(3), boom)
        results = await send(open_pool, mails(3))

    assert {type(result) for result in results.values()} == {Sent}
    assert len(read_store(tmp_path)) == 3


async def test_a_cancelled_call_begins_nothing_more(tmp_path: Path) -> None:
    async with SandboxRelay(tmp_path) as relay, pool(relay.url) as open_pool:
        sending = asyncio.create_task(send(open_pool, mails(5000)))
        await asyncio.sleep(0.05)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        await send(open_pool, [Mail()])

    assert len(read_store(tmp_path)) < 5000


SESSION_ANSWERS = ["220 hi\r\n", "250-x\r\n250 PIPELINING\r\n", "250 ok\r\n250 ok\r\n354 go\r\n", "250 done\r\n"]


@pytest.mark.parametrize("length", range(1, sum(map(len, SESSION_ANSWERS)) + 1))
async def test_the_servers_side_cut_at_any_byte_leaves_a_true_state(length: int) -> None:
    accepted: list[bytes] = []

    async def play(peer: Peer) -> None:
        left = length
        for number, answer in enumerate(SESSION_ANSWERS):
            if number == 1:
                await peer.line()
            elif number == 2:
                for _ in range(3):
                    await peer.line()
            elif number == 3:
                accepted.append(await peer.message())
            peer._writer.write(answer[:left].encode())
            left -= len(answer)
            if left <= 0:
                return

    async with ScriptedServer(play) as server, pool(server.url) as open_pool:
        (result,) = (await send(open_pool, [Mail()])).values()

    if length == sum(map(len, SESSION_ANSWERS)):
        assert isinstance(result, Sent)
    elif accepted:
        assert isinstance(result, Unknown)
    else:
        assert isinstance(result, Deferred | Unknown)
    assert len(accepted) <= 1


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


@pytest.mark.peer
@pytest.mark.skipif(SINK is None, reason="Postfix's smtp-sink is not installed")
async def test_smtp_sink_takes_all_over_pipelined_connections(tmp_path: Path) -> None:
    assert SINK is not None
    port = unused_port()
    user = ("-u", "nobody") if os.geteuid() == 0 else ()
    sink = await asyncio.create_subprocess_exec(SINK, *user, f"127.0.0.1:{port}", "100")
    try:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            await asyncio.sleep(0.05)
        async with pool(f"smtp://127.0.0.1:{port}", connections=4) as open_pool:
            results = await send(open_pool, mails(2000))
    finally:
        sink.terminate()
        await sink.wait()

    assert {type(result) for result in results.values()} == {Sent}
    assert len(results) == 2000


async def test_a_relay_gets_no_more_connections_than_were_set_for_it(tmp_path: Path) -> None:
    """The rest goes to the others; each result names the relay it came from."""
    open_now, most = 0, 0

    async def play(peer: Peer) -> None:
        nonlocal open_now, most
        open_now += 1
        most = max(most, open_now)
        try:
            await peer.greet()
            while True:
                await peer.take()
                await asyncio.sleep(0.005)
        finally:
            open_now -= 1

    by_relay: dict[str, int] = {}

    def note(_mail: Mail, result: Result, relay: str) -> None:
        assert isinstance(result, Sent)
        by_relay[relay] = by_relay.get(relay, 0) + 1

    async with (
        ScriptedServer(play) as server,
        SandboxRelay(tmp_path) as sandbox,
        pool(f"{server.url}?connections=2", sandbox.url, connections=6) as open_pool,
    ):
        await open_pool.send_many(mails(60), yes, note)

    assert most == 2
    assert set(by_relay) == {"0", "1"}
