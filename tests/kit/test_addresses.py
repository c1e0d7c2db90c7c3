"""One strict reading of an address, and a forgiving look at other people's headers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.addresses import harvest, parse_address, try_address
from kit.errors import InvalidAddress


@pytest.mark.parametrize(
    ("text", "local", "domain"),
    [
        ("Anna@Example.ORG", "Anna", "example.org"),
        (" o'neil+tag@uni.example.edu ", "o'neil+tag", "uni.example.edu"),
        ("a@bücher.example", "a", "xn--bcher-kva.example"),
        ("用户@例え.jp", "用户", "xn--r8jz45g.jp"),
        ("a" * 64 + "@b.test", "a" * 64, "b.test"),
    ],
)
def test_a_good_address_is_normalised(text: str, local: str, domain: str) -> None:
    """The local part stays as written; the domain becomes A-labels in lower case."""
    address = parse_address(text)

    assert (address.local, address.domain) == (local, domain)


@pytest.mark.parametrize(
    "text",
    [
        "", "a", "@b.test", "a@", "a b@x.test", "a@b..test",
        ".a@b.test", "a.@b.test", "a@-b.test", "a" * 65 + "@b.test",
        '"a b"@x.test', "a(comment)@b.test", "<a@b.test>", "@relay:u@d.test", "a@b.test>\r\nRCPT TO:<c@d.test",
        "a@[127.0.0.1]", "=?x?q?alice=40evil.test=3e=00?=@", "a@b\0c.test", "a\u200b\u2028@b.test", "a@b@c.test",
    ],
)  # fmt: skip
def test_what_parsers_disagree_about_is_no_address(text: str) -> None:
    """Comments, routes, quotes, encoded-words, line ends, literals: refused, not guessed at."""
    with pytest.raises(InvalidAddress):
        parse_address(text)


def test_spellings_of_one_address_have_one_key() -> None:
    """Case and normal form differ in writing, not in meaning; plus-tags stay apart."""
    assert parse_address("ANNA@x.test").key == parse_address("anna@X.TEST").key
    assert parse_address("ko\u0308ln@x.test").key == parse_address("köln@x.test").key
    assert parse_address("anna+a@x.test").key != parse_address("anna@x.test").key


def test_a_header_gives_up_its_addresses_in_order() -> None:
    """Angle brackets first, each once, however the names are written."""
    header = '"Doe, J. <no@where>" <anna@x.test>, bob@x.test; Carol <CAROL@x.test>, <anna@x.test>, not an address'

    assert [str(address) for address in harvest(header)] == ["no@where", "anna@x.test", "CAROL@x.test", "bob@x.test"]


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused(text: str) -> None:
    """And what was read reads the same again."""
    address = try_address(text)

    harvest(text)
    assert address is None or parse_address(str(address)) == address


@pytest.mark.parametrize(
    ("address", "mailbox"),
    [
        ("Bob+x@B.example", "bob@b.example"),
        ("b.ob@b.example", "b.ob@b.example"),
        ("Anna.Smith+shop@googlemail.com", "annasmith@gmail.com"),
        ("a.n.n.a.smith@gmail.com", "annasmith@gmail.com"),
        ("+tag@x.example", "+tag@x.example"),  # nothing before the plus: it stays what it is
    ],
)
def test_the_spellings_of_one_mailbox_are_equal(address: str, mailbox: str) -> None:
    """Plus-tags (RFC 5233) everywhere; dots and both domains at Google."""
    assert parse_address(address).mailbox == mailbox
