"""The world that a reply is read in, from the database: topics, the campaigns sent lately, our own names.

Kept in memory; a cheap look says whether topics or mailings changed since it was built.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from consent.policy import all_topics
from inbound.world import CampaignInfo, TopicInfo, World
from kit.addresses import EmailAddress
from kit.db import Database
from mailer.tables import MailingRow
from mailer.tokens import Tokens

LOOK_SECONDS = 1.0  # how long a world may be behind; the token names the mailing of a quicker reply anyway
CAMPAIGNS = 200  # customers answer what they got lately; bounds the work of each reading


class Worlds:
    """Builds the world and keeps it up to date."""

    def __init__(
        self,
        database: Database,
        *,
        company: str,
        addresses: tuple[EmailAddress, ...],
        own_lines: tuple[str, ...] = (),
        own_subjects: tuple[str, ...] = (),
        tokens: Tokens | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take what the settings say about us; the rest comes from the database."""
        self._database = database
        known = None if tokens is None else partial(_campaign_of, tokens)
        self._frame = World(
            company=company, addresses=addresses, own_lines=own_lines, own_subjects=own_subjects, campaign_of=known
        )
        self._monotonic = monotonic
        self._world: World | None = None
        self._mark: tuple[object, ...] = ()
        self._looked_at = 0.0
        self._looking = asyncio.Lock()

    async def world(self) -> World:
        """Return the world as it is now, give or take ``LOOK_SECONDS``."""
        if self._world is not None and self._monotonic() - self._looked_at < LOOK_SECONDS:
            return self._world
        async with self._looking:
            if self._world is None or self._monotonic() - self._looked_at >= LOOK_SECONDS:
                self._world = await self._look()
                self._looked_at = self._monotonic()
            return self._world

    async def _look(self) -> World:
        async with self._database.reading() as session:
            topics = tuple(TopicInfo(topic.key, topic.name, topic.about) for topic in await all_topics(session))
            sent = MailingRow.gate != "draft"
            last, count = (
                await session.execute(sa.select(sa.func.max(MailingRow.id), sa.func.count()).where(sent))
            ).one()
            mark = (topics, last, count)
            if self._world is not None and mark == self._mark:
                return self._world
            campaigns = await _campaigns(session)
        self._mark = mark
        frame = self._frame
        return replace(frame, topics=topics, campaigns=campaigns)


async def _campaigns(session: AsyncSession) -> tuple[CampaignInfo, ...]:
    rows = await session.execute(
        sa.select(MailingRow.id, MailingRow.topic, MailingRow.subject, MailingRow.text)
        .where(MailingRow.gate != "draft")
        .order_by(MailingRow.id.desc())
        .limit(CAMPAIGNS)
    )
    return tuple(CampaignInfo(str(number), topic, subject, text) for number, topic, subject, text in rows)


def _campaign_of(tokens: Tokens, text: str) -> str:
    """Return the id of the campaign that a Message-ID or an address of ours names by its signed token, or ""."""
    token = tokens.parse_message_id(text) or tokens.parse_local(text.partition("@")[0])
    return str(token.mailing_id) if token else ""
