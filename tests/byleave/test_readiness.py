"""No campaign goes out before the world can verify our signatures; the sandbox needs no world."""

from functools import partial
from pathlib import Path

import pytest

from byleave.readiness import ready_to_launch
from byleave.wiring import keys_folder
from campaigns.launching import launch
from campaigns.model import Changed
from kit.config import MailerSettings, Settings
from kit.db import Database
from kit.dns import DnsTrouble
from kit.errors import InvalidSettings, Permanent, Temporary
from mailer.keys import load_keys, new_keys, public_text
from tests.campaigns.test_store import Jobs, given_campaign, shown
from tests.database import NOW
from tests.fakes.zone import Zone
from tests.scenarios.installation import Installation

OUTSIDE = ("smtp://relay.invalid", "sandbox:")


def settings_with_keys(folder: Path, **mailer: object) -> Settings:
    settings = Settings(root=folder, mailer=MailerSettings.model_validate({"relays": OUTSIDE, **mailer}))
    new_keys(keys_folder(settings), settings.mailer.dkim_selector)
    return settings


def published(settings: Settings) -> Zone:
    mailer = settings.mailer
    keys = load_keys(keys_folder(settings), mailer.dkim_selector, mailer.dkim_domain)
    return Zone({(f"{key.selector}._domainkey.{key.domain}", "TXT"): [public_text(key)] for key in keys})


async def test_without_published_keys_nothing_is_launched_and_nothing_changed(
    database: Database, tmp_path: Path
) -> None:
    """The error says what is missing and which command helps; once the records are there, the same launch goes."""
    campaign, jobs, settings = await given_campaign(database, 3), Jobs(), settings_with_keys(tmp_path)
    before = await shown(database, campaign)

    with pytest.raises(Permanent, match=r"byleave1-rsa\._domainkey\.proengineer\.example is not published") as caught:
        await launch(database, campaign, ready=partial(ready_to_launch, settings, Zone()), enqueue=jobs, now=NOW)

    assert "byleave keys dns" in caught.value.public
    assert await shown(database, campaign) == before
    assert jobs.enqueued == []
    ready = partial(ready_to_launch, settings, published(settings))
    assert isinstance(await launch(database, campaign, ready=ready, enqueue=jobs, now=NOW), Changed)
    assert (await shown(database, campaign))["snapshot"] == 3


async def test_a_dns_that_is_silent_refuses_for_now(tmp_path: Path) -> None:
    """Trying again helps, so it is Temporary; a fault beside it makes it a matter for staff."""
    settings = settings_with_keys(tmp_path)
    rsa, ed25519 = (f"byleave1-{kind}._domainkey.proengineer.example" for kind in ("rsa", "ed25519"))
    silent: list[object] = [DnsTrouble("timeout")]

    with pytest.raises(Temporary, match="could not be asked"):
        await ready_to_launch(settings, Zone({(rsa, "TXT"): silent, (ed25519, "TXT"): silent}))
    with pytest.raises(Permanent, match="could not be asked"):
        await ready_to_launch(settings, Zone({(rsa, "TXT"): silent}))


async def test_the_sandbox_and_who_wants_no_check_need_no_dns(tmp_path: Path) -> None:
    """Not even keys; without keys nothing goes outside."""
    empty = Zone()
    for mailer in (MailerSettings(), MailerSettings(relays=OUTSIDE, check_dns=False)):
        await ready_to_launch(Settings(root=tmp_path, mailer=mailer), empty)
    with pytest.raises(InvalidSettings, match="keys new"):
        await ready_to_launch(Settings(root=tmp_path, mailer=MailerSettings(relays=OUTSIDE)), empty)


def test_the_commands_refuse_and_leave_no_draft(here: Installation) -> None:
    """``campaign new --now``, ``campaign schedule --now`` and ``doctor`` where no DNS answers, and in the sandbox."""
    here.byleave("init")
    file = here.folder / "campaign.toml"
    file.write_text('name = "Spring"\nsubject = "Spring sale"\ntopic = "deals"\ntext = "Hello"\n')
    here.settings["MAILER__CHECK_DNS"] = "true"
    draft = str(here.ask("campaign", "new", file)["id"])
    sandbox = here.settings.copy()
    nobody = '["255.255.255.255"]'  # the system refuses to send there, so no question waits for its time-out
    here.settings |= {"MAILER__RELAYS": '["smtp://127.0.0.1:1"]', "INBOUND__ORIGIN__NAME_SERVERS": nobody}

    for command in (("new", file, "--now"), ("schedule", draft, "--now")):
        here.byleave("campaign", *command, expect=1)
        assert "byleave1-rsa._domainkey.proengineer.example" in here.complaint
        assert "byleave keys dns" in here.complaint
    found = {one["what"]: one for one in here.ask("doctor", expect=1)}
    assert found["published keys"]["mark"] == "bad"
    assert len(found["published keys"]["said"].splitlines()) == 3
    assert [(one["id"], one["state"]) for one in here.ask("campaign", "list")] == [(int(draft), "draft")]

    here.settings = sandbox
    assert here.ask("campaign", "schedule", draft, "--now")["state"] != "draft"
    assert {one["what"]: one for one in here.ask("doctor")}["published keys"]["mark"] == "good"
