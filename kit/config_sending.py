"""Settings of how fast mail leaves, how a campaign begins and is stopped by itself, and who may read numbers."""

from pydantic import Field

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


class CanarySettings(Section):
    """A large campaign goes to a few people first; where too much comes back it is paused, during the rest as well."""

    share: float = Field(default=0.01, ge=0, le=0.5)
    """The share of people who get a campaign first; 0 lets every campaign go out at once, unwatched."""
    least_people: int = Field(default=5000, ge=100)
    """Campaigns to fewer people go out at once."""
    wait_seconds: float = Field(default=1800.0, ge=0)
    """How long the others wait for what the first send back."""
    most_bounces: float = Field(default=0.05, gt=0, le=1)
    """The share of dead addresses beyond which a campaign is paused."""
    most_complaints: float = Field(default=0.003, gt=0, le=1)
    """The share of complaints beyond which a campaign is paused."""


class MetricsSettings(Section):
    """Numbers for monitoring, in Prometheus' form, at ``/metrics`` on a port of their own."""

    enabled: bool = False
    """Whether this process tells its numbers; of several on one machine each needs a port of its own."""
    host: str = "127.0.0.1"
    """The address to listen on; one that is not loopback needs a token."""
    port: int = Field(default=9464, ge=0, le=65535)
    """The port to listen on; 0 takes a free one."""
    token: str = Field(default="", repr=False)
    """What a reader has to send as ``Authorization: Bearer …``; best given as ``BYLEAVE_METRICS__TOKEN``."""
