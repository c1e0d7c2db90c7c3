"""What a child's sign-up leads to: two letters to a guardian with a delay between, and a no at any time (P8)."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from consent import ledger
from consent.ledger import Done
from consent.model import AgeBand, SubscriberId
from consent.record import record
from kit.addresses import parse_address
from mailer.outbox import Kind
from mailer.tables import OutboxRow
from tests.database import SECRETS
from tests.mailer.reception import AGREED, DAY, HOUR, PAGE, SECOND, Desk, everything


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
