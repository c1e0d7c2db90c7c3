"""What is wrong with the published keys is said, and keys that are right are left in peace."""

import base64
import dataclasses

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

import kit.dns
from kit.dns import DnsTrouble
from mailer.keys import DkimKey, public_text
from mailer.published import UNASKED, faults
from tests.fakes.zone import Zone
from tests.mailer.letters_at_hand import dkim_keys

RSA, ED25519 = 0, 1


def name_of(key: DkimKey) -> str:
    return f"{key.selector}._domainkey.{key.domain}"


def zone(**instead: object) -> Zone:
    """Return a DNS with both keys; ``rsa`` and ``ed25519`` are the records to have instead."""
    return Zone(
        {
            (name_of(key), "TXT"): found if isinstance(found, list) else [found]
            for key, kind in zip(dkim_keys(), ("rsa", "ed25519"), strict=True)
            for found in [instead.get(kind, public_text(key))]
        }
    )


def good(which: int) -> str:
    return public_text(dkim_keys()[which])


def written(template: str) -> str:
    """Return a record: ``{}`` is the right one of the RSA key, ``{p}`` that key, ``{ed}`` the other key."""
    return template.format(good(RSA), p=p_of(RSA), p_rest=p_of(RSA)[100:], ed=p_of(ED25519))


def p_of(which: int) -> str:
    return good(which).rpartition("p=")[2]


def test_keys_that_are_published_have_no_faults() -> None:
    """Exactly what ``byleave keys dns`` prints."""
    assert faults(dkim_keys(), zone()) == ()


@pytest.mark.parametrize(
    "record",
    [
        "{};",
        "p={p}",
        "v=DKIM1;k=rsa;h=sha1:sha256;s=email:other;t=s;n=note;x_new=1;p={p}",
        " v = DKIM1 ; k = rsa ;\r\n\tp = {p:.100} {p_rest} ",
    ],
)
def test_other_spellings_of_a_right_record_pass(record: str) -> None:
    """Defaults, further tags and white space (RFC 6376 3.2, 3.6.1)."""
    assert faults(dkim_keys(), zone(rsa=written(record))) == ()


def test_a_bare_rsa_key_without_its_algorithm_is_the_same_key() -> None:
    """RFC 6376 3.6.1 names the type RSAPublicKey, and some tools write that and nothing round it."""
    public = dkim_keys()[RSA].private.public_key()
    octets = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1)

    assert faults(dkim_keys(), zone(rsa=f"p={base64.b64encode(octets).decode()}")) == ()


@pytest.mark.parametrize(
    ("records", "said"),
    [
        ((), "is not published"),
        (("{}", "{}"), "has 2 TXT records"),
        (("",), "has no p="),
        (("{}; p=",), "no list of tags"),
        (("v=DKIM1;; p={p}",), "no list of tags"),
        (("\ufffd",), "no list of tags"),
        (("v=DKIM2; p={p}",), "does not begin with v=DKIM1"),
        (("k=rsa; v=DKIM1; p={p}",), "does not begin with v=DKIM1"),
        (("v=DKIM1; k=ed25519; p={p}",), "says k=ed25519, and we sign with k=rsa"),
        (("v=DKIM1; h=sha1; p={p}",), "says h=sha1, and we sign with sha256"),
        (("v=DKIM1; s=other; p={p}",), "says s=other"),
        (("v=DKIM1; t=s:y; p={p}",), "says t=y (testing)"),
        (("v=DKIM1; k=rsa",), "has no p="),
        (("v=DKIM1; k=rsa; p=",), "revoked"),
        (("v=DKIM1; p={p:.100}",), "another public key"),
        (("v=DKIM1; p=!",), "another public key"),
        (("v=DKIM1; p={ed}",), "another public key"),
    ],
)
def test_each_fault_is_said(records: tuple[str, ...], said: str) -> None:
    """Once, with the name that it is about; the other key is not blamed for it."""
    (fault,) = faults(dkim_keys(), zone(rsa=[written(record) for record in records]))

    assert fault.startswith(f"{name_of(dkim_keys()[RSA])} ")
    assert said in fault


def test_trouble_is_no_fault_of_the_record() -> None:
    """And octets that are no UTF-8 are one, not a crash."""
    assert faults(dkim_keys(), zone(rsa=DnsTrouble("SERVFAIL")))[0].endswith(f" {UNASKED}")
    assert "no list of tags" in faults(dkim_keys(), zone(rsa=b"\xff\xfe"))[0]


def test_an_ed25519_key_has_to_say_so() -> None:
    """Without k= a record is about RSA (RFC 6376 3.6.1), and the key is 32 bare octets (RFC 8463 4.2)."""
    public = dkim_keys()[ED25519].private.public_key()
    wrapped = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)

    (unnamed,) = faults(dkim_keys(), zone(ed25519=f"v=DKIM1; p={p_of(ED25519)}"))
    (in_der,) = faults(dkim_keys(), zone(ed25519=f"k=ed25519; p={base64.b64encode(wrapped).decode()}"))

    assert "by saying no k=" in unnamed
    assert "another public key" in in_der


def test_another_key_and_a_weak_one() -> None:
    """A key of before the rotation is another one; a short one is weak even where it is ours (RFC 8301 3.2)."""
    ed25519 = dataclasses.replace(dkim_keys()[ED25519], private=Ed25519PrivateKey.generate())
    weak = DkimKey("shop.example", "k1-rsa", generate_private_key(public_exponent=65537, key_size=1024))

    (other,) = faults([ed25519], zone())
    (short,) = faults([weak], zone(rsa=public_text(weak)))

    assert "another public key" in other
    assert "1024 bits" in short
    assert len(faults(dkim_keys(), zone(rsa=public_text(weak)))) == 2


def test_a_record_in_several_character_strings_is_one_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """A 2048-bit key never fits one; they are joined with nothing between them (RFC 6376 3.6.2.2)."""

    class Record:
        strings = (good(RSA)[:255].encode(), good(RSA)[255:].encode())

    system = kit.dns.SystemDns(("192.0.2.1",))
    monkeypatch.setattr(system, "_ask", lambda _name, _kind: [Record()])

    assert faults(dkim_keys()[:1], system) == ()
