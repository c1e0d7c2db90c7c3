"""What ``byleave doctor`` warns of though everything works: an old policy, numbers in the open, campaigns unwatched."""

import asyncio
from collections.abc import Sequence
from datetime import datetime

from byleave import schema
from consent import policy
from consent.policy import Version
from kit.clock import utc_now
from kit.config import Settings
from kit.config_sending import CanarySettings, MetricsSettings
from kit.db import Database
from mailer.relays import is_loopback


def of_policy(settings: Settings) -> str:
    """Return what is wrong with the version that new consents name (P15), or ""; makes neither database nor secrets."""
    if not schema.is_fit(settings.database_url):
        return ""
    return asyncio.run(_of_policy(settings))


async def _of_policy(settings: Settings) -> str:
    database = Database(settings.database_url, pool_size=settings.database.pool_size)
    try:
        async with database.reading() as session:
            known = await policy.versions(session)
    finally:
        await database.close()
    return of_versions(settings.consent.default_policy_version, known, utc_now())


def of_versions(named: str, known: Sequence[Version], now: datetime) -> str:
    """Return what is wrong with naming a version now: a newer one may hold, or it may not hold yet."""
    holds = policy.in_force(known, now)
    if holds is None or holds.version == named:
        return ""
    return (
        f"new consents name version {named}, but {holds.version} is in force: "
        f"set consent.default_policy_version to {holds.version}"
    )


def of_metrics(metrics: MetricsSettings) -> str:
    """Return what is wrong with where numbers are told, or ""."""
    if not metrics.enabled or is_loopback(metrics.host):
        return ""
    where = f"others reach the numbers at {metrics.host}:{metrics.port}"
    if not metrics.token:
        return f"{where}, and without metrics.token nothing starts there; set one, or metrics.host to 127.0.0.1"
    return f"{where}, with the token but without TLS; let a firewall leave in nobody but your monitoring"


def of_canary(canary: CanarySettings) -> str:
    """Return that campaigns are not watched, or ""."""
    if canary.share:
        return ""
    return "it is off: every campaign goes out at once, and none is stopped by itself (canary.share)"
