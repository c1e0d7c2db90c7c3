"""How far a wish goes: everything, the topics it names, or everything but the topics it names. Pure.

Two small models weigh the concepts round each topic (:mod:`inbound.statistics`); this module names what they weigh
and puts their
answers together. A scope that is not sure enough is asked about, never acted on.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from inbound.lexicon.joining import names
from inbound.lexicon.matching import Hit, Marked
from inbound.model import Scope
from inbound.statistics import Model, bucket
from inbound.topics import Mention, mentions
from inbound.world import CampaignInfo, World

Wish = Literal["unsubscribe", "subscribe"]
#: all of it, the topics named, all but the topics named
MODES = ("all", "named", "but")
#: what a mention is: among what is wished away (or for), among what is to stay, or only spoken of
ROLES = ("in", "out", "aside")

_SIGNALS = frozenset(
    [
        "unsub",
        "stop",
        "cancel",
        "remove",
        "nowant",
        "nointerest",
        "keep",
        "sub",
        "recv",
        "except",
        "only",
        "rest",
        "all",
        "enough",
        "no",
        "praise",
        "order",
        "account",
        "seat",
        "legal",
        "more",
    ]
)


@dataclass(frozen=True, slots=True)
class Scoped:
    """The scope that a text asks for, how sure it is, and why, in words."""

    scope: Scope
    confidence: float
    reason: str


def mention_slots(marked: Marked, mention: Mention, wish: Wish, replied: CampaignInfo | None, count: int) -> list[int]:
    """Return the slots of what stands round one mention of a topic."""
    found = {f"{wish}", f"{wish}n{min(count, 4)}", f"{wish}rep{replied is not None and replied.topic == mention.key}"}
    before: list[str] = []
    after: list[str] = []
    for hit, name in zip(marked.hits, names(marked), strict=True):
        if hit.concept not in _SIGNALS:
            if hit.concept in {"except", "only", "rest", "all"}:
                found.add(f"{wish}d:{name}")
            continue
        found.add(f"{wish}d:{name}")
        if hit.sentence != mention.sentence:
            found.add(f"{wish}{'e' if hit.sentence < mention.sentence else 'l'}:{name}")
            continue
        side = "b" if (hit.first, hit.at) < (mention.first, mention.at) else "a"
        (before if side == "b" else after).append(name)
        found.add(f"{wish}s{side}:{name}")
        if hit.clause == mention.clause:
            distance = abs(hit.first - mention.first)
            found.add(f"{wish}c{side}:{name}")
            found.add(f"{wish}c{side}{'near' if distance <= 3 else 'far'}:{name}")
    last = before[-1] if before else "-"
    following = after[0] if after else "-"
    found.update((f"{wish}pb:{last}", f"{wish}pa:{following}", f"{wish}pp:{last}>{following}"))
    if len(before) > 1:
        found.add(f"{wish}ppb:{before[-2]}>{last}")
    if len(after) > 1:
        found.add(f"{wish}ppa:{following}>{after[1]}")
    return sorted({bucket("m" + name) for name in found})


def mode_slots(marked: Marked, named: Sequence[Mention], wish: Wish, replied: CampaignInfo | None) -> list[int]:
    """Return the slots of what tells a wish for all from a wish for some."""
    keys = {m.key for m in named}
    concepts = [n for n in names(marked) if n.partition("-")[0].rstrip("'") in _SIGNALS]
    found = {wish, f"{wish}k{len(keys)}", f"{wish}rep{replied is not None and replied.topic in keys}"}
    some = "t" if keys else "0"
    unique = sorted(set(concepts))
    for name in unique:
        found.add(f"{wish}{some}:{name}")
        if name in {"except", "only", "rest", "all", "keep"}:
            found.update(f"{wish}{some}&{name}&{other}" for other in unique if other != name)
    pairs = [
        (h.concept, n, h.sentence)
        for h, n in zip(marked.hits, names(marked), strict=True)
        if h.concept in _SIGNALS or any(m.first == h.first for m in named)
    ]
    for (a, an, s), (b, bn, t) in pairwise(pairs):
        if s == t:
            left = an if a in _SIGNALS else "T"
            right = bn if b in _SIGNALS else "T"
            found.add(f"{wish}>{left}>{right}")
    return sorted({bucket("o" + name) for name in found})


def scope_of(
    marked: Marked, world: World, replied: CampaignInfo | None, *, wish: Wish, models: dict[str, Model]
) -> Scoped:
    """Return what a wish reaches: all, or topics, and how sure that is."""
    everything = tuple(t.key for t in world.topics)
    named = mentions(marked, world)
    chances = models["mode"].probabilities(mode_slots(marked, named, wish, replied))
    if not named:
        here = replied is not None and chances["named"] > chances["all"] and _keeps(marked.hits)
        if here and replied is not None:
            return Scoped((replied.topic,), chances["named"], "it speaks of this mailing and keeps the rest")
        return Scoped(
            "all", 1 - 0.5 * chances["named"] if _keeps(marked.hits) else 0.97, "it names no topic, so it means all"
        )
    roles: dict[str, tuple[float, float]] = {}
    for mention in named:
        role = models["role"].probabilities(mention_slots(marked, mention, wish, replied, len({m.key for m in named})))
        old = roles.get(mention.key, (0.0, 0.0))
        roles[mention.key] = (old[0] + role["in"], old[1] + role["out"])
    wanted = {key for key, (inside, outside) in roles.items() if inside >= outside}
    kept = set(roles) - wanted
    clear = min(max(pair) / (sum(pair) or 1.0) for pair in roles.values())
    mode = max(MODES, key=lambda name: chances[name])
    if mode == "named" and not wanted:
        mode = "but" if chances["but"] > 0.2 else "all"
    if mode == "but" and not kept:
        mode = "named"
    match mode:
        case "named":
            scope = tuple(key for key in everything if key in wanted)
            return Scoped(scope, chances["named"] * clear, "it names the topics")
        case "but":
            scope = tuple(key for key in everything if key not in kept)
            return Scoped(scope or "all", chances["but"] * clear, "it means everything but the topics it keeps")
        case _:
            return Scoped("all", chances["all"], "it speaks of topics, but means all")


def _keeps(hits: Sequence[Hit]) -> bool:
    concepts = {hit.concept for hit in hits}
    return bool(concepts & {"rest", "only", "except"}) and bool(concepts & {"keep", "recv", "only"})
