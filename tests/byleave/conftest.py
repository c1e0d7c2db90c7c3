"""An installation whose commands are real processes; it makes itself at the first command."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scenarios.installation import Installation


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Installation]:
    """An empty installation of the test's own."""
    with Installation(tmp_path / "here") as made:
        yield made
