"""The built-in relay."""

import asyncio
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kit.errors import InvalidSettings
from mailer.sandbox import SandboxRelay, read_store

ENVELOPE = "EHLO us.example\r\nMAIL FROM:<a@x.example>\r\nRCPT TO:<b@y.example>\r\nDATA\r\n"


async def converse(relay: SandboxRelay, *said: bytes) -> list[str]:
    """Say things in one piece each, then QUIT; return all replies."""
    reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)
    for piece in (*said, b"QUIT\r\n"):
        writer.write(piece)
        await writer.drain()
    replies = (await asyncio.wait_for(reader.read(), 10)).decode().splitlines()
    writer.close()
    await writer.wait_closed()
    return replies


async def test_a_mail_is_stored_before_its_250_and_numbers_go_on(tmp_path: Path) -> None:
    for number in (1, 2):
        async with SandboxRelay(tmp_path) as relay:
            replies = await converse(relay, ENVELOPE.encode(), b"Subject: hi\r\n\r\n..dot\r\n.\r\n")

        assert f"250 2.0.0 Ok: stored as {number:08d}.eml" in replies
        assert replies[-1].startswith("221")
    stored = read_store(tmp_path)
    assert [(mail.file, mail.mail_from, mail.rcpt_to) for mail in stored] == [
        ("00000001.eml", "a@x.example", "b@y.example"),
        ("00000002.eml", "a@x.example", "b@y.example"),
    ]
    assert stored[0].content == b"Subject: hi\r\n\r\n.dot\r\n"
    lines = (tmp_path / "index.jsonl").read_text().splitlines()
    assert [set(json.loads(line)) for line in lines] == [{"file", "mail_from", "rcpt_to", "at"}] * 2


async def test_two_relays_share_a_folder(tmp_path: Path) -> None:
    async with SandboxRelay(tmp_path) as one, SandboxRelay(tmp_path) as two:
        for relay in (one, two, one, two):
            await converse(relay, ENVELOPE.encode(), b"x\r\n.\r\n")

    assert len({mail.file for mail in read_store(tmp_path)}) == 4


async def test_a_torn_line_of_a_killed_process_spoils_nothing(tmp_path: Path) -> None:
    (tmp_path / "index.jsonl").write_text('{"file": "0000')

    async with SandboxRelay(tmp_path) as relay:
        await converse(relay, ENVELOPE.encode(), b"x\r\n.\r\n")

    assert len(read_store(tmp_path)) == 1


@pytest.mark.parametrize(
    "end", [b"\n.\n", b"\n.\r\n", b"\r.\r", b"\r\n.\n", b"\r\n.\r", b"\r\r\n.\r\r\n", b"\n.\r"], ids=repr
)
async def test_only_crlf_dot_crlf_ends_a_mail(tmp_path: Path, end: bytes) -> None:
    content = b"one" + end + b"MAIL FROM:<evil@x.example>\r\n"
    async with SandboxRelay(tmp_path) as relay:
        await converse(relay, ENVELOPE.encode(), content + b".\r\n")

    (stored,) = read_store(tmp_path)
    assert b"evil" in stored.content


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    lines=st.lists(st.binary(max_size=30).map(lambda b: b.replace(b"\r", b".").replace(b"\n", b".")), max_size=6),
    cut=st.integers(1, 50),
)
def test_any_content_is_kept_byte_for_byte(tmp_path: Path, lines: list[bytes], cut: int) -> None:
    content = b"".join(line + b"\r\n" for line in lines)
    travelling = b"".join(b"." * line.startswith(b".") + line + b"\r\n" for line in lines) + b".\r\n"

    async def play() -> None:
        async with SandboxRelay(tmp_path) as relay:
            pieces = [travelling[at : at + cut] for at in range(0, len(travelling), cut)]
            await converse(relay, ENVELOPE.encode(), *pieces)

    asyncio.run(play())
    assert read_store(tmp_path)[-1].content == content


async def test_order_limits_and_odd_commands(tmp_path: Path) -> None:
    async with SandboxRelay(tmp_path) as relay:
        replies = await converse(
            relay,
            b"MAIL FROM:<a@x>\r\nHELO x\r\nRCPT TO:<a@x>\r\nDATA\r\nMAIL FROM:a@x\r\n",
            b"MAIL FROM:<a@x> SIZE=99999999999\r\nMAIL FROM:<\xc3\xa4@x>\r\nMAIL FROM:<\xc3\xa4@x> SMTPUTF8\r\n",
            b"RCPT TO:<b c@x>\r\nDATA\r\nRCPT TO:<\xc3\xa4@x>\r\nDATA x\r\nRSET\r\n",
            b"NOOP\r\nVRFY a\r\nWHAT\r\n\xff\r\nA\nB\r\n",
        )

    codes = [int(reply[:3]) for reply in replies]
    assert codes == [220, 503, 250, 503, 503, 501, 552, 553, 250, 501, 554, 250, 501, 250, 250, 252, 500, 500, 500, 221]


async def test_an_endless_line_is_cut_off(tmp_path: Path) -> None:
    async with SandboxRelay(tmp_path) as relay:
        reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)
        writer.write(b"x" * 10_000)
        assert b"500 5.5.2" in await reader.read()
        writer.close()


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "relay.example", ""])
def test_it_listens_on_loopback_only(tmp_path: Path, host: str) -> None:
    with pytest.raises(InvalidSettings):
        SandboxRelay(tmp_path, host)


async def test_a_full_disk_is_a_452_and_no_index_line(tmp_path: Path) -> None:
    async with SandboxRelay(tmp_path) as relay:
        (tmp_path / "mail").rename(tmp_path / "gone")
        replies = await converse(relay, ENVELOPE.encode(), b"x\r\n.\r\n")

    assert "452 4.3.1 No room to store the message" in replies
    assert read_store(tmp_path) == []


def test_an_empty_store_reads_as_nothing(tmp_path: Path) -> None:
    assert read_store(tmp_path) == []
