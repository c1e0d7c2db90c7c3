"""What sign-ups lead to: one letter to a mailbox, a confirmation from the address, two letters to a guardian."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from consent import ledger, signup, subscribers
from consent.admission import Form, Rules, agreement_of
from consent.ledger import Done, Source
from consent.model import AgeBand, Door, Proof, SubscriberId
from consent.record import record
from consent.standing import mailable
from consent.subscribers import Profile
from consent.tables import ConsentEventRow, NotMeRow, SignUpRow, SubscriberRow
from kit.addresses import parse_address
from kit.db import Base, Database
from mailer import outbox
from mailer.invitations import Invitations
from mailer.outbox import Kind
from mailer.tables import OutboxRow
from tests.database import NOW, SECRETS

WORDING = "Yes, send me mail about the topics that I ticked."
RULES = Rules(most_waiting=100)
PAGE = Source(Door.PAGE, Proof.TOKEN, wording="Yes, send me these mails.", policy_version="2026-11-01")
AGREED = agreement_of(Door.PAGE, Proof.TOKEN, "I am the parent or guardian, and I agree.")
DAY, HOUR, SECOND = timedelta(days=1), timedelta(hours=1), timedelta(seconds=1)


@dataclass
class Desk:
    """The desk of a house with the clock in our hands, and a relay that takes every letter when we say so."""

    database: Database
    invitations: Invitations = field(default_factory=lambda: Invitations(SECRETS, RULES, timedelta(days=7), 50))
    now: datetime = NOW

    async def signs_up(self, address: str, *topics: str, guardian: str = "", language: str = "en") -> bool:
        form = Form(WORDING, "2026-11-01", language, self.now - SECOND)
        async with self.database.transaction() as session:
            return await signup.note(
                session, parse_address(address), topics or ("deals",), form,
                guardian=parse_address(guardian) if guardian else None, secrets=SECRETS, rules=RULES, at=self.now,
            )  # fmt: skip

    async def looks(self) -> list[tuple[str, str]]:
        """Let the desk look until nothing is due, and return the letters that it queued: kind and address."""
        before = len(await self.letters())
        async with self.database.transaction() as session:
            while await self.invitations.look(session, at=self.now):
                pass
        return [(row.kind, row.address) for row in (await self.letters())[before:]]

    async def sends(self) -> None:
        """Let the relay take what waits."""
        async with self.database.transaction() as session:
            for claimed in await outbox.claim(session, worker="w", token="t", at=self.now, most=50):
                await outbox.record_done(session, claimed, "sent", at=self.now)

    async def letters(self) -> list[OutboxRow]:
        async with self.database.reading() as session:
            return list(await session.scalars(sa.select(OutboxRow).order_by(OutboxRow.id)))

    async def waiting(self) -> list[SignUpRow]:
        async with self.database.reading() as session:
            return list(await session.scalars(sa.select(SignUpRow).order_by(SignUpRow.id)))

    async def confirms(self) -> object:
        """Let the owner of the only sign-up confirm."""
        (row,) = await self.waiting()
        async with self.database.transaction() as session:
            return await self.invitations.confirm(session, row.id, row.nonce, source=PAGE, at=self.now)

    async def agrees(self) -> bool:
        (row,) = await self.waiting()
        async with self.database.transaction() as session:
            return await self.invitations.agree(session, row.id, row.nonce, agreement=AGREED, at=self.now)

    async def withdraws(self) -> bool:
        (row,) = await self.waiting()
        async with self.database.transaction() as session:
            return await self.invitations.withdraw(session, row.id, row.nonce, source=PAGE, at=self.now)

    async def not_me(self) -> bool:
        (row,) = await self.waiting()
        async with self.database.transaction() as session:
            return await self.invitations.not_me(session, row.id, row.nonce, at=self.now)

    async def forgets(self) -> int:
        async with self.database.transaction() as session:
            return await self.invitations.forget(session, at=self.now)

    async def mailable(self) -> list[str]:
        async with self.database.reading() as session:
            people = mailable("deals", now=self.now)
            return list(await session.scalars(sa.select(SubscriberRow.address).where(SubscriberRow.id.in_(people))))

    async def acts(self) -> list[str]:
        async with self.database.reading() as session:
            return list(await session.scalars(sa.select(ConsentEventRow.act).order_by(ConsentEventRow.seq)))

    async def people(self) -> int:
        async with self.database.reading() as session:
            return await session.scalar(sa.select(sa.func.count()).select_from(SubscriberRow)) or 0

    async def knows(self, address: str, *topics: str, age: AgeBand = AgeBand.OVER_13) -> SubscriberId:
        profile = Profile(parse_address(address), age_band=age)
        async with self.database.transaction() as session:
            person = (await subscribers.add(session, [profile], secrets=SECRETS, at=self.now))[profile.address.key]
            source = Source(Door.IMPORT, Proof.EVIDENCE)
            await ledger.confirm(session, person, topics, source=source, at=self.now - DAY)
        return person


async def everything(database: Database, text: str) -> list[str]:
    """Return the tables in which a text stands anywhere."""
    async with database.reading() as session:
        return [
            table.name
            for table in Base.metadata.sorted_tables
            if any(text in str(value) for row in await session.execute(sa.select(table)) for value in row)
        ]


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


# -- grown-ups --------------------------------------------------------------------------------------------------------


async def test_nobody_is_a_subscriber_before_confirming(desk: Desk) -> None:
    """Double opt-in: one letter, and nothing of it among people or in the ledger (P3)."""
    await desk.signs_up("jo@example.org")

    assert await desk.looks() == [("sign_up", "jo@example.org")]
    assert (await desk.people(), await desk.acts()) == (0, [])


async def test_confirmed_from_the_address_the_consent_says_what_was_shown(desk: Desk) -> None:
    """Wording, policy version, language, door and time as they were (P3); the sign-up itself is gone."""
    await desk.signs_up("Jo@example.org", "deals", "events")
    await desk.looks()
    desk.now += HOUR

    assert isinstance(await desk.confirms(), Done)

    assert await desk.mailable() == ["Jo@example.org"]
    assert await desk.waiting() == []
    async with desk.database.reading() as session:
        known = await record(session, parse_address("jo@example.org"))
    assert known is not None
    asked, confirmed = known["events"]
    assert (asked["act"], asked["at"], asked["door"], asked["proof"]) == ("subscribe", NOW.isoformat(), "page", "none")
    assert (asked["wording"], asked["policy_version"]) == (WORDING, "2026-11-01")
    assert asked["evidence"] == {"form": "page", "language": "en", "shown": (NOW - SECOND).isoformat()}
    assert (confirmed["act"], confirmed["proof"], confirmed["at"]) == ("confirm", "token", desk.now.isoformat())
    assert known["age"] == "over_13"


async def test_a_confirmation_counts_once_and_in_time(desk: Desk) -> None:
    """A second press, a wrong number and a late one change nothing."""
    await desk.signs_up("jo@example.org")
    await desk.looks()
    (row,) = await desk.waiting()
    async with desk.database.transaction() as session:
        assert await desk.invitations.confirm(session, row.id, row.nonce + 1, source=PAGE, at=desk.now) is None
        assert await desk.invitations.confirm(session, row.id, row.nonce, source=PAGE, at=desk.now + 7 * DAY) is None

    await desk.confirms()
    async with desk.database.transaction() as session:
        assert await desk.invitations.confirm(session, row.id, row.nonce, source=PAGE, at=desk.now) is None

    assert await desk.acts() == ["subscribe", "confirm"]


async def test_who_leaves_after_asking_has_left(desk: Desk) -> None:
    """An opt-out between asking and confirming stands (promise 6)."""
    person = await desk.knows("jo@example.org", "events")
    await desk.signs_up("jo@example.org")
    await desk.looks()
    async with desk.database.transaction() as session:
        await ledger.withdraw_all(session, person, source=PAGE, at=desk.now + HOUR)
    desk.now += 2 * HOUR

    assert not isinstance(await desk.confirms(), Done)

    assert await desk.mailable() == []


@pytest.mark.parametrize(
    "spellings",
    [["jo@example.org"] * 3, ["jo@example.org", "jo+1@example.org", "JO+2@example.org"],
     ["j.o@gmail.com", "jo@googlemail.com", "jo+x@gmail.com"]],
    ids=["same", "plus", "google"],
)  # fmt: skip
async def test_a_mailbox_gets_one_letter_however_it_is_spelt(desk: Desk, spellings: list[str]) -> None:
    """List bombing (A14): one in seven days; then, asked for anew, another."""
    for address in spellings:
        await desk.signs_up(address)
    assert await desk.looks() == [("sign_up", spellings[0])]
    desk.now += HOUR
    await desk.signs_up(spellings[1])

    assert await desk.looks() == []
    assert len(await desk.waiting()) == 1  # nothing waits for the week to be over
    desk.now += 7 * DAY
    await desk.forgets()
    await desk.signs_up(spellings[1])
    assert await desk.looks() == [("sign_up", spellings[1])]


async def test_a_victim_gets_one_letter_whatever_they_are_said_to_be(desk: Desk) -> None:
    """As the address, as a guardian, and once more."""
    await desk.signs_up("kid@example.org", guardian="victim@example.org")
    await desk.signs_up("victim@example.org")
    await desk.signs_up("kim@example.org", guardian="victim+1@example.org")

    assert await desk.looks() == [("guardian_request", "victim@example.org")]


async def test_two_desks_write_one_letter(desk: Desk) -> None:
    """Workers on two machines look at the same moment."""
    for number in range(20):
        await desk.signs_up(f"victim+{number}@example.org")
    other = Desk(desk.database, desk.invitations)

    await asyncio.gather(desk.looks(), other.looks(), desk.looks())

    assert [row.kind for row in await desk.letters()] == ["sign_up"]
    assert len(await desk.waiting()) == 1


async def test_who_is_in_already_is_told_so_once(desk: Desk) -> None:
    """The page said what it says to everybody."""
    await desk.knows("jo@example.org", "deals")
    await desk.signs_up("jo@example.org")
    await desk.signs_up("jo@example.org")

    assert await desk.looks() == [("already_in", "jo@example.org")]
    assert await desk.waiting() == []


async def test_a_further_topic_is_confirmed_like_the_first(desk: Desk) -> None:
    """Being known proves nothing about who typed."""
    await desk.knows("jo@example.org", "events")
    await desk.signs_up("jo@example.org", "deals", "events")

    assert await desk.looks() == [("sign_up", "jo@example.org")]


async def test_not_me_deletes_and_is_remembered(desk: Desk) -> None:
    """Somebody typed another's address: no further letter for a year, and of the address a keyed hash alone is kept."""
    await desk.signs_up("jo@example.org")
    await desk.looks()

    assert await desk.not_me()

    assert (await desk.waiting(), await desk.people()) == ([], 0)
    desk.now += 300 * DAY
    await desk.signs_up("jo+again@example.org")
    assert (await desk.looks(), await desk.waiting()) == ([], [])
    async with desk.database.reading() as session:
        (kept,) = await session.scalars(sa.select(NotMeRow.mailbox_hash))
    assert kept == SECRETS.mailbox_hash(parse_address("jo@example.org"))
    desk.now += 66 * DAY
    await desk.forgets()
    await desk.signs_up("jo@example.org")
    assert await desk.looks() == [("sign_up", "jo@example.org")]


