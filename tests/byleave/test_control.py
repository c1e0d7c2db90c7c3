"""Staff's control by commands: unknown letters, relays, and what ``campaign status`` says."""

import asyncio
import getpass

from kit.db import Database
from mailer import delivery
from mailer.outcomes import Outcome
from tests.byleave.test_campaigns import CONTENT, PEOPLE, written
from tests.database import NOW
from tests.scenarios.installation import Installation, total


async def lose_answers(url: str, campaign: int) -> None:
    """Let a worker claim everybody and lose every answer."""
    database = Database(url)
    async with database.transaction() as session:
        taken = await delivery.claim_slice(session, campaign, first=0, last=1 << 40, limit=9, worker="w", now=NOW)
        assert not isinstance(taken, delivery.Shut)
        lost = [Outcome(row.id, "unknown", "answer_lost", response="no answer", relay="sandbox") for row in taken.rows]
        await delivery.record(session, campaign, lost, claim=taken.claim, now=NOW)
    await database.close()


def test_unknown_letters_are_listed_dropped_and_sent_again_by_name(here: Installation) -> None:
    """Sending again needs a yes; what was done stands in the status with who said so."""
    here.import_people(PEOPLE)
    number = here.ask("campaign", "new", written(here, CONTENT.replace("{{ person.name }}", "all")), "--now")["id"]
    asyncio.run(lose_answers(here.url, number))
    of = str(number)

    listed = here.ask("campaign", "unknown", of, "list")
    assert [(one["reason"], one["relay"]) for one in listed] == [("answer_lost", "sandbox")] * 2
    assert "campaign unknown" in here.byleave("campaign", "status", of)
    here.byleave("campaign", "unknown", of, "resend", expect=1)
    assert "--yes" in here.complaint
    one = str(listed[0]["person"])
    assert here.ask("campaign", "unknown", of, "drop", "--person", one, "--by", "ann")["letters"] == 1
    assert here.ask("campaign", "unknown", of, "resend", "--yes", "--by", "bob")["letters"] == 1

    status = here.ask("campaign", "status", of)
    assert (status["unknown"], status["waiting"], status["skipped"], total(status)) == (0, 1, {"dropped": 1}, 2)
    assert [(act["act"], act["by"], act["letters"]) for act in status["acts"][1:]] == [
        ("unknown_dropped", "ann", 1), ("unknown_sent_again", "bob", 1),
    ]  # fmt: skip
    assert here.ask("campaign", "unknown", of) == []
    here.byleave("campaign", "unknown", "99", "drop", expect=1)


def test_who_launched_paused_resumed_and_cancelled_is_kept(here: Installation) -> None:
    """Written with the act; what came to nothing is no act. Without a name it is the user of the machine."""
    here.import_people(PEOPLE)
    of = str(here.ask("campaign", "new", written(here, CONTENT.replace("{{ person.name }}", "all")))["id"])
    here.ask("campaign", "schedule", of, "--at", "2099-01-01 09:00 UTC", "--by", "ann")
    here.ask("campaign", "schedule", of, "--now", "--by", "bob")
    for by in ("cid", "nobody"):
        here.ask("campaign", "pause", of, "--by", by)
    here.ask("campaign", "resume", of, "--by", "dan")
    here.ask("campaign", "cancel", of)
    here.byleave("campaign", "resume", of, "--by", "nobody", expect=1)

    shown = here.ask("campaign", "show", of)["acts"]
    assert [(act["act"], act["by"]) for act in shown] == [
        ("scheduled", "ann"), ("launched", "bob"), ("paused", "cid"), ("resumed", "dan"),
        ("cancelled", getpass.getuser()),
    ]  # fmt: skip
    assert here.ask("campaign", "status", of)["acts"] == shown
    for command in ("show", "status"):
        assert "paused by cid" in here.byleave("campaign", command, of)


def test_relays_are_listed_drained_and_used_again(here: Installation) -> None:
    assert [(one["name"], one["drained"]) for one in here.ask("relays", "list")] == [("sandbox", False)]

    here.byleave("relays", "drain", "sandbox")
    assert here.ask("relays", "list")[0]["drained"]
    assert "drained" in here.byleave("relays", "list")
    here.byleave("relays", "use", "sandbox")
    assert not here.ask("relays", "list")[0]["drained"]
    here.byleave("relays", "drain", "nobody", expect=1)
    assert "no such relay" in here.complaint
