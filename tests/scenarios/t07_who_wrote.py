"""Who wrote? Stories of people whose replies come by way of friends, forwarders, secretaries, lists and forgers.

Each goes the whole way: a promotion as we send it, the answer as mail programs and servers write it, the real reader,
the intake, the ledger, and the postman, whose letters people answer in turn.
"""

import functools
import itertools
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
import sqlalchemy as sa

from consent.ledger import Source, confirm, standing_of
from consent.model import Door, Proof, SubscriberId
from consent.subscribers import Profile, add
from consent.tables import ConsentEventRow, SuppressionRow
from inbound.intake import Intake
from inbound.model import Channel, Envelope, InboundMail, Origin, Standing
from inbound.readers import ThreadReaders
from inbound.reading import read
from inbound.worlds import Worlds
from kit.addresses import EmailAddress, parse_address
from kit.config import CHECKOUT, InboundSettings
from kit.db import Database
from mailer.compose import Source as Words
from mailer.compose import compile_mailing
from mailer.footer import footer_templates
from mailer.letters import Letters, own_words
from mailer.model import Recipient, Sender
from mailer.postman import Parcel, Postman
from mailer.promotion import Promotion
from mailer.relays import Result, Sent
from mailer.signing import Signer
from tests.database import NOW, SECRETS
from tests.inbound.taking import ANNA, BOB, HOUSE, SERVICE, TOKENS, Town, town_on
from tests.mailer.letters_at_hand import MAILING, SENDER, dkim_keys

TEXTS = CHECKOUT / "templates" / "email" / "service"
BOX = parse_address("info@bakery.example")  # Carla and Dirk read it
SHOP = "promotions@shop.example"
FRIEND = "dora@friends.example"
WORDS = "Hello {{ name }},\n\nthe spring sale has begun. Everything is cheaper until Sunday.\n\nYour shop\n"
BY_IMPORT = Source(Door.IMPORT, Proof.EVIDENCE, {"source": "test"})


@dataclass
class Answer:
    """What became of one mail: what was done, whether staff see it, and the letters that went out."""

    actions: list[str]
    is_for_staff: bool
    letters: list[tuple[str, EmailMessage]]  # kind and letter

    @property
    def sent(self) -> list[tuple[str, str]]:
        """Return the kind of each letter and the address it went to."""
        return [(kind, letter["X-Rcpt"]) for kind, letter in self.letters]

    @property
    def letter(self) -> EmailMessage:
        """Return the only letter."""
        ((_, letter),) = self.letters
        return letter


class Relays:
    """Take every letter and keep it."""

    outage: str | None = None

    def __init__(self) -> None:
        self.taken: list[Parcel] = []

    async def send(self, mail: Parcel, *, may_start: Callable[[], bool]) -> Result:
        """Take a letter."""
        assert may_start()
        self.taken.append(mail)
        return Sent(250, "ok")


class Witness:
    """Says where mails come from, as the story wants it."""

    standing = Standing.UNPROVEN

    def __call__(self, raw: bytes, mail: InboundMail, envelope: Envelope, at: datetime) -> Origin:
        assert all((raw, mail.sender, envelope.rcpt_to, at))
        return Origin(self.standing, ("as the story says",))


class Clockwork:
    """A clock that stands until it is moved."""

    now = NOW

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Post:
    """The whole house: what arrives is decided, and what is queued is written and goes out at once."""

    town: Town
    intake: Intake
    postman: Postman
    people: dict[str, SubscriberId]
    relays: Relays
    witness: Witness
    clock: Clockwork
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    def promotion(self, to: EmailAddress) -> EmailMessage:
        """Return the letter that somebody got from us."""
        recipient = Recipient(self.people[to.key], to, "Jo", "en")
        return letter_of(promotions(self.town.mailing).letter(recipient, NOW - timedelta(hours=2)).content)

    async def arrives(self, raw: bytes, mail_from: object, *rcpt_to: str) -> Answer:
        """Let a mail come in ten minutes after the last, and the postman go his round."""
        self.clock.now += timedelta(minutes=10)
        before = len(await self.town.outbox())
        taken = await self.intake.take(raw, Envelope(str(mail_from), rcpt_to, channel=Channel.SMTP), self.clock.now)
        assert (taken.code, taken.text) == (250, "taken and decided")
        queued = (await self.town.outbox())[before:]
        known = [(row.kind, row.address) for row in queued]
        self.relays.taken.clear()
        await self.postman.deliver()
        letters = []
        for kind, address in known:
            (content,) = (one.content for one in self.relays.taken if one.rcpt_to == address)
            letter = letter_of(content)
            letter["X-Rcpt"] = address
            letters.append((kind, letter))
        assert len(letters) == len(self.relays.taken)
        decision = (await self.town.decisions())[-1]
        return Answer(decision.actions, decision.review, letters)

    async def replies(
        self, letter: EmailMessage, sender: object, text: str, *headers: str, to: str = "", mail_from: object = None,
    ) -> Answer:  # fmt: skip
        """Let somebody press "reply" below a letter and write."""
        to = to or reply_to(letter)
        raw = a_reply(letter, sender, text, *headers, to=to, number=next(self._numbers))
        return await self.arrives(raw, parse_sender(sender) if mail_from is None else mail_from, to)

    async def writes(self, sender: object, text: str, *headers: str, subject: str = "Your mails") -> Answer:
        """Let somebody write to us anew: no token anywhere."""
        raw = a_letter(sender, SHOP, subject, text, *headers, number=next(self._numbers))
        return await self.arrives(raw, parse_sender(sender), SHOP)

    async def events(self, whose: EmailAddress) -> list[tuple[str, str, str]]:
        """Return act, door and proof of what happened to a person since they agreed at first."""
        async with self.town.database.reading() as session:
            rows = await session.scalars(
                sa.select(ConsentEventRow)
                .where(ConsentEventRow.subscriber_id == self.people[whose.key])
                .order_by(ConsentEventRow.seq)
            )
            return [(row.act, row.door, row.proof) for row in rows if row.door != Door.IMPORT.value]

    async def gets(self, whose: EmailAddress) -> list[str]:
        """Return the topics that a person gets."""
        async with self.town.database.reading() as session:
            return sorted((await standing_of(session, self.people[whose.key])).granted())

    async def nothing_changed(self) -> bool:
        """Whether everybody stands where they stood, and no address is closed."""
        async with self.town.database.reading() as session:
            closed = await session.scalar(sa.select(sa.func.count()).select_from(SuppressionRow))
        return not closed and not [event for person in (ANNA, BOB, BOX) for event in await self.events(person)]


