"""`mess migrate` for production: the broker's database account may read credentials and nothing else."""

from collections.abc import Callable

import psycopg
import pytest
from psycopg import sql
from typer.testing import CliRunner

from brokers.credentials import find_credential, verify_secret
from cli.main import build_app
from config.settings import Settings

ROLE = "emqx_of_a_test"


def test_service_account_and_the_grants_of_emqx(
    empty_database_url: str, settings_for: Callable[..., Settings]
) -> None:
    settings_for(database_url=empty_database_url, mqtt_service_password="p" * 40)
    with psycopg.connect(empty_database_url, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(ROLE)))
        arguments = ["migrate", "--service-account", "--emqx-role", ROLE]
        for _ in range(2):
            result = CliRunner().invoke(build_app("migrate"), arguments)
            assert result.exit_code == 0, result.output
        credential = find_credential(admin, "svc-*", "svc-*")
        assert credential is not None
        assert verify_secret(credential, "p" * 40)

        admin.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(ROLE)))
        admin.execute(
            "SELECT c.password_hash, c.salt FROM mqtt_credentials c LEFT JOIN devices d ON d.id = c.device_id"
            " WHERE NOT c.disabled AND NOT coalesce(d.disabled, FALSE) AND c.username = 'x' AND c.client_id = 'x'"
        )
        for forbidden in (
            "SELECT * FROM devices",
            "SELECT * FROM users",
            "UPDATE mqtt_credentials SET salt = ''",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                admin.execute(forbidden)
        admin.execute("RESET ROLE")
        admin.execute(sql.SQL("DROP OWNED BY {0}; DROP ROLE {0}").format(sql.Identifier(ROLE)))
