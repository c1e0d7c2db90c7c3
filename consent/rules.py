"""From events to a standing: the law of the ledger. Pure.

* At equal times the withdrawal wins, whatever the order of arrival.
* Opt-outs are monotone (promise 6): only a newer act of the person reverses one. Imports, staff, other software and
  restored backups can grant what nobody ever withdrew, and nothing else.
* What is granted carries the version of the policy it was agreed under; only the person moves it to a newer one (P15).
* Joining needs two acts, subscribe and then confirm; leaving needs one.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from consent.model import Act, Event, Purpose, Standing, State

Key = tuple[Purpose, str]


@dataclass(slots=True)
class _Fold:
    """The standing under construction."""

    states: dict[Key, State] = field(default_factory=dict)
    ever_withdrawn: set[Key] = field(default_factory=set)
    left_all_at: datetime | None = None
    paused_until: datetime | None = None
    guardian_agreed: bool = False
    versions: dict[Key, str] = field(default_factory=dict)

    def state(self, key: Key) -> State:
        return self.states.get(key, State.WITHDRAWN if self.left_all_at else State.NONE)

    def withdrawn_before(self, key: Key) -> bool:
        return self.left_all_at is not None or key in self.ever_withdrawn

    def keys_of(self, event: Event) -> list[Key]:
        if event.topics:
            return [(event.purpose, topic) for topic in event.topics]
        if event.purpose is not Purpose.PROMOTION:
            return [(event.purpose, "")]
        return [key for key in self.states if key[0] is event.purpose]


def fold(events: Iterable[Event]) -> Standing:
    """Return the standing that the events of one person add up to, in whatever order they are given."""
    made = _Fold()
    for event in sorted(events, key=_order):
        _apply(made, event)
    granted = {key: version for key, version in made.versions.items() if made.state(key) is State.GRANTED}
    return Standing(made.states, made.left_all_at, made.paused_until, made.guardian_agreed, granted)


def _order(event: Event) -> tuple[datetime, bool, int]:
    return (event.at, event.act.is_withdrawal, event.seq)


def _apply(made: _Fold, event: Event) -> None:
    match event.act:
        case Act.SUBSCRIBE | Act.CONFIRM:
            for key in made.keys_of(event):
                _join(made, key, event)
        case Act.WITHDRAW:
            for key in made.keys_of(event):
                made.states[key] = State.WITHDRAWN
                made.ever_withdrawn.add(key)
        case Act.WITHDRAW_ALL:
            made.left_all_at = event.at
            made.states = dict.fromkeys(made.states, State.WITHDRAWN)
        case Act.PAUSE:
            made.paused_until = event.until
        case Act.GUARDIAN_CONSENT:
            made.guardian_agreed = True
        case Act.GUARDIAN_WITHDRAW:
            made.guardian_agreed = False
        case Act.AGREE if event.door.is_person:
            made.versions |= {key: event.policy_version for key, state in made.states.items() if state is State.GRANTED}
        case Act.SUPPRESS | Act.LIFT | Act.MOVE | Act.AGREE:
            pass  # suppressions are kept apart, by the hash of the address, so that they outlive erasure


def _join(made: _Fold, key: Key, event: Event) -> None:
    """Move one agreement towards GRANTED, as far as the act is entitled to."""
    state = made.state(key)
    if state is State.GRANTED:
        return
    if not event.door.is_person and made.withdrawn_before(key):
        return  # promise 6: imports, staff and software don't bring anybody back
    if event.act is Act.SUBSCRIBE:
        made.states[key] = State.PENDING
    elif state is State.PENDING or (not event.door.is_person and state is State.NONE):
        made.states[key] = State.GRANTED
        made.versions[key] = event.policy_version
    else:  # a person's confirmation of nothing pending: an old link; joining starts with a new subscribe
        made.states.setdefault(key, state)
