"""Everything that came from outside is hostile wherever it is shown or used again: letters, log, decisions, pages.

Each payload is put into each field that a stranger fills in, goes through the real reader and intake, and then every
way out is looked at. One module writes tables for others; the last test sees to it that a second one is looked at here.
"""

import asyncio
import base64
import contextlib
import csv
import dataclasses
import html
import json
import os
import re
from collections.abc import AsyncIterator, Iterator
from email import message_from_bytes
from email.utils import getaddresses
from pathlib import Path
from urllib.parse import quote

import pytest
import structlog
from typer.testing import CliRunner

from byleave import console
from byleave.cli import MODULES, build
from consent import sharefile
from consent.model import Subscriber, SubscriberId
from inbound.model import Channel, Envelope
from inbound.tables import DecisionRow, InboundMailRow
from kit.db import Database
from kit.log import configure_logging, logger
from mailer.letters import Letters
from mailer.postman import Parcel, Postman
from mailer.signing import Signer
from mailer.tokens import Purpose
from tests.database import NOW
from tests.inbound.hostile import HARMFUL, MARK, PAYLOADS, every_payload
from tests.inbound.taking import ANNA, HOUSE, SERVICE, TOKENS, Town, town_on
from tests.inbound.test_two_houses import TEXTS, Post, read_really
from tests.mailer.letters_at_hand import SENDER, dkim_keys
from tests.web.shop import BROWSER, Shop, shop
from web.pages import STYLE_PATH

__all__ = ["shop"]

