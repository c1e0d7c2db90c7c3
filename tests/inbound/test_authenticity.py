"""The rungs of the ladder: who wrote, as far as can be shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.model import Proof
from inbound.authenticity import Rung, judge, mailbox, spellings
from kit.addresses import EmailAddress, parse_address, try_address

ANNA = parse_address("Anna.Smith@gmail.com")


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


def test_the_spellings_of_a_sender() -> None:
    """What a sender may be known as: without the tag, and for Google without dots and under both domains."""
    assert spellings(parse_address("bob+x@b.example")) == (parse_address("bob@b.example"),)
    assert spellings(parse_address("bob@b.example")) == ()
    found = {str(one) for one in spellings(parse_address("anna.smith+x@googlemail.com"))}
    assert {"anna.smith@gmail.com", "annasmith@gmail.com", "anna.smith@googlemail.com"} <= found
    assert len(found) <= 5


@given(st.from_regex(r"[a-z.+]{1,20}@(gmail\.com|googlemail\.com|x\.example)", fullmatch=True))
def test_all_spellings_are_one_mailbox(text: str) -> None:
    """A spelling never names somebody else."""
    address = try_address(text)
    if address is not None:
        assert {mailbox(one) for one in spellings(address)} <= {mailbox(address)}


def test_a_tag_alone_is_a_name() -> None:
    """ "+tag@x" has nothing before the plus; it stays what it is."""  # noqa: D210
    assert mailbox(EmailAddress("+tag", "x.example")) == "+tag@x.example"
