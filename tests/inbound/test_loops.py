"""Whom no machine of ours answers, and how our own mail is known when it comes back."""

import pytest

from inbound.loops import OwnNames, why_loop, why_no_answer
from inbound.mail import read_mail
from inbound.model import Envelope

OWN = OwnNames(frozenset({"promotions@shop.example"}), frozenset({"reply.shop.example"}), "reply.shop.example")


def no_answer(sender: str = "anna@example.org", mail_from: str | None = None, **headers: str) -> str:
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    mail = read_mail(f"From: {sender}\r\nSubject: x\r\n{lines}\r\nhello\r\n".encode())
    return why_no_answer(mail, Envelope(sender if mail_from is None else mail_from), OWN)


@pytest.mark.parametrize(
    "headers",
    [
        {"Auto_Submitted": "auto-replied"},
        {"Auto_Submitted": "Auto-Generated; owner-email=x@y.example"},
        {"Auto_Submitted": "auto-notified (by a cron job)"},
        {"Precedence": "bulk"},
        {"Precedence": "LIST"},
        {"Precedence": "junk"},
        {"List_Id": "<x.example>"},
        {"List_Unsubscribe": "<mailto:x@y.example>"},
        {"X_Auto_Response_Suppress": "DR, OOF, AutoReply"},
        {"X_Auto_Response_Suppress": "All"},
        {"X_Autoreply": "yes"},
        {"Byleave_Loop": "another.example"},
        {"Content_Type": "multipart/report; report-type=disposition-notification; boundary=x"},
    ],
)
def test_mail_that_says_what_it_is(headers: dict[str, str]) -> None:
    """RFC 3834 2, one rule a line."""
    assert no_answer(**headers)


@pytest.mark.parametrize(
    "sender",
    [
        "mailer-daemon@x.example", "MAILER-DAEMON@x.example", "noreply@x.example", "no-reply+tag@x.example",
        "list-request@x.example", "list-owner@x.example", "owner-list@x.example", "list-bounces@x.example",
        "promotions@shop.example", "r-token@reply.shop.example",
    ],
)  # fmt: skip
def test_senders_that_nobody_reads(sender: str) -> None:
    """In From or in the envelope, one is enough."""
    assert no_answer(sender)
    assert no_answer(mail_from=sender)


@pytest.mark.parametrize("path", ["", "<>", " "])
def test_the_null_sender_is_never_answered(path: str) -> None:
    """RFC 5321 4.5.5."""
    assert no_answer(mail_from=path)


def test_two_authors_are_nobody() -> None:
    """From with two mailboxes names no one whom we could answer."""
    assert no_answer("a@x.example, b@x.example", "a@x.example")


@pytest.mark.parametrize(
    "headers",
    [{}, {"Auto_Submitted": "no"}, {"Auto_Submitted": "No (typed by hand)"}, {"Precedence": "normal"},
     {"X_Auto_Response_Suppress": "RN"}],
)  # fmt: skip
def test_people_are_answered(headers: dict[str, str]) -> None:
    """An ordinary letter."""
    assert no_answer(**headers) == ""


@pytest.mark.parametrize(
    "sender", ["johnson@x.example", "owner@x.example", "requests@x.example", "ann.noreply@x.example"]
)
def test_names_that_only_look_like_robots_are_people(sender: str) -> None:
    """Whole words at the right place."""
    assert no_answer(sender) == ""


def test_our_own_mail_is_known_when_it_comes_back() -> None:
    """By its mark or its author; another installation's mark is no loop of ours."""

    def loop(text: str) -> str:
        return why_loop(read_mail(f"{text}\r\n\r\nx".encode()), OWN)

    assert loop("From: a@x.example\r\nByleave-Loop: reply.shop.example")
    assert loop("From: a@x.example\r\nByleave-Loop: other.example\r\nByleave-Loop: Reply.Shop.Example")
    assert loop("From: promotions@shop.example")
    assert loop("From: b-x@reply.shop.example")
    assert not loop("From: a@x.example\r\nByleave-Loop: other.example")
    assert not loop("From: a@x.example")
