"""Says why a mail was decided so: as a dictionary for programs, and as styled text for marketing staff. Pure.

It returns plain data; who shows it escapes it, because all of it came from outside.
"""

import re
from typing import Final

from inbound.lexicon.folding import fold
from inbound.model import Reading, Verdict

_WORDS: Final = {
    Verdict.UNSUBSCRIBE: "asks to leave",
    Verdict.SUBSCRIBE: "asks to join",
    Verdict.HUMAN: "for customer service",
    Verdict.AUTO: "an automatic answer",
    Verdict.BOUNCE: "a bounce",
    Verdict.COMPLAINT: "a spam complaint",
    Verdict.UNCLEAR: "unclear: the customer is asked",
}

#: A piece of text and its style: "title", "reason", "plain", "counted", "ignored", "dim".
Segment = tuple[str, str]


def as_json(reading: Reading) -> dict[str, object]:
    """Return verdict, scope, recipients, bounce, confidence and reasons as JSON values."""
    scope = list(reading.scope) if isinstance(reading.scope, tuple) else reading.scope
    told = reading.bounce.recipients if reading.bounce else reading.complaint.recipients if reading.complaint else ()
    return {
        "verdict": reading.verdict.value,
        "scope": scope,
        "recipients": [str(address) for address in told],
        "bounce": reading.bounce.kind if reading.bounce else None,
        "confidence": round(reading.confidence, 3),
        "reasons": list(reading.reasons),
    }


def as_text(reading: Reading) -> list[Segment]:
    """Return the decision in words, then the mail: what counted is marked, what was quoted or signed is dimmed."""
    scope = (
        "" if reading.scope is None else ": everything" if reading.scope == "all" else f": {', '.join(reading.scope)}"
    )
    found: list[Segment] = [(f"{_WORDS[reading.verdict]}{scope} ({reading.confidence:.0%} sure)\n", "title")]
    found += [(f"  {reason}\n", "reason") for reason in reading.reasons]
    found.append((f"\nSubject: {reading.mail.subject}\n\n", "plain"))
    visible = reading.visible
    if visible is None:
        return [*found, (reading.mail.text, "dim")]
    intent = reading.intent
    counted = intent.counted if intent else ()
    ignored = intent.ignored if intent else ()
    found += highlight(visible.typed, counted, ignored)
    for part in (visible.signature, visible.ours, visible.quoted):
        if part:
            found.append((f"\n\n{part}", "dim"))
    return found


def highlight(text: str, counted: tuple[str, ...], ignored: tuple[str, ...]) -> list[Segment]:
    """Cut a text into plain pieces and pieces that counted or were ignored; joined they are the text again."""
    spans: list[tuple[int, int, str]] = []
    folded, places = _folded_with_places(text)
    for words, style in ((counted, "counted"), (ignored, "ignored")):
        for word in words:
            parts = [re.escape(part) for part in re.split(r"[\s']+", fold(word)) if part]
            if not parts:
                continue
            for match in re.finditer(r"[\s'\W]{1,3}".join(parts), folded):
                start, end = places[match.start()], places[match.end() - 1] + 1
                if all(end <= s or start >= e for s, e, _ in spans):
                    spans.append((start, end, style))
    found: list[Segment] = []
    at = 0
    for start, end, style in sorted(spans):
        if start > at:
            found.append((text[at:start], "plain"))
        found.append((text[start:end], style))
        at = end
    if at < len(text):
        found.append((text[at:], "plain"))
    return found


def _folded_with_places(text: str) -> tuple[str, list[int]]:
    """Fold letter by letter, so that every letter of the folded text knows where it came from."""
    letters: list[str] = []
    places: list[int] = []
    for place, letter in enumerate(text):
        for folded in fold(letter):
            letters.append(folded)
            places.append(place)
    return "".join(letters), places
