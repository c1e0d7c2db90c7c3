"""Topics and policy versions: what people can agree to, and under which text (P15)."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from consent.tables import PolicyVersionRow, TopicRow
from kit.db import insert
from kit.errors import Permanent


class PolicyChanged(Permanent):
    """The text of a policy version differs from the one that people agreed to; give the new text a new version."""


@dataclass(frozen=True, slots=True)
class TopicValue:
    """A topic of promotions."""

    key: str
    name: str
    about: str = ""


async def keep_topics(session: AsyncSession, topics: Sequence[TopicValue]) -> None:
    """Add new topics and rename known ones; none is ever removed, for consents name them."""
    for position, topic in enumerate(topics):
        statement = insert(session, TopicRow).values(
            key=topic.key, name=topic.name, about=topic.about, position=position
        )
        await session.execute(
            statement.on_conflict_do_update(
                index_elements=["key"], set_={"name": topic.name, "about": topic.about, "position": position}
            )
        )


async def all_topics(session: AsyncSession) -> tuple[TopicValue, ...]:
    """Return the topics in the order of the settings."""
    rows = await session.scalars(sa.select(TopicRow).order_by(TopicRow.position, TopicRow.key))
    return tuple(TopicValue(row.key, row.name, row.about) for row in rows)


async def keep_policy(session: AsyncSession, version: str, text: str, *, effective_at: datetime) -> None:
    """Keep the text of a policy version. A version's text never changes; :class:`PolicyChanged` says so."""
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    row = await session.get(PolicyVersionRow, version)
    if row is None:
        session.add(PolicyVersionRow(version=version, text=text, sha256=sha256, effective_at=effective_at))
        await session.flush()
    elif row.sha256 != sha256:
        raise PolicyChanged
