"""``byleave share``: only who agreed to sharing is in a file, and the register knows of each of them (P10)."""

import csv
from datetime import timedelta
from pathlib import Path

import pytest

from byleave.files import new_file
from consent import disclosures, ledger, sharing
from consent.disclosures import Disclosure, Ground, Sort
from consent.enrol import enrol
from consent.ledger import Source
from consent.model import AgeBand, Door, Proof, Purpose, Standing, State, Subscriber, SubscriberId
from consent.sharefile import Field, header, line, neutral
from consent.standing import mailable, write_standings
from consent.subscribers import Profile
from consent.tables import PolicyAskRow, PolicyVersionRow
from kit.addresses import parse_address
from kit.db import Database, Session
from tests.database import NOW, SECRETS
from tests.scenarios.installation import Installation

LATER = NOW + timedelta(days=1)
EVIDENCE = Source(Door.IMPORT, Proof.EVIDENCE, {"source": "fair"})
STAFF = Source(Door.STAFF, Proof.STAFF)
ON_THE_FILE = ("--topic", "deals", "--source", "fair", "--over-13")


async def given(database: Database, *names: str, share: bool = True, band: AgeBand = AgeBand.OVER_13) -> None:
    profiles = [Profile(parse_address(f"{name}@inbox.test"), name=name, age_band=band) for name in names]
    async with database.transaction() as session:
        await enrol(session, profiles, ["deals"], source=EVIDENCE, secrets=SECRETS, at=NOW, share=share)


async def shared(session: Session, *topics: str) -> list[str]:
    pages = sharing.may_be_shared(session, topics or ("deals",), now=LATER, require_age=False)
    return [one.name async for page in pages for one in page]


async def test_only_who_agreed_to_sharing_and_may_be_mailed_is_in_it(database: Database) -> None:
    """Not by an agreement to promotions alone, not paused, suppressed, a child, or gone from the topic or wholly."""
    await given(database, "ann", "bob", "cyd", "dan", "eve", "fay")
    await given(database, "promotions-only", share=False)
    await given(database, "child", band=AgeBand.UNDER_13)
    async with database.transaction() as session:
        await ledger.withdraw(session, SubscriberId(2), (), source=STAFF, at=NOW, purpose=Purpose.THIRD_PARTY_SHARING)
        await ledger.withdraw_all(session, SubscriberId(3), source=STAFF, at=NOW)
        await ledger.pause(session, SubscriberId(4), LATER + timedelta(days=1), source=STAFF, at=NOW)
        await ledger.suppress(session, SubscriberId(5), reason="complaint", source=STAFF, at=NOW)
        await ledger.withdraw(session, SubscriberId(6), ["deals"], source=STAFF, at=NOW)

    async with database.reading() as session:
        assert await shared(session) == ["ann"]
        assert await shared(session, "events") == []


async def test_a_child_is_not_in_it_whatever_a_guardian_agreed_to(database: Database) -> None:
    """16 CFR 312.5(a)(2): a guardian's yes to mail is none to sharing, and an import can't give one."""
    await given(database, "child", band=AgeBand.UNDER_13)
    async with database.transaction() as session:
        await ledger.guardian(session, SubscriberId(1), agreed=True, source=STAFF, at=NOW)

    async with database.reading() as session:
        assert list(await session.scalars(mailable("deals", now=LATER))) == [1]
        assert await shared(session) == []


async def test_the_ledger_is_asked_and_not_its_cache_alone(database: Database) -> None:
    """A standing that says "granted" without an event behind it shares nobody."""
    await given(database, "ann", share=False)
    async with database.transaction() as session:
        forged = Standing({(Purpose.THIRD_PARTY_SHARING, ""): State.GRANTED})
        await write_standings(session, {SubscriberId(1): forged})

    async with database.reading() as session:
        assert await shared(session) == []


@pytest.mark.parametrize("asks", ["*", "deals", "events"])
async def test_who_is_asked_anew_by_a_policy_is_not_in_it(database: Database, asks: str) -> None:
    """For everything, or for the topic; another topic has nothing to do with it (P15)."""
    await given(database, "ann")
    async with database.transaction() as session:
        session.add(PolicyVersionRow(version="2", text="x", sha256="x", effective_at=NOW))
        await session.flush()
        session.add(PolicyAskRow(version="2", topic=asks))

    async with database.reading() as session:
        assert await shared(session) == (["ann"] if asks == "events" else [])


