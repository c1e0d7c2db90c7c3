"""The postman: what is queued is written, signed and sent, and what became of it is written down."""

import asyncio
import contextlib
from collections.abc import Callable
from datetime import datetime, timedelta
from email import message_from_bytes
from pathlib import Path

from consent.subscribers import Profile, add
from consent.tables import TopicRow
from kit.addresses import parse_address
from kit.db import Database
from mailer import outbox
from mailer.handover import handed_on
from mailer.letters import Letters
from mailer.outbox import Kind, Letter
from mailer.postman import Parcel, Postman
from mailer.relays import Deferred, Failed, Result, Sent, Unknown
from mailer.signing import Signer
from mailer.tables import OutboxRow
from tests.database import NOW, SECRETS, database
from tests.mailer.letters_at_hand import SENDER, TOKENS, dkim_keys

__all__ = ["database"]

ANNA = parse_address("anna@example.org")
SERVICE = parse_address("service@help.example")
TEXTS = Path(__file__).resolve().parents[2] / "templates" / "email" / "service"
RAW = b"From: anna@example.org\r\nSubject: order\r\nMessage-ID: <9@example.org>\r\n\r\nWhere is it?\r\n"


class SomeRelays:
    """Relays that answer what they are told to, and keep what they were given."""

    outage: str | None = None

    def __init__(self, *answers: Result) -> None:
        self.answers = list(answers)
        self.taken: list[Parcel] = []

    async def send(self, mail: Parcel, *, may_start: Callable[[], bool]) -> Result:
        assert may_start()
        self.taken.append(mail)
        return self.answers.pop(0) if self.answers else Sent(250, "ok")


class Clockwork:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


def a_postman(database: Database, relays: object, clock: Callable[[], datetime] = lambda: NOW) -> Postman:
    return Postman(
        database, relays, letters=Letters(SENDER, TOKENS, Signer(dkim_keys()), TEXTS),  # type: ignore[arg-type]  # fakes
        sender=SENDER, tokens=TOKENS, worker="w1", clock=clock,
    )  # fmt: skip


async def queue(database: Database, *kinds: Kind) -> None:
    async with database.transaction() as session:
        session.add(TopicRow(key="deals", name="Great Deals"))
        await session.flush()
        known = await add(session, [Profile(ANNA)], secrets=SECRETS, at=NOW)
        for kind in kinds:
            details = {"topics": ["deals"], "scope": "topics", "event": 7, "in_reply_to": "9@example.org"}
            is_service = kind is not Kind.HAND_ON
            letter = Letter(
                kind, ANNA if is_service else SERVICE, "a" * 64, known[ANNA.key] if is_service else None,
                details=details if is_service else {}, raw=None if is_service else RAW,
            )  # fmt: skip
            await outbox.enqueue(session, letter, at=NOW, once_in=None)


async def rows(database: Database) -> list[OutboxRow]:
    async with database.reading() as session:
        return [row for number in range(1, 9) if (row := await session.get(OutboxRow, number)) is not None]


async def test_service_letters_are_written_signed_and_sent_from_nobody(database: Database) -> None:
    """RFC 3834: null return path, Auto-Submitted, in the thread; every kind has its letter."""
    await queue(database, Kind.RECEIPT, Kind.CONFIRMATION, Kind.QUESTION, Kind.ASK_OWNER)
    relays = SomeRelays()

    assert await a_postman(database, relays).deliver() == 4

    by_subject = {str(mail["Subject"]): mail for parcel in relays.taken if (mail := message_from_bytes(parcel.content))}
    receipt = by_subject["You are unsubscribed"]
    assert receipt["Auto-Submitted"] == "auto-replied"
    assert receipt["In-Reply-To"] == "<9@example.org>"
    assert len(receipt.get_all("DKIM-Signature") or []) == 2
    assert "Great Deals" in receipt.as_string()
    confirmation = next(mail for subject, mail in by_subject.items() if "confirm" in subject)
    token = TOKENS.parse_local(str(confirmation["Reply-To"]).partition("<")[2].partition("@")[0])
    assert token is not None
    assert token.extra == 2
    assert by_subject["Did you ask us to stop?"]["In-Reply-To"] is None
    assert {(parcel.mail_from, parcel.rcpt_to) for parcel in relays.taken} == {("", str(ANNA))}
    assert {(row.state, row.address) for row in await rows(database)} == {("sent", "")}


