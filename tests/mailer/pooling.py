"""A relay pool with short waits, and the mails that tests give it."""

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass, replace

from mailer.channel import Timeouts
from mailer.relays import Result, parse_relay
from mailer.smtp import RelayPool

QUICK = Timeouts(connect=5, greeting=5, command=5, data=5, block=5, dot=5, idle=5, quit=1)


@dataclass(frozen=True)
class Mail:
    rcpt_to: str = "ann@there.example"
    mail_from: str = "back@us.example"
    content: bytes = b"Subject: x\r\n\r\n.hi\r\n"
    needs_smtputf8: bool = False
    travels_as_it_is: bool = False
    clearance: object = None


def pool(*urls: str, connections: int = 1, timeouts: Timeouts = QUICK, each: int = 1000) -> RelayPool:
    relays = [replace(parse_relay(url), name=str(number)) for number, url in enumerate(urls)]
    return RelayPool(
        relays, connections=connections, helo="us.example", timeouts=timeouts, messages_per_connection=each
    )


def yes(_: object = None) -> bool:
    return True


async def send(open_pool: RelayPool, mails: list[Mail], may_start: Callable[[Mail], bool] = yes) -> dict[str, Result]:
    results: dict[str, Result] = {}

    def note(mail: Mail, result: Result, _relay: str) -> None:
        assert mail.rcpt_to not in results
        results[mail.rcpt_to] = result

    async with asyncio.timeout(20):
        await open_pool.send_many(mails, may_start, note)
    return results


def mails(number: int) -> list[Mail]:
    return [Mail(f"u{at}@there.example") for at in range(number)]


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
