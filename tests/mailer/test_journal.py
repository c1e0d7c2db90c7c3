"""Journals: what they prove, and when they prove nothing."""

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer import journal
from mailer.journal import Journal
from mailer.outcomes import Outcome
from tests.database import NOW

CLAIM = "c" * 32
SENT = Outcome(2, "sent", code=250, response="2.0.0 queued as 4711\r\n\u2028")
LATER = Outcome(3, "waiting", "deferred", 451, "4.7.1", "later", next_at=NOW + timedelta(minutes=5))
GONE = Outcome(4, "failed", "bounced", 550, "5.1.1", "no", hard_bounce=True)


def owner_died(folder: Path, worker: str = "w") -> None:
    """Write down a process that ended as the owner."""
    program = "import json; from kit.processes import ProcessId as P; print(json.dumps(P.here().as_dict()))"
    child = subprocess.run(
        [sys.executable, "-c", program],
        check=True, capture_output=True, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    (folder / worker / "worker.json").write_bytes(child.stdout)


def given_journal(folder: Path) -> Journal:
    made = Journal(folder, "w")
    claim = made.open_claim(CLAIM)
    for id_ in (1, 2, 3, 4):
        assert claim.began(id_)
    for outcome in (SENT, LATER, GONE):
        assert claim.ended(outcome)
    claim.close(is_recorded=False)
    return made


def test_a_dead_workers_journal_tells_what_began_and_how_it_ended(tmp_path: Path) -> None:
    """What began without an end is unknown; the rest is as it was recorded."""
    given_journal(tmp_path)
    owner_died(tmp_path)

    found = journal.read(tmp_path, "w")

    assert found == {CLAIM: {1: Outcome(1, "unknown", "worker_lost"), 2: SENT, 3: LATER, 4: GONE}}
    assert journal.leftovers(tmp_path) == ["w"]
    journal.remove(tmp_path, "w")
    assert journal.leftovers(tmp_path) == []


def test_a_living_worker_proves_nothing_and_is_not_touched(tmp_path: Path) -> None:
    """It may be slow, not dead."""
    given_journal(tmp_path)

    assert journal.read(tmp_path, "w") is None
    assert journal.leftovers(tmp_path) == []
    journal.remove(tmp_path, "w")
    assert (tmp_path / "w" / CLAIM).exists()


@pytest.mark.parametrize("change", [{"place": "another boot"}, {"place": ""}, {"host": 3, "x": 1}, None])
def test_another_boot_another_machine_or_a_lost_owner_prove_nothing(
    tmp_path: Path, change: dict[str, str] | None
) -> None:
    """Only this kernel knows what it kept."""
    given_journal(tmp_path)
    owner_died(tmp_path)
    file = tmp_path / "w" / "worker.json"
    if change is None:
        file.unlink()
    else:
        file.write_text(json.dumps(json.loads(file.read_text()) | change))

    assert journal.read(tmp_path, "w") is None
    assert journal.read(tmp_path, "nobody") is None


@given(cut=st.integers(0, 400))
def test_a_torn_end_never_makes_a_letter_more_finished_than_it_was(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    """Wherever the file is cut, each letter is as before, or unknown, or did not begin."""
    folder = tmp_path_factory.mktemp("journal")
    given_journal(folder)
    file = folder / "w" / CLAIM
    whole = journal._parse(file.read_bytes())

    torn = journal._parse(file.read_bytes()[:cut])

    for id_, outcome in torn.items():
        assert outcome in (whole[id_], Outcome(id_, "unknown", "worker_lost"))


def test_a_recorded_claim_leaves_nothing_behind(tmp_path: Path) -> None:
    """And the folder goes with the worker."""
    made = Journal(tmp_path, "w")
    claim = made.open_claim(CLAIM)
    claim.began(1)

    claim.close(is_recorded=True)
    made.close()

    assert list(tmp_path.iterdir()) == []


def test_a_closed_journal_takes_no_more_lines(tmp_path: Path) -> None:
    """What can't be written must not begin."""
    claim = Journal(tmp_path, "w").open_claim(CLAIM)
    claim.close(is_recorded=False)

    assert not claim.began(1)
