"""Who may do what, through the whole path: every rung, wish and channel, against the tables of triage."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from consent.known_addresses import remember
from inbound.authenticity import Rung
from inbound.intake import Intake
from inbound.model import Channel, Envelope, InboundMail, Origin, Standing
from inbound.readers import ThreadReaders
from inbound.worlds import Worlds
from kit.addresses import parse_address
from kit.config_inbound import InboundSettings
from tests.database import NOW, SECRETS
from tests.inbound.taking import ANNA, BOB, HOUSE, TOKENS, Town, a_mail, simple_read
from tests.inbound.test_triage import TABLE, WISHES

STRANGER = "friend@elsewhere.example"
#: What the DNS and the signatures say of a mail of this rung, and who sends it.
ORIGINS = {
    Rung.OWNER_WITH_TOKEN: (None, str(ANNA)),
    Rung.STRANGER_WITH_TOKEN: (None, STRANGER),
    Rung.PROVEN_ADDRESS: (Standing.PROVEN, str(BOB)),
    Rung.SAME_ADDRESS: (Standing.UNPROVEN, str(BOB)),
    Rung.ALIAS: (Standing.UNPROVEN, "bob+shop@example.org"),
    Rung.FORGED_ADDRESS: (Standing.FORGED, str(BOB)),
    Rung.STRANGER: (Standing.PROVEN, STRANGER),
}
#: Subject and text by which the simple reader of these tests knows each wish.
LETTERS = {
    "leave in words": ("Re: May sale", "unsubscribe"),
    "leave by button": ("unsubscribe", ""),
    "join": ("Re: May sale", "subscribe deals"),
    "unclear": ("Re: May sale", "perhaps"),
    "something else": ("Re: May sale", "hello"),
    "machine": ("Re: May sale", "absent"),
    "bounce": ("failed", "bounced"),
    "complaint": ("report", "complained"),
}
DONE = {
    "withdraw": "Withdraw", "receipt": "Receipt", "confirmation": "RequestSubscribe", "question": "AskCustomer",
    "ask_owner": "AskOwner", "handed on": "HandOn", "listed for staff": "ListForStaff", "nothing": "Nothing",
    "suppress": "Suppress",
}  # fmt: skip


class Witness:
    """Says of every mail what it was told to say, and counts how often it was asked."""

    def __init__(self, standing: Standing | None) -> None:
        self.standing, self.asked = standing, 0

    def __call__(self, raw: bytes, mail: InboundMail, envelope: Envelope, at: datetime) -> Origin:
        assert self.standing is not None, "a mail with our token never waits for the DNS"
        assert all((raw, mail.sender, at))
        self.asked += 1
        return Origin(self.standing, (f"by {envelope.channel.value}",))


def watched(town: Town, witness: Witness) -> Intake:
    """Return an intake that asks the witness."""
    return Intake(
        town.database, readers=ThreadReaders(simple_read), house=HOUSE,
        worlds=Worlds(town.database, company="Shop", addresses=()),
        settings=InboundSettings(), look=witness, clock=lambda: NOW,
    )  # fmt: skip


@pytest.mark.parametrize("channel", Channel)
@pytest.mark.parametrize("rung", Rung)
async def test_every_wish_of_every_rung_by_every_channel(town: Town, rung: Rung, channel: Channel) -> None:
    """What triage says is what is done, and the ledger of decisions names the level and its reasons."""
    standing, sender = ORIGINS[rung]
    witness = Witness(standing)
    intake = watched(town, witness)
    with_token = rung in {Rung.OWNER_WITH_TOKEN, Rung.STRANGER_WITH_TOKEN}
    for place, wish in enumerate(WISHES):
        subject, text = LETTERS[wish]
        to = "promotions@shop.example"
        if with_token and wish in {"bounce", "complaint"}:
            to = TOKENS.bounce_address("bounce.shop.example", town.anna, town.mailing)
        elif with_token:
            to = town.reply_address(town.anna)
        raw = a_mail(sender=sender, to=to, subject=subject, text=text, message_id=f"{place}@x")
        # a week and more between them: letters of one kind go to one address once a week
        taken = await intake.take(raw, Envelope(sender, (to,), channel=channel), NOW + timedelta(days=8 * place))
        assert taken.code == 250
        decision = (await town.decisions())[-1]
        done = [next((DONE[name] for name in DONE if action.startswith(name)), "") for action in decision.actions]
        assert [one for one in done if one] == TABLE[rung][place], (wish, decision.actions, decision.reasons)
    await intake.drain()
    intake.close()
    assert witness.asked == (0 if with_token else 4)  # the wishes: to leave twice, to join, unclear


async def test_a_receipt_follows_every_opt_out_that_changed_something(town: Town) -> None:
    """The weekly limit on letters never makes an opt-out silent: who forged one a day ago can't now take the rest."""
    intake = watched(town, Witness(Standing.UNPROVEN))
    for place, topic in enumerate(("deals", "courses", "courses")):
        raw = a_mail(text=f"unsubscribe {topic}", message_id=f"{place}@x")
        await intake.take(raw, Envelope(str(ANNA), ("promotions@shop.example",)), NOW + timedelta(minutes=place))
    await intake.drain()
    intake.close()

    assert [row.kind for row in await town.outbox()] == ["receipt", "receipt"]