@pytest.fixture
async def post(database: Database) -> AsyncIterator[Post]:
    async with town_on(database) as town:
        async with database.transaction() as session:
            box = (await add(session, [Profile(BOX, "Bakery")], secrets=SECRETS, at=NOW))[BOX.key]
            await confirm(session, box, ["deals"], source=BY_IMPORT, at=NOW - timedelta(days=30))
        sender, relays, witness, clock = our_sender(), Relays(), Witness(), Clockwork()
        letters = Letters(sender, TOKENS, signer(), TEXTS)
        subjects, lines = own_words(TEXTS, sender.company)
        worlds = Worlds(
            database, company=sender.company, addresses=(sender.from_address, SERVICE),
            own_lines=(*footer_templates(), *lines), own_subjects=subjects, tokens=TOKENS,
        )  # fmt: skip
        intake = Intake(
            database, readers=ThreadReaders(read), worlds=worlds, look=witness, clock=clock,
            house=replace(HOUSE, signed_by_us=signer().has_signed), settings=InboundSettings(),
        )  # fmt: skip
        postman = Postman(
            database, relays, letters=letters, sender=sender, tokens=TOKENS, worker="w1", clock=clock
        )  # fmt: skip
        people = {ANNA.key: town.anna, BOB.key: town.bob, BOX.key: box}
        made = Post(town, intake, postman, people, relays, witness, clock)
        yield made
        await made.intake.drain()
        made.intake.close()


def our_sender() -> Sender:
    """Return who we are."""
    return replace(SENDER, customer_service=SERVICE)


@functools.cache
def signer() -> Signer:
    """Return what signs our letters."""
    return Signer(dkim_keys())


@functools.cache
def promotions(mailing: int) -> Promotion:
    """Return the letters of the campaign."""
    sender, info = our_sender(), replace(MAILING, id=mailing, subject="May sale")
    return Promotion(sender, info, compile_mailing(sender, info, Words(text=WORDS)), TOKENS, signer())


def letter_of(content: bytes) -> EmailMessage:
    """Return a letter that went out, parsed."""
    message = message_from_bytes(content, policy=policy.SMTP)
    assert isinstance(message, EmailMessage)
    return message


def address_in(letter: EmailMessage, name: str) -> str:
    """Return the only address of a header."""
    (address,) = letter[name].addresses
    return str(address.addr_spec)


def reply_to(letter: EmailMessage) -> str:
    """Return where a mail program sends a reply."""
    return address_in(letter, "Reply-To" if "Reply-To" in letter else "From")


def words_of(letter: EmailMessage) -> str:
    """Return the plain text of a letter, with LF line ends."""
    body = letter.get_body(("plain",))
    assert isinstance(body, EmailMessage)
    return str(body.get_content()).replace("\r\n", "\n")


def parse_sender(sender: object) -> str:
    """Return the bare address of "Name <address>"."""
    return str(sender).rpartition("<")[2].rstrip(">")


