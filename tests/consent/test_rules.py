"""The law of the ledger: what events add up to."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.model import Act, Door, Event, Proof, Purpose, State, SubscriberId
from consent.rules import fold

MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
ANNA = SubscriberId(1)


def act(verb: Act, hour: int, *topics: str, door: Door = Door.PAGE, seq: int = 0) -> Event:
    return Event(ANNA, verb, MONDAY + timedelta(hours=hour), door, Proof.TOKEN, topics=topics, seq=seq)


def deals(*events: Event) -> State:
    return fold(events).state(Purpose.PROMOTION, "deals")


CASES = {
    "nothing asked": ([], State.NONE),
    "asked": ([act(Act.SUBSCRIBE, 1, "deals")], State.PENDING),
    "asked and confirmed": ([act(Act.SUBSCRIBE, 1, "deals"), act(Act.CONFIRM, 2, "deals")], State.GRANTED),
    "confirmed without asking": ([act(Act.CONFIRM, 2, "deals")], State.NONE),
    "imported": ([act(Act.CONFIRM, 1, "deals", door=Door.IMPORT)], State.GRANTED),
    "left": (
        [act(Act.CONFIRM, 1, "deals", door=Door.IMPORT), act(Act.WITHDRAW, 2, "deals", door=Door.REPLY)],
        State.WITHDRAWN,
    ),
    "left another topic": (
        [act(Act.CONFIRM, 1, "deals", "events", door=Door.IMPORT), act(Act.WITHDRAW, 2, "events")],
        State.GRANTED,
    ),
    "left all": ([act(Act.CONFIRM, 1, "deals", door=Door.IMPORT), act(Act.WITHDRAW_ALL, 2)], State.WITHDRAWN),
    "left all before ever agreeing, then imported": (
        [act(Act.WITHDRAW_ALL, 1), act(Act.CONFIRM, 2, "deals", door=Door.IMPORT)],
        State.WITHDRAWN,
    ),
    "left, then imported again": (
        [act(Act.WITHDRAW, 1, "deals"), act(Act.CONFIRM, 2, "deals", door=Door.IMPORT)],
        State.WITHDRAWN,
    ),
    "left, then added by staff": (
        [act(Act.WITHDRAW, 1, "deals"), act(Act.SUBSCRIBE, 2, "deals", door=Door.STAFF)],
        State.WITHDRAWN,
    ),
    "left, came back in person": (
        [act(Act.WITHDRAW, 1, "deals"), act(Act.SUBSCRIBE, 2, "deals"), act(Act.CONFIRM, 3, "deals")],
        State.GRANTED,
    ),
    "left, clicked an old confirmation": (
        [act(Act.SUBSCRIBE, 1, "deals"), act(Act.WITHDRAW, 2, "deals"), act(Act.CONFIRM, 3, "deals")],
        State.WITHDRAWN,
    ),
    "a withdrawal and a confirmation at the same moment": (
        [
            act(Act.SUBSCRIBE, 1, "deals", seq=1),
            act(Act.WITHDRAW, 2, "deals", seq=2),
            act(Act.CONFIRM, 2, "deals", seq=3),
        ],
        State.WITHDRAWN,
    ),
    "came back, then left again": (
        [
            act(Act.WITHDRAW_ALL, 1),
            act(Act.SUBSCRIBE, 2, "deals"),
            act(Act.CONFIRM, 3, "deals"),
            act(Act.WITHDRAW_ALL, 4),
        ],
        State.WITHDRAWN,
    ),
}


@pytest.mark.parametrize(("events", "state"), CASES.values(), ids=CASES.keys())
def test_a_history_leads_to_its_standing(events: list[Event], state: State) -> None:
    """The table of histories, one line each."""
    assert deals(*events) is state


def test_a_pause_ends_with_the_latest_word() -> None:
    """Pausing twice keeps the later wish; a pause until nothing ends it."""
    until = MONDAY + timedelta(days=30)
    paused = Event(ANNA, Act.PAUSE, MONDAY, Door.PAGE, Proof.TOKEN, until=until)
    ended = Event(ANNA, Act.PAUSE, MONDAY + timedelta(days=1), Door.PAGE, Proof.TOKEN)

    assert fold([paused]).paused_until == until
    assert fold([ended, paused]).paused_until is None


acts = st.builds(
    Event,
    subscriber=st.just(ANNA),
    act=st.sampled_from([Act.SUBSCRIBE, Act.CONFIRM, Act.WITHDRAW, Act.WITHDRAW_ALL, Act.PAUSE]),
    at=st.integers(0, 5).map(lambda hour: MONDAY + timedelta(hours=hour)),
    door=st.sampled_from(Door),
    proof=st.just(Proof.TOKEN),
    topics=st.lists(st.sampled_from(["deals", "events"]), min_size=1, max_size=2, unique=True).map(tuple),
    seq=st.integers(1, 1000),
)
histories = st.lists(acts, max_size=12, unique_by=lambda event: event.seq)


@given(histories, st.randoms())
def test_the_order_of_arrival_does_not_matter(events: list[Event], random: object) -> None:
    """A standing depends on when things were done, not on when we heard of them."""
    shuffled = list(events)
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis gives a random.Random

    assert fold(shuffled) == fold(events)


@given(histories, st.sampled_from(["deals", "events", "courses"]))
def test_after_leaving_everything_nothing_is_granted(events: list[Event], topic: str) -> None:
    """Whatever was before or at the same moment, leaving everything ends it."""
    latest = max((event.at for event in events), default=MONDAY)
    last_word = Event(ANNA, Act.WITHDRAW_ALL, latest, Door.REPLY, Proof.TOKEN, seq=2000)

    assert fold([*events, last_word]).state(Purpose.PROMOTION, topic) is State.WITHDRAWN


@given(histories)
def test_only_the_person_reverses_an_opt_out(events: list[Event]) -> None:
    """After a withdrawal, no import, member of staff, software or provider brings the person back (promise 6)."""
    gone = Event(ANNA, Act.WITHDRAW_ALL, MONDAY - timedelta(days=1), Door.REPLY, Proof.TOKEN, seq=0)
    others = [event for event in events if not event.door.is_person]

    assert fold([gone, *others]).granted() == ()
