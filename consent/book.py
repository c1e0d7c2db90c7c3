"""The ledger read from its beginning to its end, page by page, for verification and export. It writes nothing."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from consent.chain import GENESIS, moment
from consent.tables import ConsentEventRow, LedgerHeadRow, PolicyVersionRow, WordingRow
from consent.verifying import Head

PAGE = 2000  # events read at a time; bounds memory

_TABLE = ConsentEventRow.__table__


@dataclass(frozen=True, slots=True)
class Entry:
    """One event as it is hashed, and the hash that stands beside it. Content None: it can't be read."""

    seq: int
    content: dict[str, Any] | None
    hash: str


async def ends(session: AsyncSession) -> tuple[Head, int]:
    """Return the end that the ledger states of itself, and the place of the last event that is there, at one moment."""
    last = sa.select(sa.func.coalesce(sa.func.max(ConsentEventRow.seq), 0)).scalar_subquery()
    row = (await session.execute(sa.select(LedgerHeadRow.seq, LedgerHeadRow.hash, last))).one_or_none()
    if row is None:  # nothing was ever appended
        return Head(0, GENESIS), await session.scalar(sa.select(last)) or 0
    return Head(row[0], row[1]), row[2]


async def entries(session: AsyncSession, *, upto: int, person: int | None = None) -> AsyncIterator[list[Entry]]:
    """Yield the events in their order, some at a time; of one person only, where one is given."""
    last = 0
    while page := await _page(session, last, upto, person):
        yield page
        last = page[-1].seq


async def hash_before(session: AsyncSession, seq: int) -> str:
    """Return the hash that stands beside the event before a place."""
    if seq <= 1:
        return GENESIS
    return await session.scalar(sa.select(ConsentEventRow.hash).where(ConsentEventRow.seq == seq - 1)) or ""


async def wordings(session: AsyncSession, hashes: Sequence[str]) -> list[str]:
    """Return the texts of wordings, of those that are there."""
    return list(await session.scalars(sa.select(WordingRow.text).where(WordingRow.sha256.in_(sorted(hashes)))))


async def policies(session: AsyncSession, versions: Sequence[str]) -> list[tuple[str, str]]:
    """Return version and text of policy versions, of those that are there."""
    rows = await session.execute(
        sa.select(PolicyVersionRow.version, PolicyVersionRow.text).where(PolicyVersionRow.version.in_(sorted(versions)))
    )
    return [(version, text) for version, text in rows]


async def _page(session: AsyncSession, last: int, upto: int, person: int | None) -> list[Entry]:
    wanted = [_TABLE.c.seq > last, _TABLE.c.seq <= upto]
    if person is not None:
        wanted.append(_TABLE.c.subscriber_id == person)
    places = sa.select(_TABLE.c.seq).where(*wanted).order_by(_TABLE.c.seq).limit(PAGE)
    try:
        rows = await session.execute(sa.select(_TABLE).where(*wanted).order_by(_TABLE.c.seq).limit(PAGE))
        return [_entry(row) for row in rows]
    except (ValueError, TypeError):  # somebody wrote what no event of ours can hold; find out where
        return [await _alone(session, seq) for seq in await session.scalars(places)]


async def _alone(session: AsyncSession, seq: int) -> Entry:
    try:
        return _entry((await session.execute(sa.select(_TABLE).where(_TABLE.c.seq == seq))).one())
    except (ValueError, TypeError):
        return Entry(seq, None, "")


def _entry(row: sa.Row[Any]) -> Entry:
    content = {
        "seq": row.seq, "subscriber": row.subscriber_id, "act": row.act, "purpose": row.purpose, "topics": row.topics,
        "at": moment(row.at), "until": moment(row.until), "door": row.door, "proof": row.proof,
        "evidence": row.evidence, "wording": row.wording_sha256, "policy_version": row.policy_version,
    }  # fmt: skip
    return Entry(row.seq, content, row.hash)
