"""Slips in addresses, offices, and mailboxes for an hour."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.addresses import EmailAddress, parse_address
from kit.doubtful import is_disposable, is_role, probably_meant

SLIPS = {
    "jo@gmial.com": "jo@gmail.com", "jo@gmai.com": "jo@gmail.com", "jo@gmaill.com": "jo@gmail.com",
    "jo@gnail.com": "jo@gmail.com", "jo@hotmial.com": "jo@hotmail.com", "jo@yaho.com": "jo@yahoo.com",
    "jo@outlok.com": "jo@outlook.com", "jo@iclould.com": "jo@icloud.com", "jo@gmail.con": "jo@gmail.com",
    "jo@shop.con": "jo@shop.com", "Jo.Doe+x@gmail.cmo": "Jo.Doe+x@gmail.com", "jo@t-onlne.de": "jo@t-online.de",
}  # fmt: skip
FINE = [
    "jo@gmail.com", "jo@mail.com", "jo@email.com", "jo@ymail.com", "jo@gmx.net", "jo@gmx.de", "jo@me.com", "jo@ne.com",
    "jo@web.de", "jo@example.org", "jo@company.com", "jo@yahoo.co.uk", "jo@outlook.es", "jo@live.fr", "jo@free.fr",
    "jo@proton.me", "jo@university.edu", "jo@163.com", "jo@162.com",
]  # fmt: skip


@pytest.mark.parametrize(("written", "meant"), SLIPS.items())
def test_a_slip_is_pointed_at(written: str, meant: str) -> None:
    """One letter wrong, missing, doubled, or two swapped; and ends that nobody has."""
    assert str(probably_meant(parse_address(written))) == meant


@pytest.mark.parametrize("written", FINE)
def test_what_exists_is_left_alone(written: str) -> None:
    """Small hosts and short names, too: a wrong hint is worse than none."""
    assert probably_meant(parse_address(written)) is None


@given(st.from_regex(r"\A[a-z]{1,12}(\.[a-z]{2,6}){1,2}\Z"))
def test_a_hint_needs_no_second_one(domain: str) -> None:
    """What is proposed is never doubted in turn, unless its own end was mended."""
    meant = probably_meant(EmailAddress("jo", domain))

    assert meant is None or meant.domain != domain
    if meant is not None and meant.domain.rpartition(".")[0] != domain.rpartition(".")[0]:
        assert probably_meant(meant) is None


@pytest.mark.parametrize("local", ["info", "Sales", "no-reply", "postmaster", "support+de"])
def test_an_office_is_known(local: str) -> None:
    """RFC 2142, in any case, with any tag."""
    assert is_role(EmailAddress(local, "example.org"))


@pytest.mark.parametrize("local", ["jo", "information", "salesman", "jo.info"])
def test_a_person_is_none(local: str) -> None:
    """Only the whole name counts."""
    assert not is_role(EmailAddress(local, "example.org"))


def test_hosts_for_an_hour_are_known_with_what_lies_under_them() -> None:
    """And those that the settings name."""
    assert is_disposable(parse_address("x@mailinator.com"))
    assert is_disposable(parse_address("x@a.b.mailinator.com"))
    assert not is_disposable(parse_address("x@notmailinator.com"))
    assert not is_disposable(parse_address("x@hour.example"))
    assert is_disposable(parse_address("x@hour.example"), ("hour.example",))
