"""The SMTP conversation where TLS and a password come first, byte by byte and without a socket."""

import base64

import pytest

from mailer.steps import Over, Ready, StartTls, Terms
from mailer.wire import Dialogue
from tests.mailer.conversation import (
    ehlo_reply,
)

TLS = Terms(helo="us.example", user="u", password="p\u00e4ss")


def asks_for_tls() -> Dialogue:
    wire = Dialogue(TLS)
    wire.receive(b"220 hi\r\n")
    wire.receive(ehlo_reply(b"STARTTLS|AUTH PLAIN|SIZE 1"))
    assert wire.take_output() == b"EHLO us.example\r\nSTARTTLS\r\n"
    return wire


def test_after_tls_all_is_learnt_anew_and_then_the_password_goes() -> None:
    wire = asks_for_tls()

    assert wire.receive(b"220 go\r\n") == [StartTls()]
    wire.secured()
    assert wire.take_output() == b"EHLO us.example\r\n"
    assert wire.receive(ehlo_reply(b"AUTH LOGIN PLAIN")) == []
    secret = base64.b64encode("\0u\0p\u00e4ss".encode())
    assert wire.take_output() == b"AUTH PLAIN " + secret + b"\r\n"
    assert wire.receive(b"235 welcome\r\n") == [Ready()]
    assert wire.features.size_limit == 0


@pytest.mark.parametrize("tail", [b"250 AUTH\r\n", b"2", b"250-x\r\n", b"\r\n", b"220 go\r\n"])
def test_bytes_in_the_clear_behind_starttls_end_the_conversation(tail: bytes) -> None:
    """RFC 3207 4.2: response injection; no credentials are sent."""
    wire = asks_for_tls()

    events = wire.receive(b"220 go\r\n" + tail)

    assert isinstance(events[-1], Over)
    assert wire.take_output() == b""


def test_bytes_in_the_clear_that_come_later_end_the_conversation_too() -> None:
    wire = asks_for_tls()
    wire.receive(b"220 go\r\n")

    assert isinstance(wire.receive(b"2")[-1], Over)


@pytest.mark.parametrize("answer", [b"454 no\r\n", b"502 no\r\n"])
def test_a_refused_starttls_is_no_way_into_the_clear(answer: bytes) -> None:
    wire = asks_for_tls()

    assert isinstance(wire.receive(answer)[-1], Over)
    assert wire.take_output() == b""


def test_no_starttls_offered_is_no_way_into_the_clear() -> None:
    wire = Dialogue(TLS)
    wire.receive(b"220 hi\r\n")
    wire.take_output()

    assert isinstance(wire.receive(ehlo_reply(b"AUTH PLAIN"))[-1], Over)
    assert wire.take_output() == b""


def test_a_password_is_never_sent_in_the_clear_even_where_tls_is_off() -> None:
    wire = Dialogue(Terms(helo="us.example", use_starttls=False, require_tls=False, user="u", password="p"))
    wire.receive(b"220 hi\r\n")
    wire.take_output()

    assert isinstance(wire.receive(ehlo_reply(b"AUTH PLAIN"))[-1], Over)
    assert wire.take_output() == b""


def test_auth_login_gives_user_and_password_one_by_one() -> None:
    wire = Dialogue(Terms(helo="us.example", is_secure=True, user="u", password="p"))
    wire.receive(b"220 hi\r\n")
    wire.receive(ehlo_reply(b"AUTH LOGIN"))
    wire.receive(b"334 VXNlcm5hbWU6\r\n")
    wire.receive(b"334 UGFzc3dvcmQ6\r\n")

    assert wire.take_output() == b"EHLO us.example\r\nAUTH LOGIN\r\ndQ==\r\ncA==\r\n"
    assert wire.receive(b"535 5.7.8 no\r\n") == [Over("the relay refused our user or password: 535 5.7.8 no")]