async def test_an_import_brings_no_sharing_back(database: Database) -> None:
    """Who ended sharing stays out (promise 6)."""
    await given(database, "ann")
    async with database.transaction() as session:
        await ledger.withdraw(session, SubscriberId(1), (), source=STAFF, at=NOW, purpose=Purpose.THIRD_PARTY_SHARING)
    await given(database, "ann")

    async with database.reading() as session:
        assert await shared(session) == []


async def test_whom_a_partner_must_forget(database: Database) -> None:
    """Of those given to this partner, and by a file alone."""
    await given(database, "ann", "bob", "cyd")
    async with database.transaction() as session:
        for partner, people in (("Acme", [1, 2]), ("Other", [3])):
            entry = Disclosure(0, NOW, Sort.SHARE, partner, Ground.CONSENT, "", "email", "kim", 0)
            await disclosures.add(session, entry, people)
        assert await sharing.withdrawn(session, "Acme") == []
        for person in (1, 3):
            await ledger.withdraw_all(session, SubscriberId(person), source=STAFF, at=LATER)

    async with database.reading() as session:
        found = await sharing.withdrawn(session, " Acme ")

    assert [(one.number, one.email, one.erased) for one in found] == [(1, "ann@inbox.test", False)]


def test_the_command_writes_enters_and_tells(here: Installation, tmp_path: Path) -> None:
    """From the import to the withdrawal, erasure included; never over a file."""
    people, file = tmp_path / "people.csv", tmp_path / "out.csv"
    people.write_text("email,name\nann@inbox.test,=1+1\nbob@inbox.test,Bob\n+eve@inbox.test,Eve\n")
    here.ask("subscribers", "import", people, *ON_THE_FILE, "--share")
    here.ask("subscribers", "add", "cyd@inbox.test", *ON_THE_FILE)
    to_acme = ("share", "export", "--partner", "Acme", "--topic", "deals", "--field", "email", "--field", "name")

    made = here.ask(*to_acme, "--by", "kim", file)
    again = here.byleave(*to_acme, file, expect=1)
    here.ask("share", "stop", "ann@inbox.test")
    here.ask("subscribers", "erase", "bob@inbox.test", "--reason", "letter", "--yes")

    with file.open(newline="") as stream:
        rows = list(csv.reader(stream))
    assert rows == [["number", "email", "name"], ["1", "ann@inbox.test", "'=1+1"], ["2", "bob@inbox.test", "Bob"]]
    assert file.stat().st_mode & 0o777 == 0o600
    assert (made["people"], made["left_out"], again) == (2, 1, "")
    (entry,) = here.ask("disclosures", "list")
    assert (entry["sort"], entry["ground"], entry["recipient"], entry["people"]) == ("share", "consent", "Acme", 2)
    assert here.ask("disclosures", "show", "1")["persons"] == [1, 2]
    assert here.ask("share", "withdrawals", "--partner", "Acme") == [
        {"number": 1, "email": "ann@inbox.test", "erased": False}, {"number": 2, "email": "", "erased": True},
    ]  # fmt: skip
    here.byleave("share", "export", "--partner", "Acme", "--topic", "events", tmp_path / "none.csv", expect=1)
    assert sorted(one.name for one in tmp_path.glob("*.csv")) == ["out.csv", "people.csv"]
    here.byleave(*to_acme[:-1], "phone", tmp_path / "none.csv", expect=2)


def test_without_the_entry_there_is_no_file(tmp_path: Path) -> None:
    """What fails before the entry is committed leaves nothing behind."""

    def write_and_fail() -> None:
        with new_file(tmp_path / "x.csv") as stream:
            stream.write(b"ann")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_and_fail()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("cell", ["=1", "+1", "-1", "@A", "\t=1", " =1", "\r\n=1", "\uff1d1", "\u202e=1", "|x", "%x"])
def test_no_cell_is_a_formula(cell: str) -> None:
    """Nor after blanks, in full width, or behind what hides."""
    assert neutral(cell).startswith("'")
    assert neutral("Ann-Marie = 1") == "Ann-Marie = 1"


def test_a_table_has_the_fields_of_the_list_alone() -> None:
    """In their order; phone and attributes have no name here."""
    ann = Subscriber(SubscriberId(7), parse_address("a@b.example"), name='A "x", y', phone="+49", country="DE")
    assert header([Field.COUNTRY, Field.NAME]) == b'"number","country","name"\r\n'
    assert line(ann, [Field.COUNTRY, Field.NAME]) == b'"7","DE","A ""x"", y"\r\n'
    assert {field.value for field in Field} == {"email", "name", "language", "country"}
