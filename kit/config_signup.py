"""The settings of joining: how long a sign-up waits, how often a mailbox is asked, which addresses are taken."""

from pydantic import Field

from kit.config_section import Section
from kit.config_texts import DomainText


class SignUpSettings(Section):
    """How people join, and children with a guardian's consent."""

    enabled: bool = True
    """Whether the sign-up page is served and forms are taken."""
    keep_days: int = Field(default=7, ge=1, le=30)
    """A sign-up that is not confirmed is deleted after so many days."""
    guardian_keep_days: int = Field(default=14, ge=2, le=30)
    """A child's sign-up is deleted, with the guardian's address, after so many days without an answer (P8)."""
    guardian_delay_hours: float = Field(default=24.0, gt=0, le=168)
    """How long after a guardian's yes the second letter goes out, without which the consent does not stand (P8)."""
    not_me_days: int = Field(default=365, ge=30, le=1095)
    """A mailbox whose owner said "not me" is asked by no form for so many days; kept as a keyed hash."""
    letter_every_days: int = Field(default=7, ge=1, le=90)
    """A mailbox gets one letter from forms in so many days, whoever types its address."""
    letters_an_hour: int = Field(default=1000, ge=1, le=100_000)
    """All mailboxes together get so many letters from forms in an hour; further sign-ups wait."""
    most_waiting: int = Field(default=20_000, ge=100, le=1_000_000)
    """So many sign-ups wait at one time; beyond it the page says "later"."""
    sent_an_hour_per_network: int = Field(default=30, ge=1)
    """So many sign-ups are taken from one network in an hour, and in each process (IPv4 /24, IPv6 /56)."""
    fill_seconds: float = Field(default=2.0, ge=0, le=60)
    """A form that comes back sooner was not read by a person; it is shown again."""
    form_hours: float = Field(default=24.0, gt=0, le=168)
    """A form of our own page that comes back later is shown again, with the wording of today."""
    take_role_addresses: bool = True
    """Whether addresses of a role (info@, sales@) may sign up."""
    take_disposable_addresses: bool = False
    """Whether addresses of hosts that give out mailboxes for an hour may sign up."""
    disposable_domains: tuple[DomainText, ...] = ()
    """Further domains of such hosts, beside those that are known."""