async def test_a_letter_of_a_sign_up_that_is_gone_is_called_back(desk: Desk) -> None:
    """Where the relays were away for a week, nobody is asked about what is deleted."""
    await desk.signs_up("jo@example.org")
    await desk.looks()
    desk.now += 7 * DAY

    assert await desk.forgets() == 1

    (letter,) = await desk.letters()
    assert (letter.state, letter.address, letter.details) == ("failed", "", {})


@pytest.mark.parametrize(("reason", "asked"), [("complaint", True), ("hard bounce", True), ("by law", False)])
async def test_only_the_person_reverses_a_suppression(desk: Desk, reason: str, asked: bool) -> None:
    """By confirming from that address; what staff closed for another reason stays closed."""
    person = await desk.knows("jo@example.org", "deals")
    async with desk.database.transaction() as session:
        await ledger.suppress(session, person, reason=reason, source=Source(Door.STAFF, Proof.STAFF), at=desk.now)
    await desk.signs_up("jo@example.org")

    assert await desk.looks() == ([("sign_up", "jo@example.org")] if asked else [])
    assert await desk.mailable() == []
    if asked:
        await desk.confirms()
        assert await desk.mailable() == ["jo@example.org"]


async def test_all_mailboxes_together_get_so_many_letters_an_hour(desk: Desk) -> None:
    """A botnet that types many addresses makes us no spammer; who came late waits for the next hour."""
    desk.invitations = Invitations(SECRETS, RULES, timedelta(days=7), 3)
    for number in range(5):
        await desk.signs_up(f"p{number}@example.org")

    assert len(await desk.looks()) == 3
    desk.now += HOUR + timedelta(minutes=10)
    assert len(await desk.looks()) == 2