async def test_a_flood_of_unproven_mail_ends_at_people(town: Town) -> None:
    """Beyond the hour's number nobody is taken off and nobody is written to; the mail is read by staff."""
    house = replace(HOUSE, unproven_an_hour=1)
    intake = Intake(
        town.database, readers=ThreadReaders(simple_read), house=house,
        worlds=Worlds(town.database, company="Shop", addresses=()),
        settings=InboundSettings(), look=Witness(Standing.UNPROVEN), clock=lambda: NOW,
    )  # fmt: skip
    for sender in (ANNA, BOB):
        raw = a_mail(sender=sender, text="unsubscribe", message_id=f"{sender}1")
        await intake.take(raw, Envelope(str(sender), ("promotions@shop.example",)), NOW)
    later = a_mail(sender=BOB, text="unsubscribe", message_id="later")
    assert [event[0] for event in await town.events()] == ["withdraw_all"]
    await intake.take(later, Envelope(str(BOB), ("promotions@shop.example",)), NOW + timedelta(minutes=61))
    await intake.drain()
    intake.close()

    assert [row.kind for row in await town.outbox()] == ["receipt", "hand_on", "receipt"]
    assert await town.events(town.bob) == [("withdraw_all", (), "reply", "exact_address")]


FORMER = "anna@old.example"


@pytest.mark.parametrize(
    ("standing", "with_token", "rung"),
    [
        (None, True, Rung.OWNER_WITH_TOKEN),
        (Standing.PROVEN, False, Rung.PROVEN_ADDRESS),
        (Standing.UNPROVEN, False, Rung.ALIAS),
        (Standing.FORGED, False, Rung.FORGED_ADDRESS),
    ],
)
async def test_a_reply_from_a_former_address_is_the_person_s(
    town: Town, standing: Standing | None, *, with_token: bool, rung: Rung
) -> None:
    """P2, P12: who moved and answers from the old address, in whatever spelling, is read by the same table."""
    async with town.database.transaction() as session:
        await remember(session, town.anna, parse_address(FORMER), "former", secrets=SECRETS, at=NOW)
    intake = watched(town, Witness(standing))
    to = town.reply_address(town.anna) if with_token else "promotions@shop.example"
    raw = a_mail(sender="anna+x@old.example", to=to, text="unsubscribe", message_id="1@x")

    await intake.take(raw, Envelope(FORMER, (to,)), NOW)
    await intake.drain()
    intake.close()

    decision = (await town.decisions())[-1]
    done = [DONE[name] for action in decision.actions for name in DONE if action.startswith(name)]
    assert done == TABLE[rung][0]
    assert decision.subscriber_id == town.anna
    letters = [row for row in await town.outbox() if row.kind != "hand_on"]
    assert [row.address for row in letters] == [str(ANNA)]  # what is said about it goes to the present address


async def test_a_former_address_of_two_people_speaks_for_neither(town: Town) -> None:
    """A family's address is no proof of one of them."""
    async with town.database.transaction() as session:
        for person in (town.anna, town.bob):
            await remember(session, person, parse_address(FORMER), "former", secrets=SECRETS, at=NOW)
    intake = watched(town, Witness(Standing.PROVEN))

    await intake.take(
        a_mail(sender=FORMER, text="unsubscribe", message_id="1@x"), Envelope(FORMER, ("promotions@shop.example",)), NOW
    )
    await intake.drain()
    intake.close()

    assert await town.events() == []
    assert [row.kind for row in await town.outbox()] == ["hand_on"]
