"""Whether mail that leaves now would be believed: our DKIM keys as the DNS publishes them, before a launch."""

import asyncio

from byleave.wiring import keys_folder
from kit.config import Settings
from kit.dns import Bounded, Dns, SystemDns
from kit.errors import Permanent, Temporary
from mailer.keys import load_keys
from mailer.published import UNASKED, faults
from mailer.relays import parse_relays

SECONDS = 10.0  # for the questions about all keys
HINT = "'byleave keys dns' prints the records to publish, 'byleave doctor' looks at them again"


def wants_dns(settings: Settings) -> bool:
    """Whether the DNS has to publish our keys: not for the sandbox, nor where the operator wants no check."""
    return settings.mailer.check_dns and not all(relay.is_sandbox for relay in parse_relays(settings.mailer.relays))


def key_faults(settings: Settings, dns: Dns | None = None) -> tuple[str, ...]:
    """Return what is wrong with the published keys; it waits for the DNS, so who is on the event loop uses a thread."""
    mailer = settings.mailer
    keys = load_keys(keys_folder(settings), mailer.dkim_selector, mailer.dkim_domain)
    asked = dns or SystemDns(settings.inbound.origin.name_servers)
    return faults(keys, Bounded(asked, most=len(keys), seconds=SECONDS))


async def ready_to_launch(settings: Settings, dns: Dns | None = None) -> None:
    """Raise where receivers could not verify our signatures; :class:`Temporary` where only the DNS did not answer."""
    if not wants_dns(settings):
        return
    found = await asyncio.to_thread(key_faults, settings, dns)
    if found:
        kind = Temporary if all(fault.endswith(UNASKED) for fault in found) else Permanent
        raise kind(f"nothing is launched: {'; '.join(found)}. {HINT} (mailer.check_dns)")
