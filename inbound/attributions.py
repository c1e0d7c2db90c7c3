"""Recognises how mail programs introduce a quoted mail: four questions about a line, in every language we know of.

Attribution lines ("On … wrote:"), header blocks (From/Sent/To/Subject), and separators ("-----Original Message-----");
the words are in `inbound.attribution_words`. It knows nothing of whole mails: `inbound.replies` decides where a border
lies. All expressions are linear: no quantifier stands inside another.
"""

import re
from collections.abc import Sequence

from inbound.attribution_words import DAYS, FORWARDED, LABELS, OPENERS, ORIGINAL, WROTE


def _casefolded(words: str) -> tuple[str, ...]:
    return tuple({word.strip().casefold(): None for word in words.split("|")})


_LABEL_KIND = {
    label.rstrip(":"): kind for kind in ("cc", "subject", "to", "sent", "from") for label in _casefolded(LABELS[kind])
}
_LONGEST_LABEL = max(map(len, _LABEL_KIND))
_SEPARATORS = {
    **dict.fromkeys(_casefolded(FORWARDED), "forwarded message"),
    **dict.fromkeys(_casefolded(ORIGINAL), "original message line"),
}
_LANGUAGE_OF = {verb.casefold().rstrip(":"): lang for lang, verbs in reversed(WROTE.items()) for verb in verbs}
#: Longest first, so that the whole of a phrase counts.
_VERBS = tuple(sorted(_LANGUAGE_OF, key=len, reverse=True))
#: With what the last line of an attribution ends; most lines of most mails are told apart by this alone.
_ENDINGS = (":", "：", ":-", ">", *_LANGUAGE_OF)
_TO_US = re.compile(
    r"(?<!\w)(?:you|i|we|sie|ihr|vous|j'ai|usted|ustedes|você|voi|lei|jullie|je|u|ich|wir|вы|ви|я|siz)\s+"
    r"(?:wrote|sent|writes|haben|habt|schrieb\w{0,3}|a[iv]\w{0,3}|escribi\w{0,4}|escreve\w{0,2}|"
    r"scriv\w{0,4}|schreef|напис\w{0,4}|пис\w{0,4})(?!\w)"
)
_ADDRESS = re.compile(r"[^\s<>()\[\]\"',;:@]@[\w-]")
_CLOCK = re.compile(r"\d{1,2}[:.h：]\d{2}(?!\d)|\d{1,2}\s?(?:am|pm|uhr)\b|[시時时点]\s?\d{1,2}")
_DAY = re.compile(
    r"\d{1,4}\s?[./-]\s?\d{1,2}\s?[./-]\s?\d{1,4}|(?<!\d)(?:19|20)\d{2}(?!\d)|[٠-٩۰-۹०-९০-৯๐-๙]{4}|\d[年년]|"
    r"\d{1,2}[.-]?\s\w{3,12}\.?[,\s]|\d\d \d\d \d{4}"
)
_STARTS = frozenset(f"{OPENERS} {DAYS}".casefold().split())
_WORD = re.compile(r"\w+")
_DASHES = "-–—_=*~ \t"
_ANY_COLON = re.compile("[:：]")
_COLON = (":", "：", ":-")
#: More is a paragraph somebody typed, not an attribution.
_LONGEST = 320
#: An attribution is wrapped over at most this many lines.
_MOST_LINES = 5


def has_address(text: str) -> bool:
    """Say whether a mail address stands in a text."""
    return _ADDRESS.search(text) is not None


def is_dated(text: str) -> bool:
    """Say whether a time or a day stands in a text."""
    return _CLOCK.search(text) is not None or _DAY.search(text) is not None


def _opens(text: str) -> bool:
    """Say whether a line starts as attributions do: with a digit, an opening word or the name of a day."""
    first = _WORD.search(text[:40])
    return first is not None and (first.group()[0].isdigit() or first.group() in _STARTS)


def _verb_in(text: str) -> tuple[int, int] | None:
    """Return where the first verb of an attribution stands, the longest of those that start there."""
    first: tuple[int, int] | None = None
    for verb in _VERBS:
        at = text.find(verb)
        if at >= 0 and verb[0] < "\u0590":  # scripts without spaces need no word borders
            while at >= 0 and not _is_word(text, at, at + len(verb)):
                at = text.find(verb, at + 1)
        if at >= 0 and (first is None or at < first[0]):
            first = (at, at + len(verb))
    return first