OUR_LINKS = {STYLE_PATH, "https://shop.example/privacy", "mailto:service@shop.example"} | {
    f"?lang={language}" for language in ("ar", "de", "en", "es", "fr", "ja")
}
TEXTS_OF_PEOPLE = ("unsubscribe", "subscribe deals", "unsubscribe? stop? or not, maybe", "Where is it?")
OURS = {
    "From", "To", "Subject", "Date", "Message-ID", "Reply-To", "In-Reply-To", "References", "Auto-Submitted",
    "X-Auto-Response-Suppress", "MIME-Version", "Content-Type", "DKIM-Signature",
}  # fmt: skip
RESENT = ["Resent-Date", "Resent-From", "Resent-To", "Resent-Message-ID", "Byleave-Loop"]


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """The log of the tests that follow goes where it went."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


def mails_with(payload: bytes, town: Town) -> Iterator[tuple[bytes, Envelope]]:
    """Yield the payload in each field that an outsider fills in."""
    word = b"=?utf-8?b?" + base64.b64encode(payload) + b"?="
    quoted = b'"' + payload.replace(b'"', b'\\"') + b'"'
    to = town.reply_address(town.anna).encode()
    heads = {
        "subject": b"Subject: " + payload, "subject word": b"Subject: Re: " + word,
        "command": b"Subject: unsubscribe " + word, "from": b"From: " + quoted + b" <%b>" % str(ANNA).encode(),
        "from word": b"From: " + word + b" <%b>" % str(ANNA).encode(), "to": b"To: " + quoted + b" <" + to + b">",
        "message id": b"Message-ID: <" + payload + b"@x.example>", "id": b"Message-ID: " + payload,
        "in reply to": b"In-Reply-To: <" + payload + b"@x.example>\r\nReferences: <" + payload + b"@y.example>",
        "auto": b"Auto-Submitted: auto-" + payload, "list": b"List-Id: " + payload, "charset":
        b'Content-Type: text/plain; charset="' + payload + b'"', "reply to": b"Reply-To: " + quoted + b" <x@y.example>",
        "attachment": b"Content-Type: multipart/mixed; boundary=b",
        "bounce": b"Return-Path: <>\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b",
        "complaint": b"Content-Type: multipart/report; report-type=feedback-report; boundary=b",
    }  # fmt: skip
    bodies = {
        "attachment": b"--b\r\n\r\n%b\r\n--b\r\nContent-Type: application/pdf; name=" + quoted
        + b"\r\nContent-Disposition: attachment; filename*=utf-8''" + quote(payload).encode() + b"\r\n\r\nx\r\n--b--",
        "bounce": b"--b\r\n\r\nfailed\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; "
        + payload + b"\r\n\r\nFinal-Recipient: rfc822; " + str(ANNA).encode() + b"\r\nAction: failed\r\n"
        b"Status: 5.1.1\r\nDiagnostic-Code: smtp; 550 " + payload + b"\r\n\r\n--b--",
        "complaint": b"--b\r\n\r\nspam\r\n--b\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: "
        + payload + b"\r\nUser-Agent: " + payload + b"\r\n\r\n--b--",
    }  # fmt: skip
    defaults = {
        b"From": b"From: " + str(ANNA).encode(), b"To": b"To: " + to, b"Subject": b"Subject: Re: May sale",
        b"Message-ID": b"Message-ID: <%d@x.example>",
    }  # fmt: skip
    normal = Envelope(str(ANNA), (to.decode(),), channel=Channel.SMTP)
    number = 0

    def mail(head: bytes, body: bytes) -> bytes:
        rest = [
            line % number if b"%d" in line else line for name, line in defaults.items() if not head.startswith(name)
        ]
        return b"\r\n".join([*rest, head, b"", body, b""])

    for field, head in heads.items():
        number += 1
        text = TEXTS_OF_PEOPLE[number % 4].encode()
        yield mail(head, bodies[field].replace(b"%b", text) if field in bodies else text), normal
    for wish in map(str.encode, TEXTS_OF_PEOPLE):
        number += 1
        text = wish + b" " + payload if number % 2 else payload + b"\r\n" + wish
        yield mail(b"X-Number: %d" % number, text), normal
    said = payload.decode("utf-8", "replace")
    yield mail(b"X-Number: 0", b"unsubscribe"), dataclasses.replace(normal, helo=said, mail_from=said)


@contextlib.asynccontextmanager
async def a_town(database: Database) -> AsyncIterator[Town]:
    """A town that reads really, and answers as often as it is asked."""
    async with town_on(database, read=read_really) as town:
        town.intake._house = dataclasses.replace(HOUSE, answer_every=NOW - NOW)
        yield town


async def sent_by(database: Database) -> list[Parcel]:
    """Return all that waits in the outbox, as a relay gets it."""
    post, letters = Post(), Letters(SENDER, TOKENS, Signer(dkim_keys()), TEXTS)
    postman = Postman(database, post, letters=letters, sender=SENDER, tokens=TOKENS, worker="w", clock=lambda: NOW)
    while await postman.deliver():
        pass
    return post.sent


@every_payload
async def test_from_the_mail_to_all_that_is_kept_and_sent(
    database: Database, payload: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    """Letters are ours alone, lines of the log one an event, decisions short and plain; no mail is left undecided."""
    async with a_town(database) as town:
        mails = list(mails_with(payload, town))
        for form, some in (("json", mails[::2]), ("text", mails[1::2])):
            configure_logging("debug", form)  # type: ignore[arg-type]
            taken = await asyncio.gather(*(town.intake.take(raw, envelope, NOW) for raw, envelope in some))
            assert {answer.text for answer in taken} == {"taken and decided"}
        outbox = await town.outbox()
        assert {row.kind for row in outbox} >= {"receipt", "confirmation", "hand_on"}
        parcels = await sent_by(database)
        assert len(parcels) == len(outbox)
        assert {(row.state, row.raw) for row in await town.mails()} == {("decided", None)}
        rows = await town.decisions()

    for parcel in parcels:
        if parcel.rcpt_to == str(SERVICE):
            look_at_handed_on(parcel, [raw for raw, _ in mails])
        else:
            look_at_letter(parcel)
    for row in rows:
        look_at_row(row)
    lines = capsys.readouterr().err.removesuffix("\n").split("\n")
    assert len(lines) >= len(mails)
    for line in lines:
        assert re.match(r'\{"|20\d\d-', line), line
        assert not HARMFUL.search(line)
        assert "@" not in line
        assert MARK not in line


def look_at_letter(parcel: Parcel) -> None:
    """Nothing in it is the outsider's but plain Message-IDs, in their place."""
    mail = message_from_bytes(parcel.content)
    names = [name for name in mail if name != "DKIM-Signature"]
    assert set(mail) <= OURS
    assert len(names) == len(set(names))
    assert parcel.rcpt_to == str(ANNA)
    assert getaddresses([str(mail["To"])]) == [("", str(ANNA))]
    assert getaddresses([str(mail["From"])])[0][1] == str(SENDER.from_address)
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n|\0", parcel.content)
    for name in ("In-Reply-To", "References"):
        assert re.fullmatch(r"(<[!-;=?-~]+@[!-;=?-~]+>\s*)*", str(mail.get(name, "")))
        del mail[name]
    bodies = [part.get_payload(decode=True) for part in mail.walk() if not part.is_multipart()]
    assert len(bodies) == 2
    assert not any(MARK in str(text).lower() for text in (*mail.items(), *bodies))


def look_at_handed_on(parcel: Parcel, raws: list[bytes]) -> None:
    """Our lines, then the letter byte for byte but for what SMTP can't carry."""
    carried = [re.sub(rb"\r(?!\n)|(?<!\r)\n", b"\r\n", raw.replace(b"\0", b"")) for raw in raws]
    whole = max((raw for raw in carried if parcel.content.endswith(raw)), key=len)
    head = parcel.content.removesuffix(whole).decode("ascii")
    assert [line.partition(":")[0] for line in head.splitlines()] == RESENT
    assert MARK not in head.lower()