def a_letter(sender: object, to: str, subject: str, text: str, *headers: str, number: int) -> bytes:
    """Return a mail as a server hands it to us: its trace lines and other headers first."""
    domain = parse_sender(sender).rpartition("@")[2]
    head = (
        f"Received: from mail.{domain} (mail.{domain} [192.0.2.25]) by mx.shop.example with ESMTPS id 4C{number};",
        "\tFri, 20 Nov 2026 12:00:01 +0000",
        *headers,
        f"From: {sender}", f"To: {to}", f"Subject: {subject}", "Date: Fri, 20 Nov 2026 12:00:00 +0000",
        f"Message-ID: <{number}.77AE@{domain}>", "MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8",
    )  # fmt: skip
    return "\r\n".join((*head, "", *text.split("\n"), "")).encode()


def a_reply(letter: EmailMessage, sender: object, text: str, *headers: str, to: str, number: int) -> bytes:
    """Return an answer with the quoted letter below it."""
    quoted = "\n".join(f"> {line}".rstrip() for line in words_of(letter).rstrip("\n").split("\n"))
    attribution = f"On Fri, 20 Nov 2026 at 10:00, {SENDER.company} <{SHOP}> wrote:"
    named = letter["Message-ID"]
    return a_letter(
        sender, to, f"Re: {letter['Subject']}", f"{text}\n\n{attribution}\n{quoted}\n",
        *headers, f"In-Reply-To: {named}", f"References: {named}", number=number,
    )  # fmt: skip


def says_nothing_of(person: EmailAddress, letters: Sequence[EmailMessage]) -> bool:
    """Whether no letter holds a person's address, in headers, text or HTML."""
    said = [str(value) for letter in letters for value in letter.values()]
    said += [str(part.get_content()) for letter in letters for part in letter.walk() if not part.is_multipart()]
    return str(person).lower() not in "\n".join(said).lower()


# -- answers to our questions -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    ["No, that was not me.", "Not me", "2, thanks", "No, please change nothing.", "Hello, thank you for asking"],
)
async def test_what_we_asked_is_not_what_they_wish(post: Post, words: str) -> None:
    """Our question says "stop" in its subject and text; an answer in words other than ours ends nothing."""
    asked = await forwarded_to_a_friend(post, "redirected")

    await post.replies(asked.letter, ANNA, words)

    assert await post.nothing_changed()


async def test_who_asks_again_from_elsewhere_is_read_by_a_person(post: Post) -> None:
    """Anna reads her forwarded mail at work and answers our question from there: staff see it, it is not lost."""
    asked = await forwarded_to_a_friend(post, "redirected")

    again = await post.replies(asked.letter, "Anna <anna.smith@work.example>", "STOP! unsubscribe me now")

    assert again.is_for_staff
    assert again.sent == [("hand_on", str(SERVICE))]
    assert await post.nothing_changed()


async def test_undo_works_where_a_mail_program_drops_the_thread(post: Post) -> None:
    """The receipt's own reply address is enough, without In-Reply-To."""
    left = await post.replies(post.promotion(ANNA), ANNA, "unsubscribe")
    receipt = left.letter

    raw = a_letter(ANNA, reply_to(receipt), f"Re: {receipt['Subject']}", "undo", number=77)
    await post.arrives(raw, str(ANNA), reply_to(receipt))

    assert await post.gets(ANNA) == ["courses", "deals"]


# -- friends ----------------------------------------------------------------------------------------------------------


async def forwarded_to_a_friend(post: Post, how: str) -> Answer:
    """Let Anna give her letter to Dora, and Dora ask us to stop.

    She redirects it (RFC 5322 3.6.6), and the reply goes to Anna's own reply address; or she forwards it in the text,
    and Dora copies our public address out of it: only the thread's ids name Anna's letter then.
    """
    letter = post.promotion(ANNA)
    if how == "redirected":
        return await post.replies(letter, f"Dora <{FRIEND}>", "unsubscribe")
    copy = "\n".join(f"> {line}" for line in words_of(letter).split("\n"))
    text = (
        f"Please unsubscribe me.\n\nOn Fri, 20 Nov 2026 at 11:00, Anna Smith <{ANNA}> wrote:\n\n"
        f"> Look at this, Dora!\n>\n> ---------- Forwarded message ---------\n> From: {SENDER.company} <{SHOP}>\n"
        f"> Date: Fri, 20 Nov 2026 at 10:00\n> Subject: May sale\n> To: <{ANNA}>\n>\n>\n{copy}\n"
    )
    theirs = "<CAF7@mail.gmail.com>"
    return await post.arrives(
        a_letter(
            f"Dora <{FRIEND}>", SHOP, "Re: Fwd: May sale", text, f"In-Reply-To: {theirs}",
            f"References: {letter['Message-ID']} {theirs}", number=900,
        ),
        FRIEND, SHOP,
    )  # fmt: skip


