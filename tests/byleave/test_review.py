"""What waits for a person is listed, and taken off the list once somebody has looked."""

from consent.tables import SubscriberRow
from inbound.decisions import for_review, reviewed, since
from inbound.tables import DecisionRow, InboundMailRow
from kit.db import Database
from tests.database import NOW


async def test_only_what_waits_for_a_person_is_listed(database: Database) -> None:
    """The newest first; a second look at the same decision finds nothing to take off."""
    async with database.transaction() as session:
        session.add(SubscriberRow(id=1, created_at=NOW, attributes={}))
        session.add(InboundMailRow(id=1, content_key="k", channel="smtp", received_at=NOW, state="decided"))
        await session.flush()
        for number, review in ((1, True), (2, False), (3, True)):
            session.add(
                DecisionRow(
                    id=number,
                    inbound_id=1,
                    at=NOW,
                    verdict="unclear",
                    scope=None,
                    confidence=0.5,
                    reasons=["why"],
                    actions=["question"],
                    review=review,
                    subscriber_id=1,
                )
            )

    async with database.transaction() as session:
        waiting = [decision.id for decision in await for_review(session)]
        first, second = await reviewed(session, 3), await reviewed(session, 3)
        left = [decision.id for decision in await for_review(session)]
        everything = [decision.id for decision in await since(session, 0)]

    assert waiting == [3, 1]
    assert (first, second) == (True, False)
    assert left == [1]
    assert everything == [1, 2, 3]
