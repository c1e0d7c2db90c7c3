"""The DKIM keys: private as files, public as records."""

import base64
import re
import shlex
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from kit.addresses import EmailAddress
from kit.errors import InvalidSettings
from mailer.keys import dns_records, load_keys, new_keys, public_text, txt_value
from tests.mailer.letters_at_hand import dkim_keys


def test_new_keys_are_private_and_load_again(tmp_path: Path) -> None:
    """Mode 0600 from the start; RSA of 2048 bits and Ed25519; the file name is the selector."""
    folder = tmp_path / "keys"
    files = new_keys(folder, "b2026")

    assert [path.name for path in files] == ["b2026-rsa.pem", "b2026-ed25519.pem"]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    rsa, ed25519 = load_keys(folder, "b2026", "shop.example")
    assert (rsa.selector, rsa.algorithm, rsa.domain) == ("b2026-rsa", "rsa-sha256", "shop.example")
    assert (ed25519.selector, ed25519.algorithm) == ("b2026-ed25519", "ed25519-sha256")


def test_keys_are_never_overwritten(tmp_path: Path) -> None:
    """Mail under way is still to be verified with the old ones."""
    new_keys(tmp_path, "b1")

    with pytest.raises(InvalidSettings, match="already"):
        new_keys(tmp_path, "b1")


@pytest.mark.parametrize("prefix", ["", "../b1", "B1", "b_1", "b.1", "-b", "b1\n"])
def test_a_selector_is_a_label(tmp_path: Path, prefix: str) -> None:
    """It becomes a file name and a DNS name."""
    with pytest.raises(InvalidSettings):
        new_keys(tmp_path, prefix)


def pem(key: object) -> bytes:
    assert hasattr(key, "private_bytes")
    form = serialization.PrivateFormat.PKCS8
    text: bytes = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    return text


def test_unfit_key_files_are_refused(tmp_path: Path) -> None:
    """Weak, of another kind, swapped, open to everybody, broken or not there; the message never shows the key."""
    rsa, ed25519 = new_keys(tmp_path, "b1")
    good = rsa.read_bytes()

    for bad in (
        pem(generate_private_key(public_exponent=65537, key_size=1024)),
        pem(ec.generate_private_key(ec.SECP256R1())),
        ed25519.read_bytes(),
        b"-----BEGIN PRIVATE KEY-----\nnonsense\n-----END PRIVATE KEY-----\n",
        b"",
    ):
        rsa.write_bytes(bad)
        with pytest.raises(InvalidSettings) as caught:
            load_keys(tmp_path, "b1", "shop.example")
        assert "BEGIN" not in str(caught.value)
    rsa.write_bytes(good)
    rsa.chmod(0o604)
    with pytest.raises(InvalidSettings, match="everybody"):
        load_keys(tmp_path, "b1", "shop.example")
    rsa.unlink()
    with pytest.raises(InvalidSettings, match="keys new"):
        load_keys(tmp_path, "b1", "shop.example")


def test_the_records_to_publish() -> None:
    """DKIM of both keys, SPF, DMARC, MX; TXT strings of at most 255 octets that join to the key."""
    records = dns_records(
        dkim_keys(), from_domain="shop.example", reply_domain="r.shop.example", bounce_domain="b.shop.example",
        mail_host="mx.shop.example", spf="include:spf.relay.example", dmarc_reports=EmailAddress("d", "shop.example"),
    )  # fmt: skip

    by_name = {(record.name, record.type): record.value for record in records}
    assert len(by_name) == len(records) == 7
    pieces = shlex.split(by_name["k1-rsa._domainkey.shop.example.", "TXT"])
    assert [len(piece) for piece in pieces][:1] == [255]
    assert all(len(piece) <= 255 for piece in pieces)
    assert "".join(pieces) == public_text(dkim_keys()[0])
    ed25519 = re.fullmatch(
        r'"v=DKIM1; k=ed25519; p=([A-Za-z0-9+/]+=*)"', by_name["k1-ed25519._domainkey.shop.example.", "TXT"]
    )
    assert ed25519
    assert len(base64.b64decode(ed25519[1])) == 32
    assert by_name["b.shop.example.", "TXT"] == '"v=spf1 include:spf.relay.example -all"'
    assert by_name["_dmarc.shop.example.", "TXT"] == '"v=DMARC1; p=quarantine; rua=mailto:d@shop.example"'
    assert by_name["r.shop.example.", "MX"] == by_name["b.shop.example.", "MX"] == "10 mx.shop.example."


def test_one_domain_for_all_gives_no_double_records() -> None:
    """A small shop has one domain for everything."""
    records = dns_records(
        dkim_keys(),
        from_domain="a.example",
        reply_domain="a.example",
        bounce_domain="a.example",
        mail_host="mx.a.example",
    )

    assert len(set(records)) == len(records) == 5


def test_txt_values_are_escaped() -> None:
    """A quote in a value can't end its string."""
    assert txt_value('a"b\\c') == r'"a\"b\\c"'
