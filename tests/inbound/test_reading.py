"""The whole path: any bytes end in a decision; the open corpus is read right."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.understand import figures, told, unseen
from inbound.model import Envelope, Verdict
from inbound.reading import read
from inbound.world import world_from_toml
from tests.corpora import corpus
from tests.inbound.test_topics import WORLD

AWAY = "I am out of the office until Monday with limited access to e-mail. Your message has not been forwarded."


def mail(subject: str, body: str) -> bytes:
    head = f"From: Ann <ann@example.org>\r\nTo: promotions@proengineer.example\r\nSubject: {subject}\r\n"
    return f"{head}Content-Type: text/plain; charset=utf-8\r\n\r\n{body}".encode()


def test_a_machine_by_its_words_alone_is_marked_so_and_one_without_a_sender_needs_no_person() -> None:
    """The words tell both; where the envelope tells it as well (RFC 5321 4.5.5) there is nothing left to doubt."""
    words_alone = read(mail("Re: Learn PLC programming from scratch", AWAY), world=WORLD)
    nameless = read(
        mail("Re: Learn PLC programming from scratch", AWAY), world=WORLD, envelope=Envelope("", ("a@shop.example",))
    )

    assert words_alone.verdict is nameless.verdict is Verdict.AUTO
    assert nameless.intent is None


@given(st.binary(max_size=3000))
def test_any_bytes_end_in_a_decision(raw: bytes) -> None:
    assert isinstance(read(raw, world=WORLD).verdict, Verdict)


def test_a_reply_that_asks_to_leave_is_understood_through_the_quote() -> None:
    raw = mail(
        "Re: Learn PLC programming from scratch", "Please take me off your list.\r\n\r\n> To stop, reply\r\n> hello\r\n"
    )

    reading = read(raw, world=WORLD)

    assert (reading.verdict, reading.scope) == (Verdict.UNSUBSCRIBE, "all")


@pytest.mark.parametrize(
    ("body", "verdict"),
    [
        ("Please unsubscribe me from your mailing list.", Verdict.UNSUBSCRIBE),
        ("unsubscribe", Verdict.UNSUBSCRIBE),
        ("Bitte nehmen Sie mich aus dem Verteiler.", Verdict.UNSUBSCRIBE),
        ("We will look into it on Monday.", Verdict.AUTO),
    ],
)
def test_a_wish_to_leave_counts_though_no_sender_was_named(body: str, verdict: Verdict) -> None:
    """RFC 3834 2: mail with the null sender is not answered, but what it asks for is carried out."""
    envelope = Envelope("", ("promotions@proengineer.example",))

    assert read(mail("hello", body), world=WORLD, envelope=envelope).verdict is verdict
    assert read(b"Return-Path: <>\r\n" + mail("hello", body), world=WORLD).verdict is verdict


@pytest.mark.parametrize(
    "body",
    ["a" * 1_000_000, "on \r\n" * 200_000, "unsubscribe " * 80_000, "> " * 500_000, "退" * 300_000, "é ñ" * 200_000],
)
def test_a_megabyte_is_read_in_time(body: str) -> None:
    raw = mail("hello", body)
    read(mail("warm", "up"), world=WORLD)

    started = time.process_time()
    read(raw, world=WORLD)

    assert time.process_time() - started < 1  # 0.2 s on a quiet machine


def test_the_open_corpus_is_understood() -> None:
    """What the weights have learned from: anything less would be a fault of the way there."""
    folder = corpus("replies")
    world = world_from_toml((folder / "world.toml").read_text("utf-8"))
    results = []
    for line in (folder / "eml" / "labels.jsonl").read_text("utf-8").splitlines():
        label = json.loads(line)
        reading = read((folder / "eml" / label["file"]).read_bytes(), world=world)
        results.append((label, told(reading.verdict.value, reading.scope)))

    found = figures(results)
    assert found["acted_right"] >= 0.95
    assert found["acted_or_asked"] >= 0.99
    assert found["wrong_acts"] <= 0.005
    assert found["unclear"] <= 0.10
    assert found["automatic_found"] >= 0.95


def test_replies_that_nobody_learned_from_are_understood() -> None:
    """728 replies in 45 languages that no weight was trained on and no rule made by."""
    found = unseen(worst=0)["figures"]

    assert found["acted_right"] >= 0.80
    assert found["acted_or_asked"] >= 0.97
    assert found["wrong_acts"] <= 0.01
    assert found["unclear"] <= 0.15
