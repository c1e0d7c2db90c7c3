"""The people of the demonstration, and the mails they write as their mail programs write them. Pure data and MIME.

Everybody's standing is invented here, and so is who may get a promotion: the demonstration compares what really arrived
with this list, not with what the software itself thinks.
"""

import email.policy
import tomllib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from html import escape
from pathlib import Path

NAMES = (
    "Ada", "Bruno", "Chloé", "Dmitri", "Elif", "Farid", "Giulia", "Hiroshi", "Inês", "Jakub", "Kim", "Lotte", "Mehmet",
    "Nadia", "Olga", "Piet", "Quentin", "Rosa", "Sören", "Tomasz", "Uma", "Vera", "Wen", "Ximena", "Yuki", "Zofia",
)  # fmt: skip
REPLIES = Path(__file__).with_name("demo_replies.toml")


@dataclass
class Person:
    """One customer of the demonstration."""

    address: str
    name: str
    language: str = "en"
    birth_date: str = ""
    kind: str = "agreed"  # what was arranged for them
    topics: tuple[str, ...] = ("deals", "newsletter")
    has_left: bool = False

    @property
    def may_get_deals(self) -> bool:
        """Whether a mail about deals may go to them, by what was arranged."""
        return self.kind in {"agreed", "child with guardian"} and "deals" in self.topics and not self.has_left


@dataclass(frozen=True)
class Reply:
    """What one customer writes back, and what has to come of it."""

    language: str
    client: str
    text: str
    verdict: str
    leaves: str | tuple[str, ...]
    subject: str = "Re: {subject}"
    headers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Received:
    """A promotion as it arrived."""

    rcpt_to: str
    mail_from: str
    subject: str
    reply_to: str
    message_id: str
    one_click: str
    mailto: str
    preferences: str
    feedback_id: str
    text: str
    raw: bytes = field(repr=False, default=b"")


def load_replies() -> list[Reply]:
    """Return the replies of ``demo_replies.toml``."""
    raw = tomllib.loads(REPLIES.read_text("utf-8"))["reply"]
    return [
        Reply(
            **{key: value for key, value in one.items() if key not in {"leaves", "headers"}},
            leaves=one["leaves"] if isinstance(one["leaves"], str) else tuple(one["leaves"]),
            headers=tuple(one.get("headers", ())),
        )
        for one in raw
    ]


def cast(replies: list[Reply], extra: int) -> list[Person]:
    """Return the customers: one for each reply, ``extra`` for the other doors, and some of every standing."""
    kinds: list[tuple[str, int, tuple[str, ...]]] = [
        ("agreed", 160, ("deals", "newsletter")), ("agreed", 40, ("courses",)), ("pending", 20, ("deals",)),
        ("left before", 20, ("deals",)), ("paused", 12, ("deals",)), ("suppressed", 12, ("deals",)),
        ("child", 6, ("deals",)), ("child with guardian", 2, ("deals",)), ("stranger", 10, ()),
    ]  # fmt: skip
    people = [Person("", "", reply.language) for reply in replies] + [Person("", "") for _ in range(extra)]
    for kind, number, topics in kinds:
        people += [Person("", "", kind=kind, topics=topics) for _ in range(number)]
    for place, person in enumerate(people):
        person.name = NAMES[place % len(NAMES)]
        person.address = f"customer{place:03}@{('example.com', 'example.org', 'mail.example.net')[place % 3]}"
        person.birth_date = (
            "2019-05-04" if person.kind.startswith("child") else f"19{60 + place % 40}-0{1 + place % 9}-12"
        )
    return people


def csv_of(people: list[Person]) -> str:
    """Return the import file, with some lines that have to be refused."""
    lines = ["email;name;language;birth_date;plan"]
    lines += [
        f"{p.address};{p.name};{p.language};{p.birth_date};{('basic', 'gold')[i % 2]}" for i, p in enumerate(people)
    ]
    lines += [";Nobody;en;;", "not an address;Somebody;en;;", f"{people[0].address.upper()};Again;en;;"]
    return "\n".join([*lines, "kid@example.com;Kid;en;2020-02-02;"]) + "\n"


def written(reply: Reply, got: Received, now: datetime) -> bytes:
    """Return the reply as the person's mail program writes it, quoting the mail as it was received."""
    subject = reply.subject.format(subject=got.subject)
    message = _letter(got.rcpt_to, got.reply_to, subject, now)
    message["In-Reply-To"] = message["References"] = got.message_id
    for line in reply.headers:
        name, _, value = line.partition(": ")
        message[name] = value
    text, html = _QUOTES[reply.client](reply.text, got, now)
    message.set_content(text)
    if html:
        message.add_alternative(html, subtype="html")
    return message.as_bytes(policy=email.policy.SMTP)


