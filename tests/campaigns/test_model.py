"""The table of moves: complete, and never leading out of an end."""

import pytest

from campaigns.model import MOVES, Changed, Missing, Move, NotPossible, State, Unchanged, judge


def test_nothing_leads_out_of_an_end() -> None:
    """A finished or cancelled campaign stays so; but for unknown letters that a person sends again."""
    assert [move for move, (sources, _) in MOVES.items() for state in sources if state.is_over] == [Move.REOPEN]


def test_every_state_can_be_reached_and_every_move_is_in_the_table() -> None:
    """The table is whole."""
    assert set(MOVES) == set(Move)
    assert {target for _, target in MOVES.values()} == set(State)


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("move", list(Move))
def test_a_move_that_was_not_made_is_explained(move: Move, state: State) -> None:
    """Said twice it is unchanged; otherwise there is a reason."""
    outcome = judge(7, move, state)

    assert not isinstance(outcome, Changed)
    assert isinstance(outcome, Unchanged) == (state is MOVES[move][1])
    assert isinstance(outcome, Unchanged) or (isinstance(outcome, NotPossible) and outcome.why)


def test_a_campaign_that_is_not_there_is_missing() -> None:
    """No state, no campaign."""
    assert judge(7, Move.PAUSE, None) == Missing(7)


def test_only_a_running_campaign_opens_the_gate() -> None:
    """Letters are claimed in one state alone."""
    assert [state for state in State if state.gate == "open"] == [State.RUNNING]
