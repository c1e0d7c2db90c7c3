"""What we hold about a person, behind the link of any mail: shown as far as a friend with a forwarded mail may see it.

Values that reach beyond the mail itself (telephone, date of birth, billing address, further facts) are named and not
shown; the account page gives the whole after a proof of the address.
"""

import time

from starlette.responses import Response

from consent import standing
from consent.habits import Habits, frequency_name, habits_of
from consent.model import AgeBand
from mailer.tokens import Purpose
from web.catalogues import Catalogue
from web.history import MOST_ACTS, acts
from web.house import masked
from web.page import Page
from web.visit import Visit

#: Beside the facts: what other rooms hold. Named whether there is any of it, so that naming tells a friend nothing.
MORE = ("purchases", "addresses", "letters", "mails", "policies", "blocks")
#: By which name of this page each part of what can be exported is told; a test compares the two.
TOLD = {
    "id": "address", "email": "address", "name": "name", "language": "language", "time_zone": "time_zone",
    "country": "country", "phone": "phone", "birth_date": "birth_date", "age": "age", "attributes": "attributes",
    "billing_address": "billing_address", "frequency_days": "frequency", "paused_until": "paused",
    "topics": "history", "reminder": "history", "third_party_sharing": "history", "left_all_at": "history",
    "events": "history", "erased_at": "blocks", "suppressed": "blocks", "policies": "policies",
    "purchases": "purchases", "further_addresses": "addresses", "changes_of_address": "addresses",
    "promotions": "letters", "other_letters": "letters", "your_mails_to_us": "mails",
}  # fmt: skip


async def show(visit: Visit) -> Response:
    """Show it. Changes nothing."""
    visit.house.touches.opened(visit.token, time.monotonic())
    async with visit.house.database.reading() as session:
        known = await habits_of(session, visit.person)
        if known is None:
            return visit.unknown()
        events = await standing.events_of(session, visit.person)
        names = {topic.key: topic.name for topic in await visit.house.topics(session)}
    visit.speak_to(known.person)
    catalogue = visit.house.pages.catalogues[visit.language]
    values = {
        "address": masked(known.person),
        "facts": _facts(known, catalogue),
        "events": acts(events, catalogue, names),
        "more": [catalogue.text(f"held.{name}") for name in MORE],
        "is_cut": len(events) > MOST_ACTS,
        "back": f"/p/{visit.link}",
    }
    return visit.answer("held.html", values)


def _facts(known: Habits, catalogue: Catalogue) -> list[tuple[str, str, bool]]:
    """Return name, value and whether there is one, fact by fact."""
    person = known.person
    kept = catalogue.text("held.kept")
    facts = {
        "address": masked(person),
        "name": person.name,
        "phone": kept if person.phone else "",
        "birth_date": kept if person.birth_date else "",
        "age": kept if person.age_band is not AgeBand.UNKNOWN else "",
        "billing_address": kept if person.billing_address else "",
        "country": person.country,
        "language": person.language,
        "time_zone": person.time_zone,
        "attributes": kept if person.attributes else "",
        "frequency": catalogue.text(f"preferences.frequency_{frequency_name(known.frequency_days)}"),
        "paused": catalogue.day(known.paused_until) if known.paused_until else "",
    }
    none = catalogue.text("held.none")
    return [(catalogue.text(f"held.{name}"), value or none, bool(value)) for name, value in facts.items()]


PAGES = (Page("/p/{token}/held", show, purpose=Purpose.PREFERENCES),)
