"""The grammar of commands: verb and argument of a line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inbound.grammar import command_in, commands, without_prefixes


@pytest.mark.parametrize(
    ("line", "verb", "argument"),
    [
        ("unsubscribe", "unsubscribe", ""),
        ("UNSUBSCRIBE please", "unsubscribe", ""),
        ("unsubscribe me", "unsubscribe", ""),
        ("Unsubscribe all", "unsubscribe", "*"),
        ("unsubscribe *", "unsubscribe", "*"),
        ("unsubscribe Deals", "unsubscribe", "Deals"),
        ("unsubscribe from Deals", "unsubscribe", "Deals"),
        ("Unsubscribe: Learn PLC", "unsubscribe", "Learn PLC"),
        ('unsubscribe "Deals"', "unsubscribe", "Deals"),
        ("opt-out", "unsubscribe", ""),
        ("subscribe events", "subscribe", "events"),
    ],
)
def test_a_command_is_a_verb_and_an_argument(line: str, verb: str, argument: str) -> None:
    command = command_in(line, "line")

    assert command is not None
    assert (command.verb, command.argument) == (verb, argument)


@pytest.mark.parametrize("line", ["", "please do", "I unsubscribe", "unsubscribed wrongly", "subscription", "x" * 300])
def test_prose_is_no_command(line: str) -> None:
    assert command_in(line, "line") is None


@pytest.mark.parametrize(
    "subject",
    [
        "Re: Deals",
        "AW: Deals",
        "RE: Re: Fwd: Deals",
        "回复：Deals",
        "Re[2]: Deals",
        "Ynt: Deals",
        "Vá: Deals",
        "Σχετ: Deals",
    ],
)
def test_reply_prefixes_of_all_languages_are_taken_off(subject: str) -> None:
    assert without_prefixes(subject) == "Deals"


@given(st.text(max_size=500), st.text(max_size=500))
def test_any_text_gives_commands_or_none(subject: str, typed: str) -> None:
    for command in commands(subject, typed):
        assert command.verb in {"unsubscribe", "subscribe"}
