"""No table that people change goes without its trigger, and no secret goes into the log."""

import psycopg
import pytest

from platform_api.models_base import Base
from tests.integration.test_models_match import TABLES

# Telemetry's, and what programs note for themselves; as in migration 0017.
NOT_AUDITED = {
    "access_log", "admin_sessions", "audit_log", "command_results", "crossings", "dead_letters", "device_days",
    "device_presence", "dirty_vehicles", "duty_version", "idempotency_keys", "impersonation_requests", "interval_changes",
    "intervals", "presence_changes", "rejected_pings", "webhook_deliveries", "webhook_events",
}  # fmt: skip


def test_every_table_is_audited_or_knowingly_not(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        rows = connection.execute(
            "SELECT c.relname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid WHERE t.tgname = 'audit_change'"
        ).fetchall()
    audited = {row[0] for row in rows}
    assert set(TABLES) - audited - NOT_AUDITED == set()
    assert audited & NOT_AUDITED == set()


SECRETS = ("password", "secret", "hash", "salt", "token", "code")
# Named so, and no secret: what is hashed is no secret, or the name means something else.
HARMLESS = {"sha256", "content_hash"}


@pytest.mark.parametrize("table", TABLES)
def test_secrets_have_the_names_that_the_trigger_leaves_out(table: str) -> None:
    left_out = {"password_hash", "secret", "key_hash", "token_hash", "code_hash", "salt", "token"}
    suspicious = {
        column.name
        for column in Base.metadata.tables[table].columns
        if any(column.name.endswith(end) for end in ("_hash", "secret", "salt", "password", "token"))
    }
    assert suspicious - left_out - HARMLESS == set() or table in NOT_AUDITED


def test_nothing_is_written_without_a_context_and_everything_with_it(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        insert = (
            "INSERT INTO users (phone, name, role, password_hash)"
            " VALUES (%s, 'x', 'shipper', 'not for the log') RETURNING id"
        )
        connection.execute(insert, ("+221770009991",))
        assert connection.execute("SELECT count(*) FROM audit_log").fetchone() == (0,)
        connection.execute("""SELECT set_config('mess.audit', '{"channel": "cli"}', true)""")
        row = connection.execute(insert, ("+221770009992",)).fetchone()
        connection.execute("UPDATE users SET name = 'y', password_hash = 'other' WHERE id = %s", row)
        connection.execute("DELETE FROM users WHERE id = %s", row)
        found = connection.execute("SELECT action, before, after FROM audit_log ORDER BY id").fetchall()
        assert [entry[0] for entry in found] == ["insert", "update", "delete"]
        assert found[1][1:] == ({"name": "x"}, {"name": "y"})
        assert "not for the log" not in str(found)
        connection.commit()
        # The context ended with the transaction.
        connection.execute("UPDATE users SET name = 'z'")
        assert connection.execute("SELECT count(*) FROM audit_log").fetchone() == (3,)
