"""Decides what a person typed in a mail, apart from what was quoted, signed, added by machines, or written by us.

Borders are read from marks of mail programs (`inbound.markup`), attribution lines and header blocks
(`inbound.attributions`), and quote marks; then our own words are taken out wherever they still stand
(`inbound.ours`), then signatures and notices (`inbound.signatures`). It never guesses what the words mean
(`inbound.intent` does), never invents a line, never raises, and takes time in proportion to the input.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from inbound import attributions, signatures
from inbound.markup import MarkedLine, lines_of
from inbound.model import InboundMail, VisibleText
from inbound.ours import OwnText, own_text
from inbound.world import World, campaigns_answered

#: What lies beyond counts as quoted: nobody types so much, and the time per mail stays bounded.
MOST_CHARACTERS = 60_000
MOST_LINES = 1_500
#: So many lines of one mail are looked at as possible attributions; hardly any mail holds ten.
MOST_TRIES = 100
#: Of a longer line only the beginning is looked at for marks; all of it is kept.
MOST_OF_A_LINE = 1_500

#: What ends a line for ``str.splitlines``.
_LINE_ENDS = frozenset("\r\n\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029")
#: Marks that show nothing, and spaces of other widths.
_NOTHING = [0, 0xAD, 0x200B, 0x200C, 0x200E, 0x200F, *range(0x202A, 0x202F), 0x2060, *range(0x2066, 0x206A), 0xFEFF]
_INVISIBLE: dict[int, str | None] = {
    **dict.fromkeys(_NOTHING),
    **dict.fromkeys([0xA0, 0x2007, 0x2009, 0x202F, 0x3000], " "),
}
_ANY_INVISIBLE = re.compile("[" + "".join(map(re.escape, map(chr, _INVISIBLE))) + "]")
_QUOTE_STARTS = frozenset(">&|»")
_QUOTED = re.compile(r"[ \t]{0,8}(?:>|&gt;|\|[ \t>]|»[ \t]|[A-Z]{2,3}>)")
#: The end of an attribution whose closing bracket was wrapped off: "> wrote:" is no quote.
_TAIL = re.compile(r">\s{0,3}[^\s>:]{0,20}\s?:\s*$")
_LINK_ONLY = re.compile(r"\s*\(?<?(?:https?://|www\.)\S{1,500}\s?>?\)?[ >]*$")
#: With one of these, alone on its line, a header of Lotus Notes begins.
_NOTES_LABELS = frozenset(("to", "an", "à", "a", "para", "aan", "til", "till", "do", "komu", "кому", "宛先", "收件人"))
_RULE = re.compile(r"[\s_=*\-–—─~]*$")


@dataclass(slots=True)
class _Letter:
    """The lines of a mail on their way: as they came, cleaned, and what each was found to be."""

    raw: list[str]
    clean: list[str]
    kind: list[str]  # "t" typed, "q" quoted, "s" signature, "o" ours
    marks: list[str] = field(default_factory=list)
    paged: bool = False  # read from HTML: quotes are elements, not marks at the start of lines
    tries: int = 0
    blocks: int = 0  # how many lines were looked at as the first of a header block
    border: int = -1  # first line of what is quoted to the end without quote marks; -1 where nothing is

    def mark(self, name: str) -> None:
        if name not in self.marks:
            self.marks.append(name)

    def next_line(self, at: int) -> int:
        """Return the next line that is not blank, or the number of lines."""
        while at < len(self.raw) and not self.clean[at]:
            at += 1
        return at


def trim(text: str, *, own: OwnText | None = None) -> VisibleText:
    """Return what was typed in a plain text; ``own`` is what we sent, where known."""
    text, beyond = text[:MOST_CHARACTERS], text[MOST_CHARACTERS:]
    raw = text.splitlines()
    if not text or text[-1] in _LINE_ENDS:
        raw.append("")
    if len(raw) > MOST_LINES:
        raw, beyond = raw[:MOST_LINES], "\n".join(raw[MOST_LINES:]) + beyond
    letter = _Letter(raw, [_cleaned(line) for line in raw], ["t"] * len(raw))
    _read_quote_marks(letter)
    return _told(letter, own or _OWN_FOOTERS, beyond)


def trim_html(html: str, *, own: OwnText | None = None) -> VisibleText:
    """Return what was typed in an HTML text, by the marks of the mail program first and the words second."""
    return _trim_marked(lines_of(html), own or _OWN_FOOTERS)


def visible_text(mail: InboundMail, world: World) -> VisibleText:
    """Return what the person typed in a mail.

    The HTML part decides where a mail program marked in it what is quoted, as readers see that part; else the text
    part, and the HTML part again where there is no other. Our campaign is known by the Message-ID that the mail
    answers or by its subject; else all count.
    """
    own = own_text(world, _campaigns(mail, world))
    plain = trim(mail.text, own=own) if mail.text.strip() else None
    if not mail.html.strip():
        return plain or VisibleText("")
    marked = lines_of(mail.html)
    if plain is not None and not any(line.zone for line in marked):
        return plain if plain.quoted or plain.typed or plain.ours else _trim_marked(marked, own)
    shown = _trim_marked(marked, own)
    if plain is None or (shown.typed and _mostly_within(shown.typed, mail.text)):
        return shown
    return plain if plain.typed else shown


_OWN_FOOTERS = OwnText.of()


def _mostly_within(typed: str, text: str) -> bool:
    """Say whether the words of the HTML part stand in the text part too; if not, the text part counts."""
    words = typed.split()
    known = set(text.split())
    return sum(word in known for word in words) * 2 >= len(words)


def _campaigns(mail: InboundMail, world: World) -> tuple[str, ...]:
    """Return the ids of the campaigns that a mail answers: by the Message-ID of what was sent, else by its subject."""
    answered = campaigns_answered(world, mail.in_reply_to[:50], (*mail.recipients, *mail.delivered_to))
    if answered:
        return answered[:3]
    subject = mail.subject.casefold()
    return tuple(c.id for c in world.campaigns if len(c.subject) > 8 and c.subject.casefold() in subject)[:3]


def _trim_marked(lines: Sequence[MarkedLine], own: OwnText) -> VisibleText:
    last = _within_limits(lines)
    beyond = "\n".join(line.text for line in lines[last:])
    lines = lines[:last]
    raw = [line.text for line in lines]
    letter = _Letter(raw, [_cleaned(line) for line in raw], ["t"] * len(raw), paged=True)
    for index, line in enumerate(lines):
        if line.zone and line.text:
            letter.kind[index] = "s" if line.zone == "signature" else "q"
            letter.mark(f"{line.mark} {line.zone}")
    return _told(letter, own, beyond)


def _within_limits(lines: Sequence[MarkedLine]) -> int:
    """Return how many lines are looked at: a single endless line is quoted as a whole."""
    characters = 0
    for index, line in enumerate(lines[:MOST_LINES]):
        characters += len(line.text)
        if characters > MOST_CHARACTERS:
            return index
    return min(len(lines), MOST_LINES)


def _cleaned(line: str) -> str:
    """Return a line as it is compared: without invisible marks, odd spaces, and case."""
    line = line[:MOST_OF_A_LINE]
    if line.isascii() and "\x00" not in line:
        return line.strip().lower()
    line = _without_invisible(line)
    return line.strip().casefold().replace("\u0307", "")  # what is left of a Turkish capital I


def _without_invisible(text: str) -> str:
    """Take out the marks that show nothing; most texts hold none, and looking is cheaper than rewriting."""
    return text.translate(_INVISIBLE) if _ANY_INVISIBLE.search(text) else text


def _read_quote_marks(letter: _Letter) -> None:
    """Mark the lines that begin with a quote mark, and the broken-off ends of such lines."""
    kind, clean = letter.kind, letter.clean
    bars: bool | None = None
    for index, line in enumerate(letter.raw):
        if not clean[index] or (clean[index][0] not in _QUOTE_STARTS and ">" not in line[:20]):
            continue
        if clean[index][0] == "|" and bars is None:
            bars = sum(line.startswith("|") for line in clean) > 1
        if not _QUOTED.match(_without_invisible(line[:20])) or (clean[index][0] == "|" and not bars):
            continue
        if (
            _TAIL.match(clean[index])
            and index
            and clean[index - 1]
            and kind[index - 1] == "t"
            and not clean[index].startswith(">>")
        ):
            continue
        kind[index] = "q"
    for index in range(1, len(kind) - 1):
        if (
            kind[index] == "t"
            and clean[index]
            and kind[index - 1] == "q" == kind[index + 1]
            and _broken_off(letter, index)
        ):
            kind[index] = "q"
    if "q" in kind:
        letter.mark("quote marks")


def _broken_off(letter: _Letter, index: int) -> bool:
    """Say whether a line between quoted ones is the end of the line above, wrapped off without a mark."""
    above, line = letter.raw[index - 1].rstrip(), letter.raw[index]
    if _LINK_ONLY.match(line[:600]):
        return True
    goes_on = len(above) >= 60 and above[-1].isalnum() and "/" not in above.rpartition(" ")[2]
    return goes_on and line[:1].islower() and len(line) < 80


def _told(letter: _Letter, own: OwnText, beyond: str) -> VisibleText:
    """Find the borders that words tell, take our own words and signatures out, and put the rest together."""
    top = signatures.machine_lines_above(letter.clean[:40])
    if top:
        letter.kind[:top] = ["s" if kind == "t" else kind for kind in letter.kind[:top]]
        letter.mark("gateway banner")
    _find_borders(letter, top, own)
    _take_out_ours(letter, own)
    _take_out_signatures(letter)
    typed = _joined(letter, "t")
    return VisibleText(
        typed=typed,
        quoted="\n".join(filter(None, (_joined(letter, "q"), beyond.strip()))),
        signature=_joined(letter, "s"),
        ours=_joined(letter, "o"),
        marks=tuple(letter.marks[:12]),
    )


def _find_borders(letter: _Letter, start: int, own: OwnText) -> None:
    """Go down the typed lines and mark what an attribution, a header block or a separator sets apart."""
    at, floor = start, start
    while at < len(letter.raw):
        line = letter.clean[at]
        if letter.kind[at] == "q" and letter.paged and attributions.separator(line) == "forwarded message":
            letter.mark("forwarded message")
            _quote(letter, at, len(letter.raw))
            return
        if not line or letter.kind[at] != "t":
            floor = at + 1 if line else floor
            at += 1
            continue
        border = _border_at(letter, at, floor, own)
        if border is None:
            at += 1
            continue
        first, after, name = border
        letter.mark(name)
        _quote(letter, first, after)
        following = letter.next_line(after)
        if following < len(letter.raw) and letter.kind[following] == "q":
            at = floor = following
            continue
        letter.border = first
        _quote(letter, after, len(letter.raw))
        return


def _border_at(letter: _Letter, at: int, floor: int, own: OwnText) -> tuple[int, int, str] | None:
    """Return the first line, the line after, and the name of a border that is found at a line."""
    clean = letter.clean
    mark = attributions.separator(clean[at])
    if mark:
        end = (
            attributions.header_block(clean, follow)
            if (follow := letter.next_line(at + 1)) < len(clean) and letter.kind[follow] == "t"
            else None
        )
        return at, end or at + 1, mark
    end = None
    if letter.blocks < MOST_TRIES and attributions.header_kind(clean[at]) is not None:
        letter.blocks += 1
        end = attributions.header_block(clean, at)
    if end is not None and all(
        kind == "t" or not clean[index] for index, kind in enumerate(letter.kind[at : at + 2], at)
    ):
        titled = at > floor and attributions.separator(clean[at - 1], bare=True)
        return at - bool(titled), end, "header block"
    if clean[at] in _NOTES_LABELS and letter.next_line(at + 1) < len(clean):
        end = attributions.bare_labels(clean, at)
        if end is not None:
            return _first_sender_line(clean, at, floor), end, "header block"
    if own.is_from_us(clean[at]) and (clean[at].endswith((":", "：")) or attributions.is_dated(clean[at])):
        return at, at + 1, "our own address"
    if not attributions.may_end(clean[at]) or letter.tries >= MOST_TRIES:
        return None
    letter.tries += 1
    following = letter.next_line(at + 1)
    quoted_next = following < len(clean) and letter.kind[following] == "q"
    found = attributions.attribution(clean, at, floor, quoted_next=quoted_next)
    if found is None:
        return None
    first, language = found
    if first == at and (cut := attributions.split_attribution(letter.raw[at][:MOST_OF_A_LINE])):
        whole = letter.raw[at]
        halves = [whole[:cut].rstrip(" -"), whole[cut:].lstrip(" -\t")]
        letter.raw[at : at + 1] = halves
        letter.clean[at : at + 1] = [_cleaned(half) for half in halves]
        letter.kind.insert(at, "t")
        return at + 1, at + 2, "attribution line (en)"
    return first, at + 1, f"attribution line ({language})" if language else "attribution line"


def _first_sender_line(clean: Sequence[str], at: int, floor: int) -> int:
    """Return the first of the lines above a header without colons that name its sender and date."""
    first = at
    for above in range(at - 1, max(floor, at - 5) - 1, -1):
        if not clean[above] and first == at:
            continue
        if not attributions.is_sender_line(clean[above]):
            break
        first = above
    return first


def _quote(letter: _Letter, first: int, after: int) -> None:
    for index in range(first, after):
        if letter.kind[index] in "ts":
            letter.kind[index] = "q"


def _take_out_ours(letter: _Letter, own: OwnText) -> None:
    """Take out the lines that we wrote ourselves.

    Where nothing typed is left above a border without quote marks, the answer may stand below our mail.
    """
    typed = [index for index, kind in enumerate(letter.kind) if kind == "t"]
    ours = own.lines_of_ours([letter.raw[index] for index in typed])
    if ours:
        letter.mark("our own words")
        for index in ours:
            letter.kind[typed[index]] = "o"
    if letter.border < 0 or any(letter.kind[index] == "t" and letter.clean[index] for index in range(len(letter.raw))):
        return
    below = range(letter.border, len(letter.raw))
    ours = own.lines_of_ours([letter.raw[index] for index in below])
    if not ours or (letter.paged and not own.company):  # each line is a paragraph there: our postal line would pass
        return
    # Typed under our whole mail, by a program that marks no quotes: only what follows our last paragraph can be theirs.
    after = letter.border + max(ours) + 1
    while after < len(letter.raw) and letter.clean[after]:
        after += 1
    if letter.next_line(after) < len(letter.raw):
        letter.kind[after:] = "t" * (len(letter.raw) - after)
        letter.mark("below our own words")


def _take_out_signatures(letter: _Letter) -> None:
    """Cut the signature of each stretch of typed lines, and what follows a device line under typed text."""
    for first, after in _stretches(letter.kind):
        found = signatures.signature_start(letter.clean[first:after])
        end = first + found[0] if found else after
        has_text = False
        for index in range(first, end):
            line = letter.clean[index]
            if line and signatures.device_line(line):
                letter.mark("device line")
                letter.kind[index] = "s"
                if has_text:
                    letter.kind[index:after] = "s" * (after - index)
                    break
            has_text = has_text or bool(line)
        if found:
            letter.mark(found[1])
            letter.kind[end:after] = "s" * (after - end)


def _stretches(kinds: Sequence[str]) -> Iterable[tuple[int, int]]:
    """Yield the runs of typed lines as (first, after)."""
    first = -1
    for index, kind in enumerate(kinds):
        if kind == "t" and first < 0:
            first = index
        elif kind != "t" and first >= 0:
            yield first, index
            first = -1
    if first >= 0:
        yield first, len(kinds)


def _joined(letter: _Letter, kind: str) -> str:
    """Put the lines of a kind together; a rule at the end goes, and of several blank lines one stays."""
    lines: list[str] = []
    for index, line in enumerate(letter.raw):
        if letter.kind[index] == kind:
            shown = line.rstrip()
            if shown or (lines and lines[-1]):
                lines.append(shown)
    if kind == "t":
        while lines and _RULE.match(lines[-1][:200]):
            lines.pop()
    return "\n".join(lines).strip("\n")
