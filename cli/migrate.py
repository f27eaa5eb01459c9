"""`mess migrate`: the schema, and what a broker needs beside it."""

from typing import Annotated

import psycopg
import typer
from psycopg import sql

from brokers.credentials import ensure_service_credentials
from config.migrate import migrate as run
from config.settings import get_settings

# What the query in brokers/emqx/emqx.conf reads, and no more.
EMQX_READS = {
    "mqtt_credentials": ("username", "client_id", "salt", "password_hash", "device_id", "disabled"),
    "devices": ("id", "disabled"),
}


def migrate(
    revision: Annotated[str, typer.Option(help="Where to go; `head` is the newest.")] = "head",
    service_account: Annotated[
        bool, typer.Option(help="Let services into EMQX with MESS_MQTT_SERVICE_PASSWORD.")
    ] = False,
    emqx_role: Annotated[
        str | None, typer.Option(help="The database account EMQX uses; it may then read credentials.")
    ] = None,
) -> None:
    """Bring the database of MESS_DATABASE_URL to the newest schema; harmless when it is there."""
    settings = get_settings()
    run(settings.database_url, revision)
    typer.echo(f"database is at {revision}")
    with psycopg.connect(settings.database_url) as connection:
        if service_account:
            ensure_service_credentials(connection, settings.mqtt_service_password.get_secret_value())
            typer.echo("services may sign in at the broker")
        if emqx_role is not None:
            grant_credentials(connection, emqx_role)
            typer.echo(f"{emqx_role} may read credentials")


def grant_credentials(connection: psycopg.Connection, role: str) -> None:
    """Let `role` (which must exist) read what EMQX's query reads."""
    for table, columns in EMQX_READS.items():
        connection.execute(
            sql.SQL("GRANT SELECT ({}) ON {} TO {}").format(
                sql.SQL(", ").join(map(sql.Identifier, columns)),
                sql.Identifier(table),
                sql.Identifier(role),
            )
        )
