"""How old is somebody, as far as P8 asks: nothing goes to a child under 13 without a guardian's consent. Pure."""

from datetime import date

from consent.model import AgeBand

AGE_OF_OWN_CONSENT = 13  # COPPA, 16 CFR 312.2
OLDEST_PLAUSIBLE = 125


def youngest_birth_date(today: date) -> date:
    """Return the latest date of birth of somebody who is 13 today; whoever was born later is under 13.

    Somebody born on 29 February comes of age on 1 March in years without that day: when in doubt, a day later.
    """
    try:
        return today.replace(year=today.year - AGE_OF_OWN_CONSENT)
    except ValueError:  # 29 February, and the year thirteen years ago has none
        return today.replace(year=today.year - AGE_OF_OWN_CONSENT, day=28)


def age_band(birth_date: date | None, *, stated_over_13: bool, today: date) -> AgeBand:
    """Return the age band from a date of birth, or from the source's word where there is no date."""
    if birth_date is None:
        return AgeBand.OVER_13 if stated_over_13 else AgeBand.UNKNOWN
    return AgeBand.UNDER_13 if birth_date > youngest_birth_date(today) else AgeBand.OVER_13


def held_age(birth_date: date | None, held: AgeBand, *, today: date) -> AgeBand:
    """Return the age band of somebody we know: a date of birth counts before any word about it, and grows up."""
    return held if birth_date is None else age_band(birth_date, stated_over_13=False, today=today)


def is_plausible(birth_date: date, today: date) -> bool:
    """Whether a living person can have been born on that day."""
    return birth_date <= today and today.year - birth_date.year <= OLDEST_PLAUSIBLE
