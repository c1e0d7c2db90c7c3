"""Replies to letters about sign-ups, through the real reader, the intake and the ledger."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from email import policy
from email.message import EmailMessage

import pytest

from consent.signup import load
from consent.standing import granted_topics
from consent.subscribers import find
from inbound.intake import Intake
from inbound.model import Channel, Envelope, InboundMail, Origin, Standing
from inbound.readers import ThreadReaders
from inbound.reading import read
from inbound.worlds import Worlds
from kit.addresses import parse_address
from kit.config import CHECKOUT
from kit.config_inbound import InboundSettings
from mailer.letters import Applicant, Letters, SignUpKind, own_words
from mailer.signing import Signer
from mailer.tokens import Purpose
from tests.database import NOW
from tests.inbound.taking import HOUSE, TOKENS, Town, town_on
from tests.mailer.letters_at_hand import SENDER, dkim_keys
from tests.mailer.reception import DAY, Desk
from tests.scenarios.correspondence import a_reply, letter_of, reply_to

TEXTS = CHECKOUT / "templates" / "email" / "service"


@dataclass
class Post:
    """A house whose letters are answered, with the sender's standing in our hands."""

    town: Town
    desk: Desk
    intake: Intake
    letters: Letters
    standing: Standing = Standing.PROVEN

    def looks(self, raw: bytes, mail: InboundMail, envelope: Envelope, at: object) -> Origin:
        assert all((raw, mail.sender, envelope.rcpt_to, at))
        return Origin(self.standing, ("as the test says",))

    async def letter(self, kind: SignUpKind, to: str) -> EmailMessage:
        """Return a letter about the only sign-up."""
        (row,) = await self.desk.waiting()
        applicant = Applicant(row.id, row.nonce, parse_address(to), row.language)
        child = row.address if kind == "guardian_second" else ""
        return letter_of(self.letters.about_sign_up(kind, applicant, ["Deals"], NOW, child=child, days=14).content)

    async def replies(self, letter: EmailMessage, sender: str, text: str, *headers: str) -> list[str]:
        """Let somebody answer, and return what was done."""
        raw = a_reply(letter, sender, text, *headers, to=reply_to(letter), number=len(text))
        taken = await self.intake.take(raw, Envelope(sender, (reply_to(letter),), channel=Channel.SMTP), self.desk.now)
        assert taken.code == 250
        return list((await self.town.decisions())[-1].actions)


@pytest.fixture
async def post(database: object) -> AsyncIterator[Post]:
    async with town_on(database) as town:  # type: ignore[arg-type]  # the fixture of tests.database
        letters = Letters(SENDER, TOKENS, Signer(dkim_keys()), TEXTS)
        subjects, lines = own_words(TEXTS, SENDER.company)
        worlds = Worlds(
            town.database, company=SENDER.company, addresses=(SENDER.from_address,), own_lines=lines,
            own_subjects=subjects, tokens=TOKENS,
        )  # fmt: skip
        desk = Desk(town.database, HOUSE.invitations)
        made = Post(town, desk, town.intake, letters)
        made.intake = Intake(
            town.database, readers=ThreadReaders(read), worlds=worlds, look=made.looks, house=HOUSE,
            settings=InboundSettings(decide_seconds=60),  # also for the first mail, on a busy machine
        )  # fmt: skip
        yield made
        await made.intake.drain()
        made.intake.close()


async def a_child_asks(post: Post, language: str = "en") -> EmailMessage:
    await post.desk.signs_up("kim@school.example", guardian="mum@example.org", language=language)
    assert await post.desk.looks() == [("guardian_request", "mum@example.org")]
    await post.desk.sends()
    return await post.letter("guardian_request", "mum@example.org")


WORDS = {
    "en": "I agree", "de": "Ich stimme zu.", "fr": "J'accepte", "es": "Acepto", "ja": "同意します", "ar": "أوافق",
}  # fmt: skip


