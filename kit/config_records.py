"""The settings of the privacy officer: deadlines, reports, and how long things are kept."""

from pydantic import Field

from kit.config_section import Section


class RecordsSettings(Section):
    """What the privacy officer answers for: requests of people, reports to advertisers."""

    answer_months: int = Field(default=1, ge=1, le=3)
    """Within how many months of its receipt a request of a person is answered; Art. 12(3) GDPR allows one."""
    extension_months: int = Field(default=2, ge=1, le=2)
    """By how many months that can be extended where a request is complex, with a reason (Art. 12(3) GDPR)."""
    report_minimum: int = Field(default=20, ge=5, le=10_000)
    """The fewest people that any number for an advertiser, or any difference of two such numbers, speaks of (P10)."""
    report_counts_to: int = Field(default=10, ge=5, le=1000)
    """Numbers of people in a report for an advertiser are rounded to multiples of this."""
    income_attribute: str = "income"
    """The attribute of a person that holds their yearly income as a number; empty reports none."""
    income_most: float = Field(default=200_000, gt=0, le=1e9)
    """A higher income counts as this one, so that a single one does not show through."""
    contacts_attribute: str = "contacts"
    """The attribute of a person that holds the number of their contacts; empty reports none."""
    contacts_most: float = Field(default=1000, gt=0, le=1e9)
    """A higher number of contacts counts as this one."""


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
    job_days: int = Field(default=14, ge=1)
    """Finished jobs of the job engine."""
    journal_days: int = Field(default=30, ge=1)
    """Journals of workers that nobody knows any more, which prove nothing by then."""
    note_days: int = Field(default=1095, ge=90)
    """What was deleted, and how many: the notes of this job itself."""
