"""DKIM: dkimpy says whether what we sign is right, and that nothing can be changed or added."""

import re
from collections.abc import Callable

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.clock import utc_now
from kit.errors import InvalidSettings
from mailer.form import PromotionForm
from mailer.keys import DkimKey
from mailer.mime import InvalidLetter
from mailer.model import Rendered
from mailer.signing import OVERSIGNED, Signer, relaxed_body
from tests.mailer.letters_at_hand import MAILING, NOW, SENDER, TOKENS, a_recipient, dkim_keys, dns_of_keys

LATELY = utc_now()  # dkimpy compares t= and x= with the clock of the machine


@pytest.fixture(scope="module")
def signed() -> bytes:
    return sign(Rendered("Spring sale", "Hello  Jo \n\n-- \nx", "<p>Hello\t Jo"))


def sign(words: Rendered) -> bytes:
    letter = PromotionForm(SENDER, MAILING).build(a_recipient(), TOKENS.links(SENDER, 17, 42), words, NOW)
    return Signer(dkim_keys()).sign(letter.content, LATELY)


def verdicts(content: bytes, look_up: Callable[..., bytes | None] | None = None) -> list[bool]:
    """Return what dkimpy says of both signatures."""
    found = []
    for index in (0, 1):
        try:
            found.append(dkim.DKIM(content).verify(idx=index, dnsfunc=look_up or dns_of_keys()))
        except dkim.DKIMException:
            found.append(False)
    return found


def test_both_signatures_verify(signed: bytes) -> None:
    """RSA first, Ed25519 second, by an implementation that is not ours."""
    assert re.findall(rb" a=([a-z0-9\-]+);", signed)[:2] == [b"rsa-sha256", b"ed25519-sha256"]
    assert verdicts(signed) == [True, True]


bodies = st.text(st.characters(exclude_characters="\r", exclude_categories=["Cs"]), max_size=200)


@given(st.text(max_size=200), bodies, bodies)
@settings(deadline=None)
def test_any_letter_verifies(subject: str, text: str, html: str) -> None:
    """What is signed is what is sent, whatever the words are."""
    assert verdicts(sign(Rendered(subject, text, html))) == [True, True]


@given(st.text(alphabet=" \t\r\nab", max_size=60))
def test_the_relaxed_body_is_that_of_dkimpy(text: str) -> None:
    """RFC 6376 3.4.4, compared on white space of all kinds."""
    body = text.replace("\r", "").replace("\n", "\r\n").encode() + b"\r\n"
    ours = relaxed_body(body)

    theirs = dkim.canonicalization.Relaxed.canonicalize_body(body)
    assert ours in {theirs, b"" if theirs == b"\r\n" else theirs}


def test_each_signed_header_is_sealed(signed: bytes) -> None:
    """RFC 8058 4: a changed byte in any header, List-Unsubscribe-Post among them, breaks both signatures."""
    head = signed.partition(b"\r\n\r\n")[0]
    start = head.index(b"\r\nFrom:") + 2
    fields = list(re.finditer(rb"([A-Za-z\-]+): ?([^\r\n]*)", head[start:]))
    names = [found[1] for found in fields if head[start + found.start() - 1 :][:1] == b"\n"]

    assert len(names) == 18
    for found in fields:
        place = start + found.end() - 1
        changed = signed[:place] + bytes([signed[place] ^ 1]) + signed[place + 1 :]
        assert verdicts(changed) == [False, False], found[0]


@pytest.mark.parametrize("name", OVERSIGNED)
def test_no_second_header_can_be_added(signed: bytes, name: bytes) -> None:
    """Oversigning (RFC 6376 8.15): one more of each, also of those that are not there, breaks both."""
    assert verdicts(name + b": x\r\n" + signed) == [False, False]
    head, _, body = signed.partition(b"\r\n\r\n")
    assert verdicts(head + b"\r\n" + name + b": x\r\n\r\n" + body) == [False, False]


def test_the_body_is_sealed(signed: bytes) -> None:
    """Nothing can be changed in it or put behind it: there is no l= tag."""
    assert verdicts(signed.replace(b"<p>Hello", b"<p>Hallo")) == [False, False]
    assert verdicts(signed + b"more\r\n") == [False, False]
    assert not re.search(rb"[;\s]l=", signed.partition(b"\r\nFrom:")[0])


def test_the_tags(signed: bytes) -> None:
    """Aligned domain, relaxed both ways, expiry in fourteen days, short lines, List-Unsubscribe twice in h=."""
    head = signed.partition(b"\r\nFrom:")[0]
    tags = re.search(rb"t=(\d+); x=(\d+);", head)

    assert tags
    assert int(tags[2]) - int(tags[1]) == 14 * 86400
    assert head.count(b"c=relaxed/relaxed;") == head.count(b"d=shop.example;") == 2
    assert max(map(len, head.split(b"\r\n"))) <= 78
    names = re.sub(rb"\s", b"", head.partition(b"h=")[2].partition(b";")[0]).split(b":")
    for name in (b"from", b"list-unsubscribe", b"list-unsubscribe-post", b"cfbl-address", b"subject"):
        assert names.count(name) == 2
    assert names.count(b"cc") == names.count(b"sender") == 1


def test_another_key_in_the_dns_fails(signed: bytes) -> None:
    """The proof is the key, not the look of the field."""
    assert verdicts(signed, lambda name, **_: None) == [False, False]


def test_weak_keys_and_none_are_refused() -> None:
    """Below 2048 bits nothing is signed, and nothing goes out unsigned by an empty list."""
    weak = DkimKey("shop.example", "weak", generate_private_key(public_exponent=65537, key_size=1024))

    for keys in ([weak], []):
        with pytest.raises(InvalidSettings):
            Signer(keys)


@pytest.mark.parametrize(
    "content",
    [
        b"From: a@b.example\r\n\r\nbare\n",
        b"From: a@b.example\r\n\r\nbare\r",
        b"From: a@b.example\r\n",
        b"To: a@b.example\r\n\r\nno From\r\n",
        b"From: a@b.example\r\nFrom: a@b.example\r\n\r\n",
    ],
)
def test_unfinished_bytes_are_not_signed(content: bytes) -> None:
    """A line end changed on the way would break the signature, so it has to be right before."""
    with pytest.raises(InvalidLetter):
        Signer(dkim_keys()).sign(content, NOW)


@pytest.mark.parametrize("using", [("rsa-sha256",), ("ed25519-sha256",), ()])
def test_the_keys_that_were_chosen_sign(signed: bytes, using: tuple[str, ...]) -> None:
    """One, the other, or none where the relay signs; what any of them signed stays known as ours."""
    unsigned = PromotionForm(SENDER, MAILING).build(
        a_recipient(), TOKENS.links(SENDER, 17, 42), Rendered("a", "b", "c"), NOW
    )
    signer = Signer(dkim_keys(), using=using)

    content = signer.sign(unsigned.content, LATELY)

    assert tuple(found.decode() for found in re.findall(rb" a=([a-z0-9\-]+);", content)) == using
    assert content.endswith(unsigned.content)
    assert signer.has_signed(signed.partition(b"\r\n\r\n")[0] + b"\r\n")
