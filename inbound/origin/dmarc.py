"""Whether the owner of the domain in From stands behind a mail: DMARC (RFC 9989, which replaces RFC 7489).

Two domains belong together where they have the same organizational domain. RFC 9989 finds it by a walk up the DNS tree,
RFC 7489 found it in the public suffix list. We want both to agree: a registry that forgot its ``psd=y`` and a list that
does not know a registry yet would each let one customer of the registry sign for another.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache

from publicsuffixlist import PublicSuffixList

from kit.addresses import domain_to_ascii
from kit.dns import Dns, DnsTrouble
from kit.errors import InvalidAddress

MOST_RECORD = 4096  # octets; a longer one is no record
MOST_LABELS = 7  # that a walk goes on with after the domain itself: eight questions (RFC 9989 4.10)

_RECORD = re.compile(rb"v[ \t]*=[ \t]*DMARC1[ \t]*(?:;|\Z)")
_ADDRESS = re.compile(r"[a-z][a-z0-9+.\-]*:[^\s,]+\Z")
_FLAGS = {"adkim": ("r", "s"), "aspf": ("r", "s"), "psd": ("y", "n", "u"), "t": ("y", "n")}
_suffixes = cache(PublicSuffixList)  # read when first asked for
_LOWER = {"reject": "quarantine", "quarantine": "none", "none": "none"}


class DmarcResult(StrEnum):
    """The results of RFC 9989; none: the domain publishes no policy."""

    NONE = "none"
    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    TEMPERROR = "temperror"


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy record (RFC 9989 4.7): what its owner asks for in case of failure, for the domain and those below it."""

    domain: str  # where it was found
    p: str = "none"
    sp: str = ""  # for what is below; empty: as p
    np: str = ""  # for what is below and does not exist; empty: as sp
    adkim: str = "r"  # r: relaxed, s: strict
    aspf: str = "r"
    psd: str = "u"  # y: a public suffix, n: the organizational domain, u: not said
    t: str = "n"  # y: only a test


@dataclass(frozen=True, slots=True)
class Dmarc:
    """What came out, the policy that applies to a failure, and what is aligned with the author's domain."""

    result: DmarcResult
    policy: str | None = None  # none, quarantine or reject
    aligned_by: tuple[str, ...] = ()
    reason: str = ""


def check_dmarc(*, author_domain: str, spf_domain: str | None, dkim_domains: Sequence[str], dns: Dns) -> Dmarc:
    """Check the domain of From against the one that passed SPF and those of valid signatures. It never raises.

    Without a policy ``aligned_by`` is filled too, relaxed; but without any record each domain is its own organization.
    """
    author = _name(author_domain)
    try:
        policy = find_policy(author, dns)
        modes = policy or Policy(author)
        proofs = [(f"dkim d={_name(one)}", one, modes.adkim) for one in dkim_domains]
        proofs += [(f"spf {_name(spf_domain)}", spf_domain, modes.aspf)] if spf_domain is not None else []
        found = tuple(dict.fromkeys(words for words, domain, mode in proofs if aligned(author, domain, mode, dns)))
        if policy is None:
            return Dmarc(DmarcResult.NONE, None, found, "no policy is published")
        asked = _asked_for(policy, author, dns, exists=bool(found))
        return Dmarc(DmarcResult.PASS if found else DmarcResult.FAIL, asked, found, f"{policy.domain} has a policy")
    except DnsTrouble as trouble:
        return Dmarc(DmarcResult.TEMPERROR, reason=str(trouble)[:200])


def find_policy(domain: str, dns: Dns) -> Policy | None:
    """Return the policy of a domain: its own, else that of its organization, else of the registry (RFC 9989 4.10.1)."""
    domain = _name(domain)
    found = []
    for policy in _walk(domain, dns):
        found.append(policy)
        if policy.domain == domain:
            break
    organization = _organization(domain, found)
    return next((policy for policy in found if policy.domain == organization), found[-1] if found else None)


def organizational_domain(domain: str, dns: Dns) -> str:
    """Return the organizational domain as the DNS tree tells it; a domain without any record is its own (4.10.2)."""
    domain = _name(domain)
    return _organization(domain, list(_walk(domain, dns)))


def aligned(author: str, authenticated: str, mode: str, dns: Dns) -> bool:
    """Whether a domain that was authenticated speaks for the author's: the same one, or in mode r of one organization.

    Where the DNS tree and the public suffix list disagree, the stricter of them wins: both have to say so.
    """
    author, authenticated = _name(author), _name(authenticated)
    if author == authenticated:
        return bool(author)
    if mode == "s" or _listed(author) != _listed(authenticated):
        return False
    return organizational_domain(author, dns) == organizational_domain(authenticated, dns)


def _walk(domain: str, dns: Dns) -> Iterator[Policy]:
    """Yield the records on the way up, ending with one that says whether it is a registry's (RFC 9989 4.10)."""
    labels = domain.split(".")
    above = (".".join(labels[-left:]) for left in range(min(len(labels) - 1, MOST_LABELS), 0, -1))
    for name in filter(None, (domain, *above)):
        found = [text for text in dns.texts(f"_dmarc.{name}") if len(text) <= MOST_RECORD and _RECORD.match(text)]
        policy = _read(name, found[0]) if len(found) == 1 else None
        if policy is not None:
            yield policy
            if policy.psd != "u":
                break


def _organization(domain: str, found: Sequence[Policy]) -> str:
    """Choose among the records of a walk (4.10.2): the last has the fewest labels, or said ``psd`` and ended it."""
    last = found[-1] if found else Policy(domain)
    one_below = ".".join(domain.split(".")[-last.domain.count(".") - 2 :])  # where the walk began, the domain itself
    return one_below if last.psd == "y" else last.domain


def _read(domain: str, text: bytes) -> Policy | None:
    """Read a record (4.7): what is unknown is passed over; of a tag that stands there twice the first counts.

    Without a p, or with a broken p, sp or np, it asks for nothing, and is a record only if it says where to report
    (4.10.1) or what kind of domain it is (the walk ends at any ``psd``).
    """
    tags: dict[str, str] = {}
    for tag in text.decode("ascii", "replace").lower().split(";"):
        name, _, value = tag.partition("=")
        tags.setdefault(name.strip(" \t"), value.strip(" \t"))
    policy = replace(Policy(domain), **{name: tags[name] for name, known in _FLAGS.items() if tags.get(name) in known})
    asked = {name: tags[name] for name in ("p", "sp", "np") if name in tags}
    if "p" in asked and all(value in _LOWER for value in asked.values()):
        return replace(policy, **asked)
    reports = any(_ADDRESS.match(one.strip(" \t")) for one in tags.get("rua", "").split(","))
    return policy if reports or policy.psd != "u" else None


def _asked_for(policy: Policy, author: str, dns: Dns, *, exists: bool) -> str:
    """Return what the owner asks for (4.7); whether the domain exists is only asked where it changes the answer."""
    below = policy.domain != author
    asked = (below and policy.sp) or policy.p
    if below and policy.np not in {"", asked} and not exists:
        there = dns.addresses(author, 4) or dns.addresses(author, 6) or dns.exchangers(author)
        asked = asked if there else policy.np
    return _LOWER[asked] if policy.t == "y" else asked


def _listed(domain: str) -> str:
    return _suffixes().privatesuffix(domain) or domain


def _name(domain: str) -> str:
    try:
        return domain_to_ascii(domain)
    except InvalidAddress:
        return ""