def _is_word(text: str, start: int, end: int) -> bool:
    before, after = text[start - 1 : start], text[end : end + 1]
    return not (before.isalnum() or before == "_" or after.isalnum() or after == "_")


def _language(text: str, *, quoted_next: bool) -> str | None:
    """Return the language of a text that is an attribution ("" where no verb tells it), else None."""
    if not text or len(text) > _LONGEST:
        return None
    bare = text.rstrip(_DASHES)
    dashed = len(text) - len(bare) >= 2 and text[:2] in {"--", "––", "__"}
    colon = bare.endswith(_COLON)
    verb = _verb_in(bare)
    if not (colon or verb):
        return (
            "" if quoted_next and is_dated(text) and bare.endswith(">") and has_address(text) and _opens(text) else None
        )
    language = _LANGUAGE_OF[bare[verb[0] : verb[1]]] if verb else ""
    if dashed and verb:
        return language
    address, dated = has_address(bare), is_dated(bare)
    ends_with_address = (address and bare.rstrip(":： -").endswith((">", ")", "]"))) or bool(
        re.search(r"@[\w.-]+\W{0,3}$", bare)
    )
    if verb and _TO_US.search(text) and not (address or quoted_next):
        return None
    if verb and not colon:
        late = verb[1] >= len(bare) - 12
        return language if late and dated and (address or quoted_next or _opens(bare)) and len(bare) < 200 else None
    if verb and (address or dated):
        whole = verb[0] < 3 and address and dated
        late = whole or verb[1] >= len(bare) - 12 or ends_with_address or not bare[verb[1] :].strip(" :").count(" ") > 6
        return language if late and (address or quoted_next or _opens(bare)) else None
    if quoted_next and (address or dated or (verb and verb[0] > 3)) and len(bare) < 200:
        return language
    return "" if address and dated and ends_with_address and _opens(bare) and len(bare) < 220 else None


def may_end(line: str) -> bool:
    """Say whether an attribution may end with a line; tells most lines of most mails apart at little cost."""
    bare = line.rstrip(_DASHES)
    return bare[-1:] in _LAST or (bare[-2:] in _LAST_TWO and bare.endswith(_ENDINGS))


_LAST = frozenset(":：>") | {ending for ending in _ENDINGS if len(ending) == 1}
_LAST_TWO = frozenset(ending[-2:] for ending in _ENDINGS)


def attribution(lines: Sequence[str], end: int, floor: int, *, quoted_next: bool) -> tuple[int, str] | None:
    """Return the first line and the language of an attribution whose last line is ``end``.

    ``lines`` are cleaned and without case; nothing above ``floor`` is looked at. The shortest stretch that reads as
    an attribution is taken, then lengthened upwards over the lines that are plainly its beginning. None for
    everything a person may have typed.
    """
    joined = ""
    start = end
    language: str | None = None
    for start in range(end, max(floor, end - _MOST_LINES) - 1, -1):
        if not lines[start]:
            if start < end and start > floor and _opens(lines[start - 1]) and joined.startswith(("<", "mailto")):
                continue
            return None
        joined = f"{lines[start]} {joined}".strip()
        language = _language(joined, quoted_next=quoted_next)
        if language is not None:
            break
    if language is None:
        return None
    return _lengthened(lines, start, end, max(floor, end - _MOST_LINES)), language


def _lengthened(lines: Sequence[str], start: int, end: int, floor: int) -> int:
    """Move the start of an attribution up over a beginning that was wrapped off."""
    told = any(map(has_address, lines[start : end + 1]))
    for above in range(start - 1, floor - 1, -1):
        line = lines[above]
        if not line and above > floor and lines[start].startswith(("<", "mailto")):
            continue
        if not line or len(line) > 160 or line.endswith((".", "!", "?", "。", ":")):
            break
        whole = (told or _opens(lines[start])) and any(_DAY.search(part) for part in lines[start : end + 1])
        if lines[start].startswith(("<", ">")) or line.endswith("<"):
            # Wrapped off from its brackets: a date and a name, or a name alone.
            belongs = line.endswith("<") or is_dated(line) or line.count(" ") < 5
        else:
            opens = _opens(line) or line.endswith(("(", ",")) or (has_address(line) and not told)
            belongs = not whole and opens and is_dated(line)
        if not belongs:
            break
        start = above
    return start


