"""The only place where real things are joined: settings in, an engine of working parts out. No globals, no magic.

``open_ground`` is what every command needs (settings, secrets, database); ``assemble`` adds the parts that run.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from byleave import schema
from consent import policy
from consent.policy import TopicValue
from kit.clock import Clock, utc_now
from kit.config import CHECKOUT, Settings
from kit.db import Database
from kit.errors import InvalidSettings
from kit.jobs import Jobs
from kit.secrets import Secrets, load_or_make_secrets


@dataclass(frozen=True)
class Ground:
    """What every command stands on."""

    settings: Settings
    secrets: Secrets
    database: Database
    clock: Clock = utc_now


def prepare(settings: Settings, *, always: bool = False) -> bool:
    """Make sure that the database is of this version; return whether anything was made.

    The embedded set-up makes itself at first use. A shared PostgreSQL is only touched by ``byleave init``.
    """
    if schema.is_fit(settings.database_url) and not always:
        return False
    present = schema.present(settings.database_url)
    if not always and not settings.database_url.startswith("sqlite"):
        state = "empty" if present is None else f"of version {present}, this program wants {schema.newest()}"
        raise InvalidSettings(f"the database is {state}; run 'byleave init' once")
    settings.var_folder.mkdir(parents=True, exist_ok=True)
    left = schema.bring_up(settings.database_url).left
    if left and not schema.is_fit(settings.database_url):
        raise InvalidSettings(f"{left[0]} waits until no worker of an older version lives; stop those, then try again")
    return True


@asynccontextmanager
async def open_ground(settings: Settings, *, initialise: bool = False, serving: bool = False) -> AsyncIterator[Ground]:
    """Open the database, making what is missing, and close it at the end. ``serving``: for ``byleave run``."""
    made = prepare(settings, always=initialise)
    secrets = load_or_make_secrets(settings.var_folder / "secrets.json")
    patience = settings.worker.dead_after_seconds if serving else None  # the database's as the other workers'
    database = Database(settings.database_url, pool_size=settings.database.pool_size, frozen_seconds=patience)
    ground = Ground(settings, secrets, database)
    try:
        if made or initialise:
            await _keep_jobs(ground)
        if made or initialise or await _topics_differ(ground):
            await keep_foundations(ground)
        yield ground
    finally:
        await database.close()


async def _keep_jobs(ground: Ground) -> None:
    """Make the job engine's tables: a campaign may be launched before the first ``byleave run``."""
    jobs = Jobs(ground.database, ground.settings.worker)
    await jobs.prepare()
    jobs.close()


async def keep_foundations(ground: Ground) -> None:
    """Write topics and the policy's text from the settings into the database, where consents name them."""
    version = ground.settings.consent.default_policy_version
    file = CHECKOUT / "templates" / "policy" / f"{version}.txt"
    text = file.read_text("utf-8") if file.is_file() else None
    async with ground.database.transaction() as session:
        await policy.keep_topics(session, _topics(ground.settings))
        if text is not None:
            await policy.keep_policy(session, version, text, effective_at=datetime.now(UTC))
        elif all(one.version != version for one in await policy.versions(session)):
            raise InvalidSettings(
                f"the text of policy version {version} is missing; write it to templates/policy/ or 'policy add' it"
            )


async def _topics_differ(ground: Ground) -> bool:
    async with ground.database.reading() as session:
        kept = {topic.key: topic for topic in await policy.all_topics(session)}
    return any(kept.get(topic.key) != topic for topic in _topics(ground.settings))


def _topics(settings: Settings) -> list[TopicValue]:
    return [TopicValue(topic.key, topic.name, topic.about) for topic in settings.topics]


def keys_folder(settings: Settings) -> Path:
    """Return the folder of the DKIM keys."""
    return settings.var_folder / "keys"