@pytest.mark.parametrize("how", ["redirected", "forwarded in the text"])
async def test_a_friend_answers_anna_s_copy_and_anna_says_it_was_her_wish(post: Post, how: str) -> None:
    """Dora says "unsubscribe" with Anna's letter. Anna is asked, Dora hears nothing; Anna answers 1 and has left."""
    asked = await forwarded_to_a_friend(post, how)

    assert asked.sent == [("ask_owner", str(ANNA))]
    assert await post.nothing_changed()
    assert says_nothing_of(parse_address(FRIEND), [asked.letter])
    assert asked.letter["In-Reply-To"] is None

    left = await post.replies(asked.letter, ANNA, "1")
    assert left.sent == [("receipt", str(ANNA))]
    assert await post.events(ANNA) == [("withdraw_all", "reply", "token")]
    assert await post.gets(ANNA) == []


@pytest.mark.parametrize("how", ["redirected", "forwarded in the text"])
async def test_a_friend_answers_anna_s_copy_and_anna_stays(post: Post, how: str) -> None:
    """Anna answers 2: she gets what she got, and nobody is written to again."""
    asked = await forwarded_to_a_friend(post, how)

    stays = await post.replies(asked.letter, ANNA, "2")

    assert (stays.actions, stays.letters) == (["nothing"], [])
    assert await post.nothing_changed()
    assert await post.gets(ANNA) == ["courses", "deals"]


async def test_the_friend_can_t_answer_for_anna(post: Post) -> None:
    """Dora guesses what Anna was asked and sends a 1 to Anna's reply address: a person reads it, Anna stays."""
    letter = post.promotion(ANNA)
    await post.replies(letter, FRIEND, "unsubscribe")

    guessed = await post.replies(letter, FRIEND, "1")

    assert guessed.sent == [("hand_on", str(SERVICE))]
    assert await post.nothing_changed()


async def test_a_friend_who_is_a_customer_too_is_asked_and_learns_nothing_of_anna(post: Post) -> None:
    """Bob answers Anna's copy. Each is asked at home; no letter to Bob holds Anna's address. Bob leaves for himself."""
    asked = await post.replies(post.promotion(ANNA), f"Bob <{BOB}>", "unsubscribe")

    assert asked.sent == [("ask_owner", str(ANNA)), ("question", str(BOB))]
    assert await post.nothing_changed()
    to_anna, to_bob = (letter for _, letter in asked.letters)
    assert says_nothing_of(ANNA, [to_bob])
    assert says_nothing_of(BOB, [to_anna])

    left = await post.replies(to_bob, BOB, "1")
    assert left.sent == [("receipt", str(BOB))]
    assert says_nothing_of(ANNA, [left.letter])
    assert await post.gets(BOB) == []
    assert await post.gets(ANNA) == ["courses", "deals"]


# -- one person, several addresses ------------------------------------------------------------------------------------

WORK = "anna.smith@work.example"
#: What stands on the reply of somebody at Exchange Online, whose mailbox a rule at Google fills.
BY_EXCHANGE = (
    "Received: from AM9PR01MB7.eurprd01.prod.exchangelabs.com ([fe80::1]) by AM9PR01MB7.eurprd01.prod.exchangelabs.com",
    "\t([fe80::1%5]) with mapi id 15.20.9052.019; Fri, 20 Nov 2026 12:00:00 +0000",
    "Thread-Topic: May sale",
    "X-MS-Has-Attach:",
    "X-Forwarded-To: anna.smith@work.example",
    "X-Forwarded-For: Anna.Smith@gmail.com anna.smith@work.example",
)
#: What our own server adds before a mailbox is fetched by IMAP.
BY_OUR_SERVER = ("Return-Path: <anna.smith@work.example>", "X-Original-To: {to}", "Delivered-To: byleave@shop.example")


@pytest.mark.parametrize("trace", [BY_EXCHANGE, BY_OUR_SERVER], ids=["exchange", "our mailbox"])
async def test_mail_that_is_forwarded_to_work_is_answered_from_there(post: Post, trace: tuple[str, ...]) -> None:
    """Anna's mail goes on to her office, and she answers there. She is asked at home, answers from home, and has left.

    Her office's program quotes with a block of headers, not with marks.
    """
    letter = post.promotion(ANNA)
    to = reply_to(letter)
    block = f"From: {SENDER.company} <{SHOP}>\nSent: Friday, 20 November 2026 10:00\nTo: {ANNA}\nSubject: May sale\n"
    text = f"Please take me off your list.\n\nAnna\n\n________________________________\n{block}\n{words_of(letter)}"
    headers = (*(line.format(to=to) for line in trace), f"In-Reply-To: {letter['Message-ID']}")
    rcpt = "byleave@shop.example" if trace is BY_OUR_SERVER else to

    raw = a_letter(f"Anna Smith <{WORK}>", to, "RE: May sale", text, *headers, number=1)
    asked = await post.arrives(raw, WORK, rcpt)
    assert asked.sent == [("ask_owner", str(ANNA))]
    assert await post.nothing_changed()
    assert says_nothing_of(parse_address(WORK), [asked.letter])

    left = await post.replies(asked.letter, ANNA, "1 - yes, stop all promotions")
    assert left.sent == [("receipt", str(ANNA))]
    assert await post.events(ANNA) == [("withdraw_all", "reply", "token")]


