"""Looks whether a mail comes from the domain that its From names: SPF, DKIM, DMARC, ARC, and what our own server says.

RFC 9989 is the measure: one signature or the sending network must be of the author's own organisation. It never raises;
what can't be found out proves nothing and accuses nobody (A38). It asks the DNS, so it runs in a thread.
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from inbound.model import Channel, Envelope, InboundMail, Origin, Standing
from inbound.origin.arc import check_chain
from inbound.origin.dmarc import Dmarc, DmarcResult, check_dmarc
from inbound.origin.results import Results, read_results
from inbound.origin.signed import SignatureResult, check_signatures
from inbound.origin.spf import SpfResult, check_spf
from kit.addresses import try_address
from kit.dns import Bounded, Dns

MOST_QUESTIONS = 60  # to the DNS, for one mail: SPF alone may need some twenty


@dataclass(frozen=True, slots=True)
class Look:
    """How to look, and whom to believe; made once in ``byleave.engine``."""

    dns: Dns
    seconds: float  # for all questions to the DNS about one mail
    own_server: str = ""  # the authserv-id of the server in front of us (RFC 8601 2.5); empty: there is none
    sealers: frozenset[str] = frozenset()  # domains whose ARC seals count

    def __call__(self, raw: bytes, mail: InboundMail, envelope: Envelope, at: datetime) -> Origin:
        """Say where a mail comes from."""
        if mail.sender is None:
            return Origin(Standing.UNPROVEN, ("it has no single sender",))
        domain = mail.sender.domain
        said = self._said(mail.headers.get("authentication-results", ()))
        if _says_pass(said, domain):
            return Origin(Standing.PROVEN, (f"our own mail server vouches for {domain}",))
        dns = Bounded(self.dns, most=MOST_QUESTIONS, seconds=self.seconds)
        signed = tuple(
            one.domain
            for one in check_signatures(raw, dns=dns, now=at.timestamp())
            if one.result is SignatureResult.PASS
        )
        found = check_dmarc(author_domain=domain, spf_domain=_network(envelope, dns), dkim_domains=signed, dns=dns)
        if found.aligned_by:
            return Origin(Standing.PROVEN, (f"{domain} vouches for it: {', '.join(found.aligned_by)}",))
        if self.sealers and (sealer := self._sealer(raw, domain, dns)):
            return Origin(Standing.PROVEN, (f"{sealer} passed it on and vouches that it came from {domain}",))
        return _without_proof(domain, found)

    def _said(self, fields: Sequence[str]) -> Results | None:
        return read_results(fields, server=self.own_server) if self.own_server else None

    def _sealer(self, raw: bytes, domain: str, dns: Dns) -> str:
        """Return the named sealer that saw the mail pass, or an empty text (RFC 8617 5.2)."""
        chain = check_chain(raw, dns=dns, sealers=self.sealers)
        return chain.sealer if chain is not None and chain.trusted and _says_pass(chain.results, domain) else ""


def _says_pass(results: Results | None, domain: str) -> bool:
    """Whether somebody whom we believe says that DMARC passed for this very domain of From (RFC 8601 2.7)."""
    return results is not None and any(
        one.method == "dmarc" and one.result == "pass" and one.properties.get("header.from", "").lower() == domain
        for one in results.found
    )


def _network(envelope: Envelope, dns: Dns) -> str | None:
    """Return the domain that lets the peer's network send in its name (SPF), or None.

    Only where the peer came to us itself: behind a server of our own its address says nothing about the sender.
    """
    if envelope.channel is not Channel.SMTP:
        return None
    try:
        peer = ipaddress.ip_address(envelope.peer)
    except ValueError:
        return None
    if not peer.is_global:
        return None
    checked = check_spf(client=envelope.peer, mail_from=envelope.mail_from, helo=envelope.helo, dns=dns)
    sender = try_address(envelope.mail_from.strip("<>"))
    if checked.result is not SpfResult.PASS or (sender is None and envelope.mail_from.strip("<> ")):
        return None
    return checked.domain


def _without_proof(domain: str, found: Dmarc) -> Origin:
    if found.result is DmarcResult.TEMPERROR:
        return Origin(Standing.UNPROVEN, (f"whether it comes from {domain} could not be found out: {found.reason}",))
    if found.result is DmarcResult.FAIL and found.policy in {"quarantine", "reject"}:
        return Origin(
            Standing.FORGED, (f"nothing shows that it comes from {domain}, whose policy ({found.policy}) asks for it",)
        )
    return Origin(Standing.UNPROVEN, (f"nothing shows that it comes from {domain}, and its owner asks for no proof",))
