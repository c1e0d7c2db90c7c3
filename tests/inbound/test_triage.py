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
    Rung.PROVEN_ADDRESS: Proof.AUTHENTICATED,
    Rung.FORGED_ADDRESS: Proof.NONE,
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
        "sender": None if with_token or rung is Rung.STRANGER else SENDER,
        "to_token_address": with_token,
        "is_report_ours": with_token,
        "topic": "deals" if with_token else "",
        "all_topics": ("courses", "deals"),
    }
    return Situation(**{**known, **more})  # type: ignore[arg-type]  # fields by name


def names(rung: Rung, reading: Reading, **more: object) -> list[str]:
    return [type(action).__name__ for action in acts(rung, reading, **more)]


def acts(rung: Rung, reading: Reading, **more: object) -> tuple[Action, ...]:
    return triage(reading, a_situation(rung, **more), Trust(rung, PROOFS[rung], ()))


def a_report(verdict: Verdict, kind: str = "hard", *, is_acting: bool = True) -> Reading:
    mail = read_mail(b"Subject: x\r\n\r\n")
    if verdict is Verdict.BOUNCE:
        bounce = Bounce((), "hard" if kind == "hard" else "soft", "5.1.1")
        return Reading(verdict, None, 1.0, (), mail, bounce=bounce)
    return Reading(verdict, None, 1.0, (), mail, complaint=Complaint((), "abuse", is_acting))


#: What people and machines send, by name.
WISHES = {
    "leave in words": a_reading(Verdict.UNSUBSCRIBE, "all", typed="unsubscribe"),
    "leave by button": a_reading(Verdict.UNSUBSCRIBE, "all", subject="unsubscribe"),
    "join": a_reading(Verdict.SUBSCRIBE, ("deals",), typed="subscribe deals"),
    "unclear": a_reading(Verdict.UNCLEAR, "all", typed="hmm"),
    "something else": a_reading(Verdict.HUMAN, None, typed="hello"),
    "machine": a_reading(Verdict.AUTO),
    "bounce": a_report(Verdict.BOUNCE),
    "complaint": a_report(Verdict.COMPLAINT),
}
LEAVE, ASK, STAFF = ["Withdraw", "Receipt"], ["AskCustomer", "ListForStaff"], ["HandOn", "ListForStaff"]
CONFIRM, OWNER_ASKED, READ, LISTED = ["RequestSubscribe"], ["AskOwner"], ["HandOn"], ["ListForStaff"]
REPORTS_OF_A_LETTER = (["Suppress"], ["Withdraw", "Suppress"])
#: rung -> what becomes of each wish, in the order of WISHES
TABLE: dict[Rung, tuple[list[str], ...]] = {
    Rung.OWNER_WITH_TOKEN: (LEAVE, LEAVE, CONFIRM, ASK, READ, ["Nothing"], *REPORTS_OF_A_LETTER),
    Rung.PROVEN_ADDRESS: (LEAVE, LEAVE, CONFIRM, ASK, READ, ["Nothing"], LISTED, LISTED),
    Rung.SAME_ADDRESS: (LEAVE, LEAVE, CONFIRM, ASK, READ, ["Nothing"], LISTED, LISTED),
    Rung.ALIAS: (LEAVE, LEAVE, CONFIRM, ASK, READ, ["Nothing"], LISTED, LISTED),
    Rung.FORGED_ADDRESS: (
        [*OWNER_ASKED, *LISTED], [*OWNER_ASKED, *LISTED], READ, STAFF, READ, ["Nothing"], LISTED, LISTED,
    ),
    Rung.STRANGER_WITH_TOKEN: (OWNER_ASKED, LEAVE, READ, STAFF, READ, ["Nothing"], *REPORTS_OF_A_LETTER),
    Rung.STRANGER: (STAFF, STAFF, READ, STAFF, READ, ["Nothing"], LISTED, LISTED),
}  # fmt: skip
#: The same where no machine may answer (RFC 3834): what needs an answer goes to a person.
SILENT: dict[Rung, tuple[list[str], ...]] = {
    Rung.OWNER_WITH_TOKEN: (["Withdraw"], ["Withdraw"], READ, STAFF, READ, ["Nothing"], *REPORTS_OF_A_LETTER),
    Rung.PROVEN_ADDRESS: (["Withdraw"], ["Withdraw"], READ, STAFF, READ, ["Nothing"], LISTED, LISTED),
    Rung.SAME_ADDRESS: (STAFF, STAFF, READ, STAFF, READ, ["Nothing"], LISTED, LISTED),
    Rung.ALIAS: (STAFF, STAFF, READ, STAFF, READ, ["Nothing"], LISTED, LISTED),
    Rung.FORGED_ADDRESS: (STAFF, STAFF, READ, STAFF, READ, ["Nothing"], LISTED, LISTED),
    Rung.STRANGER_WITH_TOKEN: (STAFF, ["Withdraw"], READ, STAFF, READ, ["Nothing"], *REPORTS_OF_A_LETTER),
    Rung.STRANGER: (STAFF, STAFF, READ, STAFF, READ, ["Nothing"], LISTED, LISTED),
}  # fmt: skip


