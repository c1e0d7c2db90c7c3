"""Delivery notices: who was not reached, and whether for good; and people's mail that only looks like one."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inbound.bounce_shapes import notice_of
from inbound.bounce_status import is_dead, status_of
from inbound.bounces import find_bounce, find_failures
from inbound.mail import read_mail
from inbound.model import Bounce
from kit.addresses import try_address
from tests.corpora import corpus

DAEMON = "From: Mail Delivery System <MAILER-DAEMON@mx.example>\nReturn-Path: <>\nTo: bounce@shop.example\n"


def bounce_of(text: str) -> Bounce | None:
    raw = text.encode()
    return find_bounce(read_mail(raw), raw)


def dsn(*groups: str, notice: str = "Your mail was not delivered.") -> str:
    fields = "\n\n".join(("Reporting-MTA: dns; mx.example", *groups))
    return (
        f"{DAEMON}Subject: Undelivered Mail Returned to Sender\n"
        "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n"
        f"--b\n\n{notice}\n\n--b\nContent-Type: message/delivery-status\n\n{fields}\n\n"
        "--b\nContent-Type: text/rfc822-headers\n\nFrom: bounce@shop.example\nTo: ann@reader.example\n\n--b--\n"
    )


def group(address: str, action: str, status: str, diagnostic: str = "") -> str:
    return (
        f"Final-Recipient: rfc822; {address}\nAction: {action}\nStatus: {status}\nDiagnostic-Code: smtp; {diagnostic}"
    )


@pytest.mark.parametrize("action", ["failed", "delayed", "relayed", "expanded", "delivered"])
@pytest.mark.parametrize("status", ["5.1.1", "4.4.1", "2.1.5"])
def test_only_failed_with_a_dead_address_is_hard(action: str, status: str) -> None:
    """RFC 3464 2.3.3: five actions, three classes of status."""
    found = bounce_of(dsn(group("ann@reader.example", action, status, "550 user unknown")))

    if action in {"relayed", "expanded", "delivered"}:
        assert found is None
        return
    assert found is not None
    assert [str(a) for a in found.recipients] == ["ann@reader.example"]
    assert found.status == status
    assert found.kind == ("hard" if (action, status) == ("failed", "5.1.1") else "soft")


@pytest.mark.parametrize(
    ("status", "words", "dead"),
    [
        ("5.1.1", "550 5.1.1 <a@b.example>: user unknown", True),
        ("5.1.2", "host not found", True),
        ("5.1.6", "recipient no longer on server", True),
        ("5.1.10", "RESOLVER.ADR.RecipientNotFound", True),
        ("5.4.1", "550 5.4.1 Recipient address rejected: Access denied. AS(201806281)", True),
        ("5.0.0", "550 5.1.1 The email account that you tried to reach does not exist", True),
        ("5.0.0", "550 No such user here (in reply to RCPT TO command)", True),
        ("5.4.4", "Host or domain name not found", True),
        ("5.0.0", "556 Domain returned null MX", True),
        ("5.0.0", "Adresse destinataire inconnue", True),
        ("5.0.0", "Пользователь не найден", True),
        ("5.0.0", "550 No such user here (in reply to end of DATA command)", False),
        ("5.1.1", "550 5.1.1 mailbox full", False),
        ("5.1.1", "553 blocked, see http://www.spamhaus.org/query/bl", False),
        ("5.2.1", "account disabled", False),
        ("5.2.2", "user unknown", False),
        ("5.6.1", "user unknown", False),
        ("5.7.1", "550 5.7.1 user unknown", False),
        ("4.1.1", "user unknown", False),
        ("5.1.8", "sender address does not exist", False),
        ("5.3.4", "message too large", False),
        ("5.0.0", "550 sender verify failed: user unknown", False),
        ("5.0.0", "554 rejected", False),
        ("", "", False),
    ],
)
def test_hard_is_a_short_list_and_every_doubt_is_soft(status: str, words: str, dead: bool) -> None:
    """RFC 3463: X.1 address; X.2 mailbox, X.6 content and X.7 policy name no dead address."""
    assert is_dead(status=status_of(status, words), words=words) is dead


def test_carriers_that_call_a_filtered_mail_an_unknown_user_are_not_believed() -> None:
    assert not is_dead(status="5.0.0", words="550 Unknown user ann@docomo.ne.jp", domain="docomo.ne.jp")
    assert not is_dead(status="5.0.0", words="550 : User unknown", domain="ezweb.ne.jp")
    assert is_dead(status="5.1.1", words="550 <ann@ezweb.ne.jp>: User unknown", domain="ezweb.ne.jp")


def test_an_address_that_sounds_like_a_reason_is_none() -> None:
    words = "550 5.1.1 <spam-quota-full@blocked.policy.example>: user unknown"

    assert is_dead(status="5.1.1", words=words)


@pytest.mark.parametrize(
    ("field", "words", "status"),
    [
        ("5.2.2 (mailbox full)", "", "5.2.2"),
        ("5.0.0", "550 5.1.1 user unknown", "5.1.1"),
        ("5.0.0", "connect to 192.0.2.1 port 25 failed", "5.0.0"),
        ("", "550 user unknown", "5.0.0"),
        ("", "Exim 4.96.2 gave up", ""),
        ("", "no", ""),
    ],
)
def test_the_code_that_says_most_counts(field: str, words: str, status: str) -> None:
    assert status_of(field, words) == status


def test_a_full_mailbox_does_not_go_the_way_of_its_dead_neighbour() -> None:
    text = dsn(
        group("dead@reader.example", "failed", "5.1.1", "550 5.1.1 user unknown"),
        group("full@reader.example", "failed", "5.2.2", "552 5.2.2 mailbox full"),
    )

    found = bounce_of(text)
    failures = find_failures(read_mail(text.encode()))

    assert found is not None
    assert found.kind == "soft"
    assert [(str(f.recipient), f.dead) for f in failures] == [
        ("dead@reader.example", True),
        ("full@reader.example", False),
    ]


@pytest.mark.parametrize("count", [1, 2, 50])
def test_each_group_names_its_recipient(count: int) -> None:
    groups = [group(f"r{n}@reader.example", "failed", "5.1.1", "550 user unknown") for n in range(count)]

    found = bounce_of(dsn(*groups))

    assert found is not None
    assert [str(a) for a in found.recipients] == [f"r{n}@reader.example" for n in range(count)]
    assert found.kind == "hard"


@pytest.mark.parametrize(
    ("line", "address"),
    [
        (r"Final-Recipient: utf-8; \x{6F}nja@reader.example", "onja@reader.example"),
        (r"Final-Recipient: utf-8; j\x{F6}rg@reader.example", "j\u00f6rg@reader.example"),
        ("final-recipient : RFC822;<ann@reader.example>", "ann@reader.example"),
        ("Final-Recipient: ann@reader.example", "ann@reader.example"),
        ("Original-Recipient: rfc822;ann@reader.example", "ann@reader.example"),
    ],
)
def test_recipient_fields_in_their_many_spellings(line: str, address: str) -> None:
    """RFC 3464 2.3.2, RFC 6533 3."""
    found = bounce_of(dsn(f"{line}\nAction: failed\nStatus: 5.1.1"))

    assert found is not None
    assert [str(a) for a in found.recipients] == [address]


NOTICES = {
    "address alone": "could not be delivered to:\n\n  ann@reader.example\n\nUser not listed in the directory",
    "address and colon": "delivery failed\n\n<ann@reader.example>:\nRemote host said: 550 5.1.1 user unknown",
    "address in quotes": 'delivery failed\n\n"ann@reader.example":\nerror after RCPT command: 550 5.1.1 no such user',
    "address and dots": "----- Transcript of session follows -----\n550 5.1.1 <ann@reader.example>... User unknown",
    "address in brackets": "---These addresses had errors---\n\nann@reader.example [no mailbox by that name, 5.1.1]",
    "between arrows": "not delivered\n\n>>>> ann@reader.example <<<<\n550 5.1.1 no mailbox here by that name",
    "rcpt to": "We failed to deliver.\n>>> RCPT TO:<ann@reader.example>\n<<< 550 5.1.1 unknown user",
    "delivering to": "There was an error delivering your mail to <ann@reader.example>.\nHost not found 5.1.2",
    "rejected recipient": "SMTP server <mx.example> rejected recipient <ann@reader.example>. It said: [550 5.1.1 no]",
    "intended recipient": "Intended recipient: ann@reader.example\nmail was not delivered: 550 5.1.1 user unknown",
    "x.400": "did not reach:\n\nc=US;a= ;p=X;dda:SMTP=ann@reader.example; on Fri, 4 Oct 2002\n5.1.1 unknown",
    "delivered to": "Your mail could not be delivered to: <ann@reader.example>\n550 5.1.1 unknown",
    "gateway": "was aborted\n\nRouting: Could not find a gateway for ann@reader.example\n",
    "plain fields": "not delivered\n\nAction: failed\nFinal-Recipient: rfc822; ann@reader.example\nStatus: 5.1.1\n",
}


@pytest.mark.parametrize("notice", NOTICES.values(), ids=NOTICES.keys())
def test_notices_without_fields_name_the_recipient_in_their_words(notice: str) -> None:
    returned = "--- The original message follows. ---\n\nFrom: bounce@shop.example\nTo: other@reader.example\n"

    found = bounce_of(f"{DAEMON}Subject: Mail delivery failed\n\n{notice}\n\n{returned}")

    assert found is not None
    assert [str(a) for a in found.recipients] == ["ann@reader.example"]
    assert found.kind == "hard"


def test_the_field_of_exim_and_gmail_names_the_recipient() -> None:
    found = bounce_of(
        f"{DAEMON}X-Failed-Recipients: ann@reader.example,\n bo@reader.example\nSubject: failed\n\nquota exceeded"
    )

    assert found is not None
    assert [str(a) for a in found.recipients] == ["ann@reader.example", "bo@reader.example"]
    assert found.kind == "soft"


def test_a_notice_that_names_nobody_leaves_the_address_of_the_returned_mail() -> None:
    found = bounce_of(
        f"{DAEMON}Subject: Undeliverable\n\nMessage could not be delivered to mobile.\n\n"
        "Original Message:\nFrom: bounce@shop.example\nTo: ann@reader.example\nSubject: Sale\n"
    )

    assert found is not None
    assert [str(a) for a in found.recipients] == ["ann@reader.example"]


def test_a_delay_is_soft_and_says_so() -> None:
    found = bounce_of(
        f"{DAEMON}Subject: Warning: message delayed 24 hours\n\nA message has not yet been delivered to:\n\n"
        "  ann@reader.example\n    host mx.example: 550 user unknown\n\nDelivery attempts will continue"
    )

    assert found is not None
    assert found.kind == "soft"
    assert not found.given_up


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(
            "From: Ann <ann@reader.example>\nSubject: Re: Undelivered Mail Returned to Sender\nIn-Reply-To: <a@b>\n\n"
            "I got this, what now?\n\n<bo@reader.example>: user unknown",
            id="a person quotes a bounce",
        ),
        pytest.param(
            "From: Ann <ann@reader.example>\nSubject: Delivery problem, order 88\n\nMy parcel could not be delivered.\n"
            "ann@reader.example\n\n----- Original Message -----\nTo: ann@reader.example\n",
            id="a parcel",
        ),
        pytest.param(
            "From: Postmaster <postmaster@reader.example>\nSubject: Re: Spring sale\nIn-Reply-To: <c1@shop.example>\n\n"
            "Please unsubscribe. Last week's mail was not delivered to bo@reader.example.",
            id="a postmaster is a person too",
        ),
        pytest.param(f"{DAEMON}Subject: Spring sale\n\nHello", id="a daemon that says nothing"),
        pytest.param("Subject: Out of office: returned mail\nX-Autoreply: yes\n\nI return on Monday.", id="vacation"),
        pytest.param("", id="nothing"),
    ],
)
def test_what_is_no_bounce_is_left_alone(text: str) -> None:
    assert bounce_of(text) is None


def test_the_notice_ends_where_the_returned_mail_begins() -> None:
    notice, returned = notice_of(
        "It failed:\n----- The following addresses had errors -----\na@b.example\n--- Original message ---\nTo: x"
    )

    assert notice.endswith("a@b.example")
    assert returned.startswith("--- Original message")


@given(st.binary(max_size=1_000))
def test_no_bytes_raise(tail: bytes) -> None:
    raw = (
        DAEMON.encode()
        + b"Subject: Undelivered mail\nContent-Type: message/delivery-status\n\nFinal-Recipient: "
        + tail
    )

    find_bounce(read_mail(raw), raw)


@pytest.mark.parametrize(
    "filler", [b"a@b.example ", b"rcpt to ", b"deliver to ", b"@", b"-", b"original message ", b"<a@b.example>: x\n"]
)
def test_a_megabyte_of_anything_is_judged_at_once(filler: bytes) -> None:
    raw = DAEMON.encode() + b"Subject: failure\n\nundeliverable\n\n" + filler * ((1 << 20) // len(filler))
    read = read_mail(raw)
    started = time.process_time()

    find_bounce(read, raw)

    assert time.process_time() - started < 1.0


def _keys(addresses: list[str]) -> set[str]:
    return {found.key if (found := try_address(address)) else address for address in addresses}


@pytest.mark.parametrize(("name", "share"), [("bounces-sisimai", 0.97), ("bounces-flufl", 0.90)])
def test_the_recipients_of_real_bounces(name: str, share: float) -> None:
    folder = corpus(name)
    rows = [json.loads(line) for line in (folder / "expected.jsonl").read_text().splitlines()]
    bounces = [row for row in rows if row["kind"] == "bounce"]
    right = hard = rightly_hard = all_hard = 0
    for row in bounces:
        raw = (folder / "eml" / row["file"]).read_bytes()
        found = find_bounce(read_mail(raw), raw)
        right += found is not None and {a.key for a in found.recipients} == _keys(row["recipients"])
        all_hard += bool(row.get("hard"))
        if found is not None and found.kind == "hard":
            hard += 1
            rightly_hard += row.get("hard") is True

    assert right / len(bounces) >= share
    assert rightly_hard >= 0.99 * hard or name == "bounces-flufl"  # flufl's labels say nothing about hard
    assert rightly_hard >= 0.70 * all_hard


@pytest.mark.parametrize("name", ["replies", "auto-replies", "complaints"])
def test_no_mail_of_another_kind_is_called_a_bounce(name: str) -> None:
    for file in sorted(corpus(name).glob("eml/*.eml")):
        raw = file.read_bytes()

        assert find_bounce(read_mail(raw), raw) is None, file.name


@pytest.mark.parametrize("unit", ["a", "<a@"])
def test_a_notice_of_one_endless_line_is_read_in_time(unit: str) -> None:
    """The library that is asked last has patterns that take time in the square of a run without spaces."""
    words = "This message was created automatically.\nA message that you sent could not be delivered"
    raw = f"{DAEMON}Subject: Undelivered Mail\n\n{words}\n\n{unit * (60_000 // len(unit))}\n".encode()
    mail = read_mail(raw)

    started = time.process_time()
    find_bounce(mail, raw)

    assert time.process_time() - started < 1
