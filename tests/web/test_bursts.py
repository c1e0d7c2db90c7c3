"""What is remembered of links that were opened, and for how long."""

import pytest

from mailer.tokens import Purpose, Token
from web.bursts import Touches


def link(purpose: Purpose, mailing: int = 5, person: int = 1) -> Token:
    return Token(purpose, person, mailing, 0, 1)


@pytest.mark.parametrize(
    ("opened", "seconds", "is_machine"),
    [
        (link(Purpose.PREFERENCES), 0.5, True),
        (link(Purpose.ONE_CLICK), 9.9, True),
        (link(Purpose.PREFERENCES), 10.1, False),
        (link(Purpose.PREFERENCES, mailing=6), 0.5, False),
        (link(Purpose.PREFERENCES, person=2), 0.5, False),
        (link(Purpose.PREFERENCES, mailing=0), 0.5, False),
        (link(Purpose.UNDO), 0.5, False),
    ],
    ids=["preferences", "page", "later", "other mail", "other person", "no mail", "other page"],
)
def test_only_links_of_the_same_mail_within_seconds_count(opened: Token, seconds: float, *, is_machine: bool) -> None:
    """A person has many mails, and time."""
    touches = Touches()
    touches.opened(opened, 100.0)

    assert bool(touches.evidence(link(Purpose.ONE_CLICK, opened.mailing_id and 5), 100.0 + seconds)) is is_machine


def test_memory_is_bounded() -> None:
    """The mail touched longest ago is forgotten."""
    touches = Touches(most=10)
    for mailing in range(1, 100):
        touches.opened(link(Purpose.PREFERENCES, mailing), 0.0)

    assert not touches.evidence(link(Purpose.ONE_CLICK, 1), 1.0)
    assert touches.evidence(link(Purpose.ONE_CLICK, 99), 1.0)
