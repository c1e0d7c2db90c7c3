"""What the demonstration plays on: the running engine, its ports, the relay's store, and the proofs so far."""

import asyncio
import email
import email.policy
import http.client
import smtplib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from byleave import console
from byleave.demo_cast import Person, Received, Reply
from byleave.wiring import Ground
from consent.model import SubscriberId
from inbound.decisions import Decision, since
from kit.config import Settings
from kit.errors import Permanent
from kit.jobs import Jobs
from mailer.sandbox import read_store


@dataclass
class Stage:
    """What the demonstration plays on."""

    ground: Ground
    people: list[Person]
    replies: list[Reply]
    smtp_port: int
    web_port: int
    jobs: Jobs
    numbers: dict[str, SubscriberId] = field(default_factory=dict)
    proofs: list[tuple[str, bool]] = field(default_factory=list)
    answer_ms: list[float] = field(default_factory=list)
    last_decision: int = 0

    def prove(self, claim: str, holds: bool) -> None:  # noqa: FBT001 - a proof is a claim and whether it holds
        """Keep a proof and show it."""
        self.proofs.append((claim, holds))
        console.out.print(f"  {'[green]✓[/]' if holds else '[red]✗[/]'} ", end="")
        console.out.print(claim, markup=False)


def received(settings: Settings) -> list[Received]:
    """Read what arrived in the relay's store: only promotions carry a List-Id."""
    found = []
    for stored in read_store(settings.var_folder / "sandbox"):
        message = email.message_from_bytes(stored.content, policy=email.policy.default)
        if message["List-Id"] is None:
            continue
        links = [link.strip(" <>\r\n\t") for link in str(message["List-Unsubscribe"]).split(",")]
        body = message.get_body(("plain",))
        text = body.get_content() if body is not None else ""
        preferences = next(word for word in text.split() if "/p/" in word)
        found.append(
            Received(
                stored.rcpt_to,
                stored.mail_from,
                str(message["Subject"]),
                message["Reply-To"].addresses[0].addr_spec,
                str(message["Message-ID"]),
                links[0],
                links[1].removeprefix("mailto:").partition("?")[0],
                preferences,
                str(message["CFBL-Feedback-ID"]),
                text,
                stored.content,
            )
        )
    return found


async def hand_in(stage: Stage, sender: str, to: str, letter: bytes) -> tuple[Decision | None, float]:
    """Hand a mail to the listener as a mail server does; return the decision that stands when the 250 is read."""
    started = time.monotonic()
    await asyncio.to_thread(_smtp, stage.smtp_port, sender, to, letter)
    milliseconds = (time.monotonic() - started) * 1000
    stage.answer_ms.append(milliseconds)
    async with stage.ground.database.reading() as session:
        made = await since(session, stage.last_decision)
    if made:
        stage.last_decision = made[-1].id
    return (made[-1] if made else None), milliseconds


def _smtp(port: int, sender: str, to: str, letter: bytes) -> None:
    with smtplib.SMTP("127.0.0.1", port, timeout=30) as server:
        server.sendmail(sender, [to], letter)


def post(port: int, url: str, body: str, *, times: int = 1) -> None:
    """Press a button behind a link of a mail, once or more often."""
    for _ in range(times):
        _request(port, "POST", url, body)


def get(port: int, urls: Sequence[str]) -> None:
    """Open links as a scanner does: GET, HEAD, GET."""
    for url in urls:
        for method in ("GET", "HEAD", "GET"):
            _request(port, method, url, None)


def _request(port: int, method: str, url: str, body: str | None) -> None:
    """Ask our own site for the path of a link; the host in the link is the public one."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    headers = {"Content-Type": "application/x-www-form-urlencoded"} if body else {}
    connection.request(method, "/" + url.split("/", 3)[3], body, headers)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    if answer.status != 200:
        raise Permanent(f"{method} of a link was answered {answer.status}")
