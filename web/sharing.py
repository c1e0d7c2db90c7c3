"""The door to sharing with partners (P10): allowed on the account page alone, ended there and on the preference page.

The account page's link was mailed to the person's own address a moment ago, so its press is the owner's. Nothing is
ticked before, and the words that were shown are kept with the consent. Ending takes one press and any link.
"""

from collections.abc import Sequence

from consent import sharing, subscribers
from consent.ledger import NeedsGuardian
from consent.model import Event, State, Subscriber
from consent.rules import fold
from web.forms import Form
from web.visit import Visit


def state(visit: Visit, person: Subscriber, events: Sequence[Event]) -> str:
    """Return whether the person allows it ("allowed"), may be asked whether they do ("open"), or neither."""
    if fold(events).state(sharing.SHARING) is State.GRANTED:
        return "allowed"
    return "open" if sharing.may_be_asked(person, today=visit.house.clock().date()) else ""


async def allow(visit: Visit, person: Subscriber, form: Form) -> str:
    """Keep that the person allows it, where the box is ticked; return the key of what was done, or nothing."""
    if form.many("share") != ("yes",):
        form.refuse("share", "account.tick_first")
        return ""
    wording = f"{visit.text('sharing.hint')} {visit.text('sharing.wording')}"
    at = visit.house.clock()
    async with visit.house.database.transaction() as session:
        outcome = await sharing.agree(session, person, source=visit.source(wording=wording), at=at)
    return "common.nothing_changed" if isinstance(outcome, NeedsGuardian) else "sharing.allowed"


async def end(visit: Visit) -> str:
    """End it, at once and whoever holds the link; return the key of what was done."""
    async with visit.house.database.transaction() as session:
        if await subscribers.load(session, visit.person) is not None:
            await sharing.end(session, visit.person, source=visit.source(), at=visit.house.clock())
    return "sharing.ended"
