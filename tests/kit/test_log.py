"""The log holds one line an event, whatever strangers wrote."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from kit.log import configure_logging, logger


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """The log of the tests that follow goes where it went."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


def test_nobody_else_writes_our_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """Line ends, terminal escapes and direction marks come out escaped (attack A32)."""
    configure_logging("info", "json")

    logger("inbound.smtp").info("mail.decided", subject="hi\r\n2026 INFO fake\x1b]0;x\u2028\u202eend")

    (line,) = capsys.readouterr().err.splitlines()
    event = json.loads(line)
    assert event["event"] == "mail.decided"
    assert event["room"] == "inbound.smtp"
    assert event["subject"] == "hi\\u000d\\u000a2026 INFO fake\\u001b]0;x\\u2028\\u202eend"


def test_less_important_events_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    """The level is that of the settings."""
    configure_logging("warning", "json")

    logger("kit").info("beat.sent")
    logger("kit").warning("beat.missed")

    assert "beat.sent" not in (said := capsys.readouterr().err)
    assert "beat.missed" in said


def test_a_log_that_can_not_be_written_harms_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """An event on a full disk is lost; what was being dealt with goes on."""
    full = Path("/dev/full").open("w", encoding="utf-8")  # noqa: SIM115 - to close it fails, as to write to it does
    monkeypatch.setattr(sys, "stderr", full)
    configure_logging("info", "json")

    for _ in range(3):
        logger("mailer").warning("record.failed", text="x" * 10_000)

    with pytest.raises(OSError, match="No space left"):
        full.close()
