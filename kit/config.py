"""Every setting, typed and explained; read once at the start from ``config.toml`` and the environment.

A key that is not known is an error that names the nearest known one. Any key can come from the environment as
``BYLEAVE_<SECTION>__<KEY>``; lists are written as JSON there. Relative paths are taken from the folder of the file.
Each room is given its own section, never the whole.
"""

import difflib
import os
import tomllib
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from pydantic import BaseModel, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from kit.config_inbound import InboundSettings
from kit.config_records import RecordsSettings, RetentionSettings
from kit.config_section import Section
from kit.config_sending import CanarySettings, MetricsSettings, PaceSettings
from kit.config_service_mail import ServiceMailSettings
from kit.config_signup import SignUpSettings
from kit.config_texts import AddressText, DomainText, ZoneText
from kit.errors import InvalidSettings

CHECKOUT = Path(__file__).resolve().parents[1]
BEATS_TO_DEATH = 4  # two in each half of the time, so that one may be late


class Company(Section):
    """Who writes to the customers."""

    name: str = "Pro Engineer Portal"
    """The name that customers know; it stands in each mail and page."""
    postal_address: str = "1 Main Street, Springfield"
    """Where the company can be reached by post, on one line; it stands behind the name, for the law wants it so."""
    website: str = "https://www.proengineer.example"
    """The company's own pages."""
    policy_url: str = "https://www.proengineer.example/privacy"
    """The privacy policy that each mail and page links to (P7)."""
    customer_service: AddressText = "service@proengineer.example"
    """Where a reply that a person must read is handed to, untouched (P17)."""
    time_zone: ZoneText = "UTC"
    """The zone of schedules that name none."""


class Topic(Section):
    """Something customers can agree to hear about."""

    key: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")
    """The short name that never changes, also when the topic is renamed."""
    name: str
    """The name that customers see, and may write after "unsubscribe"."""
    about: str = ""
    """What is sent under this topic, in a few words."""


class DatabaseSettings(Section):
    """Where everything is kept."""

    url: str = "sqlite+aiosqlite:///var/byleave.db"
    """``sqlite+aiosqlite:///FILE`` for one machine, ``postgresql+psycopg://USER:PASSWORD@HOST/NAME`` for many."""
    pool_size: int = Field(default=10, ge=2, le=200)
    """How many connections one process may hold open."""


class ConsentSettings(Section):
    """Rules about whom we may write to."""

    require_age: bool = False
    """Whether only people known to be 13 or older are mailed. Those known to be younger never are, in any case (P8)."""
    default_policy_version: str = "2026-11-01"
    """The version of the privacy policy that new consents name (P15)."""
    receipt_every_days: int = Field(default=7, ge=1)
    """A service mail of one kind goes to one address at most once in so many days (RFC 3834 2)."""


class MailerSettings(Section):
    """How mail leaves."""

    relays: tuple[str, ...] = ("sandbox:",)
    """Where mail is handed to: ``sandbox:`` (kept on this machine), ``smtp://[USER:PASSWORD@]HOST[:PORT]``, ``smtps://…``."""
    from_address: AddressText = "promotions@proengineer.example"
    """The From of promotions; customers may reply to it, too."""
    from_name: str = "Pro Engineer Portal"
    """The name beside the From address."""
    feedback_address: AddressText = "feedback@proengineer.example"
    """Where mailbox providers send complaints to (CFBL-Address, RFC 9477); under the From domain."""
    reply_domain: DomainText = "reply.proengineer.example"
    """The domain of the signed reply addresses; its MX must lead to the inbound listener."""
    bounce_domain: DomainText = "bounce.proengineer.example"
    """The domain of the return paths (VERP); its MX must lead to the inbound listener."""
    list_domain: DomainText = "lists.proengineer.example"
    """The domain of the List-Id of each topic (RFC 2919)."""
    dkim_domain: DomainText = "proengineer.example"
    """The d= of the signatures; it must be the From domain or a parent of it."""
    dkim_selector: str = Field(default="byleave1", pattern=r"^[a-z0-9][a-z0-9-]{0,40}$")
    """The base of the selectors; ``-rsa`` and ``-ed25519`` are added."""
    dkim_sign: Literal["both", "rsa", "ed25519", "none"] = "both"
    """Which keys sign each letter; ``none`` only where the relay signs (RFC 8058 4 wants a signature on promotions)."""
    check_dns: bool = True
    """Whether a campaign is launched only when the DNS publishes our DKIM keys; the sandbox needs none."""
    connections: int = Field(default=4, ge=1, le=200)
    """How many SMTP connections one worker keeps to the relays."""
    slice_size: int = Field(default=100, ge=1, le=1000)
    """How many recipients are claimed at a time; what a crash can leave unknown is bounded by it."""
    compose_processes: int = Field(default=0, ge=0, le=64)
    """How many processes write and sign letters, of some 35 MB each; 0 does it within the worker."""
    chunk_size: int = Field(default=1000, ge=1, le=100_000)
    """How many recipients one job covers at least; a large campaign has larger jobs, not more than 250."""
    helo: str = ""
    """The name given in EHLO; empty means the name of this host."""
    drain_seconds: float = Field(default=20.0, ge=0, le=600)
    """How long mail that is on its way may still finish when we are told to stop."""
    retry_first_seconds: float = Field(default=300.0, gt=0)
    """How long after a temporary refusal the first new try is made."""
    retry_give_up_seconds: float = Field(default=86_400.0, gt=0)
    """How long after the first try a promotion is given up."""
    pace: PaceSettings = PaceSettings()


