"""What a person ever agreed to and ended, told in plain words: one line an act, the newest first."""

from collections.abc import Mapping, Sequence

from consent.model import Act, Event, Purpose
from web.catalogues import Catalogue

MOST_ACTS = 100  # bounds the page of somebody who changed their mind every day; the file of their data has all


def acts(events: Sequence[Event], catalogue: Catalogue, names: Mapping[str, str]) -> list[dict[str, str]]:
    """Return when, what and through which door, for the newest acts; ``names`` are those of the topics."""
    return [
        {
            "act": "pause_ended" if event.act is Act.PAUSE and event.until is None else event.act.value,
            "topics": _about(event, catalogue, names),
            "until": catalogue.day(event.until) if event.until else "",
            "when": catalogue.day(event.at),
            "door": catalogue.text(f"door.{event.door.value}"),
        }
        for event in reversed(events[-MOST_ACTS:])
    ]


def _about(event: Event, catalogue: Catalogue, names: Mapping[str, str]) -> str:
    """Return what an act was about: topics by their names, or another purpose than promotions."""
    if event.purpose is not Purpose.PROMOTION and event.act is not Act.AGREE:
        return catalogue.text(f"account.{event.purpose.value}")
    listed = catalogue.text("common.list_comma").join(names.get(topic, topic) for topic in event.topics)
    return listed or catalogue.text("held.everything")
