"""Who was signed in before sessions had rows stays signed in, and who was signed out stays out."""

from uuid import uuid4

import psycopg
from alembic import command

from config.migrate import alembic_config

PHONE = "+221771234567"


def test_families_of_tokens_become_sessions_and_families_again(empty_database_url: str) -> None:
    config = alembic_config(empty_database_url)
    command.upgrade(config, "0006")
    live, out = uuid4(), uuid4()
    with psycopg.connect(empty_database_url) as connection:
        user = connection.execute(
            "INSERT INTO users (phone, name, role, password_hash) VALUES (%s, 'Awa', 'shipper', '!') RETURNING id",
            (PHONE,),
        ).fetchone()
        assert user is not None
        connection.cursor().executemany(
            """
            INSERT INTO refresh_tokens (id, user_id, family, expires_at, used_at, revoked_at, created_at)
            VALUES (%s, %s, %s, %s, %s, %s, %s)
            """,
            [
                (uuid4(), user[0], live, "2026-02-01Z", "2026-01-02Z", None, "2026-01-01Z"),
                (uuid4(), user[0], live, "2026-02-02Z", None, None, "2026-01-02Z"),
                (uuid4(), user[0], out, "2026-02-03Z", None, "2026-01-05Z", "2026-01-03Z"),
            ],
        )
    command.upgrade(config, "0007")
    with psycopg.connect(empty_database_url) as connection:
        rows = connection.execute(
            """
            SELECT id, created_at::date::text, last_seen_at::date::text, expires_at::date::text,
                   revoked_at::date::text, revoked_why
            FROM sign_in_sessions ORDER BY created_at
            """
        ).fetchall()
    assert rows == [
        (live, "2026-01-01", "2026-01-02", "2026-02-02", None, None),
        (out, "2026-01-03", "2026-01-03", "2026-02-03", "2026-01-05", "signed_out"),
    ]
    command.downgrade(config, "0006")
    with psycopg.connect(empty_database_url) as connection:
        revoked = connection.execute(
            "SELECT family, revoked_at IS NOT NULL FROM refresh_tokens ORDER BY created_at"
        ).fetchall()
    assert revoked == [(live, False), (live, False), (out, True)]
