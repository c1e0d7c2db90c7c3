"""Which topics a text speaks of, and which of them the customer wants to leave or to keep. Pure.

Names of topics, their synonyms in 45 languages, subjects of campaigns, "this list", "everything but". The lexicon knows
five kinds of topics; a topic of the world belongs to a kind by the words of its name, key and description. A topic
with a
name of its own kind is found by that name alone.
"""

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache

from inbound.lexicon import TOPIC_CONCEPTS
from inbound.lexicon.folding import fold
from inbound.lexicon.marked import Hit, Marked
from inbound.lexicon.matching import mark
from inbound.world import CampaignInfo, TopicInfo, World

_PRIORITY = ("partners", "newsletter", "events", "courses", "deals")
_WORDS = re.compile(r"[\w%]+")
SIMILAR = 0.88  # how alike a typed subject must be to the one we sent
SHORTEST_SUBJECT = 8  # letters; a shorter typed subject could be the beginning of anything


@dataclass(frozen=True, slots=True)
class Mention:
    """A topic named in the text: its key, and where it stands."""

    key: str
    surface: str
    first: int  # index of the word
    at: int  # place within the word, for scripts without spaces
    sentence: int
    clause: int


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


@lru_cache(maxsize=8)
def _subjects(world: World) -> tuple[tuple[str, CampaignInfo], ...]:
    return tuple((_plain(campaign.subject), campaign) for campaign in world.campaigns)


@lru_cache(maxsize=8)
def _by_subject(world: World) -> dict[str, CampaignInfo]:
    return {subject: campaign for subject, campaign in reversed(_subjects(world)) if subject}


def campaign_of(text: str, world: World) -> CampaignInfo | None:
    """Return the campaign whose subject a text is: equal, a clear beginning of it, or spelled nearly so. Else None."""
    plain = _plain(text)[:300]
    if not plain:
        return None
    if exact := _by_subject(world).get(plain):
        return exact
    subjects = _subjects(world)
    if len(plain) < SHORTEST_SUBJECT and plain.isascii():
        return None
    begun = {
        c.topic: c for s, c in subjects if s.startswith(plain) or (len(s) >= SHORTEST_SUBJECT and plain.startswith(s))
    }
    if len(begun) == 1:
        return next(iter(begun.values()))
    best, likeness = None, SIMILAR
    words = set(plain.split())
    # one slip in each word is too many to be so alike, unless the words are long: then they must share a word
    shares = len(words) > (1 - SIMILAR) * len(plain)
    for subject, campaign in subjects:
        if shares and words.isdisjoint(subject.split()):
            continue
        if abs(len(subject) - len(plain)) > 0.3 * len(subject) + 4:
            continue
        matcher = SequenceMatcher(None, plain, subject, autojunk=False)
        if matcher.quick_ratio() <= likeness:
            continue
        ratio = matcher.ratio()
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
    """Return the topics that a text names, in order, without saying what of them."""
    kind_keys = kinds(world.topics)
    topical = [h for h in marked.hits if h.concept in kind_keys]
    found = [
        Mention(kind_keys[h.concept], h.surface, h.first, h.at, h.sentence, h.clause)
        for h in topical
        if not (h.concept == "deals" and _is_part_of_partners(h, topical))
    ]
    known = {m.key for m in found}
    plain = f" {_plain(marked.folded)} "
    for name, key in _names(world.topics):
        if key not in known and len(name) > 3 and f" {name} " in plain:
            first = next((n for n, w in enumerate(marked.words) if w.text == name.split()[0]), 0)
            word = marked.words[first] if marked.words else None
            found.append(Mention(key, name, first, 0, word.sentence if word else 0, word.clause if word else 0))
            known.add(key)
    return tuple(sorted(found, key=lambda m: (m.first, m.at)))


def _is_part_of_partners(hit: Hit, topical: list[Hit]) -> bool:
    """Tell "offers" beside "partners", which is one topic and not two."""
    return hit.surface != "deals" and any(
        other.concept == "partners"
        and other.clause == hit.clause
        and (
            hit.first - other.last == 1
            or other.first - hit.last == 1
            or (other.first == hit.first and hit.at != other.at)
        )
        and (other.first != hit.first or abs(other.at - hit.at) <= max(len(other.surface), len(hit.surface)) + 1)
        for other in topical
    )


def campaign_named_after(text: str, world: World) -> tuple[str, CampaignInfo] | None:
    """Return the words before the subject of a campaign and that campaign, where a text is "<words> <subject>"."""
    plain = _plain(text)[:400]
    for subject, campaign in _subjects(world):
        if len(subject) >= SHORTEST_SUBJECT and plain.endswith(subject) and plain != subject:
            return plain[: -len(subject)].strip(), campaign
    return None


#: what people call any regular mail, and some a topic of that name
_NEWSLETTERS = (
    "newsletter",
    "nieuwsbrief",
    "bulten",
    "boletin",
    "lettre",
    "ニュースレター",
    "뉴스레터",
    "النشره",
    "النشرة",
    "電子報",
)


def is_named(folded: str, world: World) -> bool:
    """Whether a folded text may name a topic: then it has to be weighed which one, and whether only that."""
    names = {word for topic in world.topics for word in fold(f"{topic.key} {topic.name}").split() if len(word) > 3}
    if any(name in folded for name in names - {"monthly", "offers", "mail", "mails", "email"}):
        return True
    return "newsletter" in names and any(word in folded for word in _NEWSLETTERS)
