"""The states of a campaign and the moves between them, as one table. Pure.

What a move does to the database is :mod:`campaigns.store`'s work; this only says which moves there are.
"""

import enum
from dataclasses import dataclass


class State(enum.StrEnum):
    """Where a campaign stands."""

    DRAFT = "draft"  # being written; also where one is put back that could not be launched in time
    SCHEDULED = "scheduled"  # launched by the runner when its time comes
    RUNNING = "running"  # the audience is snapshot and letters go out
    PAUSED = "paused"  # nothing new is begun until it is resumed
    FINISHED = "finished"  # nothing waits any more
    CANCELLED = "cancelled"  # what waited is skipped

    @property
    def is_over(self) -> bool:
        """Whether nothing can happen to it any more."""
        return self in {State.FINISHED, State.CANCELLED}

    @property
    def gate(self) -> str:
        """Return what the mailing's gate says in this state: only "open" lets letters be claimed."""
        return _GATES[self]


class Move(enum.StrEnum):
    """What can be done with a campaign."""

    SCHEDULE = "schedule"
    HOLD = "hold"  # the software's own: too late to be launched by itself
    LAUNCH = "launch"
    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"
    FINISH = "finish"  # the software's own: nothing waits any more
    REOPEN = "reopen"  # staff let unknown letters of a finished campaign wait again


#: move -> (states it starts from, state it leads to)
MOVES: dict[Move, tuple[frozenset[State], State]] = {
    Move.SCHEDULE: (frozenset({State.DRAFT, State.SCHEDULED}), State.SCHEDULED),
    Move.HOLD: (frozenset({State.SCHEDULED}), State.DRAFT),
    Move.LAUNCH: (frozenset({State.DRAFT, State.SCHEDULED}), State.RUNNING),
    Move.PAUSE: (frozenset({State.RUNNING}), State.PAUSED),
    Move.RESUME: (frozenset({State.PAUSED}), State.RUNNING),
    Move.CANCEL: (frozenset({State.DRAFT, State.SCHEDULED, State.RUNNING, State.PAUSED}), State.CANCELLED),
    Move.FINISH: (frozenset({State.RUNNING}), State.FINISHED),
    Move.REOPEN: (frozenset({State.FINISHED}), State.RUNNING),
}

_GATES = {
    State.DRAFT: "draft", State.SCHEDULED: "draft", State.RUNNING: "open", State.PAUSED: "held",
    State.FINISHED: "done", State.CANCELLED: "cancelled",
}  # fmt: skip

_WHY_NOT = {
    State.DRAFT: "it has not been launched yet",
    State.SCHEDULED: "it waits for its time; cancel it, or schedule it anew",
    State.RUNNING: "it is being sent already",
    State.PAUSED: "it is paused; resume or cancel it",
    State.FINISHED: "it is finished",
    State.CANCELLED: "it was cancelled",
}


@dataclass(frozen=True, slots=True)
class Changed:
    """The move was made."""

    id: int
    state: State


@dataclass(frozen=True, slots=True)
class Unchanged:
    """It was so already; saying it twice changes nothing."""

    id: int
    state: State


@dataclass(frozen=True, slots=True)
class NotPossible:
    """This can't be done in the state that the campaign is in, and why."""

    id: int
    state: State
    why: str


@dataclass(frozen=True, slots=True)
class Missing:
    """There is no such campaign."""

    id: int


Outcome = Changed | Unchanged | NotPossible | Missing


def judge(campaign_id: int, move: Move, state: State | None) -> Outcome:
    """Say what a move comes to that did not find the campaign in a state it can start from."""
    if state is None:
        return Missing(campaign_id)
    if state is MOVES[move][1]:
        return Unchanged(campaign_id, state)
    return NotPossible(campaign_id, state, _WHY_NOT[state])
