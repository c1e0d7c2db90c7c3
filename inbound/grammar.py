"""The grammar of commands: what the privacy policy tells customers to type, in the subject or on a line of its own.

``unsubscribe`` · ``unsubscribe all`` · ``unsubscribe <topic>`` · ``unsubscribe <subject of a mail we sent>`` ·
``subscribe <topic>``.
It only cuts the line into a verb and an argument; whose topic the argument names is :mod:`inbound.topics`'s to say.
Pure.
"""

import re
from dataclasses import dataclass
from typing import Final, Literal

from inbound.lexicon.folding import fold

LINE: Final = 200  # a longer line is a sentence, not a command
_PREFIX = re.compile(
    r"^\s*(?:(?:re|aw|wg|sv|vs|vb|fw|fwd|rv|tr|res|enc|odp|pd|ynt|ilt|ilet|ha|отв|відп|отг|одг|odg|отн|на|пересл|ref|r|i|antw|doorst|"
    r"vá|va|ang|απ|πρθ|προωθ|σχετ|רד|השב|העברה|hi|rép|rep|răsp|rasp|fs|sq|ats|atb|vl|bls|trs|svar|vast|prop|回复|回覆|答复|转发|轉寄|"
    r"返信|回信|답장|회신|전달|رد|إعادة|پاسخ|جواب|ตอบ|ตอบกลับ|trả lời|tl|balas|tugon|jibu|majibu|উত্তর|उत्तर|जवाब)"
    r"(?:\s*\[\d{1,3}\]|\(\d{1,3}\))?\s*[:：]\s*)",
    re.IGNORECASE,
)
_VERB = re.compile(
    r"^[\s\"'*<\[(>:-]{0,5}(?P<verb>un-?\s?subscribe|unsub|opt-?\s?out|signoff|sign\s?off|(?:re-?)?subscribe)\b"
    r"[\"'\])>]?(?:\s*(?:me|us))?(?:\s+(?:from|to|of|the|topic|list|please|pls)\b)*[\s:;,.\u2013\u2014\"'<>(\[=-]*(?P<rest>.*)$",
    re.IGNORECASE,
)
_POLITE = frozenset(
    [
        "please",
        "pls",
        "plz",
        "thanks",
        "thank",
        "you",
        "thx",
        "ty",
        "cheers",
        "tks",
        "now",
        "immediately",
        "asap",
        "bitte",
        "danke",
        "merci",
        "svp",
        "gracias",
        "grazie",
        "obrigado",
        "tack",
        "tak",
        "takk",
        "dank",
        "dziekuje",
        "kiitos",
        "regards",
        "best",
        "kind",
        "me",
        "us",
        "today",
        "sofort",
        "request",
    ]
)


@dataclass(frozen=True, slots=True)
class Command:
    """A command as typed: the verb, and what stands after it ("" for nothing, "*" for all)."""

    verb: Literal["unsubscribe", "subscribe"]
    argument: str
    source: Literal["subject", "line"]
    text: str


def without_prefixes(subject: str) -> str:
    """Return a subject without Re:, AW:, 回复： and the like, however many."""
    subject = subject[:1000]
    for _ in range(10):  # bounds the work on "Re: Re: Re: …"
        shorter = _PREFIX.sub("", subject, count=1)
        if shorter == subject:
            break
        subject = shorter
    return subject.strip()


def command_in(line: str, source: Literal["subject", "line"]) -> Command | None:
    """Return the command that one line is, or None. In a line of prose the argument names nothing that we know."""
    line = line.strip()
    if not line or len(line) > LINE:
        return None
    match = _VERB.match(line)
    if not match:
        return None
    verb = fold(match["verb"]).replace("-", "").replace(" ", "")
    rest = match["rest"].strip(" \t.!;,:\"'*<>()[]-–—=") if match["rest"].strip() not in {"*", "<*>"} else "*"
    words = [word for word in re.split(r"[^\w*]+", fold(rest)) if word]
    if words and all(word in _POLITE for word in words):
        rest = ""
    if fold(rest) in {"all", "everything", "all topics", "all lists", "all mails", "all emails", "from all"}:
        rest = "*"
    return Command(
        "subscribe" if "subscribe" in verb and not verb.startswith("un") else "unsubscribe", rest, source, line
    )


def commands(subject: str, typed: str) -> tuple[Command, ...]:
    """Return the commands in the subject (the customer's own) and in the first lines of the body, in that order."""
    found = [command_in(without_prefixes(subject), "subject")]
    found += [command_in(line, "line") for line in typed[:4000].splitlines()[:12]]
    return tuple(command for command in found if command)
