"""``byleave subscribers export``, ``erase``, ``purchases`` and ``byleave policy``, as scripts and officers use them."""

from pathlib import Path

from tests.scenarios.installation import Installation


def people(here: Installation, *addresses: str, expect: int = 0) -> dict[str, int]:
    file = here.folder / "people.csv"
    file.write_text("email,name\n" + "".join(f"{one},Somebody\n" for one in addresses))
    found: dict[str, int] = here.ask(
        "subscribers", "import", file, "--topic", "deals", "--source", "a fair", "--over-13", expect=expect
    )
    return found


def written(here: Installation, name: str, text: str) -> Path:
    file = here.folder / name
    file.write_text(text)
    return file


def test_an_erased_person_stays_out_of_imports(here: Installation) -> None:
    """Nothing without --yes; afterwards a list with the address leaves it out, and staff can't add it."""
    people(here, "ann@inbox.test", "bob@inbox.test")
    here.byleave("subscribers", "erase", "ann@inbox.test", "--reason", "a letter", expect=1)
    card = "paid by 4111 1111 1111 1111"
    here.byleave("subscribers", "erase", "ann@inbox.test", "--reason", card, "--yes", expect=1)
    assert here.ask("subscribers", "show", "ann@inbox.test")["name"] == "Somebody"

    here.ask("subscribers", "erase", "ann@inbox.test", "--reason", "a letter", "--yes")
    again = people(here, "ann@inbox.test", "Ann+x@inbox.test", "bob@inbox.test")

    assert (again["added"], again["granted"], again["erased"]) == (0, 0, 2)
    (entry,) = here.ask("requests", "list", "--all")
    assert (entry["kind"], entry["state"], entry["person"]) == ("erasure", "answered", 1)
    assert "ann@inbox.test" not in str(entry)
    here.byleave("subscribers", "show", "ann@inbox.test", expect=1)
    here.byleave("subscribers", "add", "ann@inbox.test", "--topic", "deals", expect=1)
    for further in ((), ("--source", "a fair")):
        here.byleave("subscribers", "add", "Ann+x@inbox.test", "--topic", "deals", *further, expect=1)
        assert "asked to be erased" in here.complaint
    here.byleave("subscribers", "erase", "ann@inbox.test", "--reason", "a letter", "--yes", expect=1)


def test_an_export_has_what_was_bought(here: Installation) -> None:
    """The small door for purchases: known people, each thing once, lines with reasons, no card numbers."""
    people(here, "ann@inbox.test")
    lines = "ann@inbox.test,Drill course,2026-01-02\nnobody@inbox.test,Lathe,2026-01-03\nann@inbox.test,Saw,soon\n"
    file = written(here, "bought.csv", "email,item,bought_on\n" + lines)

    first = here.ask("subscribers", "purchases", file, expect=3)
    again = here.ask("subscribers", "purchases", file, expect=3)
    kept = here.ask("subscribers", "export", "ann@inbox.test")
    text = here.byleave("subscribers", "export", "ann@inbox.test")

    assert (first["kept"], first["unknown"], [one["line"] for one in first["refused"]]) == (1, 1, [4])
    assert again == first
    assert kept["purchases"] == [{"item": "Drill course", "bought_on": "2026-01-02"}]
    assert "item: Drill course" in text
    cards = written(here, "cards.csv", "email,item,bought_on\nann@inbox.test,4111 1111 1111 1111,2026-01-01\n")
    here.byleave("subscribers", "purchases", cards, expect=1)
    assert "4111" not in here.complaint


def test_a_policy_version_is_added_listed_and_compared(here: Installation) -> None:
    """What is unknown or out of order is refused."""
    text = written(here, "policy.txt", "Privacy policy\n\n1. We write more.\n")
    add = ("policy", "add", text, "--version", "2027")

    here.byleave(*add, "--effective", "2027-01-01", "--asks-consent", "nonsense", expect=1)
    here.byleave(*add, "--effective", "soon", expect=1)
    made = here.ask(*add, "--effective", "2027-01-01", "--asks-consent", "deals,events")
    here.byleave(*add, "--effective", "2027-01-01", expect=1)
    here.byleave("policy", "add", text, "--version", "2020", "--effective", "2020-01-01", expect=1)

    assert made["asks"] == ["deals", "events"]
    assert [one["version"] for one in here.ask("policy", "list")] == ["2026-11-01", "2027"]
    assert "{+1. We write more.+}" in here.byleave("policy", "diff", "2026-11-01", "2027")