@pytest.mark.parametrize(("language", "words"), WORDS.items())
async def test_a_proven_reply_agrees_in_the_words_of_the_letter(post: Post, language: str, words: str) -> None:
    """Our own words in the quoted part change nothing; the second letter follows after the delay."""
    letter = await a_child_asks(post, language)

    assert await post.replies(letter, "mum@example.org", words) == ["guardian agrees"]

    post.desk.now += DAY
    assert await post.desk.looks() == [("guardian_second", "mum@example.org")]
    (row,) = await post.desk.waiting()
    assert row.agreement["door"] == "reply"


@pytest.mark.parametrize("standing", [Standing.UNPROVEN, Standing.FORGED])
async def test_a_doubtful_yes_leads_to_the_page(post: Post, standing: Standing) -> None:
    """P8: the guardian is asked to press the button; nothing else happens."""
    letter, post.standing = await a_child_asks(post), standing

    assert await post.replies(letter, "mum@example.org", "I agree") == ["guardian asked to use the page"]

    assert [row.kind for row in await post.town.outbox()][-1] == "guardian_question"
    (row,) = await post.desk.waiting()
    assert row.step == "guardian_asked"


async def test_an_absent_guardian_agrees_to_nothing(post: Post) -> None:
    """Out of office, whatever its words."""
    letter = await a_child_asks(post)

    assert await post.replies(letter, "mum@example.org", "I agree", "Auto-Submitted: auto-replied") == ["nothing"]


@pytest.mark.parametrize("words", ["Please unsubscribe", "No, I don't want this for my child", "withdraw"])
async def test_a_no_in_any_words_deletes(post: Post, words: str) -> None:
    """From any address, without any proof but the token."""
    letter, post.standing = await a_child_asks(post), Standing.FORGED

    done = await post.replies(letter, "someone@office.example", words)

    assert done == ["guardian withdraws"]
    assert await post.desk.waiting() == []
    assert [row.kind for row in await post.town.outbox()][-1] == "guardian_receipt"


async def test_a_question_of_a_guardian_reaches_a_person(post: Post) -> None:
    """Nothing is decided by it, and the letter goes to customer service."""
    letter = await a_child_asks(post)

    assert await post.replies(letter, "mum@example.org", "Who are you, and what would you send her?") == ["handed on"]
    assert len(await post.desk.waiting()) == 1


async def test_a_yes_from_the_address_confirms_a_sign_up(post: Post) -> None:
    """And from a friend's it does not."""
    await post.desk.signs_up("jo@example.org")
    await post.desk.looks()
    letter = await post.letter("sign_up", "jo@example.org")
    assert await post.replies(letter, "friend@example.net", "yes") == ["handed on"]

    assert await post.replies(letter, "jo@example.org", "yes, please") == ["confirm sign-up"]

    async with post.town.database.reading() as session:
        person = await find(session, parse_address("jo@example.org"))
        assert person is not None
        assert await granted_topics(session, person.id) == ("deals",)


async def test_a_token_of_a_sign_up_is_nobody_s_token_of_a_subscriber(post: Post) -> None:
    """The number of a sign-up is never taken for that of a person who happens to have the same."""
    await post.desk.signs_up("jo@example.org")
    await post.desk.looks()
    (row,) = await post.desk.waiting()
    assert row.id == post.town.anna  # both are the first of their kind
    letter = await post.letter("sign_up", "jo@example.org")

    await post.replies(letter, "jo@example.org", "unsubscribe")

    assert await post.town.events() == []
    async with post.town.database.reading() as session:
        assert await load(session, row.id, row.nonce, at=post.desk.now, hold=False) is None


def test_the_reply_address_is_one_that_mail_programs_keep() -> None:
    """RFC 5321 4.5.3.1.1: 64 octets."""
    letter = EmailMessage(policy=policy.SMTP)
    letter["Reply-To"] = TOKENS.sign_up_address("reply.shop.example", Purpose.GUARDIAN, (1 << 48) - 1, (1 << 31) - 1)

    assert len(reply_to(letter).partition("@")[0]) <= 64