async def test_so_many_sign_ups_wait_and_no_more(desk: Desk) -> None:
    """Bounds what a botnet can make us keep."""
    taken = [await desk.signs_up(f"p{number}@example.org") for number in range(101)]

    assert (taken.count(True), taken[-1]) == (100, False)


# -- children ---------------------------------------------------------------------------------------------------------


async def a_guardian_agrees(desk: Desk) -> None:
    """Bring a child's sign-up to the moment at which its own address is asked."""
    await desk.signs_up("kim@school.example", guardian="mum@example.org")
    assert await desk.looks() == [("guardian_request", "mum@example.org")]
    await desk.sends()
    desk.now += HOUR
    assert await desk.agrees()
    desk.now += DAY
    assert await desk.looks() == [("guardian_second", "mum@example.org")]


async def test_a_child_joins_after_both_letters_the_delay_and_its_own_confirmation(desk: Desk) -> None:
    """P8: no mail to the child, and nothing in the ledger, before the guardian's consent stands."""
    await a_guardian_agrees(desk)
    assert (await desk.people(), await desk.acts()) == (0, [])
    await desk.sends()
    desk.now += timedelta(seconds=3)

    assert await desk.looks() == [("sign_up", "kim@school.example")]
    assert isinstance(await desk.confirms(), Done)

    assert await desk.mailable() == ["kim@school.example"]
    assert await desk.acts() == ["guardian_consent", "subscribe", "confirm"]
    async with desk.database.reading() as session:
        known = await record(session, parse_address("kim@school.example"))
    assert known is not None
    assert known["age"] == "under_13"
    consent = known["events"][0]
    assert consent["wording"] == AGREED["wording"]
    assert consent["evidence"]["guardian"] == SECRETS.mailbox_hash(parse_address("mum@example.org"))
    assert {"asked", "agreed", "second letter"} <= consent["evidence"].keys()


