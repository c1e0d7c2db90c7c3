"""The listener is killed (SIGKILL) while customers write; every opt-out that was answered 250 is on disk.

Each round some customers ask to leave at the same time, over connections of their own, and the process dies at a random
moment, or right after one of them has read the 250. It is started again, and what is in the database is compared with
what the customers were told. Rounds: BYLEAVE_KILL_ROUNDS; figures of a long run go to standard output.
"""

import os
import random
from pathlib import Path

import pytest

from tests.scenarios.installation import installed
from tests.scenarios.kills import AT_ONCE, EACH, play, resend, still_in

pytestmark = pytest.mark.slow

ROUNDS = int(os.environ.get("BYLEAVE_KILL_ROUNDS") or (25 if os.environ.get("CI") else 5))


async def test_no_acknowledged_opt_out_is_lost_when_the_listener_is_killed(tmp_path: Path, database_url: str) -> None:
    """Promise 1: a 250 that was read means that the opt-out is on disk. What was not answered may be there."""
    people = [f"leaver{number:05}@inbox.test" for number in range(ROUNDS * AT_ONCE * EACH)]
    rng = random.Random(os.environ.get("BYLEAVE_KILL_SEED"))
    acknowledged: list[str] = []
    unanswered: list[str] = []
    with installed(tmp_path / "here", {"DATABASE__URL": database_url}) as here:
        here.import_people([*people, "stays@inbox.test"])
        listener = here.run("listener")
        for number in range(ROUNDS):
            writers = people[number * AT_ONCE * EACH : (number + 1) * AT_ONCE * EACH]
            told = play(listener, writers, rng)
            listener = here.run("listener")
            acknowledged += told.acknowledged
            unanswered += told.unanswered
            assert await still_in(here, told.acknowledged) == [], f"round {number}"
        assert await still_in(here, acknowledged) == []
        assert await still_in(here, ["stays@inbox.test"]) == ["stays@inbox.test"]
        kept = len(unanswered) - len(await still_in(here, unanswered))
        assert all(resend(listener, writer) for writer in unanswered[-5:])
        assert await still_in(here, unanswered[-5:]) == []

    assert acknowledged
    print(
        f"{ROUNDS} kills: {len(acknowledged)} acknowledged, 0 lost; {len(unanswered)} unanswered, {kept} of them kept"
    )
