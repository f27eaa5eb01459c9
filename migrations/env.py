"""Alembic environment: the database of the settings, and which tables autogenerate may look at."""

from typing import Any, Literal

from alembic import context
from sqlalchemy import create_engine, pool

from config.settings import get_settings

# Owned by SQL text and by ingest; autogenerate would want to drop what it does not know.
HANDS_OFF = {
    "pings", "rejected_pings", "vehicle_states", "vehicle_snapshots", "dirty_vehicles",
    "visits", "crossings", "ingest_totals", "device_acks", "mqtt_credentials",
    "geofence_version",
}  # fmt: skip


def include_name(
    name: str | None, kind: Literal["schema", "table", "column", "index"] | str, parents: Any
) -> bool:
    return not (kind == "table" and name in HANDS_OFF)


def run() -> None:
    url = context.config.get_main_option("sqlalchemy.url") or get_settings().sqlalchemy_url
    engine = create_engine(url, poolclass=pool.NullPool)
    with engine.connect() as connection:
        # A migration that waits for a lock blocks everybody behind it; fail instead.
        connection.exec_driver_sql("SET lock_timeout = '5s'")
        connection.commit()
        context.configure(connection=connection, include_name=include_name, transaction_per_migration=True)
        with context.begin_transaction():
            context.run_migrations()


run()