def look_at_row(row: DecisionRow) -> None:
    """What staff will read is short, on one line, steers nothing, and names no address."""
    said = [*row.reasons, *row.counted, *row.ignored, *row.actions, *(row.scope or ()), row.language, row.proof]
    assert len(said) < 100
    for text in said:
        assert len(text) <= 300
        assert not HARMFUL.search(text), ascii(text)
        assert "evil.example" not in text or "@" not in text


@every_payload
def test_the_log_holds_one_line_an_event(payload: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    """Also where a payload is in a list, a mapping or the message of an error."""
    text = payload.decode("utf-8", "surrogateescape")
    values = {"why": text, "many": [text], "within": {text: (text,)}, "octets": payload}
    for form in ("json", "text"):
        configure_logging("debug", form)
        logger("inbound").info("mail.decided", **values)
        said = capsys.readouterr().err
        assert len(said.splitlines()) == 1
        assert not HARMFUL.search(said.removesuffix("\n"))
        logger("inbound").error("mail.failed", exc_info=ValueError(text))
        first, *trace = capsys.readouterr().err.splitlines()
        assert not HARMFUL.search(first)
        if form == "json":
            assert json.loads(first)["event"] == "mail.failed"
        for line in trace:
            assert line.startswith(" ")
            assert not HARMFUL.search(line)


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    """The command line of an installation of its own, on a terminal with colours."""
    monkeypatch.setattr(
        console, "out", console.Harmless(highlight=False, soft_wrap=True, force_terminal=True, width=200)
    )
    for name, value in {"VAR": tmp_path / "var", "DATABASE__URL": f"sqlite+aiosqlite:///{tmp_path}/b.db"}.items():
        monkeypatch.setenv(f"BYLEAVE_{name}", str(value))
    return CliRunner()


def said_by(commands: CliRunner, *arguments: str) -> str:
    """Run a command; what it says has no escapes but our colours, in JSON none and no line but the values'."""
    said = commands.invoke(build(arguments[0]), arguments, catch_exceptions=False).stdout
    plain = re.sub(r"\x1b\[[\d;]*m", "", said) if "--json" not in arguments else said
    assert not HARMFUL.search(plain.replace("\n", "")), ascii(HARMFUL.search(plain.replace("\n", "")))
    return plain


def test_commands_show_hostile_decisions(commands: CliRunner, tmp_path: Path) -> None:
    """Even where such a thing came into the database: each decision is one line, and JSON is JSON."""
    assert "nothing waits" in said_by(commands, "review")
    texts = [payload.decode("utf-8", "surrogateescape") for payload in PAYLOADS.values()]
    asyncio.run(keep_decisions(f"sqlite+aiosqlite:///{tmp_path}/b.db", texts))

    lines = said_by(commands, "review").removesuffix("\n").split("\n")
    assert len(lines) == len(texts)
    assert any(
        "[bold]qxjzkwvq[/] [link=https://evil.example]qxjzkwvq[/link] :pile_of_poo: qxjzkwvq" in line for line in lines
    )
    told = json.loads(said_by(commands, "review", "--json"))
    assert [one["reasons"] for one in told] == [[text] for text in reversed(texts)]


async def keep_decisions(url: str, texts: list[str]) -> None:
    """Write decisions that no reader of ours would make."""
    database = Database(url)
    async with database.transaction() as session:
        session.add(InboundMailRow(id=1, content_key="k", channel="smtp", received_at=NOW, state="decided"))
        await session.flush()
        session.add_all(
            DecisionRow(
                inbound_id=1, at=NOW, verdict="unclear", scope=None, confidence=0.5, reasons=[text], counted=[text],
                ignored=[text], actions=["question"], review=True,
            )
            for text in texts
        )  # fmt: skip
    await database.close()


def test_commands_show_hostile_mails_and_people(commands: CliRunner, tmp_path: Path) -> None:
    """Subject, text, quotation and the file's own name; and what a form told us as somebody's name."""
    folder = tmp_path / "mails"
    folder.mkdir()
    people = ["email,name"]
    for number, payload in enumerate(PAYLOADS.values()):
        word = b"=?utf-8?b?" + base64.b64encode(payload) + b"?="
        name = re.sub(rb"[\0/\r\n]", b"_", payload[:100])
        body = b"unsubscribe " + payload + b"\r\n\r\n> " + payload + b"\r\n-- \r\n" + payload
        (folder / os.fsdecode(b"%d%b.eml" % (number, name))).write_bytes(b"Subject: " + word + b"\r\n\r\n" + body)
        shown = payload.decode("utf-8", "replace")[:150].replace('"', '""').replace("\0", "")
        people.append(f'p{number}@x.example,"{shown}"')
    file = tmp_path / "people.csv"
    file.write_text("\n".join(people), newline="")

    assert len(said_by(commands, "understand", str(folder))) > 1000
    told = said_by(commands, "understand", str(folder), "--json").splitlines()
    assert len([json.loads(line)["verdict"] for line in told]) == len(PAYLOADS)
    said_by(commands, "subscribers", "import", str(file), "--topic", "deals", "--source", "\x1b]0;x\x07\u202e")
    for known in ("terminal title", "C1", "bidi", "line separators", "markup"):
        address = f"p{list(PAYLOADS).index(known)}@x.example"
        assert address in said_by(commands, "subscribers", "show", address)
        assert json.loads(said_by(commands, "subscribers", "show", address, "--json"))["email"] == address


@every_payload
async def test_pages_give_nothing_back(shop: Shop, payload: bytes) -> None:
    """Path, query, fields and headers of a request stand in no answer, and lead no link elsewhere."""
    text = payload.decode("utf-8", "replace")
    address = quote(payload[:4000], safe="")
    foreign = dict.fromkeys(("host", "x-forwarded-host", "x-forwarded-proto", "referer", "cookie"), payload[:2000])
    foreign |= {"x-forwarded-for": payload[:2000], "forwarded": b"host=" + payload[:2000], "user-agent": payload[:2000]}
    headers = {name.encode(): value for name, value in foreign.items()}
    form = {b"content-type": BROWSER["content-type"].encode()}
    multi = {b"content-type": b"multipart/form-data; boundary=qxjzkwvq; charset=" + payload[:200]}
    parts = b"--qxjzkwvq\r\nContent-Disposition: form-data; name=" + payload[:200] + b"\r\n\r\nx\r\n--qxjzkwvq--\r\n"
    answers = [await shop.client.get(f"/{page}/{address}") for page in "upcz"]
    answers.append(await shop.client.get(f"/{address}"))
    own_pages = {f"{shop.url(Purpose.PREFERENCES)}/{name}" for name in ("held", "account")}
    for purpose in (Purpose.ONE_CLICK, Purpose.PREFERENCES, Purpose.CONFIRM, Purpose.UNDO):
        url = shop.url(purpose)
        answers += [
            await shop.client.get(f"{url}?said={address}&{address}=1", headers=headers),
            await shop.client.get(f"{url}/{address}"),
            await shop.client.post(url, content=f"do={address}&topic={address}"[:4000], headers={**headers, **form}),
            await shop.client.post(url, content=f"do=save&topic=deals&topic={address}"[:4000], headers=form),
            await shop.client.post(url, content=payload[:4000], headers=form),
            await shop.client.post(url, content=parts, headers=multi),
        ]
    for answer in answers:
        assert answer.status_code in {200, 400, 404, 405}
        said = str(answer.headers) + html.unescape(answer.text)
        assert MARK not in said.lower()
        assert text not in said
        assert not {"location", "set-cookie", "refresh"} & set(answer.headers)
        links = re.findall(r"""(?:href|src|action)=["']?([^"'\s>]*)""", answer.text)
        assert set(links) <= OUR_LINKS | own_pages


@every_payload
def test_a_table_for_a_partner_is_harmless(payload: bytes) -> None:
    """A payload as name, language or country: one line, as many cells as asked for, none of them a formula."""
    text = payload.decode("utf-8", "surrogateescape")
    person = Subscriber(SubscriberId(7), ANNA, name=text, language=text, country=text)

    written = sharefile.line(person, list(sharefile.Field))

    assert written is not None
    said = written.decode().removesuffix("\r\n")
    assert not HARMFUL.search(said)
    ((number, email, *cells),) = csv.reader([said])
    assert (number, email, len(cells)) == ("7", str(ANNA), 3)
    assert not any(cell.lstrip()[:1] in set("=+-@|%") for cell in cells)


def test_one_module_writes_tables() -> None:
    """It is looked at above. Another one that makes a table or download has to be looked at in here, too."""
    root = Path(__file__).resolve().parents[2]
    export = re.compile(
        r"csv\.writer|DictWriter|text/csv|openpyxl|to_csv|content-disposition\W+attachment", re.IGNORECASE
    )
    rooms = ("byleave", "campaigns", "consent", "inbound", "kit", "mailer", "web")
    files = [file for room in rooms for file in (root / room).rglob("*.py")]

    assert [file.name for file in files if export.search(file.read_text("utf-8"))] == ["sharefile.py"]
    assert not any("export" in name for name in MODULES)