async def test_a_customer_s_letter_is_handed_on_byte_for_byte(database: Database) -> None:
    """P17: Resent lines before it, the rest as it was; a bounce comes back to an address of ours."""
    await queue(database, Kind.HAND_ON)
    relays = SomeRelays()

    await a_postman(database, relays).deliver()

    (parcel,) = relays.taken
    assert parcel.content.endswith(RAW)
    head = message_from_bytes(parcel.content.removesuffix(RAW))
    assert (head["Resent-From"], head["Resent-To"]) == (str(SENDER.from_address), str(SERVICE))
    assert head["Byleave-Loop"] == "reply.shop.example"
    token = TOKENS.parse_local(parcel.mail_from.partition("@")[0])
    assert token is not None
    assert token.subscriber_id == 0
    assert (await rows(database))[0].raw is None


def test_only_what_smtp_cannot_carry_is_mended() -> None:
    """Mailboxes hold lone line ends and NULs; all other octets stay."""
    letter = handed_on(
        b"From: a\nX: \xff\r\n\r\nb\0c\r.\n.", sender=ANNA, to=SERVICE, message_id="<1@x>", at=NOW, loop_mark="x"
    )

    assert letter.endswith(b"From: a\r\nX: \xff\r\n\r\nbc\r\n.\r\n.\r\n")


async def test_deferred_letters_are_tried_again_and_given_up(database: Database) -> None:
    """4xx: later, by the plan; after two days a receipt is stale."""
    await queue(database, Kind.RECEIPT)
    clock = Clockwork()
    relays = SomeRelays(*[Deferred(451, "4.3.0", "later")] * 100)
    postman = a_postman(database, relays, clock)

    await postman.deliver()
    assert (await rows(database))[0].state == "waiting"
    assert await postman.deliver() == 0
    for _ in range(100):
        clock.now += timedelta(hours=1)
        await postman.deliver()

    (row,) = await rows(database)
    assert (row.state, row.address) == ("failed", "")
    assert 5 < len(relays.taken) < 50


async def test_a_lost_answer_is_unknown_for_us_and_repeated_for_a_customer(database: Database) -> None:
    """At most once, at least once."""
    await queue(database, Kind.RECEIPT, Kind.HAND_ON)

    await a_postman(database, SomeRelays(Unknown("lost"), Unknown("lost"))).deliver()

    assert [(row.state, row.raw) for row in await rows(database)] == [("unknown", None), ("waiting", RAW)]


async def test_a_refused_customer_s_letter_stays_for_staff(database: Database) -> None:
    """Never lost."""
    await queue(database, Kind.HAND_ON)

    await a_postman(database, SomeRelays(Failed(550, "5.7.1", "no"))).deliver()

    assert [(row.state, row.raw) for row in await rows(database)] == [("failed", RAW)]


async def test_a_letter_that_cannot_be_written_fails_alone(database: Database) -> None:
    """A receipt without a person is a fault of ours; its neighbour is sent."""
    await queue(database, Kind.RECEIPT)
    async with database.transaction() as session:
        await outbox.enqueue(session, Letter(Kind.RECEIPT, ANNA, "a" * 64), at=NOW, once_in=None)

    await a_postman(database, SomeRelays()).deliver()

    assert [row.state for row in await rows(database)] == ["sent", "failed"]


async def test_the_loop_wakes_and_ends_by_cancellation(database: Database) -> None:
    """A letter queued while the postman rests goes out at once; on stopping what has not begun is given back."""
    relays = SomeRelays()
    postman = a_postman(database, relays)
    task = asyncio.create_task(postman.run())
    await asyncio.sleep(0.05)
    await queue(database, Kind.RECEIPT)
    postman.wake()
    for _ in range(500):
        if relays.taken and (await rows(database))[0].state == "sent":
            break
        await asyncio.sleep(0.01)

    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert task.cancelled()


async def test_what_had_not_begun_when_we_stop_is_given_back(database: Database) -> None:
    """It is not unknown: another worker sends it at once."""

    class Slow(SomeRelays):
        reached = asyncio.Event()

        async def send(self, mail: Parcel, *, may_start: Callable[[], bool]) -> Result:
            self.reached.set()
            await asyncio.sleep(60)
            return Sent(250, "ok")

    await queue(database, Kind.RECEIPT)
    relays = Slow()
    task = asyncio.create_task(a_postman(database, relays).deliver())
    await relays.reached.wait()

    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task

    assert [row.state for row in await rows(database)] == ["waiting"]