async def test_without_the_second_letter_nothing_stands(desk: Desk) -> None:
    """While it waits in the outbox, and when it could not be sent."""
    await a_guardian_agrees(desk)
    desk.now += HOUR

    assert await desk.looks() == []
    assert await desk.confirms() is None
    assert await desk.people() == 0
    async with desk.database.transaction() as session:
        await session.execute(sa.update(OutboxRow).where(OutboxRow.state == "waiting").values(state="failed"))
    desk.now += HOUR
    assert (await desk.looks(), await desk.waiting()) == ([], [])


async def test_a_second_letter_that_may_not_have_arrived_goes_again(desk: Desk) -> None:
    """A crash left it unknown: better twice than a consent without it."""
    await a_guardian_agrees(desk)
    async with desk.database.transaction() as session:
        await session.execute(sa.update(OutboxRow).where(OutboxRow.state == "waiting").values(state="unknown"))
    desk.now += HOUR

    assert await desk.looks() == [("guardian_second", "mum@example.org")]


async def test_a_yes_before_the_delay_is_over_leads_nowhere_yet(desk: Desk) -> None:
    """Twenty-four hours are twenty-four hours."""
    await desk.signs_up("kim@school.example", guardian="mum@example.org")
    await desk.looks()
    await desk.agrees()
    desk.now += DAY - SECOND

    assert await desk.looks() == []
    assert await desk.confirms() is None


async def test_a_guardian_who_never_answers_all_is_deleted_in_time(desk: Desk) -> None:
    """16 CFR 312.5(c)(1): neither address is left anywhere, and the child never heard of us."""
    await desk.signs_up("kim@school.example", guardian="mum@example.org")
    await desk.looks()
    await desk.sends()
    desk.now += 14 * DAY

    assert await desk.forgets() == 1

    assert (await desk.waiting(), await desk.people()) == ([], 0)
    (letter,) = await desk.letters()
    assert (letter.kind, letter.address, letter.details) == ("guardian_request", "", {})
    for address in ("kim@school.example", "mum@example.org"):
        assert await everything(desk.database, address) == []


async def test_a_refusal_deletes_all_and_is_remembered(desk: Desk) -> None:
    """And the last letter says that it is done."""
    await desk.signs_up("kim@school.example", guardian="mum@example.org")
    await desk.looks()
    await desk.sends()

    assert await desk.withdraws()

    assert await desk.waiting() == []
    assert (await desk.letters())[-1].kind == "guardian_receipt"
    desk.now += 20 * DAY
    await desk.signs_up("kim@school.example", guardian="mum@example.org")
    assert await desk.looks() == []


