"""The relay pool over real sockets on loopback."""

import asyncio
import os
import shutil
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from mailer.relays import Deferred, Failed, Result, Sent, Withheld
from mailer.sandbox import SandboxRelay, read_store
from tests.fakes.scripted_smtp import Peer, ScriptedServer
from tests.mailer.pooling import QUICK, Mail, mails, pool, send, unused_port, yes

SINK = shutil.which("smtp-sink", path="/usr/sbin:/usr/bin")


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