@pytest.mark.parametrize(
    ("owner", "sender"),
    [
        (ANNA, "annasmith@gmail.com"),
        (ANNA, "a.n.n.a.smith@gmail.com"),
        (ANNA, "Anna.Smith+shop@gmail.com"),
        (ANNA, "Anna.Smith@googlemail.com"),
        (ANNA, "ANNASMITH+x@GOOGLEMAIL.COM"),
        (BOB, "bob+news@example.org"),
        (BOX, "info+Carla@bakery.example"),
    ],
)
async def test_another_spelling_of_the_same_mailbox_leaves_at_once(
    post: Post, owner: EmailAddress, sender: str
) -> None:
    """Plus-tags, Google's dots and its other name: the same person answers, and is asked nothing."""
    left = await post.replies(post.promotion(owner), f"Jo <{sender}>", "unsubscribe")

    assert left.sent == [("receipt", str(owner))]
    assert await post.events(owner) == [("withdraw_all", "reply", "token")]


@pytest.mark.parametrize(
    ("owner", "sender"),
    [
        (ANNA, "Anna.Smith+shop@gmail.com"),
        (ANNA, "Anna.Smith@googlemail.com"),
        (BOB, "bob+news@example.org"),
    ],
)
@pytest.mark.parametrize(("standing", "proof"), [(Standing.PROVEN, "authenticated"), (Standing.UNPROVEN, "alias")])
async def test_another_spelling_leaves_without_our_token_too(
    post: Post, owner: EmailAddress, sender: str, standing: Standing, proof: str
) -> None:
    """They write anew instead of replying; the receipt goes to the address that we mail."""
    post.witness.standing = standing

    left = await post.writes(f"Jo <{sender}>", "Please unsubscribe me from all your mails.")

    assert left.sent == [("receipt", str(owner))]
    assert await post.events(owner) == [("withdraw_all", "reply", proof)]


# -- a mailbox that two people read -----------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["Carla", "Dirk"])
async def test_either_reader_of_a_shared_mailbox_leaves_for_it_and_the_other_brings_it_back(
    post: Post, who: str
) -> None:
    """info@ is read by two. One leaves, the receipt comes to both, the other answers "undo": they get it as before."""
    other = {"Carla": "Dirk", "Dirk": "Carla"}[who]
    left = await post.replies(post.promotion(BOX), f"{who} <{BOX}>", f"unsubscribe\n\n{who}")
    assert left.sent == [("receipt", str(BOX))]
    assert await post.gets(BOX) == []

    back = await post.replies(left.letter, f"{other} <{BOX}>", "undo")
    assert back.actions == ["undo"]
    assert await post.gets(BOX) == ["deals"]
    assert [act for act, _, _ in await post.events(BOX)] == ["withdraw_all", "subscribe", "confirm"]
    assert {proof for _, _, proof in await post.events(BOX)} == {"token"}


@pytest.mark.parametrize("who", ["a stranger with the receipt", "a customer with his own token", "no token"])
async def test_nobody_else_can_bring_a_shared_mailbox_back(post: Post, who: str) -> None:
    """Only the mailbox itself, with the token of its own receipt, takes it back; what others say changes nothing."""
    receipt = (await post.replies(post.promotion(BOX), f"Carla <{BOX}>", "unsubscribe")).letter

    if who == "a stranger with the receipt":
        answer = await post.replies(receipt, f"Eve <{FRIEND}>", "undo")
    elif who == "no token":
        answer = await post.writes(f"Carla <{BOX}>", "undo")
    else:
        answer = await post.replies(receipt, f"Bob <{BOB}>", "undo", to=reply_to(post.promotion(BOB)))

    assert "undo" not in answer.actions
    assert says_nothing_of(BOX, [letter for kind, letter in answer.letters if kind != "hand_on"])
    assert await post.gets(BOX) == []
    assert await post.gets(BOB) == ["deals"]
    assert await post.events(BOX) == [("withdraw_all", "reply", "token")]


# -- a secretary ------------------------------------------------------------------------------------------------------

SARA = "sara.sands@example.org"


@pytest.mark.parametrize(
    ("sender", "headers"),
    [
        (f"Sara Sands <{SARA}>", ()),
        (f'"Sara Sands on behalf of Bob" <{SARA}>', ()),
        (f"Sara Sands <{SARA}>", (f"Sender: {SARA}", f"Reply-To: Bob <{BOB}>")),
        (f'"Sara Sands (im Auftrag von Bob)" <{SARA}>', (f"Reply-To: {BOB}", f"Cc: {BOB}")),
        (f'"{BOB}" <{SARA}>', (f"Sender: Bob <{BOB}>",)),
    ],
    ids=["plain", "on behalf", "sender and reply-to", "copy to the boss", "his address as her name"],
)
async def test_a_secretary_answers_and_her_boss_is_asked(post: Post, sender: str, headers: tuple[str, ...]) -> None:
    """Sara answers Bob's mail from her own address. Whatever her headers say of him, it is he who decides."""
    text = "Please remove Bob from your mailing list.\n\nKind regards\nSara Sands\nAssistant to Bob"

    asked = await post.replies(post.promotion(BOB), sender, text, *headers)
    assert asked.sent == [("ask_owner", str(BOB))]
    assert await post.nothing_changed()

    left = await post.replies(asked.letter, BOB, "1")
    assert left.sent == [("receipt", str(BOB))]
    assert await post.gets(BOB) == []


