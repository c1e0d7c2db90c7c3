"""An import beside what people do meanwhile."""

import asyncio

from consent.enrol import enrol
from consent.ledger import withdraw
from consent.model import Purpose, State
from consent.standing import states_of
from consent.subscribers import Profile
from consent.tables import TopicRow
from kit.addresses import parse_address
from kit.db import Database
from tests.database import BY_IMPORT, BY_REPLY, LATER, NOW, SECRETS, given_subscribers


async def test_an_opt_out_in_the_middle_of_an_import_stands(database: Database) -> None:
    """Promise 6: the import looks at what people did when nobody can add to it any more."""
    (anna,) = await given_subscribers(database, 1)
    async with database.transaction() as session:
        session.add(TopicRow(key="events", name="Events"))
    left = asyncio.Event()

    async def leave() -> None:
        async with database.transaction() as session:
            await withdraw(session, anna, ["events"], source=BY_REPLY, at=NOW)
            left.set()
            await asyncio.sleep(0.3)  # the import comes as far as it can meanwhile

    async def take_over() -> None:
        await left.wait()
        async with database.transaction() as session:
            people = [Profile(parse_address("p00000@example.com"))]
            made = await enrol(session, people, ["events"], source=BY_IMPORT, secrets=SECRETS, at=LATER)
        assert (made.granted, made.left_before) == (0, 1)

    await asyncio.gather(leave(), take_over())

    async with database.reading() as session:
        assert await states_of(session, [anna], "events", Purpose.PROMOTION) == {anna: State.WITHDRAWN}
