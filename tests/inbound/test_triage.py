"""Who may do what: every rung of the ladder with every wish, and the answers to our questions."""

import itertools
from dataclasses import replace

import pytest

from consent.model import Door, Proof, SubscriberId
from inbound.authenticity import Rung
from inbound.authenticity import Verdict as Trust
from inbound.mail import read_mail
from inbound.model import Bounce, Complaint, Intent, Reading, Scope, Verdict, VisibleText
from inbound.triage import (
    Action,
    AskCustomer,
    AskOwner,
    Confirm,
    HandOn,
    ListForStaff,
    Nothing,
    Receipt,
    Rejoin,
    RequestSubscribe,
    Situation,
    SoftBounce,
    Suppress,
    Withdraw,
    is_button,
    triage,
)

OWNER, SENDER = SubscriberId(1), SubscriberId(2)
PROOFS = {
    Rung.OWNER_WITH_TOKEN: Proof.TOKEN,
    Rung.STRANGER_WITH_TOKEN: Proof.TOKEN,
    Rung.SAME_ADDRESS: Proof.EXACT_ADDRESS,
    Rung.ALIAS: Proof.ALIAS,
    Rung.STRANGER: Proof.NONE,
}


def a_reading(verdict: Verdict, scope: Scope = None, *, typed: str = "", subject: str = "Re: May sale") -> Reading:
    mail = read_mail(f"Subject: {subject}\r\n\r\n{typed}\r\n".encode())
    intent = Intent(verdict, scope, 0.9, "en", ("why",), question=scope)
    marked_as_automatic = verdict is Verdict.AUTO
    return Reading(verdict, scope, 0.9, ("why",), mail, VisibleText(typed), None if marked_as_automatic else intent)


def a_situation(rung: Rung, **more: object) -> Situation:
    """Return who is known on this rung: the owner by the token, the sender by the address."""
    with_token = rung in {Rung.OWNER_WITH_TOKEN, Rung.STRANGER_WITH_TOKEN}
    known = {
        "owner": OWNER if with_token else None,
        "sender": SENDER if rung in {Rung.SAME_ADDRESS, Rung.ALIAS} else None,
        "to_token_address": with_token,
        "refers_to_letter": with_token,
        "topic": "deals" if with_token else "",
        "all_topics": ("courses", "deals"),
    }
    return Situation(**{**known, **more})  # type: ignore[arg-type]  # fields by name


def names(rung: Rung, reading: Reading, **more: object) -> list[str]:
    return [type(action).__name__ for action in acts(rung, reading, **more)]


def acts(rung: Rung, reading: Reading, **more: object) -> tuple[Action, ...]:
    return triage(reading, a_situation(rung, **more), Trust(rung, PROOFS[rung], ()))


LEAVE = ["Withdraw", "Receipt"]
#: rung -> (unsubscribe in words, the button, subscribe, unclear, human)
TABLE: dict[Rung, tuple[list[str], list[str], list[str], list[str], list[str]]] = {
    Rung.OWNER_WITH_TOKEN: (LEAVE, LEAVE, ["RequestSubscribe"], ["AskCustomer", "ListForStaff"], ["HandOn"]),
    Rung.STRANGER_WITH_TOKEN: (["AskOwner"], LEAVE, ["HandOn"], ["HandOn", "ListForStaff"], ["HandOn"]),
    Rung.SAME_ADDRESS: (LEAVE, LEAVE, ["RequestSubscribe"], ["AskCustomer", "ListForStaff"], ["HandOn"]),
    Rung.ALIAS: (LEAVE, LEAVE, ["RequestSubscribe"], ["AskCustomer", "ListForStaff"], ["HandOn"]),
    Rung.STRANGER: (
        ["HandOn", "ListForStaff"], ["HandOn", "ListForStaff"], ["HandOn"], ["HandOn", "ListForStaff"], ["HandOn"],
    ),
}  # fmt: skip
WISHES = (
    a_reading(Verdict.UNSUBSCRIBE, "all", typed="unsubscribe"),
    a_reading(Verdict.UNSUBSCRIBE, "all", subject="unsubscribe"),
    a_reading(Verdict.SUBSCRIBE, ("deals",), typed="subscribe deals"),
    a_reading(Verdict.UNCLEAR, "all", typed="hmm"),
    a_reading(Verdict.HUMAN, None, typed="hello"),
)


@pytest.mark.parametrize("rung", Rung)
@pytest.mark.parametrize("wish", range(5), ids=["in words", "button", "subscribe", "unclear", "human"])
def test_every_rung_with_every_wish(rung: Rung, wish: int) -> None:
    """No cell is left to chance."""
    assert names(rung, WISHES[wish]) == TABLE[rung][wish]


