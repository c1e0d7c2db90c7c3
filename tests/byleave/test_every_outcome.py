"""Whatever becomes of a letter is seen by status, by ``/metrics`` and in the log, and nobody's address in the log."""

import json
import re
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs

from byleave.metrics import Metrics
from byleave.progress import everything_of
from consent.ledger import withdraw
from consent.model import Clearance
from kit.db import Database
from mailer.model import OutgoingMail
from mailer.relays import Deferred, Failed, Result, Sent, Unknown, Withheld
from mailer.written import Ready
from tests.byleave.test_metrics import ground
from tests.campaigns.test_store import launched
from tests.database import BY_REPLY, NOW
from tests.mailer.carrying import EVERYTHING, PaperPost, a_courier, letter

SECRET = "p00000@example.com dear reader"  # what a relay may say of the person or the letter
GREYLISTED = Deferred(451, "4.7.1", SECRET)
#: what each person's letter comes to, and as what the log knows it
ANSWERS: list[tuple[Result, str]] = [
    (Sent(250, SECRET), "sent 250"),
    (Failed(550, "5.1.1", SECRET, hard_bounce=True), "failed bounced 550 5.1.1"),
    (Failed(554, "5.7.1", SECRET, policy=True), "failed policy 554 5.7.1"),
    (Failed(552, "5.3.4", SECRET), "failed refused 552 5.3.4"),
    (GREYLISTED, "waiting deferred 451 4.7.1"),
    (Deferred(421, "", SECRET), "waiting deferred 421"),
    (Unknown(SECRET), "unknown answer_lost"),
    (Withheld(again_seconds=5.0), "waiting paced"),
]
LEAVES, BREAKS = len(ANSWERS), len(ANSWERS) + 1  # two more people
A_DAY_LATER = NOW + timedelta(days=6)


def _place(clearance: Clearance) -> int:
    return int(clearance.address.local[1:])


def _answer(mail: Ready) -> Result:
    return ANSWERS[_place(mail.clearance)][0]


async def _compiled(_mailing_id: int) -> Callable[[Clearance], OutgoingMail]:
    def compose(clearance: Clearance) -> OutgoingMail:
        if _place(clearance) == BREAKS:
            raise ZeroDivisionError(SECRET)
        return letter(clearance)

    return compose


async def _sent(database: Database, folder: Path, campaign: int, at: datetime) -> list[dict[str, object]]:
    """Send what is due; return what was logged."""

    async def leave(mails: Iterable[Ready]) -> None:
        """One leaves once their letter is written."""
        for mail in mails:
            if _place(mail.clearance) == LEAVES:
                async with database.transaction() as session:
                    await withdraw(session, mail.clearance.subscriber, ["deals"], source=BY_REPLY, at=NOW)

    with capture_logs() as told:
        async with a_courier(
            database, folder, PaperPost(_answer, first=leave), prepare=_compiled, slice_size=50, clock=lambda: at
        ) as courier:
            await courier.send_chunk(campaign, *EVERYTHING)
    return [dict(line) for line in told]


async def test_each_decision_is_seen_from_everywhere(database: Database, tmp_path: Path) -> None:
    campaign = await launched(database, len(ANSWERS) + 2)

    logged = await _sent(database, tmp_path, campaign, NOW)

    decided = _decisions(logged)
    assert decided == {name: 1 for _, name in ANSWERS} | {"skipped withdrawn": 1, "skipped template_error": 1}
    shown = await everything_of(ground(database), campaign)
    assert (shown["sent"], shown["failed"], shown["unknown"], shown["waiting"]) == (1, 3, 1, 3)
    assert shown["skipped"] == {"withdrawn": 1, "template_error": 1}
    assert _names(shown["codes"]) == {name for _, name in ANSWERS if name.startswith(("failed", "waiting"))}
    assert shown["relays"][-1] == {"relay": "paper", "sent": 1, "failed": 3, "unknown": 1, "waiting": 2}
    assert await _monitored(database, campaign) == {_without_code(name) for name in decided}
    _harms_nobody(logged)


async def test_a_retry_and_its_end_are_seen_from_everywhere(database: Database, tmp_path: Path) -> None:
    """What is put off again and again is given up at the end of its plan, and says so."""
    campaign = await launched(database, len(ANSWERS) + 2)
    await _sent(database, tmp_path, campaign, NOW)

    logged = await _sent(database, tmp_path, campaign, A_DAY_LATER)

    assert _decisions(logged) == {
        "failed gave_up 421": 1, "failed gave_up 451 4.7.1": 1, "waiting paced": 1,
    }  # fmt: skip
    shown = await everything_of(ground(database), campaign)
    assert {"failed gave_up 421", "failed gave_up 451 4.7.1"} <= _names(shown["codes"])
    assert {"failed gave_up", "failed gave_up 4.7"} <= await _monitored(database, campaign)
    told = (await Metrics(ground(database)).tell()).decode()
    assert f'byleave_retries{{campaign="{campaign}",class="4"}} 2.0' in told
    _harms_nobody(logged)


def _decisions(logged: Iterable[dict[str, object]]) -> dict[str, int]:
    (found,) = [line["decisions"] for line in logged if line["event"] == "slice.recorded"]
    assert isinstance(found, dict)
    return found


def _names(codes: Iterable[dict[str, object]]) -> set[str]:
    return {
        " ".join(filter(None, (str(row["state"]), str(row["reason"]), str(row["code"] or ""), str(row["enhanced"]))))
        for row in codes
    }


async def _monitored(database: Database, campaign: int) -> set[str]:
    told = (await Metrics(ground(database)).tell()).decode()
    assert "@" not in told
    return {
        " ".join(filter(None, (labels["state"], labels["reason"], labels["status"])))
        for family in text_string_to_metric_families(told)
        for name, labels, *_ in family.samples
        if name == "byleave_deliveries" and labels["campaign"] == str(campaign)
    }


def _without_code(name: str) -> str:
    """Of the status only class and subject are told to monitoring, and no basic code."""
    return re.sub(r" (\d\.\d)\.\d$", r" \1", re.sub(r" \d{3}\b", "", name))


def _harms_nobody(logged: Iterable[dict[str, object]]) -> None:
    for line in logged:
        assert "@" not in json.dumps(line, default=str)
        assert "dear reader" not in json.dumps(line, default=str)
