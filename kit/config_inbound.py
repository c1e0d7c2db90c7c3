"""Settings of what comes back: listeners, a watched mailbox, and how an origin is proven."""

from typing import Literal

from pydantic import Field

from kit.config_section import Section


class SmtpSettings(Section):
    """The SMTP listener for replies, bounces and complaints."""

    enabled: bool = True
    """Whether it listens."""
    host: str = "127.0.0.1"
    """The address to listen on."""
    port: int = Field(default=2525, ge=0, le=65535)
    """The port to listen on; 0 takes a free one."""
    tls_certificate: str = ""
    """A PEM file with the certificate chain; empty offers no STARTTLS. A new file is taken up while we run."""
    tls_key: str = ""
    """The PEM file with the private key of the certificate."""
    peers: tuple[str, ...] = ()
    """Networks that may connect, such as that of the mail server in front; empty means everybody."""
    proxies: tuple[str, ...] = ()
    """Networks of proxies: who connects from there begins with a PROXY header that names the real peer."""


class LmtpSettings(SmtpSettings):
    """The LMTP listener, for a mail server in front (RFC 2033)."""

    enabled: bool = False
    """Whether it listens."""
    port: int = Field(default=2424, ge=0, le=65535)
    """The port to listen on; never 25 (RFC 2033 5)."""


class ImapSettings(Section):
    """A mailbox that is watched by IMAP IDLE, where no MX can point to us."""

    enabled: bool = False
    """Whether the mailbox is watched."""
    host: str = ""
    """The IMAP server."""
    port: int = Field(default=993, ge=1, le=65535)
    """Its port."""
    tls: Literal["implicit", "none"] = "implicit"
    """``implicit`` is verified TLS; ``none`` is allowed on a loopback address only."""
    ca_file: str = ""
    """A PEM file of authorities to trust instead of the system's."""
    user: str = ""
    """The user name."""
    password: str = Field(default="", repr=False)
    """The password; best given as ``BYLEAVE_INBOUND__IMAP__PASSWORD``."""
    folder: str = "INBOX"
    """The folder to watch."""
    done_folder: str = ""
    """Where decided mail is moved to; empty leaves it in place, marked as seen."""
    idle_seconds: float = Field(default=540.0, ge=1, le=1740)
    """How long one IDLE lasts (RFC 2177 wants less than 29 minutes; many routers want less than 10)."""


class OriginSettings(Section):
    """How we find out whether a mail without our token comes from the domain of its From."""

    check: bool = True
    """Whether signatures and networks are looked at (DKIM, SPF, DMARC); it asks the DNS."""
    name_servers: tuple[str, ...] = ()
    """Addresses of name servers to ask; empty means those of this machine."""
    seconds: float = Field(default=5.0, gt=0, le=60)
    """How long the questions about one mail may take; what is not known by then proves nothing."""
    unproven_an_hour: int = Field(default=1000, ge=0)
    """How many wishes of senders for whom nothing vouches are carried out in an hour; beyond it people read them."""
    own_server: str = ""
    """The name that our own mail server writes first into Authentication-Results (RFC 8601); empty believes none."""
    arc_sealers: tuple[str, ...] = ()
    """Domains whose word counts about mail that they passed on (RFC 8617); empty believes none."""


class InboundSettings(Section):
    """What comes back."""

    domains: tuple[str, ...] = ()
    """Further domains that we take mail for, beside those of the From, reply and bounce addresses."""
    max_bytes: int = Field(default=10_485_760, ge=65_536)
    """The largest mail that is taken (RFC 1870)."""
    max_recipients: int = Field(default=100, ge=100)
    """Recipients in one transaction (RFC 5321 4.5.3.1.8 wants 100 at least)."""
    max_connections: int = Field(default=500, ge=1)
    """Connections at one time. For a further one the longest without a mail has to go; else it is told 421."""
    idle_seconds: float = Field(default=300.0, gt=0)
    """How long a silent peer is waited for (RFC 5321 4.5.3.2.7)."""
    session_seconds: float = Field(default=1800.0, gt=0)
    """How long one connection may last in all."""
    decide_seconds: float = Field(default=5.0, gt=0)
    """A mail that takes longer to read is stored, answered 250 and decided by a job."""
    reader_processes: int = Field(default=0, ge=0, le=16)
    """How many processes read mails; 0 reads in threads. A process takes a processor of its own, and some 100 MB."""
    origin: OriginSettings = OriginSettings()
    smtp: SmtpSettings = SmtpSettings()
    lmtp: LmtpSettings = LmtpSettings()
    imap: ImapSettings = ImapSettings()
