"""Connections that are cut: what is unknown stays so, what was surely not sent goes another way."""

import asyncio
from dataclasses import replace

import pytest

from mailer.relays import Deferred, Sent, Unknown
from tests.fakes.scripted_smtp import Peer, ScriptedServer
from tests.mailer.pooling import QUICK, Mail, mails, pool, send


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
