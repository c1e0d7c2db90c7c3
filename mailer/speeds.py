"""Which limits hold for a letter: in all, of its recipient's domain, of its relay, of the day. Pure.

A limit has a name, its scope, under which all workers find what was leased of it. Who has no limit has no scope, and
costs nothing. The numbers come from the settings; what is slowed down at present is added by :mod:`mailer.pace`.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from kit.addresses import domain_to_ascii
from kit.errors import InvalidSettings
from mailer.relays import Relay
from mailer.throttle import MANNERS, Limit, Manners, read_plan, read_rate

EVERYTHING = "all"


def of_domain(domain: str) -> str:
    """Return the scope of a recipient domain, over all relays."""
    return f"domain {domain}"


def of_relay(relay: str) -> str:
    """Return the scope of a relay, over all domains."""
    return f"relay {relay}"


def of_day(relay: str, domain: str = "") -> str:
    """Return the scope of a relay's warm-up, or of its warm-up for one domain."""
    return f"day {relay} > {domain}" if domain else f"day {relay}"


@dataclass(frozen=True, slots=True)
class Speeds:
    """All that was set; ``limits`` are by scope, ``relay_plans`` by relay and ``domain_plans`` by domain."""

    limits: Mapping[str, Limit] = field(default_factory=dict)
    each_domain: Limit | None = None
    relay_plans: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    domain_plans: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    slows_down: bool = True
    manners: Manners = MANNERS

    @property
    def are_free(self) -> bool:
        """Whether nothing is limited."""
        return not (self.limits or self.each_domain or self.relay_plans or self.domain_plans)

    def limit_of(self, scope: str) -> Limit | None:
        """Return the limit that was set for a scope."""
        found = self.limits.get(scope)
        return self.each_domain if found is None and scope.startswith("domain ") else found

    def plan_of(self, scope: str) -> tuple[int, ...]:
        """Return the warm-up plan of a scope of a day."""
        relay, _, domain = scope.removeprefix("day ").partition(" > ")
        return self.domain_plans.get(domain, ()) if domain else self.relay_plans.get(relay, ())

    def scopes(self, relay: str, domain: str, slowed: Collection[str] = ()) -> tuple[str, ...]:
        """Return the scopes that a letter to a domain needs leave of when it goes over a relay."""
        wide = (EVERYTHING, of_domain(domain), of_relay(relay))
        found = [scope for scope in wide if scope in slowed or self.limit_of(scope) is not None]
        if relay in self.relay_plans:
            found.append(of_day(relay))
        if domain in self.domain_plans:
            found.append(of_day(relay, domain))
        return tuple(found)


def speeds_of(
    relays: Iterable[Relay],
    *,
    rate: str = "",
    domain_rate: str = "",
    domains: Iterable[str] = (),
    slow_down: bool = True,
) -> Speeds:
    """Read the limits of the settings, or raise :class:`InvalidSettings`.

    ``domains`` are written ``gmail.com?rate=20/s&warmup=50,100,500``; a plan of a domain counts on each relay apart.
    """
    limits = {of_relay(relay.name): relay.rate for relay in relays if relay.rate is not None}
    if rate:
        limits[EVERYTHING] = read_rate(rate)
    domain_plans = {}
    for text in domains:
        name, _, query = text.partition("?")
        options = dict(parse_qsl(query, keep_blank_values=True))
        if not options or set(options) - {"rate", "warmup"}:
            raise InvalidSettings(
                f"what holds for a domain is written {name or 'gmail.com'}?rate=20/s&warmup=50,100,500"
            )
        domain = domain_to_ascii(name.strip())
        if "rate" in options:
            limits[of_domain(domain)] = read_rate(options["rate"])
        if "warmup" in options:
            domain_plans[domain] = read_plan(options["warmup"])
    return Speeds(
        limits=limits, each_domain=read_rate(domain_rate) if domain_rate else None,
        relay_plans={relay.name: relay.warmup for relay in relays if relay.warmup}, domain_plans=domain_plans,
        slows_down=slow_down,
    )  # fmt: skip