class WebSettings(Section):
    """The customers' pages."""

    enabled: bool = True
    """Whether pages are served."""
    host: str = "127.0.0.1"
    """The address to listen on; put a TLS proxy in front, or give a certificate."""
    port: int = Field(default=8025, ge=0, le=65535)
    """The port to listen on; 0 takes a free one."""
    base_url: str = "https://preferences.proengineer.example"
    """What the links in mails begin with. Never taken from a request."""
    tls_certificate: str = ""
    """A PEM file with the certificate chain."""
    tls_key: str = ""
    """The PEM file with the private key of the certificate."""
    language: str = "en"
    """The language of pages for people of whom neither we nor their browser say another."""
    proxies: tuple[str, ...] = ()
    """Networks of proxies in front; only who connects from there is believed about the client's address."""
    proxy_header: Literal["x-forwarded-for", "forwarded"] = "x-forwarded-for"
    """The header in which those proxies name the client; the other one is not looked at."""
    requests_a_minute_per_network: int = Field(default=300, ge=1)
    """How many requests without a genuine link one network (IPv4 /24, IPv6 /56) may make in a minute."""
    requests_a_minute_per_link: int = Field(default=60, ge=5)
    """How many requests may come to one genuine link in a minute."""
    requests_a_second: int = Field(default=5000, ge=10)
    """How many requests one process answers in a second, over all; beyond it 429 with Retry-After."""


class WorkerSettings(Section):
    """The runner of campaigns and other jobs."""

    jobs_at_once: int = Field(default=4, ge=1, le=100)
    """How many jobs one worker runs at the same time."""
    beat_seconds: float = Field(default=1.0, gt=0)
    """How often a worker says that it is alive."""
    dead_after_seconds: float = Field(default=6.0, gt=0)
    """After so long without a beat a worker's jobs are taken over; at least four beats."""
    poll_seconds: float = Field(default=0.5, gt=0)
    """How often new jobs are looked for."""
    most_late_hours: float = Field(default=24.0, gt=0, le=8760)
    """A planned campaign that is later by more, because nothing ran, is left to a person."""

    @model_validator(mode="after")
    def _beats_outlast_a_lease(self) -> Self:
        """A lease lasts half of ``dead_after_seconds``, and who looks for the dead may not look less often either.

        Each is done once a beat, and may come a beat late; else leases run out, and nobody is ever found dead.
        """
        if self.dead_after_seconds < BEATS_TO_DEATH * self.beat_seconds:
            raise ValueError(
                f"dead_after_seconds ({self.dead_after_seconds:g}) must be at least {BEATS_TO_DEATH} times "
                f"beat_seconds ({self.beat_seconds:g}): make it {BEATS_TO_DEATH * self.beat_seconds:g} or more"
            )
        return self


class LogSettings(Section):
    """What is written about the work. Never an address, never a letter."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least important kind of event that is written."""
    format: Literal["auto", "json", "text"] = "auto"
    """``json`` for machines, ``text`` for people, ``auto`` by whether somebody is looking."""


EXAMPLE_TOPICS = (
    Topic(key="deals", name="Deals", about="discounts, special offers, coupons"),
    Topic(key="courses", name="New Courses", about="new trainings and certificates"),
    Topic(key="events", name="Events", about="webinars, meet-ups, conferences"),
    Topic(key="newsletter", name="Monthly Newsletter", about="articles, company news"),
    Topic(key="partners", name="Partner Offers", about="offers of advertisers"),
)


