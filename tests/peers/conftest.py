"""The peers' own tests use the same fixtures as everybody else."""

from tests.peers.fixtures import (
    dovecot,
    opendkim_verify,
    postgres,
    postgres_url,
    pytest_runtest_makereport,
    start_postfix,
    start_smtp_sink,
)

__all__ = [
    "dovecot",
    "opendkim_verify",
    "postgres",
    "postgres_url",
    "pytest_runtest_makereport",
    "start_postfix",
    "start_smtp_sink",
]
