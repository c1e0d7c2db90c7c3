"""SMTP smuggling through a real server in front of ours: what it took for one mail is one mail for us.

A strict Postfix, a Postfix that is as lax as it can be made, and an Exim relay to our listener. Where the server in
front itself takes a look-alike for an end it has two mails, and no server behind it could know better.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest

from kit.config_inbound import SmtpSettings
from kit.db import Database
from tests.inbound.peer import BEGIN, Peer
from tests.inbound.taking import Town, town_on
from tests.inbound.test_smuggling import DOT, two_mails
from tests.peers.exim import Exim
from tests.peers.postfix import Postfix
from tests.peers.process import LOOPBACK, free_port

# One worker for all: each server is started once.
pytestmark = [pytest.mark.peer, pytest.mark.xdist_group("smuggling in front")]

LOOK_ALIKES = [
    b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r.\r\n", b"\r\n.\r", b"\r\r\n.\r\r\n", b"\r\n.\r\r\n", b"\n\r.\n\r",
    b"\r\n\0.\r\n", b"\r\n.\0\r\n", b"\r\0\n.\r\0\n", b"\r\n..\r\n",
]  # fmt: skip
LAX = {
    "smtpd_forbid_bare_newline": "no",
    "smtpd_forbid_unauth_pipelining": "no",
    "cleanup_replace_stray_cr_lf": "no",  # so that a lone CR is sent on to us as it is
}


@dataclass(frozen=True)
class Front:
    """A server in front, and the port that it relays to."""

    server: Postfix | Exim
    behind: int
    is_lax: bool = False


def a_front(name: str) -> Front:
    """Make a server that relays the shop's mail to a port."""
    port = free_port()
    if name == "Exim":
        # Without its check whether the peer speaks too early, which would hide what it takes for an end.
        return Front(Exim({"shop.example": port}, settings={"smtp_enforce_sync": "false"}), port)
    is_lax = name == "lax Postfix"
    settings = LAX if is_lax else {"smtpd_forbid_bare_newline": "yes"}
    return Front(Postfix({"shop.example": f"smtp:[{LOOPBACK}]:{port}"}, settings=settings), port, is_lax)


@pytest.fixture(scope="module", params=["Postfix", "lax Postfix", "Exim"])
def front(request: pytest.FixtureRequest) -> Iterator[Front]:
    made = a_front(request.param)
    with made.server:
        yield made


@pytest.fixture
async def town(database: Database) -> AsyncIterator[Town]:
    async with town_on(database) as made:
        yield made


async def relayed(front: Front, town: Town, octets: bytes) -> tuple[int, int]:
    """Say octets behind DATA to the server in front; return how many mails it took, and how many of them we refused."""
    before = front.server.log().count(" 550 5.6.11 ")
    async with town.listening(SmtpSettings(port=front.behind)):
        reader, writer = await asyncio.open_connection(front.server.host, front.server.port)
        peer = Peer(reader, writer)
        assert (await peer.reply()).startswith("220")
        assert (await peer.say(*BEGIN.splitlines())).startswith("354")
        await peer.send(octets + b"QUIT\r\n")
        answers = await peer.everything()
        writer.close()
        await writer.wait_closed()
        await asyncio.to_thread(front.server.wait_empty)
    taken = len(re.findall(r"^250 .*(?:queued as|id=)", answers, re.MULTILINE))
    return taken, front.server.log().count(" 550 5.6.11 ") - before


async def test_behind_the_true_end_a_second_mail_begins(front: Front, town: Town) -> None:
    """The counter-check: the way works, two mails come through, and Bob has left."""
    assert await relayed(front, town, two_mails(DOT)) == (2, 0)
    assert len(await town.mails()) == 2
    assert [act for act, *_ in await town.events(town.bob)] == ["withdraw_all"]


@pytest.mark.parametrize("ending", LOOK_ALIKES, ids=ascii)
async def test_one_mail_in_front_is_one_mail_here(front: Front, town: Town, ending: bytes) -> None:
    """As many mails come to us as the server in front took, and of one that it took for one Bob's part does nothing."""
    taken, refused = await relayed(front, town, two_mails(ending))

    assert len(await town.mails()) + refused == taken
    assert taken <= 1 or front.is_lax
    assert taken > 1 or await town.events(town.bob) == []
