"""Letters that can't be written: one person's fault costs that person, the campaign's fault costs nobody."""

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from consent.model import Clearance
from kit.db import Database
from kit.errors import Permanent, Temporary
from mailer import delivery
from mailer.delivery import Counts
from mailer.model import OutgoingMail
from mailer.outcomes import Outcome
from mailer.tables import DeliveryRow
from mailer.written import Ready
from tests.database import NOW
from tests.mailer.carrying import EVERYTHING, PaperPost, a_courier, counts, letter
from tests.mailer.test_delivery import given_mailing


async def test_one_who_can_not_be_composed_is_skipped_and_the_others_go_on(database: Database, tmp_path: Path) -> None:
    """A template that fails for one person fails for that person."""
    mailing, people = await given_mailing(database, 5)

    def compose(clearance: Clearance) -> OutgoingMail:
        if clearance.subscriber == people[1]:
            raise ZeroDivisionError
        return letter(clearance)

    async def prepare(_mailing_id: int) -> Callable[[Clearance], OutgoingMail]:
        return compose

    async with a_courier(database, tmp_path, PaperPost(), prepare=prepare) as courier:
        await courier.send_chunk(mailing, *EVERYTHING)

    assert await counts(database, mailing) == Counts(sent=4, skipped={"template_error": 1})


async def test_trouble_that_concerns_all_gives_the_slice_back(database: Database, tmp_path: Path) -> None:
    """A key that can't be read is nobody's template error."""
    mailing, _ = await given_mailing(database, 5)

    def compose(_clearance: Clearance) -> OutgoingMail:
        raise Temporary("the key can't be read")

    async def prepare(_mailing_id: int) -> Callable[[Clearance], OutgoingMail]:
        return compose

    async with a_courier(database, tmp_path, PaperPost(), prepare=prepare) as courier:
        with pytest.raises(Temporary):
            await courier.send_chunk(mailing, *EVERYTHING)

    assert await counts(database, mailing) == Counts(waiting=5)
    async with database.reading() as session:
        assert await delivery.due_mailings(session, now=NOW) == [mailing]


async def test_a_mailing_that_can_not_be_compiled_is_reported(database: Database, tmp_path: Path) -> None:
    """Nobody is claimed for it."""
    mailing, _ = await given_mailing(database, 2)
    told: list[tuple[int, str]] = []

    async def prepare(_mailing_id: int) -> Callable[[Clearance], OutgoingMail]:
        raise Permanent("no such template")

    async def on_broken(mailing_id: int, why: str) -> None:
        told.append((mailing_id, why))

    async with a_courier(database, tmp_path, PaperPost(), prepare=prepare, on_broken=on_broken) as courier:
        await courier.send_chunk(mailing, *EVERYTHING)

    assert told == [(mailing, "no such template")]


async def test_a_mailing_that_can_not_be_written_is_reported_and_everybody_waits(
    database: Database, tmp_path: Path
) -> None:
    """What is claimed goes back, untouched."""
    mailing, _ = await given_mailing(database, 25)
    told: list[tuple[int, str]] = []

    class Broken:
        async def letters(self, _compose: object, _rows: object) -> list[Ready | Outcome]:
            raise Permanent("it can't be written")

        def close(self) -> None:
            """Hold nothing."""

    async def on_broken(mailing_id: int, why: str) -> None:
        told.append((mailing_id, why))

    async with a_courier(database, tmp_path, PaperPost(), presses=Broken(), on_broken=on_broken) as courier:
        await courier.send_chunk(mailing, *EVERYTHING)

    assert told == [(mailing, "it can't be written")]
    assert await counts(database, mailing) == Counts(waiting=25)
    async with database.reading() as session:
        assert set(await session.scalars(sa.select(DeliveryRow.attempt))) == {0}
