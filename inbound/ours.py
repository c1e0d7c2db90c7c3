"""Takes our own words out of a reply by what they say, however a mail program wrapped, quoted or re-flowed them.

We are the sender and know what we sent: the lines of the campaign, the lines that each of our mails carries, and the
footer that Byleave itself writes. It never takes a line of which we did not send (nearly) every word: "unsubscribe
Deals", typed alone, stays, although our footer holds the same words. Linear in the length of the text.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise

from inbound.world import World

#: So many words in a row, the same as ours, are no coincidence.
SHINGLE = 5
#: A slot of a template ("{topic}") stands for at most so many words.
SLOT_WORDS = 12
#: Bounds the memory held for campaigns with long texts.
MOST_WORDS = 20_000

#: The footers that Byleave writes; "{}" is a slot. Each is matched in whole, or from its beginning on.
FOOTERS = (
    "You receive this because you subscribed to {} with {}.",
    "You receive this because you subscribed to",
    "You received this because you subscribed to",
    "You are receiving this because you subscribed to",
    'To stop, reply with "unsubscribe" in the subject, or "unsubscribe {}"; or open {}',
    'To stop, reply with "unsubscribe" in the subject, or "unsubscribe',
    'reply with "unsubscribe" in the subject, or "unsubscribe {}"; or open',
    'reply with "unsubscribe" in the subject, or',
    "To unsubscribe reply UNSUBSCRIBE to this mail, or UNSUBSCRIBE {} for one topic.",
    "To unsubscribe, reply to this mail with the word unsubscribe",
    "To stop all mail from us, reply with",
)
#: Short lines that are ours only beside a line that surely is.
_BESIDE = frozenset(
    {
        ("privacy", "policy"),
        ("or", "open"),
        ("with",),
        ("open",),
        ("unsubscribe", "here"),
        ("preferences",),
        ("read", "on"),
    }
)

_WEB = re.compile(r"<?\b(?:https?://|www\.|mailto:)[^\s<>]*>?", re.IGNORECASE)
_MAIL = re.compile(r"(?<![^\s<(\[\"':;,])[^\s<>()@]{1,100}@[^\s<>()@]{1,255}")
#: A word, a slot, or a character of a script that puts no spaces between words.
_DENSE = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3"
_TOKEN = re.compile(rf"[{_DENSE}]|[^\W_{_DENSE}]+|\{{\}}")
_SLOT = re.compile(r"\{\{[^{}]{0,100}\}\}|\{[^{}]{0,60}\}|%\([^()]{0,60}\)s|%s")
_OUR_LINK = re.compile(r"/(?:preferences|unsubscribe|privacy|one-click|u)/?", re.IGNORECASE)
_SLOT_TOKEN = "{}"  # noqa: S105 - a mark for a slot, not a secret


def _words(line: str) -> list[str]:
    """Return the words of a line without case, addresses and links, which mail programs change most."""
    if "/" in line or "www." in line:
        line = _WEB.sub(" ", line)
    if "@" in line:
        line = _MAIL.sub(" ", line)
    line = line.casefold().replace("’", "'").replace("'", "")
    return _TOKEN.findall(line)


def _template(line: str) -> tuple[str, ...]:
    return tuple(_words(_SLOT.sub(" {} ", line)))


@dataclass(frozen=True, slots=True)
class OwnText:
    """What we sent, ready for comparison. Made once for a campaign and used for all its replies."""

    templates: tuple[tuple[str, ...], ...]
    shingles: frozenset[tuple[str, ...]]
    short_lines: frozenset[tuple[str, ...]]
    company: tuple[str, ...] = ()
    #: the templates by their first two words
    starts: Mapping[tuple[str, ...], tuple[tuple[str, ...], ...]] = field(default_factory=dict)
    #: the addresses that we send from, without case
    addresses: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        *texts: str,
        lines: Sequence[str] = (),
        company: str = "",
        topics: Sequence[str] = (),
        addresses: Sequence[str] = (),
    ) -> "OwnText":
        """Learn the texts that were sent, the lines (templates) that each mail carries, and our name."""
        shingles: set[tuple[str, ...]] = set()
        short = set(_BESIDE) | {tuple(_words(topic)) for topic in topics}
        templates = [_template(line) for line in (*FOOTERS, *lines)]
        stream: list[str] = []
        for text in texts:
            if len(stream) > MOST_WORDS:
                break
            for line in text.splitlines():
                words = _template(line)
                if _SLOT_TOKEN in words:
                    templates.append(words)
                elif 0 < len(words) <= SHINGLE:
                    short.add(words)
                stream += words
            stream.append("")  # nothing runs on from one text into the next
        for at in range(min(len(stream), MOST_WORDS) - SHINGLE + 1):
            shingle = tuple(stream[at : at + SHINGLE])
            if "" not in shingle and _SLOT_TOKEN not in shingle:
                shingles.add(shingle)
        usable = {
            words for words in templates if sum(word != _SLOT_TOKEN for word in words) >= 3 and words[0] != _SLOT_TOKEN
        }
        short |= {words for words in templates if 0 < len(words) < 3 and _SLOT_TOKEN not in words}
        starts: dict[tuple[str, ...], tuple[tuple[str, ...], ...]] = {}
        for template in sorted(usable):
            starts[template[:2]] = (*starts.get(template[:2], ()), template)
        return cls(
            tuple(sorted(usable)),
            frozenset(shingles),
            frozenset(short),
            tuple(_words(company)),
            starts,
            tuple(a.casefold() for a in addresses),
        )

    def is_from_us(self, line: str) -> bool:
        """Say whether a line names our address in brackets, as only mail programs write it."""
        return len(line) < 300 and "<" in line and any(f"<{address}>" in line for address in self.addresses)

    def lines_of_ours(self, lines: Sequence[str]) -> set[int]:
        """Return the indexes of the lines that we wrote ourselves."""
        words, owner, per_line = _stream(lines)
        covered = self._covered(words)
        if 1 not in covered:
            return set()
        hits = [0] * len(lines)
        edges: list[list[int]] = [[] for _ in lines]
        for at, is_ours in enumerate(covered):
            hits[owner[at]] += is_ours
            edges[owner[at]].append(is_ours)
        ours = {
            index
            for index, count in enumerate(per_line)
            if count and hits[index] and edges[index][0] and edges[index][-1] and hits[index] >= 0.7 * count
        }
        return self._with_neighbours(lines, ours) if ours else ours

    def _covered(self, words: list[str]) -> bytearray:
        """Mark each word that stands in a stretch of ours."""
        covered = bytearray(len(words))
        if self.shingles:
            rows = zip(words, words[1:], words[2:], words[3:], words[4:], strict=False)
            for at in [at for at, row in enumerate(rows) if row in self.shingles]:
                covered[at : at + SHINGLE] = b"\1" * SHINGLE
        for at in [at for at, pair in enumerate(pairwise(words)) if pair in self.starts]:
            for template in self.starts[words[at], words[at + 1]]:
                end = _matched(template, words, at)
                covered[at:end] = b"\1" * (end - at)
        return covered

    def _with_neighbours(self, lines: Sequence[str], ours: set[int]) -> set[int]:
        """Add the short lines, links, rules and our postal line that stand directly beside lines of ours."""
        for order in (range(len(lines)), range(len(lines) - 1, -1, -1)):
            beside = False
            for index in order:
                line = lines[index].strip(" \t>|*")
                if index in ours:
                    beside = True
                elif line and beside:
                    beside = self._leans_on_ours(line, tuple(_words(line)))
                    if beside:
                        ours.add(index)
        return ours

    def _leans_on_ours(self, line: str, words: tuple[str, ...]) -> bool:
        if not words:
            return set(line) <= set("-_=*–— ") or bool(_OUR_LINK.search(line))
        if words in self.short_lines and (words in _BESIDE or len(words) > 1):
            return not {"unsubscribe", "stop"} & set(words) or words in _BESIDE
        return bool(self.company) and words[: len(self.company)] == self.company and len(words) > len(self.company) + 2


def _stream(lines: Sequence[str]) -> tuple[list[str], list[int], list[int]]:
    words: list[str] = []
    owner: list[int] = []
    per_line: list[int] = []
    for index, line in enumerate(lines):
        found = _words(line) if line else []
        words += found
        owner += [index] * len(found)
        per_line.append(len(found))
    return words, owner, per_line


def _matched(template: tuple[str, ...], words: list[str], at: int) -> int:
    """Return where the match of a template that starts at a word ends; the start itself where it does not match.

    A template that was cut off matches too, when five of its own words in a row were there.
    """
    here, literal, last = at, 0, at
    for index, wanted in enumerate(template):
        if wanted == _SLOT_TOKEN:
            following = template[index + 1] if index + 1 < len(template) else None
            if following is None:
                return here
            if following == _SLOT_TOKEN:
                continue
            ahead = words[here : here + SLOT_WORDS]
            if following not in ahead:
                break
            here += ahead.index(following)
        elif here < len(words) and words[here] == wanted:
            here, literal, last = here + 1, literal + 1, here + 1
        else:
            break
    else:
        return here
    return last if literal >= SHINGLE else at


@lru_cache(maxsize=64)  # worlds and campaigns; a new world comes with each new topic or mailing
def own_text(world: World, campaigns: tuple[str, ...] = ()) -> OwnText:
    """Return what a world knows of our words: those of the campaigns named by id, or of all where none is named."""
    texts = [c.text for c in world.campaigns if c.text and (not campaigns or c.id in campaigns)]
    return OwnText.of(
        *texts,
        lines=world.own_lines,
        company=world.company,
        topics=[t.name for t in world.topics],
        addresses=[str(a) for a in world.addresses],
    )
