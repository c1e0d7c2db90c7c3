"""Whatever is done to a ledger or to its file, the verifier names the first event that shows it."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent import ledgerfile
from consent.chain import GENESIS, content_hash, content_of, wording_hash
from consent.model import Act, Door, Event, Proof, SubscriberId
from consent.verifying import Head, NoHead, Report, Verifier, read_head
from tests.database import NOW

WORDING = "Yes, send me offers."
Links = list[tuple[dict[str, Any], str]]


def ledger(events: int, *, since: str = GENESIS) -> Links:
    """Return a ledger of people 1 to 3, as contents with their hashes."""
    links: Links = []
    for seq in range(1, events + 1):
        event = Event(
            SubscriberId(1 + seq % 3), Act.CONFIRM, NOW + timedelta(hours=seq), Door.IMPORT, Proof.EVIDENCE,
            topics=("deals",), evidence={"source": f"fair {seq} é"}, policy_version="1", seq=seq,
        )  # fmt: skip
        content = content_of(event, wording_hash(WORDING))
        since = content_hash(since, content)
        links.append((content, since))
    return links


def written(links: Links) -> list[bytes]:
    head = Head(len(links), links[-1][1] if links else GENESIS)
    events = [ledgerfile.event(content, stored) for content, stored in links]
    return [ledgerfile.header(head, at=NOW), ledgerfile.wording(WORDING), *events, ledgerfile.end(len(links))]


def verified(links: Links, *, noted: list[Head] | None = None) -> Report:
    verifier = Verifier(noted=noted or ())
    for content, stored in links:
        if not verifier.follow(content, stored):
            break
    return verifier.finish(Head(len(links), links[-1][1] if links else GENESIS))


def test_a_ledger_that_nobody_touched_fits() -> None:
    """As values and as a file; an empty one, too."""
    links = ledger(9)

    assert verified(links).fault is None
    report = ledgerfile.verify(written(links), person=2)
    assert (report.fault, report.events, report.person_events, report.person_places) == (None, 9, 3, (1, 4, 7))
    assert ledgerfile.verify(written([])).fault is None


CHANGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "act": lambda one: one.update(act="withdraw"),
    "person": lambda one: one.update(subscriber=77),
    "moment": lambda one: one.update(at="2020-01-01T00:00:00.000000+00:00"),
    "evidence": lambda one: one["evidence"].update(source="another fair"),
    "wording": lambda one: one.update(wording=""),
    "a number for a truth": lambda one: one.update(topics=[1]),
    "a field more": lambda one: one.update(note="x"),
    "a field less": lambda one: one.pop("proof"),
    "another place": lambda one: one.update(seq=True),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_is_found_where_it_was_made(change: Callable[[dict[str, Any]], object]) -> None:
    """The events before it fit, and are told to."""
    links = ledger(9)
    change(links[4][0])

    fault = verified(links).fault

    assert fault is not None
    assert fault.seq == 5
    assert ledgerfile.verify(written(links)).fault == fault


def test_an_event_whose_hash_was_mended_gives_itself_away_in_the_next() -> None:
    """The chain goes on from a hash that is there no more."""
    links = ledger(9)
    content = {**links[4][0], "act": "withdraw"}
    links[4] = (content, content_hash(links[3][1], content))

    fault = verified(links).fault

    assert fault is not None
    assert fault.seq == 6


@pytest.mark.parametrize(
    ("spoil", "seq", "said"),
    [
        (lambda links: links.pop(3), 4, "4 is missing: the ledger goes on with 5"),
        (lambda links: links.__delitem__(slice(3, 6)), 4, "4 to 6 are missing: the ledger goes on with 7"),
        (lambda links: links.insert(3, links[2]), 4, "place 3 comes again"),
        (lambda links: links.reverse(), 1, "1 to 8 are missing"),
    ],
)
def test_what_was_taken_out_or_put_in_is_said(spoil: Callable[[Links], object], seq: int, said: str) -> None:
    """In words that name the gap."""
    links = ledger(9)
    spoil(links)

    fault = verified(links).fault

    assert fault is not None
    assert fault.seq == seq
    assert said in fault.why


def test_only_a_noted_end_shows_that_the_end_was_cut_off() -> None:
    """Place and hash, or the hash alone."""
    links = ledger(9)
    noted = Head(8, links[7][1])
    cut = links[:6]

    assert verified(cut).fault is None
    assert "3 events" not in str(verified(links, noted=[noted]).fault)
    fault = verified(cut, noted=[noted]).fault
    assert fault is not None
    assert fault.seq == 7
    assert "2 events at the end are gone" in fault.why
    assert "no event has the noted hash" in str(verified(cut, noted=[Head(None, noted.hash)]).fault)
    assert verified(links, noted=[noted, Head(None, noted.hash), Head(0, GENESIS), Head(None, GENESIS)]).fault is None


def test_a_chain_that_was_computed_anew_differs_from_a_noted_end() -> None:
    """Whoever can write everything can make a chain that fits, but not one with the same hash."""
    noted = Head(5, ledger(9)[4][1])
    forged = ledger(9, since="f" * 64)
    mended = [(content, stored) for content, stored in forged]
    previous = GENESIS
    for place, (content, _) in enumerate(mended):
        changed = {**content, "evidence": {"source": "forged"}}
        previous = content_hash(previous, changed)
        mended[place] = (changed, previous)

    assert verified(mended).fault is None
    fault = verified(mended, noted=[noted]).fault
    assert fault is not None
    assert fault.seq == 5
    assert "computed anew" in fault.why


@given(place=st.integers(0, 11), cut=st.integers(0, 400), flip=st.integers(1, 255))
def test_no_octet_of_a_file_can_change_unnoticed(place: int, cut: int, flip: int) -> None:
    """Every flipped octet of every line is found, but for those that leave the very same JSON; nothing breaks us."""
    lines = written(ledger(9))
    line = bytearray(lines[place])
    line[cut % len(line)] ^= flip
    spoilt = [*lines[:place], bytes(line), *lines[place + 1 :]]

    try:
        report = ledgerfile.verify(b"".join(spoilt).splitlines(keepends=True), noted=[Head(9, ledger(9)[8][1])])
    except ledgerfile.NoLedgerFile:
        assert place == 0
        return
    same = _json(bytes(line)) == _json(lines[place])
    unread = place in {0, 11}  # the moment of writing, and what stands behind the end
    assert report.fault is not None or same or unread


def _json(line: bytes) -> object:
    try:
        return json.loads(line)
    except ValueError:
        return line


@given(lines=st.lists(st.binary(max_size=200) | st.sampled_from(written(ledger(3))), max_size=8))
def test_no_file_breaks_the_verifier(lines: list[bytes]) -> None:
    """Whatever the lines hold, it ends with a report or a refusal."""
    report = ledgerfile.verify([written([])[0], *lines])

    assert report.fault is not None or report.events == 0


@pytest.mark.parametrize(
    "line",
    [b"[" * 200_000, b'{"seq":' + b"9" * 5000 + b"}", b'{"wording":"x","text":"\\ud800"}', b"null", b"{}", b"\xff\n",
     b'{"text":[1]}', b'{"end":[],"events":{}}', b"x" * ledgerfile.MOST_OCTETS_A_LINE],
)  # fmt: skip
def test_hostile_lines_are_faults(line: bytes) -> None:
    """Deep, long, half or of another kind."""
    assert ledgerfile.verify([written([])[0], line]).fault is not None


def test_a_file_that_was_cut_off_says_so() -> None:
    """At every line."""
    lines = written(ledger(5))

    for number in range(1, len(lines)):
        assert ledgerfile.verify(lines[:number]).fault is not None
    with pytest.raises(ledgerfile.NoLedgerFile):
        ledgerfile.verify([])


def test_a_wording_that_is_not_the_one_that_was_shown_is_a_fault() -> None:
    """The event names its hash; the text beside it must have that hash."""
    lines = written(ledger(2))
    lines[1] = lines[1].replace(b"offers", b"lottery tickets")

    fault = ledgerfile.verify(lines).fault

    assert fault is not None
    assert "not the one that was shown" in fault.why


def test_the_file_of_one_person_shows_that_no_event_was_changed() -> None:
    """Each event comes with the hash before it; order and person are looked at, too."""
    links = ledger(9)
    before = [GENESIS, *(stored for _, stored in links)]
    own = [place for place, (content, _) in enumerate(links) if content["subscriber"] == 1]

    def lines(*, changed: str | None = None, order: int = 1) -> list[bytes]:
        events = [
            ledgerfile.event({**links[place][0], **({"act": changed} if changed else {})}, links[place][1],
                             previous=before[place])
            for place in own[::order]
        ]  # fmt: skip
        return [ledgerfile.header(Head(9, links[-1][1]), at=NOW, person=1), *events, ledgerfile.end(len(own))]

    report = ledgerfile.verify(lines())
    assert (report.fault, report.events, report.person_places) == (None, 3, (3, 6, 9))
    assert ledgerfile.verify(lines(changed="withdraw")).fault is not None
    assert ledgerfile.verify(lines(order=-1)).fault is not None
    assert ledgerfile.verify(lines()[:-1]).fault is not None
    other = ledgerfile.event(links[0][0], links[0][1], previous=GENESIS)
    assert "another person" in str(ledgerfile.verify([lines()[0], other, *lines()[1:]]).fault)


def test_a_noted_end_is_read_from_a_line_of_a_log() -> None:
    """The last word counts; what is none is refused."""
    assert read_head(f"2026-11-20 noon 12:{'a' * 64}\n") == Head(12, "a" * 64)
    assert read_head("B" * 64) == Head(None, "b" * 64)
    for wrong in ("", "12", "12:abc", f"-1:{'a' * 64}", f"x:{'a' * 64}"):
        with pytest.raises(NoHead):
            read_head(wrong)
