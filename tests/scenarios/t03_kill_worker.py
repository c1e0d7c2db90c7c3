"""The worker is killed (SIGKILL) in the middle of campaigns; nobody gets a letter twice and every number is right.

The relay lives outside, in this process, and remembers every recipient. After each kill a new worker is started and
nothing else is done: it has to find out by itself what its predecessor left. Rounds: BYLEAVE_KILL_ROUNDS; people:
BYLEAVE_KILL_PEOPLE; figures go to standard output.
"""

import asyncio
import contextlib
import os
import random
import time
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.recording_relay import RecordingRelay
from tests.scenarios.installation import installed, total
from tests.scenarios.kills import doubles_in, finished, lost_of, sent

pytestmark = pytest.mark.slow

ROUNDS = int(os.environ.get("BYLEAVE_KILL_ROUNDS") or (6 if os.environ.get("CI") else 3))
PEOPLE = int(os.environ.get("BYLEAVE_KILL_PEOPLE") or (2000 if os.environ.get("CI") else 1000))
SLICE = 50
JOBS = 4
SETTINGS = {"MAILER__SLICE_SIZE": str(SLICE), "MAILER__CHUNK_SIZE": "250", "WORKER__JOBS_AT_ONCE": str(JOBS)}


async def test_nobody_gets_a_letter_twice_when_the_worker_is_killed(tmp_path: Path, database_url: str) -> None:
    """Promises 3 and 4: at most once, exact sums, and what is unknown is not more than what was in flight."""
    rng = random.Random(os.environ.get("BYLEAVE_KILL_SEED"))
    found: list[dict[str, Any]] = []
    with RecordingRelay() as relay, contextlib.ExitStack() as stack:
        settings = SETTINGS | {"MAILER__RELAYS": relay.url, "DATABASE__URL": database_url}
        here = stack.enter_context(installed(tmp_path / "here", settings))
        here.import_people(f"reader{number:05}@inbox.test" for number in range(PEOPLE))
        worker = here.run("worker")
        async with here.database() as database:
            for number in range(ROUNDS):
                subject = f"Campaign {number}"
                campaign = here.launch(subject)
                await sent(relay, subject, int(rng.uniform(0.02, 0.95) * PEOPLE))
                await asyncio.sleep(rng.uniform(0, 0.05))
                worker.kill()
                killed_at = time.monotonic()
                worker = here.run("worker")
                counts = await finished(database, campaign)
                found.append({**counts, "recovered": time.monotonic() - killed_at})
                check(counts, relay.taken(subject))

    unknown = [one["unknown"] for one in found]
    print(
        f"{ROUNDS} kills, {PEOPLE} people: 0 doubles, unknown {sum(unknown)} in all and {max(unknown)} at most, "
        f"from kill to end {max(one['recovered'] for one in found):.1f} s at most"
    )


def check(counts: dict[str, Any], taken: list[str]) -> None:
    """Compare the numbers with what the relay has."""
    assert (doubles_in(taken), lost_of(counts, taken)) == (0, 0), counts
    assert total(counts) == counts["snapshot"] == PEOPLE, counts
    assert counts["waiting"] == counts["failed"] == 0, counts
    assert counts["skipped"] == {}, counts
    assert counts["sent"] <= len(taken) <= counts["sent"] + counts["unknown"], (counts, len(taken))
    assert counts["unknown"] <= JOBS * SLICE, counts
