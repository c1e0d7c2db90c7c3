"""The settings of the privacy officer: deadlines, and how long things are kept."""

from pydantic import Field

from kit.config_section import Section


class RecordsSettings(Section):
    """What the privacy officer answers for: requests of people, and what others are told."""

    answer_months: int = Field(default=1, ge=1, le=3)
    """Within how many months of its receipt a request of a person is answered; Art. 12(3) GDPR allows one."""
    extension_months: int = Field(default=2, ge=1, le=2)
    """By how many months that can be extended where a request is complex, with a reason (Art. 12(3) GDPR)."""
    report_minimum: int = Field(default=20, ge=5)
    """A number for advertisers speaks of so many people at least, also a difference of numbers (P10)."""
    report_counts_to: int = Field(default=10, ge=1)
    """To a multiple of this, numbers of people for advertisers are rounded down."""
    income_attribute: str = Field(default="", pattern=r"^[a-z0-9_]{0,60}$")
    """The attribute of people that holds their income; empty means that advertisers are told no average."""
    income_most: float = Field(default=200_000.0, gt=0)
    """A larger income counts as this one, so that nobody stands out."""
    contacts_attribute: str = Field(default="", pattern=r"^[a-z0-9_]{0,60}$")
    """The attribute of people that holds the number of their contacts; empty means that no average is told."""
    contacts_most: float = Field(default=1000.0, gt=0)
    """A larger number of contacts counts as this one."""


class RetentionSettings(Section):
    """After how many days what is no longer needed is deleted. ``byleave retention show`` says what each one covers."""

    every_hours: float = Field(default=6.0, gt=0, le=24)
    """How often a worker looks for what is due."""
    warn_days: int = Field(default=7, ge=1, le=365)
    """So many days before something goes that nobody has looked at, a warning is logged; without one it stays."""
    quarantined_mail_days: int = Field(default=30, ge=1)
    """A mail that could not be read keeps its bytes so long for a person to look at; warned of."""
    unsent_letter_days: int = Field(default=30, ge=1)
    """A customer's letter that could not be handed on to customer service stays so long; warned of."""
    decision_details_days: int = Field(default=90, ge=40)
    """The words and reasons of a decision about a mail; the decision itself stays."""
    decision_days: int = Field(default=730, ge=90)
    """The decision about a mail, and that the mail was taken."""
    response_days: int = Field(default=90, ge=1)
    """What a mail server answered to a letter; whether it was sent stays."""
    outbox_days: int = Field(default=400, ge=40)
    """That a receipt, a question or a confirmation was sent; an answer to one is understood for 30 days."""
    delivery_days: int = Field(default=400, ge=90)
    """Who got a campaign, after its end; from then on only how many did, by outcome and relay."""
    job_days: int = Field(default=14, ge=1)
    """Finished jobs of the job engine."""
    journal_days: int = Field(default=30, ge=1)
    """Journals of workers that nobody knows any more, which prove nothing by then."""
    note_days: int = Field(default=1095, ge=90)
    """What was deleted, and how many: the notes of this job itself."""
