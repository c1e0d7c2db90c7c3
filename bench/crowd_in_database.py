"""Fills a database with people and past campaigns by bulk SQL, for benches: what the doors do in hours, in seconds.

The remainder is written out: psycopg takes a % for a parameter.
"""

import sqlalchemy as sa

from kit.db import sync_url

_NOW = "2026-11-01 00:00:00"


def seed(url: str, people: int, topic: str) -> None:
    """Write people who agreed to a topic; one in twenty has left it again, one in a hundred is suppressed."""
    engine = sa.create_engine(sync_url(url))
    lite = engine.dialect.name == "sqlite"
    numbers = (
        f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {people}) SELECT {{columns}} FROM n"
        if lite
        else f"SELECT {{columns}} FROM generate_series(1, {people}) AS n(i)"
    )
    address = "printf('p%08d@example.com', i)" if lite else "'p' || lpad(i::text, 8, '0') || '@example.com'"
    digest = "printf('%064x', i * 2654435761 % 4294967296)" if lite else "md5(i::text) || md5((-i)::text)"
    no = "0" if lite else "false"
    with engine.begin() as connection:
        run = connection.exec_driver_sql
        run(f"INSERT INTO topic (key, name, about, position) VALUES ('{topic}', '{topic}', '', 0)")
        run(
            "INSERT INTO subscriber (id, address, address_key, mailbox_key, address_hash, name, language, time_zone, "
            "country, phone, age_band, guardian_agreed, attributes, created_at) "
            + numbers.format(
                columns=f"i, {address}, {address}, {address}, {digest}, '', 'en', '', '', '', 'over_13', {no}, "
                f"'{{{{}}}}', '{_NOW}'".replace("{{}}", "{}")
                + ("" if lite else "::timestamptz")
            )
        )
        run(
            "INSERT INTO standing (purpose, topic, subscriber_id, state) "
            + numbers.format(
                columns=f"'promotion', '{topic}', i, CASE WHEN i - i / 20 * 20 = 7 THEN 'withdrawn' ELSE 'granted' END"
            )
        )
        run(
            f"INSERT INTO suppression (address_hash, reason, since) SELECT address_hash, 'hard bounce', '{_NOW}'"
            f"{'' if lite else '::timestamptz'} FROM subscriber WHERE id - id / 100 * 100 = 3"
        )
    _tidy(engine, lite=lite)


def seed_past(url: str, campaigns: int, topic: str) -> None:
    """Write finished campaigns that went to everybody."""
    engine = sa.create_engine(sync_url(url))
    lite = engine.dialect.name == "sqlite"
    moment = f"'{_NOW}'" + ("" if lite else "::timestamptz")
    for number in range(1, campaigns + 1):
        with engine.begin() as connection:
            run = connection.exec_driver_sql
            run(
                'INSERT INTO mailing (name, topic, subject, text, html, template, "values", gate, created_at) '
                f"VALUES ('past {number}', '{topic}', 's', 't', '', '', '{{}}', 'done', {moment})"
            )
            run(
                "INSERT INTO delivery (mailing_id, subscriber_id, state, reason, worker, claim, attempt, "
                "first_at, done_at, code, enhanced, response) SELECT (SELECT max(id) FROM mailing), id, 'sent', '', "
                f"'host-1-abcdef', address_key, 1, {moment}, {moment}, 250, '2.0.0', '2.0.0 queued as 4F1A2B3C' "
                "FROM subscriber".replace("address_key", "substr(address_key, 1, 9) || '0123456789abcdef0123456'")
            )
    _tidy(engine, lite=lite)


def set_past(url: str, campaign: int, share: float) -> None:
    """Let the first part of a campaign's deliveries be sent already."""
    engine = sa.create_engine(sync_url(url))
    lite = engine.dialect.name == "sqlite"
    with engine.begin() as connection:
        first, last = connection.exec_driver_sql(
            f"SELECT min(id), max(id) FROM delivery WHERE mailing_id = {campaign}"
        ).one()
        connection.exec_driver_sql(
            "UPDATE delivery SET state = 'sent', attempt = 1, worker = 'host-1-abcdef' "
            f"WHERE mailing_id = {campaign} AND state = 'waiting' AND id < {first + int((last - first + 1) * share)}"
        )
    _tidy(engine, lite=lite)


def _tidy(engine: sa.Engine, *, lite: bool) -> None:
    """Do what autovacuum does in the time that such numbers take in life."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)" if lite else "VACUUM ANALYZE")
    engine.dispose()
