"""The rungs of the ladder: who wrote, as far as can be shown."""

import pytest

from consent.model import Proof
from inbound.authenticity import Rung, judge
from inbound.model import Origin, Standing
from kit.addresses import parse_address, try_address

ANNA = parse_address("Anna.Smith@gmail.com")


PROVEN = Origin(Standing.PROVEN, ("gmail.com vouches for it",))
FORGED = Origin(Standing.FORGED, ("nothing shows that it comes from gmail.com",))
UNPROVEN = Origin(Standing.UNPROVEN, ("nothing shows where it comes from",))


@pytest.mark.parametrize(
    ("origin", "sender", "rung", "proof"),
    [
        (PROVEN, "anna.smith@gmail.com", Rung.PROVEN_ADDRESS, Proof.AUTHENTICATED),
        (PROVEN, "annasmith+x@gmail.com", Rung.PROVEN_ADDRESS, Proof.AUTHENTICATED),
        (FORGED, "anna.smith@gmail.com", Rung.FORGED_ADDRESS, Proof.NONE),
        (FORGED, "annasmith@gmail.com", Rung.FORGED_ADDRESS, Proof.NONE),
        (UNPROVEN, "anna.smith@gmail.com", Rung.SAME_ADDRESS, Proof.EXACT_ADDRESS),
        (UNPROVEN, "annasmith@gmail.com", Rung.ALIAS, Proof.ALIAS),
        (None, "anna.smith@gmail.com", Rung.SAME_ADDRESS, Proof.EXACT_ADDRESS),
        (PROVEN, "bob@b.example", Rung.STRANGER, Proof.NONE),  # whoever they are, we don't mail them
    ],
)
def test_what_the_sender_s_domain_says(origin: Origin | None, sender: str, rung: Rung, proof: Proof) -> None:
    """Without a token the address is worth what its domain says of the mail; the reasons go with it."""
    verdict = judge(has_token=False, sender=try_address(sender), owner=ANNA, origin=origin)

    assert (verdict.rung, verdict.proof) == (rung, proof)
    assert origin is None or rung is Rung.STRANGER or verdict.reasons[-1] == origin.reasons[-1]


@pytest.mark.parametrize("origin", [PROVEN, FORGED, UNPROVEN, None])
def test_our_own_token_needs_no_domain(origin: Origin | None) -> None:
    """The token was mailed to the owner: that proves more than the network the answer came by."""
    assert judge(has_token=True, sender=ANNA, owner=ANNA, origin=origin).rung is Rung.OWNER_WITH_TOKEN


@pytest.mark.parametrize(
    ("has_token", "sender", "owner", "rung", "proof"),
    [
        (True, "anna.smith@GMAIL.com", str(ANNA), Rung.OWNER_WITH_TOKEN, Proof.TOKEN),
        (True, "annasmith+shop@googlemail.com", str(ANNA), Rung.OWNER_WITH_TOKEN, Proof.TOKEN),
        (True, "friend@x.example", str(ANNA), Rung.STRANGER_WITH_TOKEN, Proof.TOKEN),
        (True, None, str(ANNA), Rung.STRANGER_WITH_TOKEN, Proof.TOKEN),
        (True, str(ANNA), None, Rung.STRANGER_WITH_TOKEN, Proof.TOKEN),
        (False, "anna.smith@gmail.com", str(ANNA), Rung.SAME_ADDRESS, Proof.EXACT_ADDRESS),
        (False, "annasmith@gmail.com", str(ANNA), Rung.ALIAS, Proof.ALIAS),
        (False, "bob+x@b.example", "bob@b.example", Rung.ALIAS, Proof.ALIAS),
        (False, "b.ob@b.example", "bob@b.example", Rung.STRANGER, Proof.NONE),
        (False, "anna.smith@gmail.com.evil.example", str(ANNA), Rung.STRANGER, Proof.NONE),
        (False, None, None, Rung.STRANGER, Proof.NONE),
    ],
)
def test_who_wrote(has_token: bool, sender: str | None, owner: str | None, rung: Rung, proof: Proof) -> None:
    """Token, exact address, alias, stranger; and a reason that staff can read."""
    verdict = judge(
        has_token=has_token,
        sender=try_address(sender) if sender else None,
        owner=try_address(owner) if owner else None,
    )

    assert (verdict.rung, verdict.proof) == (rung, proof)
    assert verdict.reasons
    assert not any("@" in reason for reason in verdict.reasons)


@pytest.mark.parametrize(
    ("has_token", "origin", "rung", "proof"),
    [
        (True, None, Rung.OWNER_WITH_TOKEN, Proof.TOKEN),
        (False, PROVEN, Rung.PROVEN_ADDRESS, Proof.AUTHENTICATED),
        (False, UNPROVEN, Rung.ALIAS, Proof.ALIAS),
        (False, FORGED, Rung.FORGED_ADDRESS, Proof.NONE),
        (False, None, Rung.ALIAS, Proof.ALIAS),
    ],
)
def test_a_former_address_is_worth_what_another_spelling_is(
    has_token: bool, origin: Origin | None, rung: Rung, proof: Proof
) -> None:
    """It was proven to be the person's; who it belongs to today is not sure."""
    former = parse_address("anna@old.example")

    known = judge(has_token=has_token, sender=former, owner=ANNA, is_further=True, origin=origin)
    unknown = judge(has_token=has_token, sender=former, owner=ANNA, origin=origin)

    assert (known.rung, known.proof) == (rung, proof)
    assert not unknown.rung.is_owner
    assert any("proven" in reason for reason in known.reasons)


def test_a_further_address_of_an_erased_person_is_nobody_s() -> None:
    """There is no owner any more for whom it could speak."""
    assert judge(has_token=True, sender=ANNA, owner=None, is_further=True).rung is Rung.STRANGER_WITH_TOKEN
