"""``byleave init``, ``run``, ``doctor`` and ``keys``: what the operator needs."""

import asyncio
import os
import socket
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer

from byleave import cautions, console, schema
from byleave.context import settings_of
from byleave.wiring import keys_folder, open_ground
from kit.addresses import parse_address
from kit.config import Settings
from kit.errors import ByleaveError

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON value.")]
keys_app = typer.Typer(help="DKIM keys, and the DNS records to publish.", no_args_is_help=True)

Mark = Literal["good", "warning", "bad"]
MARKS: dict[Mark, str] = {"good": "[green]good[/]   ", "warning": "[yellow]look[/]   ", "bad": "[red]bad[/]    "}


def init(context: typer.Context, *, as_json: AsJson = False) -> None:
    """Make or bring up to date everything that is kept: database, secrets, keys, topics. Repeating it is harmless."""
    settings = settings_of(context)
    with console.plain_errors():
        asyncio.run(_init(settings))
        version, left = schema.present(settings.database_url), schema.missing(settings.database_url)
    if as_json:
        console.say_json({"database": version, "left": left, "var": str(settings.var_folder)})
        return
    for name in left:
        console.out.print(f"left until no worker of an older version lives: {name}; then run this again", markup=False)
    console.out.print(f"database at version {version}, everything else under {settings.var_folder}", markup=False)
    console.out.print("next: 'byleave subscribers import', 'byleave campaign new', 'byleave run'", markup=False)


async def _init(settings: Settings) -> None:
    from byleave.letters import signer_of

    async with open_ground(settings, initialise=True):
        signer_of(settings)


def run(
    context: typer.Context,
    *,
    only: Annotated[str, typer.Option(help="Parts to run, of: listener,imap,worker,web. All by default.")] = "",
) -> None:
    """Run: listen for replies, send what is planned, serve the customers' pages, until told to stop."""
    from byleave.running import run as run_parts

    with console.plain_errors():
        asyncio.run(run_parts(settings_of(context), [part.strip() for part in only.split(",") if part.strip()]))


@keys_app.command("new")
def new_keys(
    context: typer.Context,
    *,
    selector: Annotated[str, typer.Option(help="The base of the selectors; that of the settings by default.")] = "",
    as_json: AsJson = False,
) -> None:
    """Make an RSA-2048 and an Ed25519 key; files that are there are never overwritten."""
    from mailer.keys import new_keys as make

    settings = settings_of(context)
    with console.plain_errors():
        files = make(keys_folder(settings), selector or settings.mailer.dkim_selector)
    if as_json:
        console.say_json({"files": [str(file) for file in files]})
        return
    for file in files:
        console.out.print(f"made {file}", markup=False)
    console.out.print("publish the records of 'byleave keys dns' before mail is signed with them", markup=False)


@keys_app.command()
def dns(
    context: typer.Context,
    *,
    spf: Annotated[str, typer.Option(help="The SPF mechanisms that name your relays.")] = "mx",
    selector: Annotated[str, typer.Option(help="The base of the selectors; that of the settings by default.")] = "",
    host: Annotated[str, typer.Option(help="The host that takes mail for the reply and bounce domains.")] = "",
    as_json: AsJson = False,
) -> None:
    """Print the DNS records to publish: DKIM, SPF, DMARC, and the MX of replies and bounces."""
    from mailer.keys import dns_records, load_keys

    settings = settings_of(context)
    mailer = settings.mailer
    with console.plain_errors():
        keys = load_keys(keys_folder(settings), selector or mailer.dkim_selector, mailer.dkim_domain)
        records = dns_records(
            keys, from_domain=mailer.from_address.rpartition("@")[2], reply_domain=mailer.reply_domain,
            bounce_domain=mailer.bounce_domain, mail_host=host or f"mx.{mailer.dkim_domain}", spf=spf,
            dmarc_reports=parse_address(mailer.feedback_address),
        )  # fmt: skip
    if as_json:
        console.say_json([record._asdict() for record in records])
        return
    for record in records:
        console.out.print(f"{record.name}\tIN\t{record.type}\t{record.value}", markup=False)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    what: str
    mark: Mark
    said: str


def doctor(context: typer.Context, *, as_json: AsJson = False) -> None:
    """Look at everything that sending and receiving stand on, and say what to do; ends with 1 if something is bad."""
    settings = settings_of(context)
    findings = list(examine(settings))
    if as_json:
        console.say_json([{"what": one.what, "mark": one.mark, "said": one.said} for one in findings])
    else:
        for one in findings:
            console.out.print(f"{MARKS[one.mark]}{one.what}: ", end="")
            console.out.print(one.said, markup=False)
    if any(one.mark == "bad" for one in findings):
        raise typer.Exit(1)