@pytest.mark.parametrize("rung", Rung)
@pytest.mark.parametrize("wish", WISHES)
@pytest.mark.parametrize("no_answer", ["", "it is automatic"])
def test_every_rung_with_every_wish(rung: Rung, wish: str, no_answer: str) -> None:
    """No cell is left to chance: a rung, a wish or a cell that the tables don't know fails here."""
    table = SILENT if no_answer else TABLE

    assert names(rung, WISHES[wish], no_answer=no_answer) == table[rung][list(WISHES).index(wish)]
    assert len(table[rung]) == len(WISHES)


def test_nothing_is_written_where_no_machine_may_answer() -> None:
    """RFC 3834: the wish may count, the answer is left out; there is always something to do."""
    for cells in SILENT.values():
        for cell in cells:
            assert cell
            assert not {"Receipt", "RequestSubscribe", "AskCustomer", "AskOwner"} & set(cell)


def test_leaving_unproven_is_never_silent() -> None:
    """Anybody can write any From: where nothing shows who wrote, nobody leaves without a letter to the owner."""
    for table in (TABLE, SILENT):
        for rung in (rung for rung in Rung if rung.is_unproven or rung is Rung.STRANGER):
            for cell in table[rung]:
                assert "Withdraw" not in cell or "Receipt" in cell


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
    assert acts(Rung.STRANGER_WITH_TOKEN, WISHES["leave by button"]) == (
        Withdraw(OWNER, (), Door.MAILTO, Proof.TOKEN),
        Receipt(OWNER, to_sender=False),
    )


def test_the_button_needs_the_token_address() -> None:
    """A Message-ID that a forwarded copy shows is not enough."""
    assert names(Rung.STRANGER_WITH_TOKEN, WISHES["leave by button"], to_token_address=False) == ["AskOwner"]


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


def test_with_anothers_copy_both_are_asked() -> None:
    """The friend is a customer, too: it is not clear for whom they speak, so each is asked at their own address."""
    reading = a_reading(Verdict.UNSUBSCRIBE, ("deals",), typed="x")

    assert acts(Rung.STRANGER_WITH_TOKEN, reading, sender=SENDER) == (
        AskOwner(OWNER, ("deals",)),
        AskCustomer(SENDER, ("deals",)),
    )


def test_a_report_that_does_not_prove_our_letter_changes_nothing() -> None:
    """A20: a token that every reader of a letter knows is not enough."""
    for verdict in (Verdict.BOUNCE, Verdict.COMPLAINT):
        assert names(Rung.STRANGER_WITH_TOKEN, a_report(verdict), is_report_ours=False) == ["ListForStaff"]


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
