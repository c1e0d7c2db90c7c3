"""Texts of the settings that are more than texts: addresses, domains, time zones; checked when they are read."""

from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator

from kit.addresses import domain_to_ascii, parse_address
from kit.errors import InvalidAddress


def _address(text: str) -> str:
    try:
        return str(parse_address(text))
    except InvalidAddress as cause:
        raise ValueError(cause.public) from cause


def _domain(text: str) -> str:
    try:
        return domain_to_ascii(text)
    except InvalidAddress as cause:
        raise ValueError(cause.public) from cause


def _zone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError) as cause:
        message = f"'{text}' is no time zone; write one like Europe/Berlin"
        raise ValueError(message) from cause
    return text


AddressText = Annotated[str, AfterValidator(_address)]
DomainText = Annotated[str, AfterValidator(_domain)]
ZoneText = Annotated[str, AfterValidator(_zone)]