# -- a mailing list ---------------------------------------------------------------------------------------------------

LIST = "talk@lists.example"
BY_MAILMAN = (
    "Return-Path: <talk-bounces@lists.example>",
    "Received: from lists.example (localhost [IPv6:::1]) by lists.example (Postfix) with ESMTP id 4CdX1;",
    "\tFri, 20 Nov 2026 12:00:00 +0000",
    "X-Original-To: talk@lists.example",
    "Delivered-To: talk@lists.example",
    "X-BeenThere: talk@lists.example",
    "X-Mailman-Version: 2.1.39",
    "Precedence: list",
    "List-Id: Talk of the town <talk.lists.example>",
    "List-Unsubscribe: <mailto:talk-request@lists.example?subject=unsubscribe>",
    "List-Post: <mailto:talk@lists.example>",
    "Errors-To: talk-bounces@lists.example",
    'Sender: "talk" <talk-bounces@lists.example>',
)


@pytest.mark.parametrize(
    "sender",
    [f"Dora <{FRIEND}>", f"Dora via talk <{LIST}>", f"Anna Smith <{ANNA}>"],
    ids=["a member", "a member whose From the list rewrote", "the owner"],
)
@pytest.mark.parametrize("place", ["to us", "through our token"])
async def test_a_list_that_brings_unsubscribe_changes_nothing_and_is_not_answered(
    post: Post, sender: str, place: str
) -> None:
    """Anna sent our letter to a list; somebody answers all with "unsubscribe", and we get the list's copy.

    It may mean the list or us. Nobody is taken off, no machine writes to anybody, a person reads it.
    """
    letter = post.promotion(ANNA)
    to = reply_to(letter) if place == "through our token" else SHOP

    read_by = await post.replies(
        letter, sender, "unsubscribe", *BY_MAILMAN, f"Cc: {LIST}", to=to, mail_from="talk-bounces@lists.example"
    )

    assert read_by.sent == [("hand_on", str(SERVICE))]
    assert await post.nothing_changed()


async def test_a_list_member_answers_us_and_the_owner_is_asked_not_the_list(post: Post) -> None:
    """Dora got the letter over the list and answers to our address in it: Anna is asked, list and Dora hear nothing."""
    answer = await post.replies(post.promotion(ANNA), f"Dora <{FRIEND}>", "unsubscribe", f"Cc: {LIST}")

    assert answer.sent == [("ask_owner", str(ANNA))]
    assert says_nothing_of(parse_address(LIST), [answer.letter])
    assert await post.nothing_changed()


# -- return paths that servers wrapped --------------------------------------------------------------------------------


def a_bounce(letter: EmailMessage, owner: EmailAddress, to: str, *, fields: Sequence[str] = ("Message-ID",)) -> bytes:
    """Return a delivery status notification as Postfix writes it, with some header fields of the letter."""
    returned = "".join(f"{name}: {letter[name]}\r\n" for name in ("From", "To", "Subject", *fields))
    return (
        "Return-Path: <>\r\nReceived: by mx.example.org (Postfix) id 4Cd12; Fri, 20 Nov 2026 12:00:00 +0000 (UTC)\r\n"
        "Date: Fri, 20 Nov 2026 12:00:00 +0000 (UTC)\r\nFrom: MAILER-DAEMON@mx.example.org (Mail Delivery System)\r\n"
        f"Subject: Undelivered Mail Returned to Sender\r\nTo: {to}\r\nAuto-Submitted: auto-replied\r\n"
        "MIME-Version: 1.0\r\nMessage-ID: <20261120120000.4Cd12@mx.example.org>\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="4Cd12"\r\n\r\n--4Cd12\r\n\r\n'
        f"This is the mail system at host mx.example.org.\r\n\r\n<{owner}>: host mx.example.org said: 550 5.1.1\r\n"
        f" <{owner}>: Recipient address rejected: User unknown\r\n\r\n--4Cd12\r\n"
        "Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.org\r\n\r\n"
        f"Final-Recipient: rfc822; {owner}\r\nAction: failed\r\nStatus: 5.1.1\r\n"
        "Diagnostic-Code: smtp; 550 5.1.1 User unknown\r\n\r\n--4Cd12\r\nContent-Type: text/rfc822-headers\r\n\r\n"
        f"{returned}\r\n--4Cd12--\r\n"
    ).encode()