def split_attribution(line: str) -> int | None:
    """Return where an English attribution begins that shares its line with typed text ("Yes. On Wed, … wrote:")."""
    found = _SHARED.search(line)
    return found.start() if found and found.start() > 0 else None


_SHARED = re.compile(r"(?<=\S)[ \t]?-{0,10} ?(?<![^\W\d_])On (?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{0,6}, ")


def header_kind(line: str) -> tuple[str, str] | None:
    """Return what a cleaned line "Label: value" stands for (from, sent, to, subject, cc) and its value."""
    colon = _ANY_COLON.search(line, 0, _LONGEST_LABEL + 4)
    if colon is None:
        return None
    head = line[: colon.start()]
    kind = _LABEL_KIND.get(head.strip("* \t_"))
    return (kind, line[len(head) + 1 :].strip("* \t")) if kind else None


def header_block(lines: Sequence[str], start: int) -> int | None:
    """Return the line after the block of From/Sent/To/Subject that begins at ``start``, or None where none does.

    Two lines must agree at the least, one of them a sender with an address or a date; a person's "To: whom it may
    concern" is none.
    """
    first = header_kind(lines[start])
    if first is None or first[0] not in {"from", "sent", "to", "subject"}:
        return None
    if _on_one_line(lines[start]):
        return start + 1
    kinds: set[str] = set()
    proof = False
    at, strangers = start, 0
    while at < len(lines) and at < start + 16 and strangers <= 2:
        line = lines[at]
        found = header_kind(line) if line else None
        if found:
            kinds.add(found[0])
            proof = proof or has_address(found[1]) or (found[0] == "sent" and is_dated(found[1]))
            strangers = 0
        elif (
            not line
            and at + 1 < len(lines)
            and not (at + 1 < len(lines) and lines[at + 1] and header_kind(lines[at + 1]))
        ):
            break
        elif line:
            proof = proof or has_address(line)
            strangers += 1
        at += 1
    enough = (len(kinds - {"cc"}) >= 3) or (proof and len(kinds) >= 2 and bool(kinds & {"from", "sent"}))
    return at if enough else None


def bare_labels(lines: Sequence[str], start: int) -> int | None:
    """Return the line after a header whose labels stand on lines of their own (as Lotus Notes writes them).

    It begins at its first label ("To"); a subject must be among the labels, and an address or a date among the lines.
    """
    kinds: set[str] = set()
    proof = False
    after = start
    for at in range(start, min(start + 18, len(lines))):
        kind = _LABEL_KIND.get(lines[at]) if len(lines[at]) <= _LONGEST_LABEL else None
        if kind:
            kinds.add(kind)
            after = at + 2
        proof = proof or has_address(lines[at])
    return (
        min(after, len(lines)) if proof and "subject" in kinds and {"to", "from"} & kinds and len(kinds) >= 3 else None
    )


def is_sender_line(line: str) -> bool:
    """Say whether a line may be the sender or the date above such a header."""
    told = line.endswith(">") or (line[:1].isdigit() and is_dated(line)) or (" " not in line and has_address(line))
    return told and len(line) < 120 and not line.endswith((".", "!", "?"))


def _on_one_line(line: str) -> bool:
    """Say whether a whole header block was run together into one line."""
    if len(line) > 1000 or line.count(":") + line.count("：") < 3:
        return False
    kinds = {
        _LABEL_KIND[word.strip("*")]
        for word in re.findall(r"(\S{1,30})[ \t]?[:：]", line)
        if word.strip("*") in _LABEL_KIND
    }
    return len(kinds - {"cc"}) >= 3 and has_address(line)


def separator(line: str, *, bare: bool = False) -> str | None:
    """Return which mark a line like "-----Original Message-----" is, or None; the line is cleaned and without case.

    Without its dashes such a line counts only where ``bare`` says that a header block follows, or as "Begin forwarded
    message:".
    """
    if len(line) > 120:
        return None
    if not bare and line[:2] not in _RULES and ":" not in line[-6:] and "：" not in line[-6:]:
        return None
    words = line.strip(_DASHES)
    mark = _SEPARATORS.get(words.rstrip(":： ").strip(_DASHES))
    if mark is None or bare or line[:2] in _RULES:
        return mark
    return mark if mark == "forwarded message" and words.endswith((":", "：")) and " " in words else None


_RULES = frozenset({"--", "––", "——", "__", "==", "**", "- ", "—", "─ ", "──"})