@pytest.mark.parametrize("stage", ["in the delay", "told", "joined"])
async def test_a_guardian_withdraws_at_any_time(desk: Desk, stage: str) -> None:
    """What waits is called back, what stands ends at once, and the guardian hears that it is done."""
    await desk.signs_up("kim@school.example", guardian="mum@example.org")
    await desk.looks()
    await desk.sends()
    await desk.agrees()
    if stage != "in the delay":
        desk.now += DAY
        await desk.looks()
    if stage == "joined":
        await desk.sends()
        desk.now += HOUR
        await desk.looks()
        await desk.confirms()
        assert await desk.mailable() == ["kim@school.example"]

    assert await desk.withdraws()

    assert (await desk.mailable(), await desk.waiting()) == ([], [])
    assert [row.kind for row in await desk.letters() if row.state == "waiting"] == ["guardian_receipt"]
    if stage == "joined":
        assert (await desk.acts())[-3:] == ["guardian_withdraw", "withdraw_all", "suppress"]
        assert await everything(desk.database, "kim@school.example") == []
        return
    desk.now += 3 * DAY
    assert (await desk.looks(), await desk.people()) == ([], 0)


@pytest.mark.parametrize("stage", ["asked", "joined"])
async def test_after_a_no_the_child_comes_back_with_a_guardian_only(desk: Desk, stage: str) -> None:
    """Not as somebody older; and where a guardian agrees, after both letters and the delay."""
    await desk.signs_up("kim@school.example", guardian="mum@example.org")
    await desk.looks()
    await desk.sends()
    if stage == "joined":
        await desk.agrees()
        desk.now += DAY
        await desk.looks()
        await desk.sends()
        desk.now += HOUR
        await desk.looks()
        await desk.confirms()
    await desk.withdraws()
    await desk.sends()
    desk.now += 8 * DAY

    await desk.signs_up("kim+older@school.example")
    assert (await desk.looks(), await desk.waiting()) == ([], [])
    await desk.signs_up("kim@school.example", guardian="dad@example.org")
    assert await desk.looks() == [("guardian_request", "dad@example.org")]
    await desk.agrees()
    desk.now += DAY
    await desk.looks()
    await desk.sends()
    desk.now += HOUR
    await desk.looks()
    assert isinstance(await desk.confirms(), Done)
    assert await desk.mailable() == ["kim@school.example"]


async def test_a_second_child_of_one_guardian_waits_for_its_turn(desk: Desk) -> None:
    """The guardian gets one letter a week; the sister's wish is not lost."""
    await desk.signs_up("kim@school.example", guardian="mum@example.org")
    await desk.signs_up("lea@school.example", guardian="mum@example.org")

    assert await desk.looks() == [("guardian_request", "mum@example.org")]
    desk.now += 7 * DAY + SECOND
    assert await desk.looks() == [("guardian_request", "mum@example.org")]


async def test_no_second_try_as_somebody_older(desk: Desk) -> None:
    """The first word about an age counts while the guardian is asked, and for good once it is on record."""
    await desk.signs_up("kim@school.example", guardian="mum@example.org")
    await desk.signs_up("kim@school.example")
    await desk.knows("lea@school.example", age=AgeBand.UNDER_13)
    await desk.signs_up("lea@school.example")
    await desk.signs_up("Lea+older@school.example")  # the same mailbox

    assert await desk.looks() == [("guardian_request", "mum@example.org")]
    assert [row.address for row in await desk.waiting()] == ["kim@school.example"]


async def test_the_guardian_of_a_child_that_left_is_forgotten(desk: Desk) -> None:
    """Kept as long as there is something to withdraw, and no longer."""
    await a_guardian_agrees(desk)
    await desk.sends()
    desk.now += HOUR
    await desk.looks()
    await desk.confirms()
    assert (await desk.forgets(), len(await desk.waiting())) == (0, 1)
    (row,) = await desk.waiting()
    person = SubscriberId(row.subscriber_id or 0)
    async with desk.database.transaction() as session:
        await ledger.withdraw_all(session, person, source=PAGE, at=desk.now)

    assert await desk.forgets() == 1

    assert await desk.waiting() == []


async def test_a_yes_that_proves_too_little_is_sent_to_the_page_once(desk: Desk) -> None:
    """And not after the guardian has agreed."""
    await desk.signs_up("kim@school.example", guardian="mum@example.org")
    await desk.looks()
    (row,) = await desk.waiting()
    async with desk.database.transaction() as session:
        asked = [await desk.invitations.ask_for_the_page(session, row.id, row.nonce, at=desk.now) for _ in range(2)]

    assert asked == [True, False]
    assert (await desk.letters())[-1].kind == Kind.GUARDIAN_QUESTION.value
