"""Settings of how fast mail leaves, how a campaign begins and is stopped by itself, and who may read numbers."""

from kit.config_section import Section


class PaceSettings(Section):
    """How fast mail leaves, over all workers together. A relay's own limits stand in its URL."""

    rate: str = ""
    """The most messages in all, like ``100/s``, ``600/m`` or ``5000/h``; empty means no limit."""
    domain_rate: str = ""
    """The most messages to any one recipient domain, written the same way; empty means no limit."""
    domains: tuple[str, ...] = ()
    """Limits of single domains, like ``gmail.com?rate=20/s&warmup=50,100,500`` (messages a day on each relay)."""
    slow_down: bool = True
    """Whether we go slower by ourselves when a relay or a domain asks for less, and faster again when it is quiet."""
