"""SPF against the test suite of RFC 7208, and against anything at all."""

import ipaddress
import json
from pathlib import Path
from typing import Any

import pytest
import spf
from hypothesis import given
from hypothesis import strategies as st

from inbound.origin.spf import MOST_RECORD, Spf, SpfResult, check_spf
from kit.dns import DnsTrouble
from tests.fakes.zone import Zone

SUITE = json.loads((Path(__file__).parent / "rfc7208" / "cases.json").read_text("utf-8"))
CASES = {
    f"{scenario['description']}:{name}": (scenario["zonedata"], case)
    for scenario in SUITE
    for name, case in scenario["tests"].items()
}
EXCEPTIONS: dict[str, str] = {}  # case: why its result is another one


class SuiteZone:
    """The DNS of one scenario: SPF stands for TXT where no TXT is given, a bare TIMEOUT for all that is not listed."""

    def __init__(self, zone: dict[str, list[Any]]) -> None:
        self.names = {name.lower(): entries for name, entries in zone.items()}

    def find(self, name: str, kind: str, links: int = 10) -> list[Any]:
        entries = self.names.get(name.lower(), [])
        records = [(key, value) for entry in entries if isinstance(entry, dict) for key, value in entry.items()]
        found = [value for key, value in records if key == kind] or [
            value for key, value in records if (key, kind) == ("SPF", "TXT")
        ]
        found = [value for value in found if value != "NONE"]
        target = next((value for key, value in records if key == "CNAME"), None)
        if not found and target is not None and links:
            return self.find(target, kind, links - 1)
        if not found and "TIMEOUT" in entries:
            raise DnsTrouble("timeout")
        return found

    def texts(self, name: str) -> tuple[bytes, ...]:
        found = self.find(name, "TXT")
        return tuple(("".join(text) if isinstance(text, list) else text).encode("latin-1") for text in found)

    def addresses(self, name: str, version: int) -> tuple[str, ...]:
        return tuple(self.find(name, "A" if version == 4 else "AAAA"))

    def exchangers(self, name: str) -> tuple[tuple[int, str], ...]:
        return tuple((preference, host) for preference, host in self.find(name, "MX"))

    def pointers(self, address: str) -> tuple[str, ...]:
        return tuple(self.find(ipaddress.ip_address(address).reverse_pointer, "PTR"))


def test_the_suite_is_whole() -> None:
    """All the scenarios of the working group, none left out."""
    assert (len(SUITE), len(CASES)) == (16, 203)


@pytest.mark.parametrize("case", CASES)
def test_rfc_7208_suite(case: str) -> None:
    """Each case gives the result, and where one is published the explanation, that the suite asks for."""
    zone, asked = CASES[case]
    found = check_spf(client=asked["host"], mail_from=asked["mailfrom"], helo=asked["helo"], dns=SuiteZone(zone))
    wanted = [asked["result"]] if isinstance(asked["result"], str) else asked["result"]
    explanation = asked.get("explanation", found.reason).replace("DEFAULT", spf.EXPLANATIONS["fail"])
    assert (found.result in wanted and found.reason == explanation) is (case not in EXCEPTIONS), found


PEER_NAMES = ("1.2.0.192.in-addr.arpa", "PTR")
Records = dict[tuple[str, str], list[object]]


def ask(
    record: str, others: Records | None = None, *, mail_from: str = "anna@example.org", helo: str = "mx.example.org"
) -> Spf:
    own: Records = {("example.org", "TXT"): [record], ("xn--bcher-kva.example", "TXT"): [record]}
    return check_spf(client="192.0.2.1", mail_from=mail_from, helo=helo, dns=Zone(own | (others or {})))


@pytest.mark.parametrize(
    ("mail_from", "helo", "domain"),
    [
        ("<anna@Example.ORG>", "", "example.org"),
        ('"a@b"@example.org', "", "example.org"),
        ("anna@example.org.", "", "example.org"),
        ("", "example.org", "example.org"),
        ("<>", "example.org", "example.org"),
        ("anna@Bücher.example", "", "xn--bcher-kva.example"),
        ("änne@example.org", "", "example.org"),
    ],
)
def test_whom_it_asks_about(mail_from: str, helo: str, domain: str) -> None:
    """RFC 7208 2.4, and RFC 8616 4 for the names of the world."""
    found = ask("v=spf1 ip4:192.0.2.1 -all", mail_from=mail_from, helo=helo)
    assert (found.result, found.domain) == (SpfResult.PASS, domain)


def test_a_local_part_that_is_not_ascii_matches_no_macro() -> None:
    """RFC 8616 4: such a name can't be looked up."""
    there: Records = {("änne.example.org", "A"): ["127.0.0.2"]}
    found = ask("v=spf1 exists:%{l}.example.org -all", there, mail_from="änne@example.org")
    assert found.result is SpfResult.FAIL


