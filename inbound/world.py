"""What we sent and what we send about, as far as reading a reply needs to know it. Pure.

A world comes from the database (the listener) or from a TOML file (``byleave understand --world``).
"""

import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from kit.addresses import EmailAddress, try_address


@dataclass(frozen=True, slots=True)
class TopicInfo:
    """A topic of promotions: a stable key, the name that customers see, and what it is about."""

    key: str
    name: str
    about: str = ""


@dataclass(frozen=True, slots=True)
class CampaignInfo:
    """A campaign that was sent: its subject names its topic when a customer writes it after the command."""

    id: str
    topic: str
    subject: str
    text: str = ""  # the plain text that was sent, where known: its lines are not the customer's


@dataclass(frozen=True, slots=True, eq=False)
class World:
    """Topics, campaigns sent lately, and our own names and addresses.

    Two worlds are never equal: what is worked out about one is kept by its identity, whatever the number of campaigns.
    """

    company: str = ""
    addresses: tuple[EmailAddress, ...] = ()
    topics: tuple[TopicInfo, ...] = ()
    campaigns: tuple[CampaignInfo, ...] = ()
    #: names the campaign of a Message-ID or of an address of ours ("" for none); without it the corpora's own way
    #: counts: what stands before the first dot of a Message-ID
    campaign_of: Callable[[str], str] | None = None
    #: lines that each of our mails carries (footer, disclaimers), one a line, as templates or literally
    own_lines: tuple[str, ...] = field(default=())
    #: subjects of letters of ours that are no campaigns: questions, receipts
    own_subjects: tuple[str, ...] = ()


def campaigns_answered(world: World, references: Iterable[str], addresses: Iterable[EmailAddress]) -> tuple[str, ...]:
    """Return the ids of the campaigns that a mail answers, by what it refers to and by where it went; the surest first.

    ``references`` are Message-IDs without their brackets, the newest first.
    """
    if world.campaign_of is None:
        found = [reference.partition("@")[0].partition(".")[0] for reference in references]
    else:
        found = [world.campaign_of(text) for text in (*references, *map(str, addresses))]
    known = by_id(world)
    return tuple(dict.fromkeys(one for one in found if one in known))


@lru_cache(maxsize=8)
def by_id(world: World) -> dict[str, CampaignInfo]:
    """Return the campaigns of a world by their ids."""
    return {campaign.id: campaign for campaign in world.campaigns}


def world_from_toml(text: str) -> World:
    """Read a world file: ``[company]``, ``[[topics]]`` (key, name, about), ``[[campaigns]]`` (id, topic, subject)."""
    raw = tomllib.loads(text)
    company = raw.get("company", {})
    address = try_address(str(company.get("address", "")))
    return World(
        company=str(company.get("name", "")),
        addresses=(address,) if address else (),
        topics=tuple(TopicInfo(str(t["key"]), str(t["name"]), str(t.get("about", ""))) for t in raw.get("topics", ())),
        campaigns=tuple(
            CampaignInfo(str(c["id"]), str(c["topic"]), str(c["subject"]), str(c.get("text", "")))
            for c in raw.get("campaigns", ())
        ),
        own_lines=tuple(str(line) for line in company.get("own_lines", ())),
    )
