"""Reading mail is bounded: whatever the bytes, it ends soon, with a mail and the names of the limits it met."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inbound.mail import DEPTH, PARTS, TEXT_OCTETS, read_mail
from tests.corpora import corpus

SECONDS = 1.0  # five times the aim of 200 ms, for a busy machine


def test_deep_nesting_is_cut_off_not_followed() -> None:
    bomb = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(3_000))

    read = read_mail(bomb)

    assert "depth" in read.limits_hit
    assert len(read.parts) == 1


def test_mails_within_mails_are_cut_off_too() -> None:
    read = read_mail(b"Content-Type: message/rfc822\n\n" * 5_000)

    assert "depth" in read.limits_hit
    assert max(part.depth for part in read.parts) <= DEPTH


def test_too_many_parts_fields_and_letters_are_left_out_and_named() -> None:
    many_parts = read_mail(b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * 1_000)
    many_fields = read_mail(b"A: b\n" * 5_000 + b"\nhi")
    much_text = read_mail(b"Subject: x\n\n" + b"a" * (2 * TEXT_OCTETS))
    many_addresses = read_mail(b"To: " + b"a@b.example, " * 3_000 + b"\n\n")
    many_parameters = read_mail(b"Content-Type: text/plain; " + b"; ".join(b"a%d=b" % n for n in range(500)) + b"\n\n")

    assert (len(many_parts.parts), many_parts.limits_hit) == (PARTS, ("parts",))
    assert many_fields.limits_hit == ("header lines",)
    assert (len(much_text.text), much_text.limits_hit) == (TEXT_OCTETS, ("text",))
    assert many_addresses.limits_hit == ("addresses",)
    assert many_parameters.limits_hit == ("parameters",)


MEGABYTE = 1 << 20
HANGS = {
    "line feeds": b"\n" * MEGABYTE,
    "spaces": b" " * MEGABYTE,
    "nul": b"\0" * MEGABYTE,
    "one long field": b"Subject: " + b"=?utf-8?q?a?= " * (MEGABYTE // 14),
    "half encoded-words": b"Subject: " + b"=?a?q?" * (MEGABYTE // 6),
    "comments": b"From: " + b"(" * MEGABYTE,
    "quotes": b'From: "' + b"\\" * MEGABYTE,
    "brackets": b"From: " + b"<" * MEGABYTE,
    "parameters": b"Content-Type: text/plain" + b";a=b" * (MEGABYTE // 4),
    "boundaries": b'Content-Type: multipart/mixed; boundary="-"\n\n' + b"\n---" * (MEGABYTE // 4),
    "escape sequences": b"Content-Type: text/plain; charset=iso-2022-jp\n\n" + b"\x1b$B" * (MEGABYTE // 3),
    "flowed": b"Content-Type: text/plain; format=flowed\n\n" + b"> \n " * (MEGABYTE // 4),
    "references": b"References: " + b"<a@b> " * (MEGABYTE // 6),
}


@pytest.mark.parametrize("raw", HANGS.values(), ids=HANGS.keys())
def test_a_megabyte_of_anything_is_read_at_once(raw: bytes) -> None:
    started = time.process_time()

    read_mail(raw)

    assert time.process_time() - started < SECONDS


@given(st.binary(max_size=2_000))
def test_any_bytes_parse_to_an_inbound_mail(raw: bytes) -> None:
    read = read_mail(raw)

    assert read.size == len(raw)
    assert read.text.encode("utf-8").decode("utf-8") == read.text
    assert not any(letter in value for values in read.headers.values() for value in values for letter in "\r\n\0")


_PIECES = st.sampled_from(
    [
        *(
            b"From: ",
            b"a@b.example",
            b"\n",
            b"\r\n",
            b"\n\n",
            b"Content-Type: ",
            b"multipart/mixed; boundary=b",
            b"--b",
            b"--b--",
        ),
        *(
            b"message/rfc822",
            b"text/plain; charset=",
            b"utf-7",
            b"hz",
            b"=?utf-8?b?",
            b"?=",
            b"<",
            b">",
            b'"',
            b"(",
            b")",
        ),
        *(
            b"Content-Transfer-Encoding: base64",
            b"=",
            b"name*0*=utf-8''%",
            b"\xff\xfe",
            b"Date: Mon, 99 Foo",
            b"\x1b$B",
        ),
        *(b"Message-ID: <[", b"To: <@", b",", b";", b":"),
    ]
)


@settings(max_examples=300)
@given(st.lists(_PIECES, max_size=60).map(b"".join))
def test_pieces_of_mail_in_any_order_parse_to_an_inbound_mail(raw: bytes) -> None:
    read = read_mail(raw)

    assert read.size == len(raw)
    assert all(part.text.encode("utf-8") is not None for part in read.parts)


def test_small_replies_are_read_fast() -> None:
    """The aim is 3,000 a second; a busy machine is given three times as long."""
    mails = [file.read_bytes() for file in sorted(corpus("replies").glob("eml/*.eml"))]
    started = time.process_time()

    for raw in mails:
        read_mail(raw)

    assert len(mails) / (time.process_time() - started) > 1_000
