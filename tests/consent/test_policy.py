"""Policy versions: a consent names the text that the person was given, so that text stays (P15)."""

import pytest

from consent.policy import PolicyChanged, keep_policy
from consent.tables import PolicyVersionRow
from kit.db import Database
from tests.database import NOW


async def test_the_text_of_a_version_never_changes(database: Database) -> None:
    """The same again is harmless; another text under the same name is refused, and the first one stays."""
    async with database.transaction() as session:
        await keep_policy(session, "1", "We keep little.", effective_at=NOW)
        await keep_policy(session, "1", "We keep little.", effective_at=NOW)
        with pytest.raises(PolicyChanged):
            await keep_policy(session, "1", "We keep all.", effective_at=NOW)

        row = await session.get(PolicyVersionRow, "1")

    assert row is not None
    assert row.text == "We keep little."
