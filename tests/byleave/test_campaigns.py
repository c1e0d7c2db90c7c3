"""``byleave campaign``: each verb as a script uses it, with the numbers and the exit codes it may trust."""

from pathlib import Path

from tests.scenarios.installation import Installation, total

CONTENT = (
    'name = "Spring"\nsubject = "Spring sale"\ntopic = "deals"\ntext = "Bundles cost 30 % less, {{ person.name }}."\n'
)
PEOPLE = ("ann@inbox.test", "bob@inbox.test")


def written(here: Installation, content: str = CONTENT) -> Path:
    file = here.folder / "spring.toml"
    file.write_text(content)
    return file


def test_a_draft_is_looked_at_scheduled_paused_resumed_and_cancelled(here: Installation) -> None:
    """Each move says the state it led to; a move that is not possible ends with 1 and says why."""
    here.import_people(PEOPLE)
    made = here.ask("campaign", "new", written(here, CONTENT.replace("{{ person.name }}", "all of you")))
    number = str(made["id"])

    assert (made["state"], made["snapshot"]) == ("draft", 0)
    assert [one["id"] for one in here.ask("campaign", "list")] == [made["id"]]
    assert here.ask("campaign", "show", number)["subject"] == "Spring sale"
    preview = here.ask("campaign", "preview", number, "--as", "ann@inbox.test")
    assert preview["subject"] == "Spring sale"
    assert "Bundles cost 30 % less, all of you." in preview["text"]
    assert here.ask("campaign", "schedule", number, "--at", "2199-01-01 09:00 Europe/Berlin")["state"] == "scheduled"
    launched = here.ask("campaign", "schedule", number, "--now")
    assert (launched["snapshot"], launched["waiting"], total(launched)) == (2, 2, 2)
    assert here.ask("campaign", "pause", number)["state"] == "paused"
    assert here.ask("campaign", "pause", number)["state"] == "paused"
    assert here.ask("campaign", "resume", number)["state"] == launched["state"]
    cancelled = here.ask("campaign", "cancel", number)
    assert (cancelled["state"], cancelled["waiting"], total(cancelled)) == ("cancelled", 0, 2)
    here.byleave("campaign", "resume", number, expect=1)
    assert f"campaign {number} is cancelled" in here.complaint


def test_what_can_not_be_sent_is_refused_at_once(here: Installation) -> None:
    """No campaign is left behind that would fail at three in the morning."""
    for content, said in (
        ("no toml", "no TOML"),
        (CONTENT.replace('"deals"', '"dogs"'), "dogs"),
        ('name = "x"\nsubject = "y"\ntopic = "deals"\n', "text"),
    ):
        here.byleave("campaign", "new", written(here, content), "--json", expect=1)
        assert said in here.complaint
        assert here.complaint.startswith("byleave: ")
    here.byleave("campaign", "new", here.folder / "missing.toml", expect=1)


def test_a_campaign_that_is_not_there(here: Installation) -> None:
    """Every verb says so and ends with 1; a verb written wrongly ends with 2."""
    for verb in ("show", "status", "preview", "pause", "resume", "cancel"):
        assert here.byleave("campaign", verb, "7", "--json", expect=1) == "", verb
        assert here.complaint.startswith("byleave: "), verb
    here.byleave("campaign", "schedule", "7", expect=2)
    here.byleave("campaign", "schedule", "7", "--now", "--at", "2199-01-01 09:00", expect=2)
    here.byleave("campaign", "launch", "7", expect=2)


def test_a_time_that_is_past_or_no_time(here: Installation) -> None:
    """The plan stays as it was."""
    number = str(here.ask("campaign", "new", written(here, CONTENT.replace("{{ person.name }}", "all")))["id"])

    here.byleave("campaign", "schedule", number, "--at", "soon", expect=1)
    here.byleave("campaign", "schedule", number, "--at", "2001-01-01 09:00", expect=1)

    assert here.ask("campaign", "status", number)["state"] == "draft"


def test_a_test_letter_goes_to_a_colleague_and_counts_nothing(here: Installation) -> None:
    """The sandbox has it, marked, and the campaign is still a draft."""
    number = str(here.ask("campaign", "new", written(here, CONTENT.replace("{{ person.name }}", "all")))["id"])

    answer = here.ask("campaign", "test", number, "--to", "colleague@proengineer.example")

    assert answer["answer"].startswith("250")
    (mail,) = (Path(here.settings["VAR"]) / "sandbox" / "mail").iterdir()
    assert b"Subject: [Test] Spring sale" in mail.read_bytes()
    assert here.ask("campaign", "status", number)["state"] == "draft"
