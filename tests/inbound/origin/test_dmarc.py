"""DMARC as RFC 9989 has it: records, the walk up the DNS tree, alignment, and the policy that applies."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inbound.origin.dmarc import (
    MOST_RECORD,
    Dmarc,
    DmarcResult,
    Policy,
    aligned,
    check_dmarc,
    find_policy,
    organizational_domain,
)
from kit.dns import DnsTrouble
from tests.fakes.zone import Zone

REJECT = "v=DMARC1; p=reject"
TROUBLE = DnsTrouble("timeout")


class Asked(Zone):
    """Remembers the names that TXT records were asked of."""

    def __init__(self, records: dict[tuple[str, str], list[object]]) -> None:
        super().__init__(records)
        self.names: list[str] = []

    def texts(self, name: str) -> tuple[bytes, ...]:
        self.names.append(name)
        return super().texts(name)


def zone(records: dict[str, object], **kinds: str) -> Asked:
    """Publish a record of DMARC for each domain (or several, or trouble); of the kinds A and MX one name each."""
    found: dict[tuple[str, str], list[object]] = {
        (f"_dmarc.{domain}", "TXT"): list(record) if isinstance(record, tuple) else [record]
        for domain, record in records.items()
    }
    values: dict[str, object] = {"A": "192.0.2.1", "AAAA": "2001:db8::1", "MX": (10, "mx.example.com")}
    return Asked(found | {(name, kind): [values[kind]] for kind, name in kinds.items()})


def check(dns: Zone, author: str, dkim: Sequence[str] = (), spf: str | None = None) -> Dmarc:
    return check_dmarc(author_domain=author, spf_domain=spf, dkim_domains=dkim, dns=dns)


def test_the_walk_of_a_long_name() -> None:
    """RFC 9989 4.10, its own example: at most eight questions."""
    below = ["g.h.i.j.mail.example.com", "h.i.j.mail.example.com", "i.j.mail.example.com", "j.mail.example.com"]
    names = ["a.b.c.d.e.f.g.h.i.j.mail.example.com", *below, "mail.example.com", "example.com", "com"]
    for ask in (organizational_domain, find_policy):
        dns = zone({})
        assert ask(names[0], dns) in {names[0], None}
        assert dns.names == [f"_dmarc.{name}" for name in names]


@pytest.mark.parametrize("count", range(1, 12))
def test_no_walk_asks_more_than_eight_questions(count: int) -> None:
    """A name of eight labels is the last that is walked label by label."""
    labels = [f"l{number}" for number in range(count)]
    dns = zone({})
    organizational_domain(".".join(labels), dns)
    wanted = [labels, *(labels[-left:] for left in range(min(count - 1, 7), 0, -1))]
    assert dns.names == ["_dmarc." + ".".join(name) for name in wanted]


@pytest.mark.parametrize(
    ("records", "organization", "last"),
    [
        ({"mail.example.com": REJECT, "example.com": REJECT}, "example.com", "com"),  # the three examples of 4.10.2
        ({"mail.example.com": f"{REJECT}; psd=n"}, "mail.example.com", "mail.example.com"),
        ({"com": f"{REJECT}; psd=y"}, "example.com", "com"),
        ({}, "a.mail.example.com", "com"),
        ({"a.mail.example.com": f"{REJECT}; psd=y"}, "a.mail.example.com", "a.mail.example.com"),  # where it started
        ({"example.com": f"{REJECT}; psd=y", "com": REJECT}, "mail.example.com", "example.com"),
        ({"mail.example.com": f"{REJECT}; psd=n", "com": f"{REJECT}; psd=y"}, "mail.example.com", "mail.example.com"),
        ({"mail.example.com": REJECT, "com": f"{REJECT}; psd=y"}, "example.com", "com"),
        ({"mail.example.com": f"{REJECT}; psd=u", "example.com": f"{REJECT}; psd=x"}, "example.com", "com"),
        ({"mail.example.com": REJECT, "example.com": (REJECT, REJECT)}, "mail.example.com", "com"),
        ({"mail.example.com": REJECT, "example.com": "v=DMARC1; psd=n"}, "example.com", "example.com"),
    ],
)
def test_organizational_domain(records: dict[str, object], organization: str, last: str) -> None:
    """Whose organization a.mail.example.com is, and where the walk ends."""
    dns = zone(records)
    assert organizational_domain("a.mail.example.com", dns) == organization
    assert dns.names[-1] == f"_dmarc.{last}"


def test_organizational_domain_below_a_jump() -> None:
    """The domain one label below a registry may be one that was never asked."""
    dns = zone({"d.e.f.g.h.example.com": f"{REJECT}; psd=y"})
    assert organizational_domain("a.b.c.d.e.f.g.h.example.com", dns) == "c.d.e.f.g.h.example.com"


@pytest.mark.parametrize(
    ("records", "found"),
    [
        ({"a.mail.example.com": REJECT, "example.com": REJECT}, "a.mail.example.com"),
        ({"mail.example.com": REJECT, "example.com": REJECT}, "example.com"),  # the organization's goes first
        ({"mail.example.com": f"{REJECT}; psd=n", "example.com": REJECT}, "mail.example.com"),
        ({"example.com": REJECT, "com": f"{REJECT}; psd=y"}, "example.com"),
        ({"com": f"{REJECT}; psd=y"}, "com"),  # the registry's where the organization has none
        ({"mail.example.com": REJECT, "com": f"{REJECT}; psd=y"}, "com"),
    ],
)
def test_the_policy_that_is_found(records: dict[str, object], found: str) -> None:
    """RFC 9989 4.10.1: of the author domain, of its organization, of the registry."""
    policy = find_policy("a.mail.example.com", zone(records))
    assert policy is not None
    assert policy.domain == found


def test_a_policy_of_its_own_costs_one_question() -> None:
    """Nothing more is asked."""
    dns = zone({"a.mail.example.com": REJECT})
    assert find_policy("A.Mail.Example.COM.", dns) == Policy("a.mail.example.com", "reject")
    assert dns.names == ["_dmarc.a.mail.example.com"]


NOTHING = Policy("example.com")


@pytest.mark.parametrize(
    ("record", "policy"),
    [
        ("v=DMARC1;p=reject", Policy("example.com", "reject")),
        ("v = DMARC1 ; p = Reject ;", Policy("example.com", "reject")),
        ("v=DMARC1; adkim=s; ASPF=s; p=quarantine; t=y; sp=none; np=reject; psd=n; pct=5; x=y; ;;=;a",
         Policy("example.com", "quarantine", "none", "reject", "s", "s", "n", "y")),
        ("v=DMARC1; p=none; adkim=x; aspf=; t=maybe; psd=yy", NOTHING),
        ("v=DMARC1; p=none; p=reject", NOTHING),
        ("v=DMARC1; rua=mailto:a@example.com", NOTHING),
        ("v=DMARC1; p=rejekt; rua=nonsense, mailto:a@example.com!10m; adkim=s", Policy("example.com", adkim="s")),
        ("v=DMARC1; p=reject; sp=; rua=https://example.com/report", NOTHING),
        ("v=DMARC1; psd=y", Policy("example.com", psd="y")),
        ("v=DMARC1; p=reject; np=rejekt", None),
        ("v=DMARC1; p=; rua=nonsense", None),
        ("v=DMARC1", None),
        ("v=dmarc1; p=reject", None),
        ("v=DMARC10; p=reject", None),
        ("v=DMARC1 p=reject", None),
        (" v=DMARC1; p=reject", None),
        ("p=reject; v=DMARC1", None),
        ("v=DMARC1; p=reject;" + " " * MOST_RECORD, None),
        ("v=DMARC1; p=reject; x=\udcff\u2603".encode("utf-8", "surrogatepass"), Policy("example.com", "reject")),
        (("v=spf1 -all", REJECT), Policy("example.com", "reject")),
        ((REJECT, "v=DMARC1; p=none"), None),
        ("", None),
    ],
)  # fmt: skip
def test_records(record: object, policy: Policy | None) -> None:
    """RFC 9989 4.7 and 4.10.1."""
    assert find_policy("example.com", zone({"example.com": record})) == policy


OWNERS = (
    "example.com", "my-shop.com", "my.com", "my-other.com", "notexample.com", "evil.com", "shop.co.uk", "evil.co.uk",
    "co.uk", "io", "github.io", "evil.github.io", "zz", "victim.test", "xn--bcher-kva.example", "bucher.example",
)  # fmt: skip


@pytest.mark.parametrize(
    ("author", "authenticated", "mode", "together"),
    [
        ("example.com", "example.com", "s", True),
        ("Example.com.", "EXAMPLE.COM", "s", True),
        ("mail.example.com", "example.com", "s", False),
        ("mail.example.com", "example.com", "r", True),
        ("example.com", "a.mail.example.com", "r", True),
        ("my-shop.com", "mail.my-shop.com", "r", True),
        ("my-shop.com", "my.com", "r", False),
        ("my-shop.com", "my-other.com", "r", False),
        ("notexample.com", "example.com", "r", False),
        ("example.com.evil.com", "example.com", "r", False),
        ("shop.co.uk", "mail.shop.co.uk", "r", True),
        ("shop.co.uk", "evil.co.uk", "r", False),
        ("co.uk", "evil.co.uk", "r", False),
        ("co.uk", "com", "r", False),
        ("victim.github.io", "evil.github.io", "r", False),
        ("github.io", "evil.github.io", "r", False),
        ("victim.zz", "evil.zz", "r", False),
        ("victim.test", "mail.victim.test", "r", True),
        ("bücher.example", "xn--bcher-kva.example", "s", True),
        ("BÜCHER.example", "mail.bücher.example", "r", True),
        ("xn--bcher-kva.example", "bucher.example", "r", False),
        ("", "", "r", False),
        ("..", "..", "r", False),
        ("a b.example", "a b.example", "r", False),
    ],
)
def test_alignment(author: str, authenticated: str, mode: str, together: bool) -> None:
    """Every organization and every public suffix publishes a record that does not say what it is, as most do."""
    dns = zone(dict.fromkeys(OWNERS, REJECT))
    assert aligned(author, authenticated, mode, dns) is together
    assert aligned(authenticated, author, mode, dns) is together


def test_where_tree_and_list_disagree() -> None:
    """The stricter wins: a registry without ``psd`` misleads the tree, a department with ``psd=n`` the list."""
    registry = zone({"github.io": REJECT})
    assert organizational_domain("evil.github.io", registry) == organizational_domain("victim.github.io", registry)
    assert not aligned("evil.github.io", "victim.github.io", "r", registry)
    department = zone({"dept.example.com": f"{REJECT}; psd=n", "example.com": REJECT})
    assert aligned("mail.example.com", "example.com", "r", department)
    assert not aligned("mail.dept.example.com", "example.com", "r", department)
    assert aligned("mail.dept.example.com", "dept.example.com", "r", department)


def test_a_domain_of_others_costs_no_question() -> None:
    """The list is looked at first, so that many foreign signatures are cheap."""
    dns = zone({"example.com": REJECT})
    assert not aligned("example.com", "evil.example", "r", dns)
    assert not dns.names


def test_who_aligns() -> None:
    """One is enough, and each is named once."""
    dns = zone({"example.com": REJECT})
    found = check(dns, "news.example.com", ["esp.example", "Example.com", "example.com"], "bounce.example.com")
    assert (found.result, found.policy) == (DmarcResult.PASS, "reject")
    assert found.aligned_by == ("dkim d=example.com", "spf bounce.example.com")
    assert check(dns, "news.example.com", ["esp.example"], "esp.example").result is DmarcResult.FAIL
    assert check(dns, "news.example.com").result is DmarcResult.FAIL


def test_each_mode_is_for_its_own_kind_of_proof() -> None:
    """Adkim for signatures, aspf for SPF (RFC 9989 4.7)."""
    dns = zone({"example.com": f"{REJECT}; adkim=s"})
    assert check(dns, "example.com", ["mail.example.com"], "mail.example.com").aligned_by == ("spf mail.example.com",)
    dns = zone({"example.com": f"{REJECT}; aspf=s"})
    found = check(dns, "example.com", ["mail.example.com"], "mail.example.com")
    assert found.aligned_by == ("dkim d=mail.example.com",)


RECORD = "v=DMARC1; p=reject; sp=quarantine; np=none"


@pytest.mark.parametrize(
    ("record", "author", "policy"),
    [
        (RECORD, "example.com", "reject"),
        (RECORD, "a.example.com", "quarantine"),
        (RECORD, "aaaa.example.com", "quarantine"),
        (RECORD, "mx.example.com", "quarantine"),
        (RECORD, "nothing.example.com", "none"),
        ("v=DMARC1; p=reject; np=none", "a.example.com", "reject"),
        ("v=DMARC1; p=reject; np=none", "nothing.example.com", "none"),
        ("v=DMARC1; p=none; sp=quarantine", "nothing.example.com", "quarantine"),
        ("v=DMARC1; p=none; np=reject", "example.com", "none"),  # np is for what is below
        (f"{REJECT}; t=y", "example.com", "quarantine"),
        ("v=DMARC1; p=quarantine; t=y", "example.com", "none"),
        ("v=DMARC1; p=none; np=reject; t=y", "nothing.example.com", "quarantine"),
    ],
)
def test_the_policy_that_applies(record: str, author: str, policy: str) -> None:
    """RFC 9989 4.7: sp below, np below where nothing is, t one step lower."""
    dns = zone({"example.com": record}, A="a.example.com", AAAA="aaaa.example.com", MX="mx.example.com")
    assert check(dns, author) == Dmarc(DmarcResult.FAIL, policy, (), "example.com has a policy")


def test_without_a_policy_proofs_still_count() -> None:
    """Only the very domain, though: with no record anywhere each is an organization of its own."""
    found = check(zone({}), "example.com", ["example.com", "mail.example.com", "evil.example"])
    assert (found.result, found.policy, found.aligned_by) == (DmarcResult.NONE, None, ("dkim d=example.com",))


@pytest.mark.parametrize("author", ["", "@", "a..b", "\udcff.example", "x" * 300, "☃️.⸮"])
def test_what_is_no_domain(author: str) -> None:
    """It has no policy, and nobody speaks for it."""
    found = check(zone({"com": REJECT}), author, [author, "example.com", ""], author)
    assert (found.result, found.aligned_by) == (DmarcResult.NONE, ())


def test_trouble() -> None:
    """A DNS that does not answer proves nothing and accuses nobody; what need not be asked is not."""
    assert check(zone({"example.com": TROUBLE}), "example.com").result is DmarcResult.TEMPERROR
    assert check(zone({"com": TROUBLE}), "example.com", ["example.com"]).result is DmarcResult.TEMPERROR
    dns = zone({"example.com": REJECT, "mail.example.com": TROUBLE})
    assert check(dns, "example.com", ["mail.example.com"]) == Dmarc(DmarcResult.TEMPERROR, reason="timeout")
    assert check(dns, "example.com", ["example.com"]).result is DmarcResult.PASS
    dns = zone({"example.com": RECORD})
    dns.records["a.example.com", "A"] = [TROUBLE]
    assert check(dns, "a.example.com").result is DmarcResult.TEMPERROR
    assert check(dns, "a.example.com", ["a.example.com"]).result is DmarcResult.PASS


TAGS = st.lists(
    st.tuples(
        st.sampled_from(["p", "sp", "np", "adkim", "aspf", "psd", "t", "rua", "v", "x"]),
        st.sampled_from(["y", "n", "r", "s", "none", "reject", "mailto:a@b"]) | st.text(max_size=8),
    ).map("=".join)
    | st.text(max_size=8)
).map("; ".join)
DOMAINS = st.text() | st.lists(st.text("abcü-_.", max_size=4), max_size=12).map(".".join)


class Everywhere(Zone):
    """Answers every question for TXT alike."""

    def texts(self, name: str) -> tuple[bytes, ...]:
        return super().texts("")


@given(record=TAGS.map(lambda tags: f"v=DMARC1; {tags}") | st.text(), author=DOMAINS, others=st.lists(DOMAINS))
def test_nothing_raises(record: str, author: str, others: list[str]) -> None:
    """Whatever a stranger writes or publishes, there is a result."""
    dns = Everywhere({("", "TXT"): [record.encode()]})
    found = check(dns, author, others, others[0] if others else None)
    assert (found.policy is None) == (found.result in {DmarcResult.NONE, DmarcResult.TEMPERROR})
