"""Times as people write them, and the days on which the clocks change."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.schedule import Misunderstood, Planned, is_too_late, read_time

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]  # the zone is given by name


@pytest.mark.parametrize(
    ("text", "at", "zone"),
    [
        ("2026-12-01 09:00 Europe/Berlin", utc(2026, 12, 1, 8), "Europe/Berlin"),
        ("2026-07-01 09:00 Europe/Berlin", utc(2026, 7, 1, 7), "Europe/Berlin"),
        ("2026-12-01T09:00:00+01:00", utc(2026, 12, 1, 8), "+01:00"),
        ("2026-12-01T09:00Z", utc(2026, 12, 1, 9), "UTC"),
        ("2026-12-01 09:00", utc(2026, 12, 1, 3, 30), "Asia/Kolkata"),
        ("2026-12-01 09:00:30 -0330", utc(2026, 12, 1, 12, 30, 30), "-0330"),
        ("now", NOW, "Asia/Kolkata"),
    ],
)
def test_a_time_is_read(text: str, at: datetime, zone: str) -> None:
    """Zones by name, offsets, and the default zone where none is named."""
    assert read_time(text, now=NOW, default_zone="Asia/Kolkata") == Planned(at, zone)


@pytest.mark.parametrize(
    "text",
    [
        "", "tomorrow", "2026-12-01", "2026-13-01 09:00", "2026-02-30 09:00", "2026-12-01 25:00",
        "2026-12-01 09:00 Europe/Atlantis", "2026-12-01 09:00 ../etc/passwd", "2026-12-01T09:00+99:00",
        "2025-12-01 09:00", "2026-12-01 09:00 Europe/Berlin please",
    ],
)  # fmt: skip
def test_what_is_no_time_is_explained(text: str) -> None:
    """The reason says what to write instead."""
    answer = read_time(text, now=NOW)

    assert isinstance(answer, Misunderstood)
    assert answer.why


def test_a_time_that_the_clocks_skip_is_read_with_the_offset_before_the_gap() -> None:
    """RFC 5545 3.3.5; 02:30 does not exist on that day in Berlin."""
    answer = read_time("2026-03-29 02:30 Europe/Berlin", now=NOW)

    assert isinstance(answer, Planned)
    assert answer.at == utc(2026, 3, 29, 1, 30)
    assert "03:30" in answer.note


def test_a_time_that_the_clocks_show_twice_is_the_first() -> None:
    """RFC 5545 3.3.5; 02:30 comes twice on that day in Berlin."""
    answer = read_time("2026-10-25 02:30 Europe/Berlin", now=NOW)

    assert isinstance(answer, Planned)
    assert answer.at == utc(2026, 10, 25, 0, 30)
    assert "twice" in answer.note


@pytest.mark.parametrize(
    "zone", ["Europe/Berlin", "America/Sao_Paulo", "Asia/Kolkata", "Pacific/Apia", "Australia/Lord_Howe"]
)
@given(minutes=st.integers(0, 366 * 24 * 60))
def test_every_moment_written_in_a_zone_is_read_back(zone: str, minutes: int) -> None:
    """Except for the second time of two equal ones, reading is the inverse of writing."""
    moment = NOW + timedelta(minutes=minutes)
    local = moment.astimezone(ZoneInfo(zone))

    answer = read_time(f"{local:%Y-%m-%d %H:%M} {zone}", now=NOW - timedelta(days=2))

    assert isinstance(answer, Planned)
    assert answer.at == (moment if local.fold == 0 else local.replace(fold=0).astimezone(UTC))


@given(text=st.text(max_size=40))
def test_any_text_gets_an_answer(text: str) -> None:
    """Nothing that people write makes it fail."""
    assert isinstance(read_time(text, now=NOW), Planned | Misunderstood)


@pytest.mark.parametrize("most", [timedelta(hours=24), timedelta(minutes=90)])
def test_later_than_the_bound_is_too_late(most: timedelta) -> None:
    """The bound itself is in time."""
    assert not is_too_late(NOW, NOW + most, most)
    assert is_too_late(NOW, NOW + most + timedelta(seconds=1), most)
