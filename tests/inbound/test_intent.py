"""What people want, by wording: acted on where sure, asked where not, never acted on against their will."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inbound.intent import understand
from inbound.model import Intent, Verdict
from tests.inbound.test_topics import WORLD

REPLIED = WORLD.campaigns[0]
RE = "Re: Spring sale: 30% off every course bundle"


def wish(typed: str, subject: str = RE) -> Intent:
    return understand(subject, typed, world=WORLD, replied=REPLIED)


@pytest.mark.parametrize(
    "typed",
    [
        "unsubscribe",
        "Please unsubscribe me. Thanks",
        "take me off your mailing list",
        "Bitte melden Sie mich vom Newsletter-Verteiler ab, ich möchte keine Mails mehr.",
        "Bitte streichen Sie mich aus dem Verteiler",
        "Merci de me désabonner, je ne veux plus recevoir vos mails",
        "Quiero darme de baja, no me envíen más correos",
        "Cancellatemi dalla vostra lista, non voglio più ricevere mail",
        "Por favor me removam da lista, não quero mais receber e-mails",
        "Graag uitschrijven, ik wil geen mails meer ontvangen",
        "Proszę wypisać mnie z listy, nie chcę tych maili",
        "Отпишите меня от рассылки, больше не присылайте письма",
        "配信停止をお願いします",
        "请退订，不要再发邮件了",
        "수신거부합니다. 메일 보내지 마세요",
        "أرجو إلغاء اشتراكي في قائمتكم البريدية",
        "Beni listeden çıkarın, artık mail istemiyorum",
    ],
)
def test_a_plain_request_is_carried_out_at_once(typed: str) -> None:
    intent = wish(typed)

    assert (intent.verdict, intent.scope) == (Verdict.UNSUBSCRIBE, "all")
    assert intent.reasons


@pytest.mark.parametrize(
    ("subject", "typed", "scope"),
    [
        ("unsubscribe Deals", "", ("deals",)),
        ("Unsubscribe Learn PLC programming from scratch", "", ("courses",)),
        ("odjavi Learn PLC programming from scratch", "Hvala", ("courses",)),
        ("unsubscribe", "", "all"),
        ("Re: unsubscribe all", "", "all"),
        (RE, "unsubscribe events", ("events",)),
    ],
)
def test_a_command_names_its_scope(subject: str, typed: str, scope: object) -> None:
    intent = wish(typed, subject)

    assert (intent.verdict, intent.scope) == (Verdict.UNSUBSCRIBE, scope)


@pytest.mark.parametrize(
    "typed",
    [
        "Please don't unsubscribe me!",
        "Bitte nicht abmelden, ich lese alles gern.",
        "Ne me désabonnez pas s'il vous plaît",
        "No me den de baja, por favor",
        "解除しないでください",
        "Please cancel my order, I clicked twice",
        "Bitte stornieren Sie meine Bestellung",
        "I must cancel my seat in the webinar",
        "Please delete my account",
        "My colleague wants to unsubscribe, how does she do that?",
        "What happens to my courses if I unsubscribe?",
        "If you do not answer I will unsubscribe",
        "Please ignore my earlier mail, I want to stay",
        "Could you send fewer mails? Once a month would do.",
        "Please pause the mails until September",
        "Thank you, great article!",
        "When I press STOP the motor does not stop",
    ],
)
def test_what_is_no_wish_to_leave_is_never_acted_on(typed: str) -> None:
    assert wish(typed).verdict in {Verdict.HUMAN, Verdict.UNCLEAR}


@pytest.mark.parametrize(
    ("typed", "scope"),
    [
        ("정기 메일 구독 취소 부탁 드립니다", "all"),
        ("더 이상 메일 보내지 말아 주세요", "all"),
        ("Keine Rabatte mehr, die Kurse gern weiter.", ("deals",)),
        ("Please stop the webinars but keep the newsletter.", ("events",)),
        ("Больше не присылайте скидки, новости оставьте.", ("deals",)),
    ],
)
def test_gaps_and_topics_kept_are_understood(typed: str, scope: object) -> None:
    intent = wish(typed)

    assert intent.verdict in {Verdict.UNSUBSCRIBE, Verdict.UNCLEAR}
    assert (intent.scope or intent.question) == scope


def test_a_question_about_an_offer_is_for_people() -> None:
    typed = "Gilt der Rabatt auch für Kurse, die ich schon angezahlt habe?"

    assert wish(typed).verdict is Verdict.HUMAN


def test_joining_is_told_from_leaving() -> None:
    intent = understand("subscribe events", "", world=WORLD, replied=None)

    assert (intent.verdict, intent.scope) == (Verdict.SUBSCRIBE, ("events",))


def test_a_topic_that_the_person_does_not_get_is_asked_about() -> None:
    intent = understand("unsubscribe events", "", world=WORLD, replied=REPLIED, receives=frozenset({"deals"}))

    assert (intent.verdict, intent.question) == (Verdict.UNCLEAR, ("deals",))


def test_a_long_letter_that_answers_no_mail_of_ours_is_never_acted_on() -> None:
    """Release notes and newsletters hold every word; the same words in a few are a wish."""
    wish_alone = "I have changed jobs. Take me off your mailing list and stop sending me these mails."
    long = f"{wish_alone} {'We met at the fair in spring and talked about bridges and rivers. ' * 6}"

    assert understand("my address", wish_alone, world=WORLD, replied=None).verdict is Verdict.UNSUBSCRIBE
    assert understand("my address", long, world=WORLD, replied=None).verdict is not Verdict.UNSUBSCRIBE
    assert understand(RE, long, world=WORLD, replied=REPLIED).verdict is Verdict.UNSUBSCRIBE


def test_a_command_that_the_letter_takes_back_is_at_most_asked_about() -> None:
    typed = "On second thoughts, don't stop at the sales stuff. Get rid of me entirely, every topic you have."
    subject = "unsubscribe Spring sale: 30% off every course bundle"

    assert wish(typed, subject).verdict is Verdict.UNCLEAR


def test_an_empty_answer_is_for_people() -> None:
    assert wish("").verdict is Verdict.HUMAN
    assert wish(" \n ").verdict is Verdict.HUMAN


@given(st.text(max_size=400), st.text(max_size=2000))
def test_any_text_ends_in_a_decision(subject: str, typed: str) -> None:
    intent = understand(subject, typed, world=WORLD, replied=REPLIED)

    assert intent.verdict not in {Verdict.BOUNCE, Verdict.COMPLAINT}
    assert 0 <= intent.confidence <= 1
    assert (intent.scope is not None) == (intent.verdict in {Verdict.UNSUBSCRIBE, Verdict.SUBSCRIBE})
