"""A month is a month: counted to the day, extended once and in time, and never past what the law allows."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.deadlines import (
    NotPossibleNow,
    Request,
    RequestAct,
    RequestKind,
    RequestOutcome,
    Step,
    after,
    extension,
    in_order_of_need,
    months_after,
)  # fmt: skip
from tests.database import NOW

CAME = date(2026, 11, 20)
REQUEST = Request(1, RequestKind.ACCESS, 7, "T-1", CAME, months_after(CAME, 1), "kim")
LENGTHEN = Step(NOW, RequestAct.EXTENDED, "kim", "many files", due_on=date(2027, 2, 20))
CLOSE = Step(NOW, RequestAct.CLOSED, "kim", outcome=RequestOutcome.ANSWERED)


@pytest.mark.parametrize(
    ("day", "months", "due"),
    [
        (date(2026, 11, 20), 1, date(2026, 12, 20)),
        (date(2026, 12, 31), 1, date(2027, 1, 31)),
        (date(2027, 1, 31), 1, date(2027, 2, 28)),
        (date(2028, 1, 30), 1, date(2028, 2, 29)),
        (date(2026, 11, 30), 3, date(2027, 2, 28)),
    ],
)
def test_a_month_ends_on_the_same_day_or_on_the_last_one(day: date, months: int, due: date) -> None:
    """Regulation 1182/71 Art. 3(2)(c)."""
    assert months_after(day, months) == due


@given(day=st.dates(date(2018, 5, 25), date(2100, 1, 1)), months=st.integers(1, 5))
def test_it_is_never_longer_than_a_month(day: date, months: int) -> None:
    """Nor shorter than its shortest."""
    assert timedelta(28 * months) <= months_after(day, months) - day <= timedelta(31 * months)


def test_the_last_day_is_still_in_time() -> None:
    """The day after is not."""
    assert not REQUEST.is_overdue(REQUEST.due_on)
    assert REQUEST.is_overdue(REQUEST.due_on + timedelta(days=1))
    assert not after(REQUEST, [CLOSE]).is_overdue(date(2030, 1, 1))


def test_it_can_be_extended_once_and_only_before_its_time_ran_out() -> None:
    """The person must be told of it within the first month."""

    def asked(request: Request, today: date = CAME) -> date:
        return extension(request, today=today, answer_months=1, extension_months=2)

    assert asked(REQUEST) == asked(REQUEST, REQUEST.due_on) == date(2027, 2, 20)
    for request, today in (
        (REQUEST, REQUEST.due_on + timedelta(days=1)),
        (after(REQUEST, [LENGTHEN]), CAME),
        (after(REQUEST, [CLOSE]), CAME),
    ):
        with pytest.raises(NotPossibleNow):
            asked(request, today)
    assert after(REQUEST, [LENGTHEN]).due_on == date(2027, 2, 20)
    assert after(REQUEST, [LENGTHEN]).state == "extended"


def test_what_comes_behind_the_end_changes_nothing() -> None:
    """Two who close it at once: the first counts, and both stand in the register."""
    refuse = Step(NOW, RequestAct.CLOSED, "lee", "none of ours", RequestOutcome.REFUSED)

    ended = after(REQUEST, [CLOSE, refuse, LENGTHEN])

    assert (ended.state, ended.due_on, len(ended.steps)) == ("answered", REQUEST.due_on, 3)


def test_the_overdue_ones_come_first() -> None:
    """Then what waits, by its day, and what ended last."""
    numbered = [
        Request(number, RequestKind.ACCESS, None, "", CAME, CAME + timedelta(days=days), "kim")
        for number, days in ((1, 40), (2, 3), (3, 20), (4, 1))
    ]
    ended = after(numbered[3], [CLOSE])

    order = in_order_of_need([*numbered[:3], ended], CAME + timedelta(days=10))

    assert [one.number for one in order] == [2, 3, 1, 4]
