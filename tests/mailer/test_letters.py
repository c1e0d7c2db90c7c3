"""Service mails: the right words in the right language, with nothing of a stranger's in them."""

import dataclasses
import email
import re
from datetime import date, timedelta
from pathlib import Path

import dkim
import pytest

from inbound.answers import Answer, read_words
from kit.addresses import parse_address
from kit.clock import utc_now
from kit.errors import InvalidSettings
from mailer.footer import LANGUAGES
from mailer.letters import KINDS, Answered, Applicant, Kind, Letters, Person
from mailer.model import OutgoingMail
from mailer.signing import Signer
from mailer.tokens import Purpose
from tests.mailer.letters_at_hand import NOW, SENDER, TOKENS, dkim_keys, dns_of_keys, unfolded

FOLDER = Path(__file__).parents[2] / "templates" / "email" / "service"
LETTERS = Letters(SENDER, TOKENS, Signer(dkim_keys()), FOLDER)
JO = Person(17, parse_address("jo@customer.example"), "en", 42)
APPLICANT = Applicant(23, 77, JO.address)
SIGN_UPS = {
    "sign_up": Purpose.SIGN_UP, "guardian_request": Purpose.GUARDIAN, "guardian_second": Purpose.GUARDIAN,
    "guardian_receipt": Purpose.GUARDIAN, "guardian_question": Purpose.GUARDIAN,
}  # fmt: skip
CHILD = "kim@school.example"
ADDRESS_HASH = "89abcdef" + "0" * 56
THEIRS = Answered("<their@mail.example>", ("<m.x@shop.example>",))


def write(kind: Kind, to: Person = JO) -> OutgoingMail:
    match kind:
        case "confirmation":
            return LETTERS.confirmation(to, ["Deals", "Events"], NOW, extra=5)
        case "receipt":
            return LETTERS.receipt(to, ["Deals"], NOW, extra=9, answered=THEIRS)
        case "question":
            return LETTERS.question(to, NOW, answered=THEIRS)
        case "ask_owner":
            return LETTERS.ask_owner(to, NOW)
        case "already_in":
            return LETTERS.already_in(to, ["Deals"], NOW)
        case "policy":
            return LETTERS.policy(to, ["Deals"], NOW, effective_on=date(2026, 12, 1), extra=31)
        case "account_link":
            return LETTERS.account_link(to, ADDRESS_HASH, NOW, until=NOW + timedelta(minutes=30))
        case "move_new" | "move_old":
            return LETTERS.move(kind, to, 7, NOW)
        case "erased":
            return LETTERS.erased(to, NOW)
        case "reminder":
            return LETTERS.reminder(to, ["Deals"], NOW)
        case "sign_up" | "guardian_request" | "guardian_second" | "guardian_receipt" | "guardian_question":
            applicant = dataclasses.replace(APPLICANT, address=to.address, language=to.language)
            return LETTERS.about_sign_up(kind, applicant, ["Deals"], NOW, child=CHILD, days=14)


def words(mail: OutgoingMail) -> tuple[str, str]:
    """Return the text and the HTML."""
    parts = [part for part in email.message_from_bytes(mail.content).walk() if not part.is_multipart()]
    text, html = (part.get_payload(decode=True) for part in parts)
    assert isinstance(text, bytes)
    assert isinstance(html, bytes)
    return text.decode(), html.decode()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_speaks_each_language(kind: Kind, language: str) -> None:
    """Subject and words are there, all places filled in, who we are at the end; right to left where it is read so."""
    mail = write(kind, dataclasses.replace(JO, language=language))

    text, html = words(mail)
    for part in (text, html):
        assert "{" not in part.partition("<body")[2] or part is text
        assert SENDER.postal_address in part
        assert SENDER.policy_url in part  # P7
        assert str(SENDER.customer_service) in part  # P17
        assert SENDER.link_base in part or kind == "guardian_receipt"
    assert "{" not in text
    assert ('dir="rtl"' in html) == (language == "ar")
    english, _ = words(write(kind))
    assert (text == english) == (language == "en")
    if kind in {"question", "ask_owner"}:
        assert "\r\n1 - " in text
        assert "\r\n2 - " in text


