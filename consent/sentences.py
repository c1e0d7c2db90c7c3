"""Each event of the ledger in a plain sentence, for a court or an authority that doesn't know this program. Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import assert_never

from consent.model import Act, Door, Event, Proof, Purpose

_DOORS = {
    Door.REPLY: "by an answer to a mail",
    Door.MAILTO: "by a mail to the address for leaving that stands in each letter",
    Door.ONE_CLICK: "by the button that mail programs show (one-click)",
    Door.PAGE: "on a page of the company",
    Door.STAFF: "through a member of staff",
    Door.IMPORT: "by an import of people who agreed elsewhere",
    Door.API: "through other software of the company",
    Door.COMPLAINT: "by a complaint that the mailbox provider passed on",
    Door.BOUNCE: "because a mail server said that the address is dead",
    Door.SYSTEM: "by a rule of this software",
}
_PROOFS = {
    Proof.TOKEN: "a signed link or address that only the owner of the mailed address was sent",
    Proof.AUTHENTICATED: "the sender's address is the mailed one, and its domain vouches for the mail",
    Proof.EXACT_ADDRESS: "the sender's address is the mailed one",
    Proof.ALIAS: "the sender's address is another spelling of the mailed one",
    Proof.EVIDENCE: "a source outside this software, named in the evidence",
    Proof.STAFF: "a member of staff answers for it",
    Proof.NONE: "none",
}


def sentence(event: Event, topics: Mapping[str, str]) -> str:
    """Return what happened, when, through which door, and what shows it; ``topics`` are their names by key."""
    evidence = "; ".join(f"{key}: {value}" for key, value in event.evidence.items())
    facts = f" Evidence: {evidence}." if evidence else ""
    return f"On {when(event.at)}, {_DOORS[event.door]}: {_what(event, topics)}. Proof: {_PROOFS[event.proof]}.{facts}"


def when(at: datetime) -> str:
    """Return a moment in words: day, time to the second, UTC."""
    at = at.astimezone(UTC)
    return f"{at.day} {at:%B %Y at %H:%M:%S} UTC"


def _what(event: Event, topics: Mapping[str, str]) -> str:
    about = _about(event, topics)
    match event.act:
        case Act.SUBSCRIBE:
            return f"the person asked for {about}; nothing comes of it before a confirmation"
        case Act.CONFIRM if event.door.is_person:
            return f"the person confirmed that they agree to {about}"
        case Act.CONFIRM:
            return f"an agreement to {about} that was given elsewhere was taken over"
        case Act.WITHDRAW:
            return f"the agreement to {about} ended"
        case Act.WITHDRAW_ALL:
            return "everything ended: all topics and all purposes, known and future"
        case Act.PAUSE:
            return f"no promotions until {when(event.until)}" if event.until else "a pause ended"
        case Act.SUPPRESS:
            return "the address was closed to all mail"
        case Act.LIFT:
            return "the address was opened to mail again, which brings back no agreement"
        case Act.GUARDIAN_CONSENT:
            return "a parent or guardian agreed for the child"
        case Act.GUARDIAN_WITHDRAW:
            return "a parent or guardian took the agreement for the child back"
        case Act.AGREE:
            return f"the person agreed that what they receive goes on under the policy version {event.policy_version}"
        case Act.MOVE:
            return "the person's address changed, proven from both; the agreements went along"
    assert_never(event.act)


def _about(event: Event, topics: Mapping[str, str]) -> str:
    names = ", ".join(f"“{topics.get(key, key)}”" for key in event.topics)
    match event.purpose:
        case Purpose.PROMOTION:
            return f"promotions about {names}" if names else "promotions"
        case Purpose.REMINDER:
            return "reminders about their preferences"
        case Purpose.THIRD_PARTY_SHARING:
            return f"sharing of their data with third parties{f' about {names}' if names else ''}"
    assert_never(event.purpose)
