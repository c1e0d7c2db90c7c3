"""A guardian's consent: two letters and a delay, and a withdrawal that always wins (P8)."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.guardians import Guardianship, Stage, Word, after, stage

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
DELAY = timedelta(hours=24)

Said = tuple[Word, int]  # what, and so many hours after noon
SAID = st.lists(st.tuples(st.sampled_from(Word), st.integers(0, 96)), max_size=12)


def hour(hours: int) -> datetime:
    return NOON + timedelta(hours=hours)


def held_after(*said: Said) -> Guardianship:
    held = Guardianship()
    for word, hours in said:
        held = after(held, word, hour(hours), delay=DELAY)
    return held


def at_the_end(*said: Said) -> Stage:
    return stage(held_after(*said), now=hour(1000), delay=DELAY)


ASKED, AGREED, TOLD, WITHDREW = Word.ASKED, Word.AGREED, Word.TOLD, Word.WITHDREW
STORIES: dict[str, tuple[list[Said], Stage]] = {
    "nothing": ([], Stage.UNASKED),
    "asked": ([(ASKED, 0)], Stage.OPEN),
    "asked and agreed": ([(ASKED, 0), (AGREED, 2)], Stage.TO_BE_TOLD),
    "both letters and the delay": ([(ASKED, 0), (AGREED, 2), (TOLD, 26)], Stage.STANDS),
    "the second letter too early": ([(ASKED, 0), (AGREED, 2), (TOLD, 25)], Stage.TO_BE_TOLD),
    "too early, then in time": ([(ASKED, 0), (AGREED, 2), (TOLD, 25), (TOLD, 27)], Stage.STANDS),
    "agreed without being asked": ([(AGREED, 2), (TOLD, 40)], Stage.UNASKED),
    "told without a yes": ([(ASKED, 0), (TOLD, 40)], Stage.OPEN),
    "refused": ([(ASKED, 0), (WITHDREW, 1)], Stage.ENDED),
    "refused, then a yes": ([(ASKED, 0), (WITHDREW, 1), (AGREED, 2), (TOLD, 30)], Stage.ENDED),
    "taken back in the delay": ([(ASKED, 0), (AGREED, 2), (WITHDREW, 20), (TOLD, 26)], Stage.ENDED),
    "taken back afterwards": ([(ASKED, 0), (AGREED, 2), (TOLD, 26), (WITHDREW, 90)], Stage.ENDED),
}


@pytest.mark.parametrize(("said", "wanted"), STORIES.values(), ids=STORIES.keys())
def test_stories(said: list[Said], wanted: Stage) -> None:
    """What stands after all of it."""
    assert at_the_end(*said) is wanted


def test_the_delay_is_waited_for() -> None:
    """To the second."""
    held = held_after((ASKED, 0), (AGREED, 2))

    assert stage(held, now=hour(26) - timedelta(seconds=1), delay=DELAY) is Stage.WAITING
    assert stage(held, now=hour(26), delay=DELAY) is Stage.TO_BE_TOLD


@given(SAID)
def test_no_way_leads_past_the_two_letters_and_the_delay(said: list[Said]) -> None:
    """Whatever happens in whatever order: what stands was asked, agreed, and told after the delay."""
    if at_the_end(*said) is not Stage.STANDS:
        return
    held = held_after(*said)

    assert held.asked_at is not None
    assert held.agreed_at is not None
    assert held.told_at is not None
    assert held.asked_at <= held.agreed_at <= held.told_at - DELAY
    places = [[place for place, (word, _) in enumerate(said) if word is wanted] for wanted in (ASKED, AGREED, TOLD)]
    assert any(first < second < third for first, second, third in itertools.product(*places))
    assert WITHDREW not in {word for word, _ in said}


@given(SAID, st.integers(0, 96), st.data())
def test_a_withdrawal_at_any_time_ends_it(said: list[Said], hours: int, data: st.DataObject) -> None:
    """Before, between, afterwards, and whatever its own date is."""
    place = data.draw(st.integers(0, len(said)))

    assert at_the_end(*said[:place], (WITHDREW, hours), *said[place:]) is Stage.ENDED


@given(st.permutations([(AGREED, 5), (WITHDREW, 5), (ASKED, 5)]))
def test_at_equal_times_the_withdrawal_wins(said: list[Said]) -> None:
    """In whatever order they arrive."""
    assert at_the_end(*said, (TOLD, 60)) is Stage.ENDED


@given(SAID, st.sampled_from(Word), st.integers(0, 96))
def test_said_twice_it_changes_nothing(said: list[Said], word: Word, hours: int) -> None:
    """A letter that comes twice, a button that is pressed twice."""
    assert held_after(*said, (word, hours), (word, hours)) == held_after(*said, (word, hours))