WRAPPINGS = {
    "bare": "{0}@bounce.shop.example",
    "upper case": "{1}@BOUNCE.SHOP.EXAMPLE",
    "BATV": "prvs=1234abcdef={0}@bounce.shop.example",
    "BATV, the older way": "prvs={0}/1234abcdef@bounce.shop.example",
    "Barracuda": "btv1==123abc4567d=={0}@bounce.shop.example",
    "SRS0": "SRS0=4Ab+=XY=bounce.shop.example={0}@forward.example",
    "SRS0 with a plus": "SRS0+4Ab+=XY=bounce.shop.example={0}@forward.example",
    "SRS1": "SRS1=9Fz=first.example==4Ab+=XY=bounce.shop.example={0}@second.example",
    "SRS0 round BATV": "SRS0=4Ab+=XY=bounce.shop.example=prvs=1234abcdef={0}@forward.example",
}


@pytest.mark.parametrize("way", WRAPPINGS)
async def test_a_bounce_finds_its_person_through_every_wrapping(post: Post, way: str) -> None:
    """The mailbox behind Bob's forwarder is gone; the report comes to our return path as servers had wrapped it."""
    letter = post.promotion(BOB)
    local = TOKENS.bounce_address("bounce.shop.example", post.people[BOB.key], post.town.mailing).partition("@")[0]
    to = WRAPPINGS[way].format(local, local.upper())

    bounced = await post.arrives(a_bounce(letter, parse_address("bob@new.example"), to), "", to)

    assert (bounced.actions, bounced.letters, bounced.is_for_staff) == (["suppress bounce"], [], False)
    assert [(act, door) for act, door, _ in await post.events(BOB)] == [("suppress", "bounce")]
    assert await post.events(ANNA) == []


@pytest.mark.parametrize(
    "mail_from",
    [
        "prvs=1234abcdef=bob@example.org",
        "prvs=bob/1234abcdef@example.org",
        "btv1==123abc4567d==bob@example.org",
        "msprvs1=20777abcd=bob@example.org",
        "SRS0=4Ab+=XY=example.org=bob@forward.example",
        "SRS1=9Fz=first.example==4Ab+=XY=example.org=bob@second.example",
    ],
)
@pytest.mark.parametrize("has_token", [True, False])
async def test_the_owner_whose_server_wraps_the_return_path_is_the_owner(
    post: Post, mail_from: str, *, has_token: bool
) -> None:
    """The envelope names a wrapped address, the letter is Bob's: he leaves, and the receipt goes to his own address."""
    to = "" if has_token else SHOP
    letter = post.promotion(BOB)
    if not has_token:
        del letter["Message-ID"]
        letter["Message-ID"] = "<lost@example.org>"

    left = await post.replies(letter, f"Bob <{BOB}>", "unsubscribe", to=to, mail_from=mail_from)

    assert left.sent == [("receipt", str(BOB))]
    assert await post.events(BOB) == [("withdraw_all", "reply", "token" if has_token else "exact_address")]


# -- forgers ----------------------------------------------------------------------------------------------------------

LEAVE = "Please unsubscribe me from all your mails."


@pytest.mark.parametrize(("said", "left"), [("2", False), ("1", True)])
async def test_a_forged_wish_is_put_to_the_owner(post: Post, said: str, *, left: bool) -> None:
    """Bob's domain says that this mail is not its own: he is asked, stays, and staff see it. His answer decides."""
    post.witness.standing = Standing.FORGED

    asked = await post.writes(f"Bob <{BOB}>", LEAVE)
    assert asked.sent == [("ask_owner", str(BOB))]
    assert asked.is_for_staff
    assert await post.nothing_changed()

    answer = await post.replies(asked.letter, BOB, said)
    assert answer.sent == ([("receipt", str(BOB))] if left else [])
    assert await post.gets(BOB) == ([] if left else ["deals"])


async def test_a_proven_wish_is_carried_out_at_once(post: Post) -> None:
    """Bob's domain vouches for the mail: no token, no question, a receipt."""
    post.witness.standing = Standing.PROVEN

    left = await post.writes(f"Bob <{BOB}>", LEAVE)

    assert left.sent == [("receipt", str(BOB))]
    assert not left.is_for_staff
    assert await post.events(BOB) == [("withdraw_all", "reply", "authenticated")]


async def test_a_forger_of_whom_nothing_is_known_never_works_in_silence(post: Post) -> None:
    """Nothing vouches, nothing accuses: Bob leaves, and hears of it each time, and each time takes it back."""
    for _ in range(3):  # within one hour
        left = await post.writes(f"Bob <{BOB}>", LEAVE)
        assert left.sent == [("receipt", str(BOB))]
        assert await post.gets(BOB) == []
        assert f"{SENDER.link_base}/z/" in words_of(left.letter)

        back = await post.replies(left.letter, BOB, "undo")
        assert back.actions == ["undo"]
        assert await post.gets(BOB) == ["deals"]

    assert post.clock.now - NOW < timedelta(days=1)
    assert [act for act, _, _ in await post.events(BOB)] == ["withdraw_all", "subscribe", "confirm"] * 3


