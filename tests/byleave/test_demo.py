"""The demonstration proves what it claims, on this machine, every time."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kit.config import CHECKOUT


@pytest.mark.slow
def test_the_demonstration_ends_well_and_nothing_leaves_the_machine(tmp_path: Path) -> None:
    """All proofs hold, also when the settings name a relay in the world: the demonstration does not use it."""
    environment = {
        **os.environ,
        "BYLEAVE_VAR": str(tmp_path / "var"),
        "BYLEAVE_MAILER__RELAYS": '["smtp://relay.invalid:25"]',
    }

    played = subprocess.run(
        [sys.executable, "-m", "byleave", "demo"], cwd=CHECKOUT, env=environment, capture_output=True, text=True,
        timeout=240, check=False,
    )  # fmt: skip

    assert played.returncode == 0, played.stdout + played.stderr
    assert "✗" not in played.stdout
    assert "replies led to what their writers meant" in played.stdout
    assert (tmp_path / "var" / "demo" / "sandbox" / "index.jsonl").is_file()
