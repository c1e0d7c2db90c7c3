"""Where a mail comes from, all checks together: proven, unproven or forged, and never an error."""

from datetime import UTC, datetime

import pytest

from inbound.mail import read_mail
from inbound.model import Channel, Envelope, Origin, Standing
from inbound.origin.look import Look
from kit.dns import DnsTrouble
from tests.fakes.zone import Zone
from tests.inbound.origin.signing import MAIL, NOW, rsa, signature
from tests.inbound.origin.test_arc import LIST, sealed

PROVEN, UNPROVEN, FORGED = Standing.PROVEN, Standing.UNPROVEN, Standing.FORGED
Records = dict[tuple[str, str], list[object]]
REJECT: Records = {("_dmarc.customer.example", "TXT"): ["v=DMARC1; p=reject"]}
QUARANTINE: Records = {("_dmarc.customer.example", "TXT"): ["v=DMARC1; p=quarantine"]}
WATCHED: Records = {("_dmarc.customer.example", "TXT"): ["v=DMARC1; p=none"]}
KEY: Records = {
    (f"k1._domainkey.{domain}", "TXT"): [rsa().record] for domain in ("customer.example", "evil.example", LIST)
}
NETWORK: Records = {("customer.example", "TXT"): ["v=spf1 ip4:93.184.216.34 -all"]}
SIGNED = signature(MAIL) + MAIL
BY_OTHERS = signature(MAIL, d="evil.example") + MAIL
PEER = Envelope("jo@customer.example", (), peer="93.184.216.34", helo="mx.customer.example", channel=Channel.SMTP)


def look(raw: bytes, records: Records, envelope: Envelope = PEER, **how: object) -> Origin:
    seen = Look(Zone(records), 5.0, **how)  # type: ignore[arg-type]  # by name
    return seen(raw, read_mail(raw), envelope, datetime.fromtimestamp(NOW, UTC))


CASES: list[tuple[str, bytes, Records, Standing]] = [
    ("signed by its own domain", SIGNED, {**REJECT, **KEY}, PROVEN),
    ("signed, and no policy anywhere", SIGNED, {**KEY}, PROVEN),
    ("signed by somebody else", BY_OTHERS, {**REJECT, **KEY}, FORGED),
    ("changed on the way", SIGNED.replace(b"stop", b"send"), {**REJECT, **KEY}, FORGED),
    ("from the domain's own network", MAIL, {**REJECT, **NETWORK}, PROVEN),
    ("nothing, where reject is asked for", MAIL, {**REJECT}, FORGED),
    ("nothing, where quarantine is asked for", MAIL, {**QUARANTINE}, FORGED),
    ("nothing, where nothing is asked for", MAIL, {**WATCHED}, UNPROVEN),
    ("nothing, and no policy", MAIL, {}, UNPROVEN),
    ("the DNS is silent", SIGNED, {("_dmarc.customer.example", "TXT"): [DnsTrouble("timeout")], **KEY}, UNPROVEN),
    ("two senders", SIGNED.replace(b"From: Jo", b"From: Bo <bo@evil.example>\r\nFrom: Jo", 1), {**REJECT}, UNPROVEN),
]


@pytest.mark.parametrize(("raw", "records", "standing"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_where_a_mail_comes_from(raw: bytes, records: Records, standing: Standing) -> None:
    """RFC 9989 4.4: a signature or a network of the author's own; reasons without an address."""
    found = look(raw, records)

    assert found.standing is standing
    assert found.reasons
    assert not any("@" in reason for reason in found.reasons)


@pytest.mark.parametrize(
    "envelope",
    [
        Envelope("jo@customer.example", (), peer="127.0.0.1", channel=Channel.SMTP),
        Envelope("jo@customer.example", (), peer="93.184.216.34", channel=Channel.LMTP),
        Envelope("jo@customer.example", (), peer="imap.shop.example", channel=Channel.IMAP),
        Envelope("jo@evil.example", (), peer="93.184.216.34", channel=Channel.SMTP),
        Envelope("jo@customer.example", (), peer="93.184.216.35", channel=Channel.SMTP),
    ],
    ids=["a server of ours", "by LMTP", "by IMAP", "another return path", "another network"],
)
def test_a_network_counts_only_of_who_came_to_us_itself(envelope: Envelope) -> None:
    """Behind a server of our own the peer's address says nothing about the sender."""
    assert look(MAIL, {**REJECT, **NETWORK}, envelope).standing is FORGED


OURS = b"Authentication-Results: mx.shop.example; dmarc=pass header.from=%b\r\n"


@pytest.mark.parametrize(
    ("field", "own_server", "standing"),
    [
        (OURS % b"customer.example", "mx.shop.example", PROVEN),
        (OURS % b"customer.example", "", FORGED),
        (OURS % b"customer.example", "mx.other.example", FORGED),
        (OURS % b"evil.example", "mx.shop.example", FORGED),
        (OURS.replace(b"dmarc=pass", b"dmarc=fail") % b"customer.example", "mx.shop.example", FORGED),
        (OURS.replace(b"dmarc=pass", b"spf=pass") % b"customer.example", "mx.shop.example", FORGED),
        (OURS.replace(b"dmarc=pass", b"dmarc=fail") % b"customer.example" + OURS % b"customer.example",
         "mx.shop.example", FORGED),
    ],
)  # fmt: skip
def test_the_word_of_our_own_mail_server(field: bytes, own_server: str, standing: Standing) -> None:
    """RFC 8601: only the named server's, only its topmost field, only about this very domain."""
    assert look(field + MAIL, {**REJECT}, own_server=own_server).standing is standing


def test_a_named_sealer_vouches_for_what_it_passed_on() -> None:
    """RFC 8617: a mailing list that changed the mail is believed if the operator named it, and only then."""
    passed_on = sealed(MAIL.replace(b"Jo\r\n", b"Jo\r\n-- \r\nfooter of the list\r\n"), 1)

    assert look(passed_on, {**REJECT, **KEY}, sealers=frozenset({LIST})).standing is PROVEN
    assert look(passed_on, {**REJECT, **KEY}, sealers=frozenset({"other.example"})).standing is FORGED
    assert look(passed_on, {**REJECT, **KEY}).standing is FORGED


def test_a_stranger_s_mail_costs_a_bounded_number_of_questions() -> None:
    """Sixty at the most, whatever its signatures and its domain's records ask for."""
    asked = []

    class Counting(Zone):
        def texts(self, name: str) -> tuple[bytes, ...]:
            asked.append(name)
            return (b"v=spf1 " + b" ".join(b"include:%d.%s" % (n, name.encode()[-100:]) for n in range(10)),)

    raw = b"".join(signature(MAIL, d=f"d{n}.example") for n in range(30)) + MAIL
    Look(Counting(), 5.0)(raw, read_mail(raw), PEER, datetime.fromtimestamp(NOW, UTC))

    assert 0 < len(asked) <= 60