class Settings(BaseSettings):
    """All sections. Made by :func:`load_settings` only."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        env_prefix="BYLEAVE_",
        env_nested_delimiter="__",
        use_attribute_docstrings=True,
        validate_default=True,
    )
    toml: ClassVar[dict[str, Any]] = {}

    var: str = "var"
    """The folder of what this installation keeps: database, keys, sandbox."""
    topics: tuple[Topic, ...] = EXAMPLE_TOPICS
    company: Company = Company()
    database: DatabaseSettings = DatabaseSettings()
    consent: ConsentSettings = ConsentSettings()
    service_mail: ServiceMailSettings = ServiceMailSettings()
    mailer: MailerSettings = MailerSettings()
    canary: CanarySettings = CanarySettings()
    metrics: MetricsSettings = MetricsSettings()
    inbound: InboundSettings = InboundSettings()
    web: WebSettings = WebSettings()
    worker: WorkerSettings = WorkerSettings()
    log: LogSettings = LogSettings()
    signup: SignUpSettings = SignUpSettings()
    records: RecordsSettings = RecordsSettings()
    retention: RetentionSettings = RetentionSettings()
    root: Path = CHECKOUT
    """The folder that relative paths start from: where the settings file lies."""

    @property
    def var_folder(self) -> Path:
        """Return the folder of what this installation keeps, as an absolute path."""
        return (self.root / self.var).resolve()

    @property
    def database_url(self) -> str:
        """Return the database's URL with a relative SQLite file made absolute."""
        head, sep, file = self.database.url.partition(":///")
        if not head.startswith("sqlite") or not sep or file.startswith("/") or file in {"", ":memory:"}:
            return self.database.url
        return f"{head}:///{(self.root / file).resolve()}"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the signature is the library's
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the signature is the library's
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the signature is the library's
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment goes before what :func:`load_settings` read from the file."""
        return env_settings, init_settings


def find_settings_file(given: Path | None = None, *, here: Path | None = None) -> Path | None:
    """Return the file to read: the one given, ``config.toml`` in the current folder, or the checkout's own."""
    if given is not None:
        if not given.is_file():
            raise InvalidSettings(f"there is no settings file {given}; leave --config away to use the shipped one")
        return given
    return next(
        (file for file in ((here or Path.cwd()) / "config.toml", CHECKOUT / "config.toml") if file.is_file()), None
    )


def load_settings(given: Path | None = None) -> Settings:
    """Read the settings from file and environment, or raise :class:`InvalidSettings` saying what to change."""
    file = find_settings_file(given)
    values: dict[str, Any] = {}
    if file is not None:
        try:
            values = tomllib.loads(file.read_text("utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as cause:
            raise InvalidSettings(f"{file} can't be read: {cause}") from cause
    _refuse_unknown_environment()
    values["root"] = (file or CHECKOUT / "config.toml").resolve().parent
    try:
        return Settings(**values)
    except ValidationError as cause:
        raise InvalidSettings(_explain(cause, file)) from cause
    except SettingsError as cause:  # a list or table in the environment that is no JSON
        raise InvalidSettings(f"{cause}; write lists in the environment as JSON, like '[\"smtp://host\"]'") from cause


def _refuse_unknown_environment() -> None:
    """A misspelt section in the environment would be passed over in silence; say so instead."""
    known = {name.upper() for name in Settings.model_fields}
    for name in os.environ:
        section, nested, _ = name.removeprefix("BYLEAVE_").partition("__")
        if name.startswith("BYLEAVE_") and nested and section not in known:
            raise InvalidSettings(f"{name}: there is no section '{section.lower()}'{_nearest(section.lower(), known)}")


def _explain(cause: ValidationError, file: Path | None) -> str:
    lines = [f"the settings can't be used ({file or 'environment'}):"]
    for error in cause.errors():
        path = [str(step) for step in error["loc"]]
        unknown = error["type"] == "extra_forbidden"
        why = f"no such key{_nearest(path[-1], _known_keys(path[:-1]))}" if unknown else error["msg"]
        lines.append(f"  {'.'.join(path)}: {why}")
    return "\n".join(lines)


def _known_keys(path: list[str]) -> set[str]:
    model: type[BaseModel] = Settings
    for step in (step for step in path if not step.isdigit()):
        found = Topic if step == "topics" else model.model_fields[step].annotation
        if not (isinstance(found, type) and issubclass(found, BaseModel)):
            return set()
        model = found
    return set(model.model_fields) - {"root"}


def _nearest(name: str, known: set[str]) -> str:
    close = difflib.get_close_matches(name.lower(), [key.lower() for key in known], n=1, cutoff=0.5)
    return f"; did you mean '{close[0]}'?" if close else f"; known are {', '.join(sorted(k.lower() for k in known))}"