@pytest.mark.parametrize("kind", KINDS)
def test_the_headers_are_those_of_a_machine(kind: Kind) -> None:
    """RFC 3834 3.3 and 5: null return path, Auto-Submitted; no List headers; a reply comes back to a token."""
    mail = write(kind)
    headers = unfolded(mail.content)

    assert mail.mail_from == ""
    answers = kind in {"receipt", "question"}
    assert headers["Auto-Submitted"] == ("auto-replied" if answers else "auto-generated")
    assert headers.get("In-Reply-To") == ("<their@mail.example>" if answers else None)
    assert headers.get("References") == ("<m.x@shop.example> <their@mail.example>" if answers else None)
    assert not [name for name in headers if name.startswith(("List-", "Feedback", "CFBL", "Precedence"))]
    if kind == "move_new":  # who owns that address is not known yet
        assert str(SENDER.customer_service) in headers["Reply-To"]
        return
    reply_to = re.search(r"<([^@>]+)@reply\.shop\.example>", headers["Reply-To"])
    assert reply_to
    token = TOKENS.parse_local(reply_to[1])
    assert token
    known = TOKENS.parse_message_id(headers["Message-ID"])
    assert known
    if kind in SIGN_UPS:
        assert (token.purpose, token.subscriber_id, token.extra) == (SIGN_UPS[kind], 23, 77)
        assert known.subscriber_id > 1 << 40  # nobody's number
        return
    assert (token.purpose, token.subscriber_id) == (
        (Purpose.CONFIRM, 17) if kind in {"confirmation", "policy"} else (Purpose.REPLY, 17)
    )
    assert (known.subscriber_id, known.mailing_id) == (17, 42)


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_a_stranger_typed_stands_in_no_letter_that_a_stranger_can_cause(language: str) -> None:
    """A14: only after the guardian has agreed is the child's address named, and there it is."""
    to = dataclasses.replace(JO, language=language)
    named = {kind for kind in KINDS if CHILD in words(write(kind, to))[0]}

    assert named == {"guardian_second"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_first_letter_to_a_guardian_says_what_the_law_wants(language: str) -> None:
    """16 CFR 312.4(c)(1): the age, how to agree, when all is deleted, and the policy."""
    text, _ = words(write("guardian_request", dataclasses.replace(JO, language=language)))

    assert "13" in text
    assert re.search(r"(?<!\d)14(?!\d)", text)
    assert f"{SENDER.link_base}/g/" in text
    assert SENDER.policy_url in text


def test_the_links_work() -> None:
    """What stands in the sent bytes is what the pages read, each for its own purpose."""
    for kind, letter, purpose, extra in (
        ("confirmation", "c", Purpose.CONFIRM, 5),
        ("receipt", "z", Purpose.UNDO, 9),
        ("question", "p", Purpose.PREFERENCES, 0),
        ("ask_owner", "p", Purpose.PREFERENCES, 0),
        ("already_in", "p", Purpose.PREFERENCES, 0),
        ("reminder", "p", Purpose.PREFERENCES, 0),
        ("policy", "y", Purpose.POLICY, 0),
        ("move_new", "n", Purpose.MOVE_NEW, 7),
        ("move_old", "o", Purpose.MOVE_OLD, 7),
        ("account_link", "a", Purpose.ACCOUNT, int((NOW + timedelta(minutes=30)).timestamp())),
    ):
        for part in words(write(kind)):  # type: ignore[arg-type]  # the literals are kinds
            token = re.search(rf"https://mail\.shop\.example/{letter}/([a-z2-7]{{50}})\b", part)
            assert token
            read = TOKENS.read(purpose, token[1])
            assert read
            assert (read.subscriber_id, read.extra) == (17, extra)


def test_a_receipt_says_what_was_left() -> None:
    """Some topics, or everything."""
    some, _ = words(LETTERS.receipt(JO, ["Deals", "New Courses"], NOW))
    everything, _ = words(LETTERS.receipt(JO, None, NOW))

    assert "about Deals, New Courses." in some
    assert "no longer send you promotions" in everything


def test_both_signatures_verify() -> None:
    """A service mail is signed like any other."""
    mail = LETTERS.receipt(JO, None, utc_now())

    assert [dkim.DKIM(mail.content).verify(idx=index, dnsfunc=dns_of_keys()) for index in (0, 1)] == [True, True]


def test_two_letters_never_share_a_message_id() -> None:
    """Kinds, persons and seconds tell them apart."""
    ids = {write(kind).message_id for kind in KINDS} | {
        write("receipt", dataclasses.replace(JO, subscriber_id=18)).message_id
    }

    assert len(ids) == len(KINDS) + 1
    assert "@shop.example>" in ids.pop()


@pytest.mark.parametrize(
    "bad", ["<x@y>\r\nBcc: eve@evil.example", "<buy now at http://evil.example>", "x" * 5000, "<é@y>"]
)
def test_nothing_strange_of_the_answered_mail_is_reused(bad: str) -> None:
    """Not even its Message-ID, unless it is one."""
    mail = LETTERS.receipt(JO, None, NOW, answered=Answered(bad, (bad,)))

    headers = unfolded(mail.content)
    assert not {"In-Reply-To", "References", "Bcc"} & headers.keys()
    assert b"evil" not in mail.content


def test_missing_texts_are_found_at_the_start(tmp_path: Path) -> None:
    """Not when somebody waits for an answer."""
    with pytest.raises(InvalidSettings):
        Letters(SENDER, TOKENS, Signer(dkim_keys()), tmp_path)
    for kind in KINDS:
        (tmp_path / kind).mkdir()
        (tmp_path / kind / "texts.toml").write_text('[de]\nsubject = "x"\ntext = "y"\n')
    with pytest.raises(InvalidSettings, match="English"):
        Letters(SENDER, TOKENS, Signer(dkim_keys()), tmp_path)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_link_to_the_account_says_how_long_it_works(language: str) -> None:
    """So that nobody keeps it for later."""
    assert re.search(r"(?<!\d)30(?!\d)", words(write("account_link", dataclasses.replace(JO, language=language)))[0])


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_policy_letter_asks_or_only_tells(language: str) -> None:
    """Asked for are the topics that would pause; who is only told need not do anything, and the link is public."""
    to = dataclasses.replace(JO, language=language)
    asking, _ = words(write("policy", to))
    telling, _ = words(LETTERS.policy(to, None, NOW, effective_on=date(2026, 12, 1), extra=31))

    assert "Deals" in asking
    assert "2026-12-01" in asking
    assert "2026-12-01" in telling
    assert f"{SENDER.link_base}/policy" in telling
    assert "/y/" not in telling


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_yes_that_a_policy_letter_quotes_is_understood(language: str) -> None:
    """Whoever answers with the very words of the letter has said yes."""
    asking, _ = words(write("policy", dataclasses.replace(JO, language=language)))
    quoted = re.search(r"[\"«„“「]\s?([^\"»”」]+?)\s?[\"»”」]", asking.partition("Deals")[2].lstrip('」”"»'))

    assert quoted, asking
    assert read_words(quoted[1]) is Answer.YES
