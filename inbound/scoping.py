"""How far a wish goes: everything, the topics it names, or everything but the topics it names. Pure.

Two small models weigh the concepts round each topic (:mod:`inbound.statistics`); this module names what they
weigh and puts their answers together. A scope that is not sure enough is asked about, never acted on.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Literal

from inbound.features import slots
from inbound.lexicon.marked import Marked
from inbound.model import Scope
from inbound.statistics import Model
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

UNNAMED = 0.97  # how sure it is at most that all is meant where no topic is named
WORDS_BESIDE = 120  # of a sentence; bounds the work on a long one
_SELDOM = math.log(0.1)  # who wants all but some away names those that stay, and seldom any of the others as well


@dataclass(frozen=True, slots=True)
class Scoped:
    """The scope that a text asks for, how sure it is, and why, in words."""

    scope: Scope
    confidence: float
    reason: str
    words: tuple[str, ...] = ()  # that name the topics which counted


def mention_features(
    marked: Marked,
    mention: Mention,
    wish: Wish,
    replied: CampaignInfo | None,
    others: Sequence[Mention],
) -> set[str]:
    """Name what stands round one mention of a topic."""
    count = len({m.key for m in others})
    found = {f"{wish}", f"{wish}n{min(count, 4)}", f"{wish}rep{replied is not None and replied.topic == mention.key}"}
    before: list[str] = []
    after: list[str] = []
    for hit, name in zip(marked.hits, marked.names, strict=True):
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
    beside = [m for m in others if m.sentence == mention.sentence and m.key != mention.key]
    if any((m.first, m.at) < (mention.first, mention.at) for m in beside):
        found.add(f"{wish}second:{before[-1] if before else '-'}")
    if any((m.first, m.at) > (mention.first, mention.at) for m in beside):
        found.add(f"{wish}followed:{after[0] if after else '-'}")
    if replied is not None and replied.topic != mention.key and any(m.key == replied.topic for m in others):
        found.add(f"{wish}besides")
    last = before[-1] if before else "-"
    following = after[0] if after else "-"
    found.update((f"{wish}pb:{last}", f"{wish}pa:{following}", f"{wish}pp:{last}>{following}"))
    if len(before) > 1:
        found.add(f"{wish}ppb:{before[-2]}>{last}")
    if len(after) > 1:
        found.add(f"{wish}ppa:{following}>{after[1]}")
    found.update(f"{wish}{name}" for name in _words_beside(marked, mention))
    near = {f"/m{wish}{name}" for name in _tokens_beside(marked, mention, others)}
    return {"m" + name for name in found} | near


def _tokens_beside(marked: Marked, mention: Mention, others: Sequence[Mention]) -> list[str]:
    """Name what stands right before and behind a mention, as concepts and beginnings of words, up to three."""
    sentence = next((one for one in marked.tokens if one and one[0][0] <= mention.first <= one[-1][0]), [])
    topics = {(m.first, m.at): "U" for m in others} | {(mention.first, mention.at): "T"}
    tokens = [topics.get((n, at), token) for n, at, token in sentence[:WORDS_BESIDE]]
    if "T" not in tokens:
        return []
    padded = ["^", "^", "^", *tokens, "$", "$", "$"]
    here = padded.index("T")
    before, behind = padded[here - 3 : here], padded[here + 1 : here + 4]
    found = [f"L{n}:{'_'.join(before[-n:])}" for n in (1, 2, 3)] + [f"R{n}:{'_'.join(behind[:n])}" for n in (1, 2, 3)]
    found.append(f"B:{before[-1]}_{behind[0]}")
    found += [f"l:{token}" for token in set(tokens[: here - 3])] + [f"r:{t}" for t in set(tokens[here - 2 :])]
    return found


def _words_beside(marked: Marked, mention: Mention) -> list[str]:
    """Name the words of the clause that holds a mention, on either side: what the lexicon does not know of them."""
    words = marked.words
    here = words[mention.first].text if mention.first < len(words) else ""
    found: list[str] = []
    if len(mention.surface) < len(here) and not here.isascii():  # a script without spaces: the letters that follow
        end = mention.at + len(mention.surface)
        for side, run in (("w<", here[max(0, mention.at - 6) : mention.at]), ("w>", here[end : end + 12])):
            found += [f"{side}{run[n : n + size]}" for size in (2, 3) for n in range(len(run) - size + 1)]
    for n in range(max(0, mention.first - 6), min(len(words), mention.first + 9)):
        if words[n].sentence == mention.sentence and n != mention.first:
            side = "w<" if n < mention.first else "w>"
            found.append(f"{side}{words[n].text[:8]}")
            if words[n].clause == mention.clause:
                found.append(f"c{side}{words[n].text[:8]}")
    return found


def mode_features(marked: Marked, named: Sequence[Mention], wish: Wish, replied: CampaignInfo | None) -> set[str]:
    """Name what tells a wish for all from a wish for some."""
    keys = {m.key for m in named}
    concepts = [n for n in marked.names if n.partition("-")[0].rstrip("'") in _SIGNALS]
    found = {wish, f"{wish}k{len(keys)}", f"{wish}rep{replied is not None and replied.topic in keys}"}
    some = "t" if keys else "0"
    unique = sorted(set(concepts))
    for name in unique:
        found.add(f"{wish}{some}:{name}")
        if name in {"except", "only", "rest", "all", "keep"}:
            found.update(f"{wish}{some}&{name}&{other}" for other in unique if other != name)
    pairs = [
        (h.concept, n, h.sentence)
        for h, n in zip(marked.hits, marked.names, strict=True)
        if h.concept in _SIGNALS or any(m.first == h.first for m in named)
    ]
    for (a, an, s), (b, bn, t) in pairwise(pairs):
        if s == t:
            left = an if a in _SIGNALS else "T"
            right = bn if b in _SIGNALS else "T"
            found.add(f"{wish}>{left}>{right}")
    return {"o" + name for name in found} | {f"/o{wish}{name}" for name in _order_of(marked, named, replied)}


def _order_of(marked: Marked, named: Sequence[Mention], replied: CampaignInfo | None) -> list[str]:
    """Name the order of concepts, words and topics in each sentence; a topic is the one answered ("R") or not."""
    topics = {(m.first, m.at): "R" if replied is not None and m.key == replied.topic else "T" for m in named}
    found: list[str] = []
    for sentence in marked.tokens:
        tokens = [topics.get((n, at), token) for n, at, token in sentence]
        padded = ("^", *tokens, "$")
        found += [f"w{token}" for token in tokens]
        found += [f"W{a}_{b}" for a, b in pairwise(padded)]
        found += [f"M{a}_{b}_{c}" for a, b, c in zip(padded, padded[1:], padded[2:], strict=False)]
    return found


def scope_of(
    marked: Marked, world: World, replied: CampaignInfo | None, *, wish: Wish, models: dict[str, Model]
) -> Scoped:
    """Return what a wish reaches: all, or topics, and how sure that is."""
    everything = tuple(t.key for t in world.topics)
    named = mentions(marked, world)
    chances = models["mode"].probabilities(slots(mode_features(marked, named, wish, replied)))
    if not named:
        if replied is not None and chances["named"] > chances["all"]:
            return Scoped((replied.topic,), chances["named"], "it speaks of this mailing and keeps the rest")
        sure = 1 - chances["named"] if replied is not None else UNNAMED
        return Scoped("all", min(sure, UNNAMED), "it names no topic, so it means all")
    roles = [
        (
            mention.key,
            models["role"].probabilities(slots(mention_features(marked, mention, wish, replied, named))),
        )
        for mention in named
    ]
    mode, chosen, confidence = _likeliest(chances, roles)
    match mode:
        case "named":
            scope = tuple(key for key in everything if key in chosen)
            said = _said_of(named, chosen)
            return Scoped(scope, confidence, f"it names {_listed(said)}", said)
        case "but":
            scope = tuple(key for key in everything if key not in chosen)
            said = _said_of(named, chosen)
            return Scoped(scope or "all", confidence, f"it keeps {_listed(said)} and means everything else", said)
        case _:
            return Scoped("all", confidence, "it speaks of topics, but means all")


def _likeliest(
    chances: dict[str, float], roles: Sequence[tuple[str, dict[str, float]]]
) -> tuple[str, frozenset[str], float]:
    """Weigh every reading of the whole against the others: all; each choice of topics; all but each choice.

    A topic is in or out as a whole, so the mentions of one topic speak together.
    """
    keys = list(dict.fromkeys(key for key, _ in roles))
    times = {key: sum(1 for k, _ in roles if k == key) for key in keys}
    weight = {
        (key, role): sum(math.log(max(odds[role], 1e-6)) for k, odds in roles if k == key) / times[key]
        for key in keys
        for role in ROLES
    }
    readings: list[tuple[float, str, frozenset[str]]] = [
        (math.log(max(chances["all"], 1e-6)) + sum(weight[key, "aside"] for key in keys), "all", frozenset())
    ]
    named, but = (math.log(max(chances[mode], 1e-6)) for mode in ("named", "but"))
    for size in range(1, len(keys) + 1):
        for chosen in combinations(keys, size):
            rest = [key for key in keys if key not in chosen]
            wanted = sum(weight[k, "in"] for k in chosen) + sum(weight[k, "out"] for k in rest)
            kept = sum(weight[k, "out"] for k in chosen) + sum(weight[k, "in"] for k in rest)
            kept += _SELDOM if rest else 0.0
            readings += [(named + wanted, "named", frozenset(chosen)), (but + kept, "but", frozenset(chosen))]
    readings.sort(key=lambda reading: (-reading[0], reading[1], sorted(reading[2])))
    best = readings[0]
    total = sum(math.exp(points - best[0]) for points, _, _ in readings)
    return best[1], best[2], 1 / total


def _said_of(named: Sequence[Mention], keys: frozenset[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(mention.surface for mention in named if mention.key in keys))


def _listed(words: Sequence[str]) -> str:
    return ", ".join(f"“{word}”" for word in words)