def mailto(got: Received, now: datetime) -> bytes:
    """Return what a mail program sends for the mailto address of List-Unsubscribe."""
    message = _letter(got.rcpt_to, got.mailto, "unsubscribe", now)
    message.set_content("")
    return message.as_bytes(policy=email.policy.SMTP)


def bounce(got: Received, now: datetime) -> bytes:
    """Return a delivery status notification: no such mailbox (RFC 3464)."""
    return _report(
        got, now, "delivery-status", subject="Undelivered Mail Returned to Sender",
        fields="Reporting-MTA: dns; mx.example.com\n\n"
        f"Final-Recipient: rfc822; {got.rcpt_to}\nAction: failed\nStatus: 5.1.1\n"
        "Diagnostic-Code: smtp; 550 5.1.1 no such mailbox\n",
    )  # fmt: skip


def complaint(got: Received, now: datetime) -> bytes:
    """Return a feedback report: this is spam (RFC 5965)."""
    return _report(
        got, now, "feedback-report", subject="Abuse report",
        fields=f"Feedback-Type: abuse\nUser-Agent: Mailbox/1.0\nVersion: 1\nOriginal-Rcpt-To: {got.rcpt_to}\n",
    )  # fmt: skip


def forwarded(got: Received, friend: str, now: datetime) -> bytes:
    """Return what a friend writes who was sent a copy and does not want it: not the owner of the token."""
    message = _letter(friend, got.reply_to, f"Re: {got.subject}", now)
    message["In-Reply-To"] = got.message_id
    message.set_content(_quoted("unsubscribe", got, now)[0])
    return message.as_bytes(policy=email.policy.SMTP)


def _letter(sender: str, to: str, subject: str, now: datetime) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, to, subject
    message["Date"] = format_datetime(now.astimezone(UTC))
    message["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2])
    return message


def _report(got: Received, now: datetime, kind: str, *, subject: str, fields: str) -> bytes:
    outer = _letter("mailer-daemon@mx.example.com", got.mail_from, subject, now)
    outer.add_header("Auto-Submitted", "auto-replied")
    head = got.raw.partition(b"\r\n\r\n")[0].decode("ascii", "replace").replace("\r\n", "\n")
    body = outer.as_bytes(policy=email.policy.SMTP).partition(b"\r\n\r\n")[0].decode()
    border = "=_report"
    parts = "\n".join((
        f"--{border}", "Content-Type: text/plain", "", subject, "",
        f"--{border}", f"Content-Type: message/{kind}", "", fields,
        f"--{border}", "Content-Type: message/rfc822", "", head, "", "(the text was left out)", f"--{border}--", "",
    ))  # fmt: skip
    header = f'MIME-Version: 1.0\nContent-Type: multipart/report; report-type={kind}; boundary="{border}"'
    return f"{body}\n{header}\n\n{parts}".replace("\r\n", "\n").replace("\n", "\r\n").encode()


def _quoted(text: str, got: Received, now: datetime) -> tuple[str, str]:
    quote = "\n".join(f"> {line}".rstrip() for line in got.text.splitlines())
    head = f"On {now:%a, %d %b %Y at %H:%M}, Pro Engineer Portal <{got.reply_to}> wrote:"
    return f"{text}\n\n{head}\n\n{quote}\n", ""


def _gmail(text: str, got: Received, now: datetime) -> tuple[str, str]:
    plain, _ = _quoted(text, got, now)
    typed = "".join(f"<div>{escape(line) or '<br>'}</div>" for line in text.split("\n"))
    quote = "<br>".join(escape(line) for line in got.text.splitlines())
    head = f'<div dir="ltr" class="gmail_attr">On {now:%a, %d %b %Y at %H:%M}, Pro Engineer Portal wrote:<br></div>'
    html = (
        f'<div dir="ltr">{typed}</div><br><div class="gmail_quote">{head}'
        f'<blockquote class="gmail_quote" style="margin:0 0 0 .8ex">{quote}</blockquote></div>'
    )
    return plain, html


def _outlook(text: str, got: Received, now: datetime) -> tuple[str, str]:
    block = (
        f"-----Original Message-----\nFrom: Pro Engineer Portal <{got.reply_to}>\nSent: {now:%A, %B %d, %Y %H:%M}\n"
        f"To: {got.rcpt_to}\nSubject: {got.subject}\n\n{got.text}\n"
    )
    return f"{text}\n\n{block}", ""


def _iphone(text: str, got: Received, now: datetime) -> tuple[str, str]:
    plain, _ = _quoted(f"{text}\n\nSent from my iPhone", got, now)
    return plain, ""


def _bare(text: str, _got: Received, _now: datetime) -> tuple[str, str]:
    return f"{text}\n", ""


_QUOTES = {
    "gmail": _gmail, "outlook": _outlook, "iphone": _iphone, "apple": _quoted, "thunderbird": _quoted, "bare": _bare,
}  # fmt: skip
