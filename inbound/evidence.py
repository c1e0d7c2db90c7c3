"""Which words of a letter speak for leaving and which against, for the decision and for the people who read it. Pure.

Wordings of the lexicon first; where none stands there and the weights alone have spoken, the words that weighed most.
"""

from typing import Final, Literal

from inbound.features import slots
from inbound.lexicon.marked import Marked, is_spaceless
from inbound.statistics import Model

Evidence = Literal["plain", "doubtful", "none"]

_BARE: Final = ("unsub", "nowant", "stop", "remove", "cancel", "nointerest", "enough", "legal", "left", "dead", "wrong")
#: the names of wordings that say, bare or with something round them, that somebody may want to leave
_LEAVING: Final = frozenset(_BARE) | {
    f"{wish}-{round_it}" for wish in ("unsub", "stop", "remove", "nowant") for round_it in ("obj", "how", "third", "if")
} | {"unsub-how-if"}  # fmt: skip
_COUNTING: Final = frozenset(_BARE) | {"career"}
_DENIED: Final = ("unsub-no", "stop-no", "remove-no")
_DOUBTS: Final = frozenset({"retract", "mistake", "access", "sub", "fewer", "pause", "ooo", "change"})
_EXPLAINS: Final = frozenset({"order", "seat", "account", "paid", "tech", "if", "keep", "praise", "ooo"})
_AGAINST: Final = {
    "retract": "takes an earlier message back",
    "fewer": "asks for fewer mails, not for none",
    "pause": "asks for a pause",
    "order": "is about an order or a payment",
    "seat": "is about a booking or a seat",
    "account": "is about the account",
    "paid": "is about a paid subscription",
    "tech": "is about course material",
    "change": "asks to change details",
    "third": "speaks of somebody else",
    "how": "is a question",
    "if": "is only a condition",
    "access": "asks what data we hold",
}
MOST_SHOWN: Final = 10
MOST_TELLING: Final = 3
TELLING: Final = 0.15  # points between two classes from which on a word is worth showing
WORDS_TRIED: Final = 200


def evidence(head: Marked, body: Marked) -> Evidence:
    """Tell whether wordings of leaving stand there at all, and whether something in the letter speaks against them."""
    said = _names(head, body)
    if not said & _LEAVING:
        return "none"
    denied = any(name.startswith(_DENIED) for name in said)
    return "doubtful" if denied or _concepts(head, body) & _DOUBTS else "plain"


def is_plainly_said(head: Marked, body: Marked) -> bool:
    """Tell a letter with a wording of leaving and nothing that explains it away: too likely a wish not to ask."""
    return "unsub" in _names(head, body) and not _concepts(head, body) & _EXPLAINS


def is_denied(head: Marked, body: Marked) -> bool:
    """Tell a letter that takes back or denies what its command says."""
    taken_back = any(hit.concept in {"retract", "mistake"} for hit in body.hits)
    return taken_back or any(name.startswith(("unsub-no", "sub-no")) for name in _names(head, body))


def counted(head: Marked, body: Marked, *, model: Model, wish: Literal["unsubscribe", "subscribe"]) -> tuple[str, ...]:
    """Return the words that counted for a wish: wordings where there are any, else those that weighed most."""
    wanted = _COUNTING if wish == "unsubscribe" else {"sub"}
    found = [h.surface for m in (head, body) for h, n in zip(m.hits, m.names, strict=True) if n in wanted]
    return tuple(dict.fromkeys(found))[:MOST_SHOWN] or telling(body, model, toward=wish)


def ignored(body: Marked) -> tuple[str, ...]:
    """Return the wordings that were left out: denied, quoted, somebody else's, about something else."""
    return tuple(h.surface for h, n in zip(body.hits, body.names, strict=True) if "-" in n or h.quoted)[:MOST_SHOWN]


def against(body: Marked) -> list[str]:
    """Return in words what else the letter is about."""
    concepts = {hit.concept for hit in body.hits}
    return [why for concept, why in _AGAINST.items() if concept in concepts]


def telling(marked: Marked, model: Model, *, toward: str) -> tuple[str, ...]:
    """Return the few words (or runs of letters, where there are no spaces) that weighed most, in their order."""
    points: dict[str, float] = {}
    for word in marked.words[:WORDS_TRIED]:
        if is_spaceless(word.text):
            run = word.text[:WORDS_TRIED]
            pieces = {run[at : at + size]: "c" for size in (3, 4) for at in range(len(run) - size + 1)}
        else:
            pieces = {word.text: "w"}
        for piece, kind in pieces.items():
            if piece not in points:
                points[piece] = model.leaning(slots((f"/b{kind}{piece}",)), toward=toward, against="human")
    best = sorted((piece for piece, value in points.items() if value >= TELLING), key=lambda p: (-points[p], p))
    shown: list[str] = []
    for piece in best:
        if len(shown) < MOST_TELLING and not any(set(piece) <= set(other) for other in shown):
            shown.append(piece)
    return tuple(sorted(shown, key=marked.folded.find))


def _names(head: Marked, body: Marked) -> set[str]:
    return {*head.names, *body.names}


def _concepts(head: Marked, body: Marked) -> set[str]:
    return {hit.concept for marked in (head, body) for hit in marked.hits}