# -- forged reports ---------------------------------------------------------------------------------------------------


def a_complaint(letter: EmailMessage, owner: EmailAddress, to: str, *, returned: str) -> bytes:
    """Return a feedback report (RFC 5965)."""
    return (
        "Received: from fbl.provider.example ([192.0.2.9]) by mx.shop.example; Fri, 20 Nov 2026 12:00:00 +0000\r\n"
        f"From: <feedback@provider.example>\r\nTo: {to}\r\nSubject: FW: {letter['Subject']}\r\n"
        "Date: Fri, 20 Nov 2026 12:00:00 +0000\r\nMessage-ID: <fbl.1@provider.example>\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=feedback-report; boundary="b1"\r\n\r\n--b1\r\n'
        "Content-Type: text/plain\r\n\r\nThis is an email abuse report.\r\n\r\n--b1\r\n"
        "Content-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\nUser-Agent: Provider/1.0\r\nVersion: 1"
        f"\r\nOriginal-Rcpt-To: <{owner}>\r\nSource-IP: 192.0.2.1\r\n\r\n--b1\r\nContent-Type: message/rfc822\r\n\r\n"
        f"{returned}\r\n\r\nThe spring sale has begun.\r\n--b1--\r\n"
    ).encode()


SEEN_BY_A_FRIEND = ("Message-ID", "Reply-To", "List-Unsubscribe", "List-Unsubscribe-Post", "List-Id")


@pytest.mark.parametrize("place", ["to us", "to our feedback address", "through the reply address"])
@pytest.mark.parametrize("kind", ["bounce", "complaint"])
async def test_a_forged_report_about_a_forwarded_letter_changes_nothing(post: Post, kind: str, place: str) -> None:
    """Dora knows the ids and links of the letter that Anna gave her, and writes a machine's report with them."""
    letter = post.promotion(ANNA)
    to = {"to us": SHOP, "to our feedback address": str(SENDER.feedback_address)}.get(place, reply_to(letter))
    if kind == "bounce":
        raw = a_bounce(letter, ANNA, to, fields=SEEN_BY_A_FRIEND)
    else:
        known = "\r\n".join(f"{name}: {letter[name]}" for name in ("From", "To", "Subject", *SEEN_BY_A_FRIEND))
        raw = a_complaint(letter, ANNA, to, returned=known)

    answer = await post.arrives(raw, "" if kind == "bounce" else "feedback@provider.example", to)

    assert (answer.actions, answer.is_for_staff, answer.letters) == (["listed for staff"], True, [])
    assert (await post.town.decisions())[-1].verdict == kind
    assert await post.nothing_changed()


async def test_the_provider_s_own_report_returns_our_signature_and_counts(post: Post) -> None:
    """The same report with the letter's whole header, as the provider has it: Anna is mailed no more."""
    letter = post.promotion(ANNA)
    head = letter.as_bytes().partition(b"\r\n\r\n")[0].decode()

    answer = await post.arrives(a_complaint(letter, ANNA, SHOP, returned=head), "feedback@provider.example", SHOP)

    assert answer.letters == []
    assert [(act, door) for act, door, _ in await post.events(ANNA)] == [
        ("withdraw_all", "complaint"),
        ("suppress", "complaint"),
    ]


# -- coming back ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["Please subscribe me to Deals again.", "subscribe deals"])
async def test_who_wants_back_is_asked_and_only_their_own_yes_brings_them_back(post: Post, text: str) -> None:
    """Bob left. His proven address asks to come back: a confirmation goes out, and nothing is granted before his yes.

    Eve has the same address of confirmation, and her yes does nothing.
    """
    post.witness.standing = Standing.PROVEN
    await post.replies(post.promotion(BOB), BOB, "unsubscribe")
    before = await post.events(BOB)

    asked = await post.writes(f"Bob <{BOB}>", text)
    assert asked.sent == [("confirmation", str(BOB))]
    assert [act for act, _, _ in (await post.events(BOB))[len(before) :]] == ["subscribe"]
    assert await post.gets(BOB) == []

    stranger = await post.replies(asked.letter, f"Eve <{FRIEND}>", "yes")
    assert {address for _, address in stranger.sent} <= {str(SERVICE)}
    customer = await post.replies(asked.letter, f"Anna Smith <{ANNA}>", "yes")
    assert {address for _, address in customer.sent} <= {str(SERVICE)}
    assert await post.gets(BOB) == []

    back = await post.replies(asked.letter, f"Bob <{BOB}>", "Yes, please")
    assert (back.actions, back.letters) == (["confirm deals"], [])
    assert await post.gets(BOB) == ["deals"]
    assert await post.gets(ANNA) == ["courses", "deals"]
    assert (await post.events(BOB))[-1] == ("confirm", "reply", "token")
