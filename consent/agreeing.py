"""Agreeing anew: a person lets what they receive go on under a newer version of the privacy policy (P15)."""

from datetime import datetime

from consent import ledger
from consent.ledger import Done, Nothing, Outcome, Source, event_of
from consent.model import Act, State, SubscriberId
from consent.policy import versions
from kit.db import Session


async def agree(session: Session, person: SubscriberId, version: str, *, source: Source, at: datetime) -> Outcome:
    """Note that a person agrees to a version. It grants nothing that they don't receive already.

    An answer to an older version than they agreed to before changes nothing; neither does one to a version that there
    isn't.
    """
    await ledger.hold(session)
    standing = await ledger.standing_of(session, person)
    order = {one.version: place for place, one in enumerate(await versions(session))}
    if version not in order:
        return Nothing(standing, "there is no such version of the policy")
    granted = [key for key, state in standing.states.items() if state is State.GRANTED]
    if all(order.get(standing.versions.get(key, ""), -1) >= order[version] for key in granted):
        return Nothing(standing, "they had agreed already" if granted else "they receive nothing that could go on")
    by = Source(source.door, source.proof, source.evidence, source.wording, version)
    done: Done = await ledger.append(session, event_of(Act.AGREE, person, (), by, at))
    return done
