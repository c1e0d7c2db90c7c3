"""ARC chains of the public validation suite for RFC 8617 (``rfc8617/``, from its YAML, under its own licence)."""

import json
from pathlib import Path
from typing import Any

import pytest

from inbound.origin.arc import check_chain
from tests.fakes.zone import Zone

SUITE = json.loads((Path(__file__).parent / "rfc8617" / "cases.json").read_text("utf-8"))
CASES: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    name: (asked, scenario["txt-records"]) for scenario in SUITE for name, asked in scenario["tests"].items()
}

#: Where we differ from the suite, and why. Each is stricter, never laxer.
STRICTER = {
    "ams_fields_a_sha1": "RFC 8301 3.1: rsa-sha1 must not be trusted any more",
    "as_fields_a_sha1": "RFC 8301 3.1: rsa-sha1 must not be trusted any more",
    "ams_fields_h_empty": "RFC 6376 5.4: From must be signed; a signature over no field vouches for nobody",
}
#: RFC 8617 4.4 and 5.2: a chain in which a sealer said "fail" has failed; the suite leaves the answer empty.
UNSAID = {"cv_fail_i1_as_cv_fail", "cv_fail_i2_as2_fail", "cv_fail_i2_as1_fail"}


def test_the_suite_is_whole() -> None:
    """And the exceptions are of it."""
    assert (len(SUITE), len(CASES)) == (10, 170)
    assert {name for name, (asked, _) in CASES.items() if not asked["cv"]} == UNSAID
    assert {CASES[name][0]["cv"] for name in STRICTER} == {"Pass"}


@pytest.mark.parametrize("case", CASES)
def test_rfc_8617_suite(case: str) -> None:
    """Each chain ends as the suite says, but for those that we refuse for a reason of a later or another RFC."""
    asked, records = CASES[case]
    zone = Zone({(name, "TXT"): [text] for name, text in records.items()})

    chain = check_chain(asked["message"].encode().replace(b"\n", b"\r\n"), dns=zone, sealers=())

    found = "None" if chain is None else chain.result.value.capitalize()
    assert found == ("Fail" if case in STRICTER or case in UNSAID else asked["cv"])
