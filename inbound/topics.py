"""Which topics a text speaks of, and which of them the customer wants to leave or to keep. Pure.

Names of topics, their synonyms in 45 languages, subjects of campaigns, "this list", "everything but". The lexicon knows
five kinds of topics; a topic of the world belongs to a kind by the words of its name, key and description. A topic with a
name of its own kind is found by that name alone.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache

from inbound.lexicon import TOPIC_CONCEPTS
from inbound.lexicon.folding import fold
from inbound.lexicon.joining import names
from inbound.lexicon.matching import Hit, Marked, mark
from inbound.model import Scope
from inbound.world import CampaignInfo, TopicInfo, World

_PRIORITY = ("partners", "newsletter", "events", "courses", "deals")
_WORDS = re.compile(r"[\w%]+")
SIMILAR = 0.84  # how alike a typed subject must be to the one we sent
SHORTEST_SUBJECT = 8  # letters; a shorter typed subject could be the beginning of anything


@dataclass(frozen=True, slots=True)
class Mention:
    """A topic named in the text: its key, whether it is to be left, and how sure that is."""

    key: str
    leave: float  # 0 keeps, 1 leaves, 0.5 unknown
    surface: str
    first: int
    sentence: int
    clause: int


@dataclass(frozen=True, slots=True)
class Scoped:
    """The scope that a text asks for, how sure it is, and why, in words."""

    scope: Scope
    confidence: float
    reason: str
    surfaces: tuple[str, ...] = ()


@lru_cache(maxsize=64)
def kinds(topics: tuple[TopicInfo, ...]) -> dict[str, str]:
    """Return kind -> topic key: by the name and key first, then by what the topic is about."""
    found: dict[str, str] = {}
    for text_of in (lambda t: f"{t.name} . {t.key}", lambda t: t.about):
        for topic in topics:
            if topic.key in found.values():
                continue
            seen = {hit.concept for hit in mark(text_of(topic)).hits if hit.concept in TOPIC_CONCEPTS}
            for kind in _PRIORITY:
                if kind in seen and kind not in found:
                    found[kind] = topic.key
                    break
    return found


def _plain(text: str) -> str:
    return " ".join(_WORDS.findall(fold(text)))


@lru_cache(maxsize=64)
def _names(topics: tuple[TopicInfo, ...]) -> tuple[tuple[str, str], ...]:
    found = [(_plain(name), topic.key) for topic in topics for name in (topic.name, topic.key) if name]
    return tuple(sorted(set(found), key=lambda pair: (-len(pair[0]), pair)))


@lru_cache(maxsize=256)
def _subjects(campaigns: tuple[CampaignInfo, ...]) -> tuple[tuple[str, CampaignInfo], ...]:
    return tuple((_plain(campaign.subject), campaign) for campaign in campaigns)


def campaign_of(text: str, world: World) -> CampaignInfo | None:
    """Return the campaign whose subject a text is: equal, a clear beginning of it, or spelled nearly so. Else None."""
    plain = _plain(text)[:300]
    if not plain:
        return None
    subjects = _subjects(world.campaigns)
    for subject, campaign in subjects:
        if plain == subject:
            return campaign
    if len(plain) < SHORTEST_SUBJECT and plain.isascii():
        return None
    begun = {
        c.topic: c for s, c in subjects if s.startswith(plain) or (len(s) >= SHORTEST_SUBJECT and plain.startswith(s))
    }
    if len(begun) == 1:
        return next(iter(begun.values()))
    best, likeness = None, SIMILAR
    for subject, campaign in subjects:
        if abs(len(subject) - len(plain)) > 0.3 * len(subject) + 4:
            continue
        ratio = SequenceMatcher(None, plain, subject, autojunk=False).ratio()
        if ratio > likeness:
            best, likeness = campaign, ratio
    return best


def named_topic(text: str, world: World) -> str | None:
    """Return the key of the one topic that a text names by its name or key, misspelt by a letter or two at most."""
    plain = _plain(text)[:100]
    plain = re.sub(r"^(?:the|all|from|mails?|emails?|topic|list) ", "", plain)
    plain = re.sub(r" (?:mails?|emails?|topic|list|only|please|pls)$", "", plain)
    if not plain:
        return None
    for name, key in _names(world.topics):
        if plain == name:
            return key
    if len(plain) >= 5:
        for name, key in _names(world.topics):
            if len(name) >= 5 and SequenceMatcher(None, plain, name, autojunk=False).ratio() >= 0.85:
                return key
    return None


def mentions(marked: Marked, world: World) -> tuple[Mention, ...]:
    """Return the topics that a text names, in order, without saying yet whether they are left or kept."""
    kind_keys = kinds(world.topics)
    found = [
        Mention(kind_keys[h.concept], 0.5, h.surface, h.first, h.sentence, h.clause)
        for h in marked.hits
        if h.concept in kind_keys
    ]
    known = {m.key for m in found}
    plain = f" {_plain(marked.folded)} "
    for name, key in _names(world.topics):
        if key not in known and len(name) > 3 and f" {name} " in plain:
            first = next((n for n, w in enumerate(marked.words) if w.text == name.split()[0]), 0)
            word = marked.words[first] if marked.words else None
            found.append(Mention(key, 0.5, name, first, word.sentence if word else 0, word.clause if word else 0))
            known.add(key)
    return tuple(sorted(found, key=lambda m: m.first))


_LEAVE = {"unsub", "stop", "cancel", "remove", "nowant", "nointerest", "enough", "no", "legal"}
_KEEP = {"keep", "sub", "recv", "praise"}


def _pull(hits: list[tuple[Hit, str]], mention: Mention, *, same: str) -> float:
    """Return how the wordings near a mention pull: below 0 to keeping, above 0 to leaving."""
    total = 0.0
    for hit, name in hits:
        if same == "clause" and hit.clause != mention.clause:
            continue
        distance = 1 + abs(hit.first - mention.first)
        side = 1.3 if hit.first <= mention.first else 1.0
        weight = side / distance**0.7
        if name.endswith("-no") and hit.concept in {"unsub", "stop", "remove", "cancel"}:
            total -= 2 * weight
        elif hit.concept in {"unsub", "nowant"}:
            total += 2 * weight
        elif hit.concept in _LEAVE:
            total += weight
        elif hit.concept in _KEEP:
            total -= weight * (1.8 if hit.concept == "keep" else 0.8)
    return total


def judge(marked: Marked, world: World) -> tuple[Mention, ...]:
    """Say of every mention whether it is to be left or kept, by the nearest wordings in its clause, then its sentence."""
    named = list(zip(marked.hits, names(marked), strict=True))
    judged: list[Mention] = []
    for mention in mentions(marked, world):
        near = [(h, n) for h, n in named if h.sentence == mention.sentence]
        pull = _pull(near, mention, same="clause")
        if abs(pull) < 0.15:
            pull = _pull(near, mention, same="sentence")
        excepted = any(
            h.concept == "except" and h.first < mention.first and mention.first - h.first < 10 for h, _ in near
        )
        if excepted or _postposed(near, mention):
            pull = -3.0
        leave = 0.5 + max(-0.5, min(0.5, pull))
        judged.append(Mention(mention.key, leave, mention.surface, mention.first, mention.sentence, mention.clause))
    return tuple(judged)


def _postposed(near: list[tuple[Hit, str]], mention: Mention) -> bool:
    """Tell an exception that stands behind its topic, as in Turkish, Korean and Japanese."""
    for hit, _ in near:
        if hit.concept == "except":
            if hit.first == mention.first and hit.at > 0:
                return True
            if 0 < hit.first - mention.first <= 2 and not any(
                h.concept in TOPIC_CONCEPTS and h.first > hit.first for h, _ in near
            ):
                return True
    return False


def scope_of(marked: Marked, world: World, replied: CampaignInfo | None) -> Scoped:
    """Return what a text that asks to leave wants to leave: all, or topics, and how sure that is."""
    everything = tuple(t.key for t in world.topics)
    judged = judge(marked, world)
    concepts = {h.concept for h in marked.hits}
    leave = _ordered((m.key for m in judged if m.leave > 0.6), everything)
    keep = _ordered((m.key for m in judged if m.leave < 0.4), everything)
    keep = tuple(k for k in keep if k not in leave)
    surfaces = tuple(dict.fromkeys(m.surface for m in judged))
    if not judged:
        if "rest" in concepts and concepts & {"keep"} and replied is not None:
            return Scoped((replied.topic,), 0.75, "it speaks of this mailing and keeps the rest")
        return Scoped("all", 0.97, "it names no topic, so it means all")
    if "except" in concepts and keep:
        return Scoped(_without(everything, keep), 0.9, "it leaves everything but the topics it keeps", surfaces)
    if keep and not leave:
        sure = 0.85 if concepts & {"only", "all", "rest"} else 0.6
        return Scoped(_without(everything, keep), sure, "it names only topics it keeps", surfaces)
    if leave and keep and concepts & {"all"} and not concepts & {"rest"}:
        return Scoped(leave, 0.7, "it names topics to leave and topics to keep", surfaces)
    if leave:
        return Scoped(leave, 0.85, "it names the topics to leave", surfaces)
    return Scoped("all", 0.6, "it names a topic without saying what of it", surfaces)


def _ordered(keys: Iterable[str], everything: tuple[str, ...]) -> tuple[str, ...]:
    chosen = set(keys)
    return tuple(key for key in everything if key in chosen)


def _without(everything: tuple[str, ...], kept: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(key for key in everything if key not in kept)
