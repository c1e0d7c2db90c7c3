"""What the doctor warns of though everything works."""

from datetime import timedelta

import pytest

from byleave import cautions
from consent.policy import Version
from kit.config_sending import CanarySettings, MetricsSettings
from tests.database import NOW
from tests.scenarios.installation import Installation

OLD = Version("2026-11-01", "old", "a", NOW - timedelta(days=60))
NEW = Version("2026-12-01", "new", "b", NOW - timedelta(days=1))
COMING = Version("2027-06-01", "coming", "c", NOW + timedelta(days=1))


@pytest.mark.parametrize(
    ("named", "known", "said"),
    [
        (OLD.version, (OLD,), ""),
        (OLD.version, (OLD, NEW), "2026-12-01 is in force"),
        (NEW.version, (OLD, NEW, COMING), ""),
        (COMING.version, (OLD, NEW, COMING), "2026-12-01 is in force"),
        (OLD.version, (), ""),
    ],
)
def test_new_consents_name_the_version_in_force(named: str, known: tuple[Version, ...], said: str) -> None:
    """P15: behind it, and ahead of it, is wrong; a version to come changes nothing before its day."""
    found = cautions.of_versions(named, known, NOW)

    assert said in found
    assert bool(found) == bool(said)


@pytest.mark.parametrize(
    ("metrics", "said"),
    [
        (MetricsSettings(), ""),
        (MetricsSettings(host="0.0.0.0"), ""),
        (MetricsSettings(enabled=True, host="::1"), ""),
        (MetricsSettings(enabled=True, host="0.0.0.0", token="t"), "firewall"),
        (MetricsSettings(enabled=True, host="192.0.2.7"), "metrics.token"),
    ],
)
def test_numbers_in_the_open_are_warned_of(metrics: MetricsSettings, said: str) -> None:
    """Loopback is fine; elsewhere the token travels in the clear."""
    found = cautions.of_metrics(metrics)

    assert said in found
    assert bool(found) == bool(said)


def test_a_canary_that_is_off_is_warned_of() -> None:
    assert cautions.of_canary(CanarySettings()) == ""
    assert "canary.share" in cautions.of_canary(CanarySettings(share=0))


def test_the_doctor_tells_all_three(here: Installation) -> None:
    """With marks of their own; a warning alone is no failure."""
    here.byleave("init")
    text = here.folder / "policy.txt"
    text.write_text("All new.", "utf-8")
    marks = {one["what"]: one["mark"] for one in here.ask("doctor")}
    assert [marks[what] for what in ("policy", "metrics", "canary")] == ["good", "good", "good"]

    here.byleave("policy", "add", text, "--version", "2099-01-01", "--effective", "now")
    here.settings |= {"CANARY__SHARE": "0", "METRICS__ENABLED": "true", "METRICS__HOST": "192.0.2.7"}

    found = {one["what"]: one for one in here.ask("doctor")}
    assert [found[what]["mark"] for what in ("policy", "metrics", "canary")] == ["warning"] * 3
    assert "2099-01-01" in found["policy"]["said"]