@pytest.mark.parametrize(
    "mail_from", ["anna@example", "anna@", "anna@exa..mple.org", "@", "ä@\u2603.\udcff", "x" * 9999]
)
def test_what_is_no_domain_has_no_policy(mail_from: str) -> None:
    """RFC 7208 4.3."""
    assert ask("v=spf1 -all", {("example", "TXT"): ["v=spf1 -all"]}, mail_from=mail_from).result is SpfResult.NONE


@pytest.mark.parametrize("client", ["", "list", "list6", "nonsense", "192.0.2.256"])
def test_a_client_without_an_address(client: str) -> None:
    """Nothing can be said of it, and the library's own words for lists of addresses mean nothing here."""
    dns = Zone({("example.org", "TXT"): ["v=spf1 +all"]})
    assert check_spf(client=client, mail_from="a@example.org", helo="", dns=dns).result is SpfResult.PERMERROR


def test_trouble_is_passing() -> None:
    """A DNS that does not answer is a temperror (RFC 7208 2.6.6), but in ``ptr`` no match (5.5)."""
    slow: Records = {("slow.example.org", "A"): [DnsTrouble("timeout")], ("mx.example.org", "A"): ["192.0.2.1"]}
    assert ask("v=spf1 a:slow.example.org -all", slow).result is SpfResult.TEMPERROR
    names: Records = {PEER_NAMES: ["slow.example.org", "mx.example.org"]}
    assert ask("v=spf1 ptr -all", slow | names).result is SpfResult.PASS
    assert ask("v=spf1 ptr ~all", {PEER_NAMES: [DnsTrouble("timeout")]}).result is SpfResult.SOFTFAIL


def test_limits() -> None:
    """Ten terms that ask, two that find nothing (RFC 7208 4.6.4), and no endless record."""
    there: Records = {("x.example.org", "A"): ["198.51.100.1"]}
    assert ask("v=spf1" + 10 * " a:x.example.org" + " ~all", there).result is SpfResult.SOFTFAIL
    assert ask("v=spf1" + 11 * " a:x.example.org" + " ~all", there).result is SpfResult.PERMERROR
    assert ask("v=spf1 a:y.example.org a:z.example.org ~all").result is SpfResult.SOFTFAIL
    assert ask("v=spf1 a:w.example.org a:y.example.org a:z.example.org ~all").result is SpfResult.PERMERROR
    assert ask("v=spf1 ~all" + MOST_RECORD * " ").result is SpfResult.NONE


def test_a_fault_of_the_library_is_a_permerror() -> None:
    """Whatever it may be."""
    assert ask("v=spf1 a -all", {("example.org", "A"): [RuntimeError("fault")]}).reason == "RuntimeError: fault"


@pytest.mark.parametrize("kept", [253, 252, 220])
def test_a_long_name_loses_labels_from_the_left(kept: int) -> None:
    """RFC 7208 7.3: until it fits into 253 characters, and no more of them."""
    name = ".".join(["x" * (kept - 4 * 51 - 12), *["x" * 50] * 4, "example.org"])
    assert len(name) == kept
    longer = ".".join(["y" * 40] * 3 + [name])
    found = ask("v=spf1 a:%{l} -all", {(name, "A"): ["192.0.2.1"]}, mail_from=f"{longer}@example.org")
    assert found.result is SpfResult.PASS


def test_the_reason_is_one_short_line() -> None:
    """It may be a stranger's explanation (RFC 7208 6.2)."""
    words = "no\r\nway " + "x" * 500
    found = ask("v=spf1 -all exp=why.example.org", {("why.example.org", "TXT"): [words]})
    assert found.reason == "no??way " + "x" * 192


TERMS = st.lists(
    st.sampled_from(
        ["a", "mx", "ptr", "all", "-all", "a:%{d}", "exists:%{p}.%{ir}.%{s}", "include:example.org", "redirect=%{h}",
         "exp=%{l9r+-}", "ip4:1.2.3.4/", "ip6:::/0", "a//128", "mx/33", "%", "%{d99999}", "a:%{" + "1" * 5000 + "}"]
    )
    | st.text(max_size=12)
).map(" ".join)  # fmt: skip
SENDERS = st.text() | st.text(max_size=20).map(lambda local: f"{local}@example.org")


@given(
    record=st.text() | TERMS.map(lambda terms: f"v=spf1 {terms}"),
    sender=SENDERS,
    helo=st.text() | st.just("example.org"),
    client=st.ip_addresses().map(str) | st.text(),
)
def test_nothing_raises(record: str, sender: str, helo: str, client: str) -> None:
    """Whatever a stranger writes, there is a result."""
    dns = Zone({("example.org", kind): [record] for kind in ("TXT", "A", "AAAA", "PTR")})
    found = check_spf(client=client, mail_from=sender, helo=helo, dns=dns)
    assert len(found.reason) <= 200
    assert found.reason.isprintable()