@pytest.mark.parametrize("rung", Rung)
@pytest.mark.parametrize("wish", range(5))
def test_where_no_machine_may_answer_nothing_is_written(rung: Rung, wish: int) -> None:
    """RFC 3834: the wish counts, the answer is left out; what needed an answer goes to a person."""
    found = names(rung, WISHES[wish], no_answer="it is automatic")

    assert not {"Receipt", "RequestSubscribe", "AskCustomer", "AskOwner"} & set(found)
    assert found


@pytest.mark.parametrize(("rung", "verdict"), list(itertools.product(Rung, Verdict)))
def test_there_is_always_something_to_do_and_a_loop_is_never_more_than_listed(rung: Rung, verdict: Verdict) -> None:
    """Never silence; and our own mail coming back moves nothing."""
    assert names(rung, a_reading(verdict))
    assert names(rung, a_reading(verdict), loop="ours") == ["ListForStaff"]


def test_topics_are_left_one_by_one_and_all_together() -> None:
    """A scope of topics ends these; 'all', or none named, ends everything."""
    some = acts(Rung.OWNER_WITH_TOKEN, a_reading(Verdict.UNSUBSCRIBE, ("deals",), typed="x"))
    everything = acts(Rung.OWNER_WITH_TOKEN, a_reading(Verdict.UNSUBSCRIBE, None, typed="x"))

    assert some == (Withdraw(OWNER, ("deals",), Door.REPLY, Proof.TOKEN), Receipt(OWNER, to_sender=True))
    assert everything[0] == Withdraw(OWNER, (), Door.REPLY, Proof.TOKEN)


def test_the_button_from_another_address_tells_the_owner_outside_the_thread() -> None:
    """RFC 8058 and RFC 2369: it counts; the receipt goes to the owner, as a letter of its own."""
    assert acts(Rung.STRANGER_WITH_TOKEN, WISHES[1]) == (
        Withdraw(OWNER, (), Door.MAILTO, Proof.TOKEN),
        Receipt(OWNER, to_sender=False),
    )


def test_the_button_needs_the_token_address() -> None:
    """A Message-ID that a forwarded copy shows is not enough."""
    assert names(Rung.STRANGER_WITH_TOKEN, WISHES[1], to_token_address=False) == ["AskOwner"]


@pytest.mark.parametrize(
    ("subject", "typed", "holds"),
    [
        ("unsubscribe", "", True),
        ("Unsubscribe", "unsubscribe", True),
        ("unsubscribe", "This message was automatically generated by Gmail.", True),
        ("unsubscribe", "Please take me off, and where is my order?", False),
        ("Re: unsubscribe", "", False),
        ("unsubscribe deals", "", False),
    ],
)
def test_what_a_button_sends(subject: str, typed: str, holds: bool) -> None:
    """Nothing but the word, as a mail of its own."""
    assert is_button(a_reading(Verdict.UNSUBSCRIBE, "all", subject=subject, typed=typed)) is holds


def test_a_subscriber_with_anothers_copy_leaves_alone() -> None:
    """The friend is a customer, too: they leave in their own name, the owner is asked."""
    reading = a_reading(Verdict.UNSUBSCRIBE, ("deals",), typed="x")

    assert acts(Rung.STRANGER_WITH_TOKEN, reading, sender=SENDER, sender_proof=Proof.ALIAS) == (
        Withdraw(SENDER, ("deals",), Door.REPLY, Proof.ALIAS),
        Receipt(SENDER, to_sender=True),
        AskOwner(OWNER, ("deals",)),
    )


def test_joining_without_a_topic_means_the_one_that_is_answered_or_a_person_asks() -> None:
    """ "subscribe" to a mail about deals means deals; out of the blue it means nothing certain."""  # noqa: D210
    reading = a_reading(Verdict.SUBSCRIBE, None, typed="subscribe")

    assert acts(Rung.OWNER_WITH_TOKEN, reading) == (RequestSubscribe(OWNER, ("deals",), Proof.TOKEN),)
    assert acts(Rung.SAME_ADDRESS, reading) == (HandOn(),)
    everything = acts(Rung.SAME_ADDRESS, a_reading(Verdict.SUBSCRIBE, "all", typed="subscribe all"))
    assert everything == (RequestSubscribe(SENDER, ("courses", "deals"), Proof.EXACT_ADDRESS),)


