"""The settings of letters that nobody asked for and everybody is owed, and of the account page."""

from pydantic import Field

from kit.config_section import Section


class ServiceMailSettings(Section):
    """Letters that nobody asked for and everybody is owed: reminders, news of the policy; links to the account page."""

    reminder_every_days: int = Field(default=180, ge=0)
    """So many days after joining and after the last one each subscriber is reminded of their choice (P6); 0: never."""
    reminders_an_hour: int = Field(default=1000, ge=1)
    """How many reminders are queued in an hour, by all workers together."""
    policy_notices_an_hour: int = Field(default=6000, ge=60)
    """How many people each worker tells of a new version of the policy in an hour."""
    account_link_minutes: int = Field(default=30, ge=5, le=240)
    """How long a mailed link to the account page works."""
    move_back_days: int = Field(default=7, ge=1, le=90)
    """How long after a change of address the old one can take it back."""
