"""Unknown letters settled by a person: sent again though they may have arrived, or dropped.

Only a person may say so, by name, and what they said is kept. Who is sent to again waits like anybody else: consent is
looked at anew when the letter is claimed, so who has left meanwhile gets nothing.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from campaigns import acts, store
from campaigns.model import Missing, NotPossible, State
from kit.db import Session
from mailer import fates


@dataclass(frozen=True, slots=True)
class Settled:
    """So many letters are not unknown any more."""

    id: int
    number: int


async def send_again(
    session: Session, campaign_id: int, *, people: Collection[int] = (), by: str, now: datetime
) -> Settled | NotPossible | Missing:
    """Let unknown letters wait again; a finished campaign runs on for them, a cancelled one does not."""
    campaign = await store.load(session, campaign_id)
    if campaign is None:
        return Missing(campaign_id)
    if campaign.state is State.CANCELLED:
        return NotPossible(campaign_id, campaign.state, "it was cancelled; its unknown letters can be dropped")
    number = await fates.send_again(session, campaign_id, people=people, now=now)
    if number and campaign.state is State.FINISHED:
        await store.reopen(session, campaign_id)
    return await _noted(session, campaign_id, "unknown_sent_again", number, by=by, now=now)


async def drop(
    session: Session, campaign_id: int, *, people: Collection[int] = (), by: str, now: datetime
) -> Settled | Missing:
    """Settle unknown letters as not to be sent: they count as skipped, with the reason "dropped"."""
    if await store.load(session, campaign_id) is None:
        return Missing(campaign_id)
    number = await fates.drop(session, campaign_id, people=people, now=now)
    return await _noted(session, campaign_id, "unknown_dropped", number, by=by, now=now)


async def _noted(session: Session, campaign_id: int, act: str, number: int, *, by: str, now: datetime) -> Settled:
    if number:
        await acts.note(session, campaign_id, act, by=by, at=now, details={"letters": number})
    return Settled(campaign_id, number)
