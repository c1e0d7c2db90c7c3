"""``byleave report advertiser``, as an operator calls it."""

import asyncio

from campaigns.tables import CampaignRow
from mailer.tables import DeliveryRow, MailingRow
from tests.database import NOW
from tests.scenarios.installation import Installation


async def fill(here: Installation, people: int) -> None:
    """A finished campaign that they got."""
    async with here.database() as database, database.transaction() as session:
        session.add(MailingRow(id=1, name="x", topic="deals", subject="x", gate="done", created_at=NOW))
        await session.flush()
        session.add(CampaignRow(id=1, state="finished", created_at=NOW))
        session.add_all(DeliveryRow(mailing_id=1, subscriber_id=one + 1, state="sent") for one in range(people))


def test_a_report_is_printed(here: Installation) -> None:
    """Incomes come with the import; of contacts, of which no attribute is named, nothing is said."""
    here.settings["RECORDS__INCOME_ATTRIBUTE"] = "income"
    here.settings["RECORDS__INCOME_MOST"] = "100000"
    file = here.folder / "people.csv"
    file.write_text("email,income\n" + "".join(f"p{one}@inbox.test,40000\n" for one in range(45)))
    here.ask("subscribers", "import", file, "--topic", "deals", "--source", "fair", "--over-13")
    asyncio.run(fill(here, 45))

    told = here.ask("report", "advertiser", "1")
    said = here.byleave("report", "advertiser", "1")

    assert (told["hits"], told["hits_are"], told["minimum"]) == (40, "letters delivered", 20)
    assert set(told["averages"]) == {"income"}
    assert told["averages"]["income"]["people"] == 40
    assert told["averages"]["income"]["step"] == 10_000
    assert abs(told["averages"]["income"]["average"] - 40_000) < 10_000
    assert "clicks are not tracked): 40" in said
    assert "average income" in said
    here.byleave("report", "advertiser", "2", expect=1)
    assert "not finished" in here.complaint
