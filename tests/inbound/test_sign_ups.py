"""Answers to letters about sign-ups: who may say yes, and that a no is always taken."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.model import Proof
from inbound.answers import Answer
from inbound.mail import read_mail
from inbound.model import Origin, Reading, Standing, Verdict, VisibleText
from inbound.sign_ups import (
    Answered,
    AskForThePage,
    ConfirmSignUp,
    GuardianAgrees,
    GuardianWithdraws,
    NotMe,
    SignUpAction,
    decide,
    says,
)
from inbound.triage import HandOn, ListForStaff, Nothing
from kit.addresses import parse_address
from mailer.tokens import Purpose, Token

MUM = parse_address("mum@example.org")
GUARDIAN, OWNER = (Token(purpose, 7, 0, 99, 1) for purpose in (Purpose.GUARDIAN, Purpose.SIGN_UP))
PROVEN, UNPROVEN, FORGED = (Origin(standing, ("as the test says",)) for standing in Standing)


def reading(text: str, *, sender: str = "mum@example.org", verdict: Verdict = Verdict.HUMAN) -> Reading:
    mail = read_mail(f"From: {sender}\r\nSubject: Re: May your child\r\n\r\n{text}\r\n".encode())
    return Reading(verdict, None, 0.9, (), mail, VisibleText(text))


def done(
    one: Reading, token: Token = GUARDIAN, *, origin: Origin | None = PROVEN, no_answer: str = "", loop: str = ""
) -> tuple[object, ...]:
    return decide(one, Answered(token, MUM), origin=origin, no_answer=no_answer, loop=loop)


YES = [
    "I agree", "I agree.", "Yes, I agree, thank you!", "yes", "AGREED", "I agree\n\nBest regards\nAnna",
    "Ich stimme zu.", "ja", "J’accepte", "acepto", "acconsento", "Concordo, obrigada", "ik ga akkoord", "Zgadzam się",
    "Я согласна", "同意します", "我同意。", "동의합니다", "أوافق", "kabul ediyorum",
]  # fmt: skip
NO = [
    "no", "No!", "I do not agree", "I don't agree", "I don’t consent", "I withdraw", "withdraw", "not me",
    "No, I don't want this for my child", "Nein, danke, lieber später",
    "Please withdraw my consent for Kim.", "I agreed last week, but now I want to take it back: please cancel",
    "nein", "Widerrufen", "widerruf", "Ich stimme nicht zu", "Ich ziehe meine Zustimmung zurück", "retirer",
    "Je ne suis pas d'accord", "retirar", "revoco", "intrekken", "wycofuję", "отзываю", "撤回", "同意しません",
    "不同意", "철회", "سحب", "لا أوافق", "geri al", "Hayır",
]  # fmt: skip
NEITHER = [
    "No problem as far as I see, but what is it?",
    "What is this about?", "Who is Kim?", "I agree to nothing before I have seen it", "1", "2", "", "x" * 301,
    "My daughter is nine. I agree with her teacher that she reads too little.",
]  # fmt: skip


@pytest.mark.parametrize("text", YES)
def test_a_yes_is_understood(text: str) -> None:
    """In the words of our letters, and in the plain ones."""
    assert says(reading(text)) is Answer.YES


@pytest.mark.parametrize("text", NO)
def test_a_no_is_understood(text: str) -> None:
    """A yes within it does not help."""
    assert says(reading(text)) is Answer.NO


@pytest.mark.parametrize("text", NEITHER)
def test_what_is_neither_is_read_by_a_person(text: str) -> None:
    """A question is no answer, and neither is a number that we never offered."""
    assert says(reading(text)) is None
    assert done(reading(text)) == (HandOn(),)


def test_a_wish_to_leave_is_a_no() -> None:
    """In whatever words the reader understood it."""
    assert says(reading("take me off that thing", verdict=Verdict.UNSUBSCRIBE)) is Answer.NO


@pytest.mark.parametrize(
    ("sender", "origin", "wanted"),
    [
        ("mum@example.org", PROVEN, GuardianAgrees(7, 99, Proof.TOKEN)),
        ("MUM@example.org", PROVEN, GuardianAgrees(7, 99, Proof.TOKEN)),
        ("mum@example.org", UNPROVEN, AskForThePage(7, 99)),
        ("mum@example.org", FORGED, AskForThePage(7, 99)),
        ("mum@example.org", None, AskForThePage(7, 99)),
        ("mum+kids@example.org", PROVEN, AskForThePage(7, 99)),
        ("kim@school.example", PROVEN, AskForThePage(7, 99)),
    ],
)
def test_a_guardian_agrees_by_mail_only_with_proof(sender: str, origin: Origin | None, wanted: SignUpAction) -> None:
    """P8: the token, the very address, and its domain vouches; else the page."""
    assert done(reading("I agree", sender=sender), origin=origin) == (wanted,)


@pytest.mark.parametrize("sender", ["mum@example.org", "kim@school.example", "anybody@evil.example"])
@pytest.mark.parametrize("origin", [PROVEN, FORGED, None])
def test_a_guardian_withdraws_with_the_token_alone(sender: str, origin: Origin | None) -> None:
    """Leaving needs less proof than joining."""
    assert done(reading("withdraw", sender=sender), origin=origin) == (GuardianWithdraws(7, 99, Proof.TOKEN),)


def test_where_no_machine_may_answer_a_person_does() -> None:
    """The doubtful yes of a robot's address asks nobody anything (RFC 3834)."""
    hand_on, listed = done(reading("I agree"), origin=None, no_answer="it is bulk mail")

    assert hand_on == HandOn()
    assert isinstance(listed, ListForStaff)


def test_the_owner_confirms_and_declines() -> None:
    """The letter came to the address, so the token and the address are enough; a friend's yes is not."""
    assert done(reading("yes"), OWNER, origin=None) == (ConfirmSignUp(7, 99, Proof.TOKEN),)
    assert done(reading("yes", sender="friend@example.net"), OWNER, origin=PROVEN) == (HandOn(),)
    assert done(reading("Not me!", sender="friend@example.net"), OWNER, origin=None) == (NotMe(7, 99),)


@pytest.mark.parametrize("token", [GUARDIAN, OWNER])
def test_machines_and_our_own_mail_change_nothing(token: Token) -> None:
    """Out of office is no consent, whatever its words."""
    assert isinstance(done(reading("I agree", verdict=Verdict.AUTO), token)[0], Nothing)
    assert done(reading("no"), token, loop="it came back") == (ListForStaff("it came back"),)


def test_an_answer_that_comes_too_late_is_read_by_a_person() -> None:
    """What it is about is deleted: a no needs nothing more, a yes a person."""
    gone = Answered(GUARDIAN, None)

    assert decide(reading("I agree"), gone, origin=PROVEN, no_answer="", loop="") == (HandOn(),)
    assert isinstance(decide(reading("no"), gone, origin=PROVEN, no_answer="", loop="")[0], Nothing)


@given(st.text(max_size=400), st.sampled_from([PROVEN, UNPROVEN, FORGED, None]), st.sampled_from(["mum", "dad"]))
def test_nothing_agrees_without_proof(text: str, origin: Origin | None, local: str) -> None:
    """Whatever is written: a guardian's consent comes from the guardian's address, vouched for."""
    one = reading("x", sender=f"{local}@example.org")
    one = Reading(one.verdict, None, 0.9, (), one.mail, VisibleText(text))

    if any(isinstance(action, GuardianAgrees) for action in done(one, origin=origin)):
        assert (local, origin) == ("mum", PROVEN)
