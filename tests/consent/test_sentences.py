"""Each act through each door has a sentence that says what happened."""

from dataclasses import replace

import pytest

from consent.model import Act, Door, Event, Proof, Purpose, SubscriberId
from consent.sentences import sentence
from tests.database import NOW

TOPICS = {"deals": "Deals"}
EVENT = Event(SubscriberId(1), Act.CONFIRM, NOW, Door.PAGE, Proof.TOKEN, topics=("deals", "gone"))


@pytest.mark.parametrize("act", Act)
def test_every_event_has_its_sentence(act: Act) -> None:
    """With the moment in words; none is left without, and no two doors or proofs sound alike."""
    said = {
        (door, proof, purpose): sentence(Event(SubscriberId(1), act, NOW, door, proof, purpose), {})
        for door in Door
        for proof in Proof
        for purpose in Purpose
    }

    assert all(one.startswith("On 20 November 2026 at 12:00:00 UTC, ") and one.endswith(".") for one in said.values())
    assert len({one for (_, _, purpose), one in said.items() if purpose is Purpose.PROMOTION}) == len(Door) * len(Proof)


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (EVENT, "on a page of the company: the person confirmed that they agree to promotions about “Deals”, “gone”."),
        (replace(EVENT, act=Act.SUBSCRIBE, topics=("deals",)), "asked for promotions about “Deals”; nothing comes of"),
        (replace(EVENT, door=Door.IMPORT), "an agreement to promotions about “Deals”, “gone” that was given elsewhere"),
        (replace(EVENT, act=Act.WITHDRAW, door=Door.ONE_CLICK), "(one-click): the agreement to promotions about"),
        (replace(EVENT, act=Act.PAUSE, until=NOW), "no promotions until 20 November 2026 at 12:00:00 UTC."),
        (replace(EVENT, act=Act.PAUSE), "a pause ended."),
        (replace(EVENT, purpose=Purpose.THIRD_PARTY_SHARING, topics=()), "sharing of their data with third parties."),
        (replace(EVENT, evidence={"source": "fair"}), "was sent. Evidence: source: fair."),
    ],
)  # fmt: skip
def test_it_says_what_happened(event: Event, said: str) -> None:
    """In the words of somebody who was there."""
    assert said in sentence(event, TOPICS)