ANSWERS = [
    ("confirmation", "yes", Verdict.HUMAN, Confirm(OWNER, ("deals",), Proof.TOKEN)),
    ("confirmation", "Ja, bitte!", Verdict.HUMAN, Confirm(OWNER, ("deals",), Proof.TOKEN)),
    ("confirmation", "はい", Verdict.UNCLEAR, Confirm(OWNER, ("deals",), Proof.TOKEN)),
    ("confirmation", "no", Verdict.HUMAN, Withdraw(OWNER, ("deals",), Door.REPLY, Proof.TOKEN)),
    ("receipt", "UNDO", Verdict.HUMAN, Rejoin(OWNER, 7, Proof.TOKEN)),
    ("question", "1", Verdict.HUMAN, Withdraw(OWNER, (), Door.REPLY, Proof.TOKEN)),
    ("question", "2.", Verdict.UNCLEAR, Nothing("they were asked, and stay")),
    ("ask_owner", "1", Verdict.HUMAN, Withdraw(OWNER, (), Door.REPLY, Proof.TOKEN)),
    ("ask_owner", "нет", Verdict.HUMAN, Nothing("they were asked, and stay")),
    ("question", "1 is not enough, call me", Verdict.HUMAN, HandOn()),
    ("receipt", "yes", Verdict.HUMAN, HandOn()),
]


@pytest.mark.parametrize(("asked", "typed", "verdict", "action"), ANSWERS)
def test_answers_to_our_questions(asked: str, typed: str, verdict: Verdict, action: Action) -> None:
    """A word or a number, in any of our languages, means what the letter said it would."""
    details = {"topics": ["deals"], "scope": "topics", "event": 7}

    found = acts(Rung.OWNER_WITH_TOKEN, a_reading(verdict, typed=typed), asked=asked, asked_details=details)

    assert found[0] == action


@pytest.mark.parametrize(("asked", "typed"), [("confirmation", "yes"), ("receipt", "undo"), ("question", "1")])
@pytest.mark.parametrize("rung", [rung for rung in Rung if rung is not Rung.OWNER_WITH_TOKEN])
def test_only_the_owner_answers(rung: Rung, asked: str, typed: str) -> None:
    """Whoever holds a forwarded copy of our question can't answer it."""
    found = names(rung, a_reading(Verdict.HUMAN, typed=typed), asked=asked, asked_details={"topics": ["deals"]})

    assert found == ["HandOn"]


def test_a_machine_never_answers_for_the_owner() -> None:
    """An out-of-office that says "yes" confirms nothing."""
    found = names(Rung.OWNER_WITH_TOKEN, a_reading(Verdict.AUTO, typed="yes"), asked="confirmation")

    assert found == ["Nothing"]


def test_what_only_sounds_like_a_machine_is_handed_on() -> None:
    """No mark of a machine, only its words: it may be a person after all, so a person reads it."""
    reading = replace(a_reading(Verdict.AUTO, typed="yes"), intent=Intent(Verdict.AUTO, None, 0.95, "en", ("why",)))

    for rung in Rung:
        assert names(rung, reading, asked="confirmation") == ["HandOn"]


def a_report(verdict: Verdict, kind: str = "hard", *, is_acting: bool = True) -> Reading:
    mail = read_mail(b"Subject: x\r\n\r\n")
    if verdict is Verdict.BOUNCE:
        bounce = Bounce((), "hard" if kind == "hard" else "soft", "5.1.1")
        return Reading(verdict, None, 1.0, (), mail, bounce=bounce)
    return Reading(verdict, None, 1.0, (), mail, complaint=Complaint((), "abuse", is_acting))


def test_reports_count_with_our_token_only() -> None:
    """A20: a forged bounce or complaint that names a victim changes nothing and is shown to staff."""
    hard, soft = a_report(Verdict.BOUNCE), a_report(Verdict.BOUNCE, "soft")
    complaint = a_report(Verdict.COMPLAINT)

    assert acts(Rung.STRANGER_WITH_TOKEN, hard) == (Suppress(OWNER, "bounce", Door.BOUNCE),)
    assert acts(Rung.STRANGER_WITH_TOKEN, soft) == (SoftBounce(OWNER, "5.1.1"),)
    assert acts(Rung.STRANGER_WITH_TOKEN, complaint) == (
        Withdraw(OWNER, (), Door.COMPLAINT, Proof.TOKEN),
        Suppress(OWNER, "complaint", Door.COMPLAINT),
    )
    for reading in (hard, soft, complaint):
        for rung in (Rung.STRANGER, Rung.SAME_ADDRESS, Rung.ALIAS):
            (action,) = acts(rung, reading)
            assert isinstance(action, ListForStaff)


def test_a_report_that_says_no_spam_changes_nothing() -> None:
    """RFC 6430."""
    (action,) = acts(Rung.STRANGER_WITH_TOKEN, a_report(Verdict.COMPLAINT, is_acting=False))

    assert isinstance(action, Nothing)


def test_an_unclear_mail_asks_about_what_it_may_mean() -> None:
    """The question's scope is the reader's."""
    assert acts(Rung.SAME_ADDRESS, a_reading(Verdict.UNCLEAR, ("deals",), typed="x"))[0] == AskCustomer(
        SENDER, ("deals",)
    )