def examine(settings: Settings) -> Iterator[Finding]:
    """Yield what is found, one thing after the other; a check that fails is a finding, not an error."""
    checks: tuple[tuple[str, Callable[[Settings], tuple[Mark, str]]], ...] = (
        ("database", _database), ("secrets", _secrets), ("signing keys", _keys), ("published keys", _published),
        ("relays", _relays), ("listener", _listener), ("links", _links), ("templates", _templates),
        ("policy", _policy), ("metrics", _metrics), ("canary", _canary),
    )  # fmt: skip
    for what, check in checks:
        try:
            mark, said = check(settings)
        except ByleaveError as error:
            mark, said = "bad", error.public
        except Exception as error:  # noqa: BLE001 - the doctor reports whatever it meets
            mark, said = "bad", f"{type(error).__name__}: {error}"
        yield Finding(what, mark, said)


def _database(settings: Settings) -> tuple[Mark, str]:
    version = schema.present(settings.database_url)
    if version is None:
        return "warning", "there is none yet; 'byleave init' makes it"
    if schema.is_fit(settings.database_url) and version != schema.newest():
        return "warning", f"version {version}; run 'byleave init' once no worker of an older version lives"
    if version != schema.newest():
        return "bad", f"it is of version {version}, this program wants {schema.newest()}: run 'byleave init'"
    return "good", f"version {version}"


def _secrets(settings: Settings) -> tuple[Mark, str]:
    file = settings.var_folder / "secrets.json"
    if not file.exists():
        return "warning", "there are none yet; 'byleave init' makes them"
    return _owner_only(file) or ("good", f"{file}; keep a copy apart from the database's backup")


def _keys(settings: Settings) -> tuple[Mark, str]:
    from mailer.keys import load_keys

    folder, mailer = keys_folder(settings), settings.mailer
    if not (folder / f"{mailer.dkim_selector}-rsa.pem").exists():
        return "warning", "there are none yet; 'byleave keys new' makes them"
    keys = load_keys(folder, mailer.dkim_selector, mailer.dkim_domain)
    sender = mailer.from_address.rpartition("@")[2]
    if sender != mailer.dkim_domain and not sender.endswith(f".{mailer.dkim_domain}"):
        return "bad", f"mailer.dkim_domain {mailer.dkim_domain} is not the From domain {sender} or a parent of it"
    return "good", ", ".join(f"{key.selector}._domainkey.{key.domain}" for key in keys)


def _published(settings: Settings) -> tuple[Mark, str]:
    from byleave.readiness import HINT, key_faults, wants_dns

    if not wants_dns(settings):
        return (
            "good",
            "not looked at: the sandbox needs none" if settings.mailer.check_dns else "mailer.check_dns is off",
        )
    if found := key_faults(settings):
        return "bad", "\n         ".join([*found, HINT])
    return "good", "the DNS publishes them"


def _relays(settings: Settings) -> tuple[Mark, str]:
    from mailer.relays import parse_relays

    relays = parse_relays(settings.mailer.relays)
    if all(relay.is_sandbox for relay in relays):
        return "warning", "only the sandbox: no mail leaves this machine (mailer.relays)"
    for relay in relays:
        if not relay.is_sandbox:
            with socket.create_connection((relay.host, relay.port), timeout=5):
                pass
    return "good", ", ".join(relay.name for relay in relays)


def _listener(settings: Settings) -> tuple[Mark, str]:
    inbound = settings.inbound
    ways = [name for name in ("smtp", "lmtp", "imap") if getattr(inbound, name).enabled]
    if not ways:
        return "bad", "replies can't come in: enable inbound.smtp, inbound.lmtp or inbound.imap"
    if ways == ["smtp"] and inbound.smtp.host in {"127.0.0.1", "::1"}:
        return "warning", f"only this machine reaches inbound.smtp at {inbound.smtp.host}:{inbound.smtp.port}"
    return "good", ", ".join(ways)


def _links(settings: Settings) -> tuple[Mark, str]:
    from byleave.letters import sender_of

    sender_of(settings)
    if settings.web.base_url.endswith(".example"):
        return "warning", f"web.base_url {settings.web.base_url} is the shipped example; links in mails lead there"
    return "good", settings.web.base_url


def _templates(_settings: Settings) -> tuple[Mark, str]:
    from byleave.letters import TEMPLATES

    names = sorted(folder.name for folder in TEMPLATES.iterdir() if folder.is_dir() and folder.name != "service")
    return "good", ", ".join(names)


def _policy(settings: Settings) -> tuple[Mark, str]:
    return _cautious(cautions.of_policy(settings), settings.consent.default_policy_version)


def _metrics(settings: Settings) -> tuple[Mark, str]:
    metrics = settings.metrics
    return _cautious(cautions.of_metrics(metrics), f"{metrics.host}:{metrics.port}" if metrics.enabled else "not told")


def _canary(settings: Settings) -> tuple[Mark, str]:
    canary = settings.canary
    return _cautious(cautions.of_canary(canary), f"{canary.share:.1%} of {canary.least_people} people or more go first")


def _cautious(caution: str, else_: str) -> tuple[Mark, str]:
    return ("warning", caution) if caution else ("good", else_)


def _owner_only(file: Path) -> tuple[Mark, str] | None:
    mode = stat.S_IMODE(file.stat().st_mode)
    if mode & 0o077:
        return "bad", f"others can read {file}; run: chmod 600 {file}"
    if file.stat().st_uid != os.geteuid():
        return "warning", f"{file} belongs to another user"
    return None
