"""To whom no promotion is sent meanwhile: who wrote a mail that was answered 250 and is not read yet (promise 2).

That mail may be an opt-out. So its sender is put here in the transaction that keeps it, and taken away in the one that
decides it, where a withdrawal takes over. Workers hear of it as of a withdrawal (:class:`consent.hearing.Hearing`).
Store functions only: they take a session and never commit.
"""

from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from consent import hearing
from consent.model import SubscriberId
from consent.tables import UnreadRow
from kit.db import after_commit, insert


async def hold_back(session: AsyncSession, mail: int, people: Collection[SubscriberId]) -> None:
    """Send these people nothing until a mail is read; all workers hear of it with the commit."""
    if not people:
        return
    rows = [{"mail_id": mail, "subscriber_id": person} for person in sorted(people)]
    await session.execute(insert(session, UnreadRow.__table__).on_conflict_do_nothing(), rows)
    await hearing.announce_unread(session, people)
    after_commit(session, lambda: hearing.tell_unread(frozenset(people)))


async def free(session: AsyncSession, mails: Collection[int]) -> None:
    """Mails are read, or over: they hold nobody back any more."""
    await session.execute(
        sa.delete(UnreadRow).where(UnreadRow.mail_id.in_(mails)).execution_options(synchronize_session=False)
    )


async def mails(session: AsyncSession) -> frozenset[int]:
    """Return the numbers of the mails that hold somebody back."""
    return frozenset(await session.scalars(sa.select(UnreadRow.mail_id).distinct()))
