"""Joins wordings that stand together: "don't" and "unsubscribe", "cancel" and "my order", "if" and "opt out". Pure.

A wording of leaving that is negated, asked about, conditional, somebody else's, or aimed at an order or a seat is
another
thing than the bare wording. Here it gets another name, such as ``unsub-no`` or ``cancel-obj``, the same in every
language.
"""

from inbound.lexicon.marked import Hit

LEAVING = frozenset({"unsub", "stop", "remove", "cancel"})
WISHES = LEAVING | {"nowant", "sub"}
OBJECTS = frozenset({"order", "seat", "account", "paid", "tech"})
_NEGATIONS = frozenset({"no", "nowant"})
_BEFORE_WORDS = 4
_AFTER_CHARACTERS = 3  # scripts without spaces: how far behind the verb its negation may stand


def _is_negated(hits: tuple[Hit, ...], n: int) -> bool:
    hit = hits[n]
    for other in reversed(hits[max(0, n - 4) : n]):
        if other.clause != hit.clause or other.concept not in _NEGATIONS:
            continue
        if other.first == hit.first and other.at >= hit.at:
            continue
        if hit.concept in {"unsub", "stop", "sub"} or other.concept == "no":
            spaceless = other.first == hit.first
            near = (
                0 <= hit.at - other.at - len(other.surface) <= _AFTER_CHARACTERS
                if spaceless
                else hit.first - other.last <= _BEFORE_WORDS
            )
            if near:
                return True
    for other in hits[n + 1 : n + 4]:
        if other.clause != hit.clause or other.concept != "no":
            continue
        if other.first == hit.first and 0 <= other.at - hit.at - len(hit.surface) <= _AFTER_CHARACTERS:
            return True
        if other.first == hit.last + 1 and other.concept == "no" and hit.concept in LEAVING:
            return True
    return False


def joined(hits: tuple[Hit, ...], questions: frozenset[int]) -> tuple[str, ...]:
    """Return the name of each hit, with what stands round it: ``-no``, ``-obj``, ``-how``, ``-if``, ``-third``."""
    found: list[str] = []
    denied = -1  # the clause in which leaving was denied: what follows there is denied too
    for n, hit in enumerate(hits):
        name = hit.concept + ("'" if hit.quoted else "")
        if hit.concept in WISHES:
            near = [h for h in hits[max(0, n - 8) : n + 9] if h.sentence == hit.sentence and h is not hit]
            close = {h.concept for h in near if h.clause == hit.clause and abs(h.first - hit.last) <= 6}
            whole = {h.concept for h in near}
            if hit.concept != "nowant" and (_is_negated(hits, n) or (hit.clause == denied and hit.concept in LEAVING)):
                name += "-no"
                denied = hit.clause if hit.concept in LEAVING else denied
            # a button or a page beside "can't find" or "doesn't work" is our way out, not course material
            objects = OBJECTS - {"tech"} if "broken" in whole else OBJECTS
            if close & objects and not close & {"mail", "list", "ad"}:
                name += "-obj"
            if hit.sentence in questions and "how" in whole:
                name += "-how"
            if any(h.concept == "if" and h.first <= hit.first for h in near):
                name += "-if"
            if "third" in whole:
                name += "-third"
        found.append(name)
    return tuple(found)
