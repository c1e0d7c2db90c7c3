"""What of incoming mail is kept for a time only (P9): bytes that nobody could read, words of decisions, decisions."""

from datetime import datetime

import sqlalchemy as sa

from inbound.tables import DecisionRow, InboundMailRow
from kit.clearing import table_rule
from kit.db import Database
from kit.retention import Rule


def rules(database: Database) -> list[Rule]:
    """Return the rules of this room; decisions go before the mails that they are about."""
    mail, decision = InboundMailRow, DecisionRow

    def quarantined(before: datetime) -> list[sa.ColumnElement[bool]]:
        return [mail.state == "quarantined", mail.raw.is_not(None), mail.received_at < before]

    def told(before: datetime) -> list[sa.ColumnElement[bool]]:
        # what waits for a person keeps its reasons as long as it is kept at all
        return [decision.at < before, ~decision.review, sa.cast(decision.reasons, sa.Text) != "[]"]

    def undecided_no_more(before: datetime) -> list[sa.ColumnElement[bool]]:
        has_decision = sa.exists().where(decision.inbound_id == mail.id)
        return [mail.received_at < before, mail.raw.is_(None), mail.state != "deferred", ~has_decision]

    return [
        table_rule(
            database, "quarantined_mail_days", mail.id, quarantined, emptied={"raw": None, "envelope": {}}, warns=True,
            what="bytes of mails that could not be read", why="a person may still find out what they say (P9)",
        ),
        table_rule(
            database, "decision_details_days", decision.id, told,
            emptied={"reasons": [], "counted": [], "ignored": []},
            what="words and reasons of decisions", why="to explain a decision to who asks about it (P9)",
        ),
        table_rule(
            database, "decision_days", decision.id, lambda before: [decision.at < before],
            what="decisions about mails", why="to show that a wish was carried out",
        ),
        table_rule(
            database, "decision_days", mail.id, undecided_no_more,
            what="that a mail was taken", why="the same mail handed over again is known",
        ),
    ]  # fmt: skip
