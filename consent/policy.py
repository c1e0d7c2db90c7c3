"""Topics and policy versions: what people can agree to, and under which text (P15).

A version's text never changes. A version may ask for consent anew, for some topics or for all; what that does is a
condition of :func:`consent.standing.mailable`, so that it holds from the moment the version takes effect.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from consent.tables import PolicyAskRow, PolicyVersionRow, TopicRow
from kit.db import insert
from kit.errors import Permanent

EVERY_TOPIC = "*"


class PolicyChanged(Permanent):
    """The text of a policy version differs from the one that people agreed to; give the new text a new version."""


class PolicyOutOfOrder(Permanent):
    """A version has to take effect after every version that is known already."""


@dataclass(frozen=True, slots=True)
class TopicValue:
    """A topic of promotions."""

    key: str
    name: str
    about: str = ""


@dataclass(frozen=True, slots=True)
class Version:
    """A version of the privacy policy."""

    version: str
    text: str
    sha256: str
    effective_at: datetime
    asks: tuple[str, ...] = ()  # the topics for which it asks to agree anew; "*" stands for all

    @property
    def asks_all(self) -> bool:
        """Whether everything has to be agreed to anew."""
        return EVERY_TOPIC in self.asks


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


async def publish(
    session: AsyncSession, version: str, text: str, *, effective_at: datetime, asks: Sequence[str], tell: bool = True
) -> None:
    """Add a version that takes effect at a moment, and asks to agree anew to the topics named ("*": to all).

    ``tell`` is whether those who receive something are told by mail (:mod:`mailer.notices`).
    """
    known = await versions(session)
    if any(one.version == version for one in known):
        raise PolicyChanged(f"there is a version {version} already; a version never changes")
    if known and effective_at <= known[-1].effective_at:
        raise PolicyOutOfOrder
    await keep_policy(session, version, text, effective_at=effective_at)
    if tell:
        await told(session, version, 0)
    for topic in sorted(set(asks)):
        session.add(PolicyAskRow(version=version, topic=topic))
    await session.flush()


async def versions(session: AsyncSession) -> tuple[Version, ...]:
    """Return all versions in the order in which they took or take effect."""
    asks: dict[str, list[str]] = {}
    for version, topic in await session.execute(
        sa.select(PolicyAskRow.version, PolicyAskRow.topic).order_by(PolicyAskRow.topic)
    ):
        asks.setdefault(version, []).append(topic)
    rows = await session.scalars(
        sa.select(PolicyVersionRow).order_by(PolicyVersionRow.effective_at, PolicyVersionRow.version)
    )
    return tuple(
        Version(row.version, row.text, row.sha256, row.effective_at, tuple(asks.get(row.version, ()))) for row in rows
    )


def in_force(known: Sequence[Version], at: datetime) -> Version | None:
    """Return the version that holds at a moment: the last that has taken effect; before all of them, the first."""
    taken = [one for one in known if one.effective_at <= at]
    return taken[-1] if taken else next(iter(known), None)


async def to_tell(session: AsyncSession) -> tuple[str, int] | None:
    """Return a version of which people are still to be told and the last one who was, held against other tellers."""
    row = (
        await session.execute(
            sa.select(PolicyVersionRow.version, PolicyVersionRow.told_up_to)
            .where(PolicyVersionRow.told_up_to.is_not(None))
            .order_by(PolicyVersionRow.effective_at)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
    ).one_or_none()
    return None if row is None else (row.version, row.told_up_to)


async def told(session: AsyncSession, version: str, up_to: int | None) -> None:
    """Note how far the telling has come; None: everybody was told."""
    await session.execute(
        sa.update(PolicyVersionRow)
        .where(PolicyVersionRow.version == version)
        .values(told_up_to=up_to)
        .execution_options(synchronize_session=False)
    )
