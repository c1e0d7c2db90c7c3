"""No number, and nothing made of numbers, speaks of fewer people than the minimum (P10)."""

from collections import defaultdict
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.aggregates import COVERAGE, Chosen, choose, counted, number, rounded, step

K = 5
PEOPLE = 80
PLACES = st.integers(1, PEOPLE)
#: large sets that lie across each other, each without a few
SETS = st.lists(
    st.builds(
        lambda first, last, without: sorted(set(range(min(first, last), max(first, last) + 1)) - without),
        PLACES, PLACES, st.sets(PLACES, max_size=3),
    ),
    min_size=1, max_size=8,
)  # fmt: skip


class Book:
    """What is kept between reports."""

    def __init__(self, minimum: int = K) -> None:
        self.cells: dict[int, int] = {}
        self.answered: list[frozenset[int]] = []
        self.minimum = minimum

    def ask(self, wanted: list[int]) -> Chosen | None:
        sizes: dict[int, int] = defaultdict(int)
        for cell in self.cells.values():
            sizes[cell] += 1
        cells = {person: self.cells[person] for person in wanted if person in self.cells}
        chosen = choose(wanted, cells=cells, sizes=sizes, minimum=self.minimum)
        if chosen is not None:
            self.cells |= chosen.cells
            self.answered.append(frozenset(chosen.people))
        return chosen

    def smallest(self) -> int:
        """The fewest people who were in the same answered sets, and in one at least."""
        atoms: dict[tuple[bool, ...], int] = defaultdict(int)
        for person in set().union(*self.answered):
            atoms[tuple(person in one for one in self.answered)] += 1
        return min(atoms.values(), default=K)


@given(SETS)
def test_people_alike_to_all_answers_are_never_few(sets: list[list[int]]) -> None:
    """Whoever was in an answer can't be told from as many others as the minimum says."""
    book = Book()
    for wanted in sets:
        chosen = book.ask(wanted)
        assert chosen is None or set(chosen.people) <= set(wanted)
        assert book.smallest() >= K


@given(SETS, st.lists(st.integers(-3, 3), min_size=8, max_size=8))
def test_no_linear_combination_speaks_of_few(sets: list[list[int]], factors: list[int]) -> None:
    """Sums, differences and any multiples of answers: the people whose value is left in are none, or many."""
    book = Book()
    for wanted in sets:
        book.ask(wanted)
    weight: dict[int, int] = defaultdict(int)
    for factor, people in zip(factors, book.answered, strict=False):
        for person in people:
            weight[person] += factor
    left = sum(1 for one in weight.values() if one)
    assert left == 0 or left >= K


@given(SETS, st.sampled_from(range(1, PEOPLE + 1)))
def test_who_leaves_or_is_erased_between_reports_can_not_be_read_off(sets: list[list[int]], gone: int) -> None:
    """Each set is asked for twice, the second time without the one who went."""
    book = Book()
    for wanted in sets:
        book.ask(wanted)
        book.ask([person for person in wanted if person != gone])
        assert book.smallest() >= K
        assert all(one ^ other != {gone} for one in book.answered for other in book.answered)


@given(SETS)
def test_an_answer_speaks_of_enough(sets: list[list[int]]) -> None:
    """Of the minimum at least, and of most of those who were meant."""
    book = Book()
    for wanted in sets:
        chosen = book.ask(wanted)
        if chosen is not None:
            assert len(chosen.people) >= max(K, COVERAGE * len(wanted))
            assert len(set(chosen.people)) == len(chosen.people)


def test_one_more_can_not_be_isolated_by_three_reports() -> None:
    """A, B, then both with one more: pairs differ by many, and yet the one more would be known."""
    book = Book(20)
    a, b = list(range(1, 101)), list(range(51, 151))
    for wanted in (a, b, [*range(1, 151), 999]):
        assert book.ask(wanted) is not None
    assert 999 not in book.answered[-1]
    assert book.smallest() >= 20


def test_a_cell_that_was_divided_stays_so() -> None:
    """All, the first half, then the second half with ten of the first: the ten would be known."""
    book = Book(20)
    for wanted in (range(1, 101), range(1, 51), range(41, 101)):
        assert book.ask(list(wanted)) is not None
    assert not book.answered[-1] & set(range(41, 51))
    assert book.smallest() >= 20


def test_a_list_that_a_few_leave_is_still_told_of() -> None:
    """Each week three go; those who stay are told of, but for a few who keep them company."""
    book = Book(20)
    for week in range(5):
        chosen = book.ask(list(range(3 * week, 1000)))
        assert chosen is not None
        assert len(chosen.people) > 900


@pytest.mark.parametrize("people", [0, 1, 19])
def test_below_the_minimum_nothing_is_told(people: int) -> None:
    """Not even how many."""
    assert Book(20).ask(list(range(people))) is None
    assert Book(20).ask(list(range(20))) is not None


@pytest.mark.parametrize(
    ("text", "value"),
    [("0", 0), ("1200.50", 1200.5), ("999999999999", 5000), ("-1", None), ("1e3", None), ("nan", None), ("", None),
     ("1,5", None), ("\u0661", None), ("1_0", None), ("9" * 40, None)],
)  # fmt: skip
def test_what_counts_as_a_number(text: str, value: float | None) -> None:
    """Plain decimals from nought up, cut at the fixed bound."""
    assert number(text, 5000) == value


@given(st.integers(5, 10**6), st.floats(0, 1, exclude_max=True), st.floats(0, 1), st.sampled_from([100.0, 200_000.0]))
def test_an_average_is_rounded_coarsely_enough(people: int, shift: float, part: float, most: float) -> None:
    """One person moves it by a quarter of a step at most, and what is told is within a step."""
    size = step(most, people)
    assert Fraction(size) * people >= Fraction(most) * 4 * Fraction(999_999, 1_000_000)
    assert size <= 2.6 * 4 * most / people
    assert abs(rounded(part * most, size, shift) - part * most) <= size * 1.001


def test_numbers_of_people_are_rounded_down() -> None:
    """To a multiple."""
    assert [counted(people, 10) for people in (20, 29, 30)] == [20, 20, 30]
