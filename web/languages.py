"""Which language to speak, and which plural a number takes in it. Pure.

The subscriber's own language counts first, then what the browser asks for, then the company's default. A language we
have no words in is as good as none: the next wish is taken.
"""

from collections.abc import Collection

MOST_WISHES = 20  # of an Accept-Language; bounds the work on a long one


def primary(tag: str) -> str:
    """Return the language of a tag such as ``de-AT`` or ``pt_BR`` without its region."""
    return tag.strip().replace("_", "-").partition("-")[0].lower()


def wished(accept_language: str, known: Collection[str]) -> str | None:
    """Return the language of an Accept-Language header (RFC 9110 12.5.4) that we know and it ranks first, or None."""
    best, best_rank = None, 0.0
    for wish in accept_language.split(",", MOST_WISHES)[:MOST_WISHES]:
        tag, _, parameter = wish.partition(";")
        language = primary(tag)
        rank = _rank(parameter)
        if language in known and rank > best_rank:
            best, best_rank = language, rank
    return best


def chosen(known: Collection[str], *, asked: str, person: str, accept_language: str, default: str) -> str:
    """Return the language of an answer: asked for by a link, the person's own, the browser's, ours."""
    for tag in (asked, person):
        if primary(tag) in known:
            return primary(tag)
    return wished(accept_language, known) or default


def plural(language: str, number: int) -> str:
    """Return the plural category of a whole number (Unicode CLDR, language plural rules)."""
    match language:
        case "ja" | "zh" | "ko":
            return "other"
        case "fr":
            return "one" if number in {0, 1} else "other"
        case "ar":
            return _arabic(number)
        case _:
            return "one" if number == 1 else "other"


def categories(language: str) -> frozenset[str]:
    """Return the plural categories that whole numbers take in a language; a catalogue has a text for each."""
    return frozenset(plural(language, number) for number in range(201))


def _arabic(number: int) -> str:
    if number < 3:
        return ("zero", "one", "two")[number]
    if 3 <= number % 100 <= 10:
        return "few"
    return "many" if number % 100 >= 11 else "other"


def _rank(parameter: str) -> float:
    """Return the weight of one wish; what can't be read counts for nothing."""
    name, _, value = parameter.strip().partition("=")
    if not name:
        return 1.0
    try:
        rank = float(value) if name.strip().lower() == "q" else 0.0
    except ValueError:
        return 0.0
    return rank if 0.0 <= rank <= 1.0 else 0.0
