"""SMTP smuggling: nothing but CRLF.CRLF ends a mail, whatever other servers take for an end (RFC 5321 4.1.1.4).

The sequences are those of hannob/smtpsmug and The-Login/SMTP-Smuggling-Tools, all further combinations of their line
ends, and what turns into CR, LF or a dot for a reader that drops NULs, a high bit, or half of a letter.
"""

import itertools
from collections.abc import AsyncIterator

import pytest

from kit.config_inbound import SmtpSettings
from tests.inbound.peer import BEGIN, Peer, a_peer
from tests.inbound.taking import BOB, LMTP, Town, a_mail

DOT = b"\r\n.\r\n"
LINE_ENDS = (b"\r\n", b"\n", b"\r", b"\r\r\n", b"\n\r", b"\r\0\n")
LOOK_ALIKES = [
    *(
        before + b"." + after
        for before, after in itertools.product(LINE_ENDS, repeat=2)
        if not (before.endswith(b"\r\n") and after == b"\r\n")
    ),
    b"\r\n\0.\r\n",  # NUL: "nullbefore" and its kin
    b"\r\n.\0\r\n",
    b"\r\n.\r\0\r\n",
    b"\n\0.\0\n",
    b"\0\n.\n\0",
    b"\r\n\r\0.\r\n",
    b"\r\n .\r\n",  # white space, and other things that end a line for somebody
    b"\r\n\t.\r\n",
    b"\r\n. \r\n",
    b"\r\n.\t\r\n",
    b"\r\n..\r\n",
    b"\r\n.\r \n",
    b"\x0b.\x0b",
    b"\x0c.\x0c",
    b"\r\n.\x1a\r\n",
    b"\r\n\x08.\r\n",
    "\u0085.\u0085".encode(),
    "\u2028.\u2028".encode(),
    "\u010d\u010a.\u010d\u010a".encode(),  # whose lower octets are CR and LF
    "\r\n\uff0e\r\n".encode(),
    b"\x8d\x8a.\x8d\x8a",  # CR, LF and the dot with the high bit set
    b"\r\n\xae\r\n",
    b"=0D=0A.=0D=0A",
    b"\r\n=2E\r\n",
    b"\r\n.=\r\n",
]
SMUGGLED = b"MAIL FROM:<bob@example.org>\r\nRCPT TO:<promotions@shop.example>\r\nDATA\r\n" + a_mail(
    sender=BOB, text="unsubscribe", message_id="smuggled@x"
).removesuffix(b"\r\n")
LISTENERS = {"SMTP": (None, b"EHLO"), "LMTP": (LMTP, b"LHLO")}


@pytest.fixture(params=LISTENERS)
async def peer(town: Town, request: pytest.FixtureRequest) -> AsyncIterator[Peer]:
    """A peer that was told 354, by SMTP and by LMTP."""
    settings: SmtpSettings | None
    settings, hello = LISTENERS[request.param]
    async with town.listening(settings) as listener, a_peer(listener.port) as made:
        answer = await made.say(*BEGIN.replace(b"EHLO", hello).splitlines())
        assert answer.startswith("354")
        yield made


def two_mails(ending: bytes) -> bytes:
    """Return Anna's mail, an end or what looks like one, Bob's whole transaction, and the true end."""
    return a_mail(text="first").removesuffix(b"\r\n") + ending + SMUGGLED + DOT


def has_bare_octet(sequence: bytes) -> bool:
    """Whether a CR or LF stands alone."""
    return any(octet in sequence.replace(b"\r\n", b"") for octet in (b"\r", b"\n"))


async def answers_of(peer: Peer, octets: bytes, *, one_by_one: bool = False) -> list[str]:
    """Send octets and QUIT; return the beginning of each answer."""
    await peer.send(octets + b"QUIT\r\n", one_by_one=one_by_one)
    return [line[:3] if line[:3] != "550" else line[:10] for line in (await peer.everything()).splitlines()]


def test_the_look_alikes_are_none_of_them_the_end() -> None:
    """About sixty, each once, and the true end is in none of them together with its neighbours."""
    assert len(LOOK_ALIKES) == len(set(LOOK_ALIKES)) >= 40
    assert not any(DOT in b"x" + sequence + b"M" for sequence in LOOK_ALIKES)


async def test_behind_the_true_end_a_second_mail_begins(peer: Peer, town: Town) -> None:
    """The counter-check: with CRLF.CRLF the same octets are two mails, and Bob has left."""
    assert await answers_of(peer, two_mails(DOT)) == ["250", "250", "250", "354", "250", "221"]
    assert [act for act, *_ in await town.events(town.bob)] == ["withdraw_all"]


async def test_behind_a_refused_end_nothing_is_a_command(peer: Peer, town: Town) -> None:
    """CR CRLF.CRLF holds the true end, too; but of who writes lone CRs nothing more is taken."""
    answers = await answers_of(peer, two_mails(b"\r" + DOT))

    assert answers[0] == "550 5.6.11"
    assert set(answers[1:-1]) == {"421"}
    assert await town.mails() == []


@pytest.mark.parametrize("ending", LOOK_ALIKES, ids=ascii)
async def test_one_write_is_one_mail(peer: Peer, town: Town, ending: bytes) -> None:
    """One answer after the dot: the mail is refused for a CR or LF that stands alone, or taken as one."""
    await _assert_one_answer(peer, town, ending, one_by_one=False)


@pytest.mark.parametrize("ending", LOOK_ALIKES[::3], ids=ascii)
async def test_byte_by_byte_is_one_mail(peer: Peer, town: Town, ending: bytes) -> None:
    """The same where each octet may come alone."""
    await _assert_one_answer(peer, town, ending, one_by_one=True)


async def _assert_one_answer(peer: Peer, town: Town, ending: bytes, *, one_by_one: bool) -> None:
    is_refused = has_bare_octet(ending)

    answers = await answers_of(peer, two_mails(ending), one_by_one=one_by_one)

    assert answers == ["550 5.6.11" if is_refused else "250", "221"]
    assert len(await town.mails()) == (0 if is_refused else 1)
    assert await town.events(town.bob) == []


async def test_what_is_pipelined_behind_data_is_mail_text(town: Town) -> None:
    """A peer that doesn't wait for 354 gains nothing: commands there are lines of the mail."""
    async with town.listening() as listener, a_peer(listener.port) as peer:
        answers = await answers_of(peer, BEGIN + b"RSET\r\n" + SMUGGLED + DOT)

    assert answers[-3:] == ["354", "250", "221"]
    assert len(await town.mails()) == 1
    assert await town.events(town.bob) == []


async def test_a_chunk_is_no_mail(town: Town) -> None:
    """CHUNKING (RFC 3030) is not offered: BDAT is 500, and its octets are neither mail nor commands."""
    text = a_mail(text="unsubscribe")
    begin = BEGIN.removesuffix(b"DATA\r\n")
    async with town.listening() as listener, a_peer(listener.port) as peer:
        answers = await answers_of(
            peer, begin + b"BDAT %d\r\n" % len(text) + text + b"BDAT 0 LAST\r\nBDAT 99999999999999999999 LAST\r\n.\r\n"
        )

    assert set(answers[:8]) == {"250"}
    assert answers[8] == "500"
    assert set(answers[9:-1]) == {"421"}
    assert await town.mails() == []
    assert await town.events() == []
