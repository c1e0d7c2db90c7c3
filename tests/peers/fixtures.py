"""What a test asks for to speak with real servers; imported by `tests/conftest.py`, so that every room may use it.

A test that uses one carries the marker `peer`. When it fails, the logs of all peers that ran are part of the report.
"""

import contextlib
from collections.abc import Callable, Generator, Iterator
from typing import Protocol

import pytest

from tests.peers.dovecot import Dovecot
from tests.peers.opendkim import DkimVerdict, verify
from tests.peers.postfix import Postfix
from tests.peers.postgres import Postgres
from tests.peers.process import LIVE
from tests.peers.require import need
from tests.peers.smtp_sink import SmtpSink

__all__ = [
    "dovecot",
    "opendkim_verify",
    "postgres",
    "postgres_url",
    "pytest_runtest_makereport",
    "start_postfix",
    "start_smtp_sink",
]


class StartPostfix(Protocol):
    """Start a Postfix with routes, `{"inbox.test": "lmtp:[127.0.0.1]:2400"}`, and further lines of main.cf."""

    def __call__(self, transports: dict[str, str], /, **settings: str) -> Postfix: ...


class StartSmtpSink(Protocol):
    """Start an smtp-sink with options of its own, such as `-r RCPT` for a soft refusal."""

    def __call__(self, *options: str) -> SmtpSink: ...


@pytest.fixture
def start_postfix() -> Iterator[StartPostfix]:
    """Give the function that starts private Postfixes; all end with the test."""
    with contextlib.ExitStack() as stack:

        def start(transports: dict[str, str], /, **settings: str) -> Postfix:
            return stack.enter_context(Postfix(transports, settings=settings))

        yield start


@pytest.fixture
def start_smtp_sink() -> Iterator[StartSmtpSink]:
    """Give the function that starts smtp-sinks; all end with the test."""
    with contextlib.ExitStack() as stack:

        def start(*options: str) -> SmtpSink:
            return stack.enter_context(SmtpSink(*options))

        yield start


@pytest.fixture
def dovecot() -> Iterator[Dovecot]:
    """Give a Dovecot of the test's own, with empty mailboxes."""
    with Dovecot() as peer:
        yield peer


@pytest.fixture
def opendkim_verify() -> Callable[[bytes, dict[str, str]], list[DkimVerdict]]:
    """Give OpenDKIM's judgement as a function, or skip at once where it is missing."""
    need("opendkim", "opendkim")
    return verify


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """Give the PostgreSQL of this run (of this worker, where several run)."""
    with Postgres() as peer:
        yield peer


@pytest.fixture
def postgres_url(postgres: Postgres) -> Iterator[str]:
    """Give the address of an empty database of the test's own."""
    url = postgres.create_database()
    yield url
    postgres.drop_database(url)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the logs of all peers that run when a test fails."""
    report = yield
    if report.failed:
        report.sections.extend((f"{peer.name} (process {peer.pid})", peer.log_tail()) for peer in LIVE)
    return report
