"""The schema goes up and down on every storage level, and autogenerate keeps its hands off telemetry."""

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import MetaData, create_engine

import platform_api
from config.migrate import alembic_config, migrate
from config.storage_level import (
    StorageLevel,
    detect_level,
    drop_chunks_before,
    is_hypertable,
    oldest_chunk_before,
)
from migrations.hands_off import HANDS_OFF, include_name
from platform_api.models_base import Base
from tests.support.databases import DatabaseServer


@pytest.fixture(params=["embedded", "timescaledb"])
def new_database(request: pytest.FixtureRequest) -> Iterator[str]:
    """An empty database, once on each kind of server that this run has."""
    name = "timescale_server" if request.param == "timescaledb" else "database_server"
    server: DatabaseServer = request.getfixturevalue(name)
    with server.fresh(migrated=False) as url:
        yield url


def tables(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
        ).fetchall()
    return {row[0] for row in rows}


def test_up_down_and_up_again(new_database: str) -> None:
    migrate(new_database)
    created = tables(new_database)
    assert {"pings", "geofences", "visits", "crossings", "orders", "users"} <= created
    migrate(new_database)  # at head already: changes nothing

    command.downgrade(alembic_config(new_database), "base")
    assert tables(new_database) == {"alembic_version"}
    with psycopg.connect(new_database) as connection:
        left = connection.execute(
            "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND proname LIKE 'bump%'"
        ).fetchall()
    assert left == []

    migrate(new_database)
    assert tables(new_database) == created


def test_pings_become_a_hypertable_where_the_server_can(new_database: str) -> None:
    migrate(new_database)
    with psycopg.connect(new_database) as connection:
        assert is_hypertable(connection) == (detect_level(connection) is not StorageLevel.PLAIN)


def test_the_levels_of_our_servers(database_url: str, timescale_url: str) -> None:
    with psycopg.connect(timescale_url) as connection:
        assert detect_level(connection) is StorageLevel.TIMESCALE_APACHE
    with psycopg.connect(database_url) as connection:
        assert isinstance(detect_level(connection), StorageLevel)


def test_one_ping_per_device_and_time(new_database: str) -> None:
    migrate(new_database)
    insert = (
        "INSERT INTO pings (device_id, time, received_at, lat, lon)"
        " VALUES (7, '2026-03-01 10:00Z', now(), 14.7, -17.4)"
    )
    with psycopg.connect(new_database, autocommit=True) as connection:
        connection.execute(insert)
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute(insert)


def test_whole_chunks_are_dropped_one_after_the_other_on_timescaledb(new_database: str) -> None:
    migrate(new_database)
    with psycopg.connect(new_database, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO pings (device_id, time, received_at, lat, lon)"
            " SELECT 7, day, day, 14.7, -17.4"
            " FROM generate_series('2026-01-01 12:00Z'::timestamptz, '2026-01-10 12:00Z', '1 day') AS day"
        )
        cutoff = datetime(2026, 1, 6, 6, tzinfo=UTC)
        dropped = []
        while (end := oldest_chunk_before(connection, cutoff)) is not None:
            dropped.append((end.day, drop_chunks_before(connection, end)))
        left = connection.execute("SELECT count(*), min(time) FROM pings").fetchone()
    if dropped:
        assert dropped == [(day, 1) for day in range(2, 7)]
        assert left == (5, datetime(2026, 1, 6, 12, tzinfo=UTC))
    else:
        # A plain table has no chunks: ingest deletes its rows in pieces.
        assert left is not None
        assert left[0] == 10


def test_fence_and_fleet_changes_bump_their_version(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:

        def versions() -> tuple[int, int]:
            row = connection.execute(
                "SELECT (SELECT version FROM geofence_version), (SELECT version FROM fleet_version)"
            ).fetchone()
            assert row is not None
            return row[0], row[1]

        fences, fleet = versions()
        connection.execute("INSERT INTO geofences (name, shape) VALUES ('depot', '{}')")
        assert versions() == (fences + 1, fleet)
        connection.execute("INSERT INTO devices (uid, kind) VALUES ('tracker-1', 'tracker')")
        assert versions() == (fences + 1, fleet + 1)


def _as_sqlalchemy(url: str) -> str:
    return url.replace("postgresql://", "postgresql+psycopg://", 1)


def _proposed_drops(url: str, include_name: Callable[..., bool] | None) -> set[str]:
    """Tables that autogenerate would drop if the models knew no table at all."""
    engine = create_engine(_as_sqlalchemy(url))
    try:
        with engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"include_name": include_name})
            found = compare_metadata(context, MetaData())
    finally:
        engine.dispose()
    return {item[1].name for item in found if item[0] == "remove_table"}


def test_autogenerate_keeps_its_hands_off(new_database: str) -> None:
    migrate(new_database)
    hidden = _proposed_drops(new_database, None) - _proposed_drops(new_database, include_name)
    assert hidden == HANDS_OFF


def _models() -> MetaData:
    """The metadata of every `models.py` of the API."""
    for module in pkgutil.walk_packages(platform_api.__path__, "platform_api."):
        if module.name.endswith(".models"):
            importlib.import_module(module.name)
    return Base.metadata


def test_models_say_what_the_sql_says(database_url: str) -> None:
    """Whatever the ORM knows exists, with the same type and nullability."""
    engine = create_engine(_as_sqlalchemy(database_url))
    try:
        with engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            found = compare_metadata(context, _models())
    finally:
        engine.dispose()
    flat = [change for item in found for change in (item if isinstance(item, list) else [item])]
    wrong = {"add_table", "add_column", "modify_type", "modify_nullable"}
    assert [change for change in flat if change[0] in wrong] == []


def test_refused_payloads_become_letters_and_come_back(new_database: str) -> None:
    migrate(new_database, "0002")
    insert = (
        "INSERT INTO rejected_pings (received_at, topic, device_uid, reason, payload, payload_bytes, worker)"
        " VALUES ('2026-03-01 10:00Z', %s, %s, %s, %s, %s, 'svc-ingest-1')"
    )
    rows = [
        ("t", "known", "no_fix", b"two of one", 10),
        ("t", "known", "malformed", b"two of one", 10),
        ("t", "known", "malformed", b"beginn", 9000),
        ("t", "known", "unknown_device", b"before it was registered", 24),
        ("t", None, "unknown_topic", b"", 0),
    ]
    with psycopg.connect(new_database, autocommit=True) as connection:
        connection.execute("INSERT INTO devices (uid, kind) VALUES ('known', 'tracker')")
        connection.cursor().executemany(insert, rows)
        before = connection.execute("SELECT * FROM rejected_pings ORDER BY id").fetchall()
        migrate(new_database)
        letters = connection.execute(
            "SELECT l.payload, l.payload_bytes, l.device_id > 0, array_agg(r.reason ORDER BY r.id)"
            " FROM dead_letters l JOIN rejected_pings r ON r.letter_id = l.id GROUP BY l.id ORDER BY l.id"
        ).fetchall()
        command.downgrade(alembic_config(new_database), "0002")
        assert connection.execute("SELECT * FROM rejected_pings ORDER BY id").fetchall() == before
    assert letters == [
        (b"two of one", 10, True, ["no_fix", "malformed"]),
        (b"beginn", 9000, True, ["malformed"]),
        (b"before it was registered", 24, False, ["unknown_device"]),
        (b"", 0, False, ["unknown_topic"]),
    ]


def test_orders_there_were_are_found_by_their_stops(new_database: str) -> None:
    migrate(new_database, "0017")
    with psycopg.connect(new_database, autocommit=True) as connection:
        (shipper,) = connection.execute(
            "INSERT INTO users (id, phone, name, role, password_hash)"
            " VALUES (gen_random_uuid(), '+221770000001', 'A', 'shipper', '!') RETURNING id"
        ).fetchone() or (None,)
        orders = [
            row[0]
            for row in connection.execute(
                "INSERT INTO orders (shipper_id, status, goods, pickup_name, pickup_lat, pickup_lon, pickup_shape,"
                " delivery_name, delivery_lat, delivery_lon, delivery_shape)"
                " SELECT %s, 'POSTED', 'Œufs', 'Dakar', 14, -17, '{}', 'Kaolack', 14, -16, '{}' FROM generate_series(1, 2)"
                " RETURNING id",
                [shipper],
            )
        ]
        connection.execute(
            "INSERT INTO order_stops (order_id, sequence, kind, name, lat, lon, shape)"
            " VALUES (%(order)s, 2, 'delivery', 'Fatick', 14, -16, '{}'), (%(order)s, 1, 'pickup', 'Mbour', 14, -16, '{}')",
            {"order": orders[0]},
        )
        connection.execute(
            "INSERT INTO brokerages (order_id, broker_id, proposed_by, customer_id, customer_xof, made_by, created_at)"
            " VALUES (%(order)s, %(who)s, 'shipper', %(who)s, 5, %(who)s, now())",
            {"order": orders[0], "who": shipper},
        )
        migrate(new_database)
        found = "SELECT id FROM orders WHERE search @@ plainto_tsquery('french', %s) ORDER BY id"
        assert connection.execute(found, ["mbour fatick"]).fetchall() == [(orders[0],)]
        assert connection.execute(found, ["oeufs kaolack"]).fetchall() == [
            (order,) for order in sorted(orders)
        ]
        names = connection.execute("SELECT stop_names FROM orders WHERE id = %s", [orders[0]]).fetchone()
        assert names == ("Mbour\nFatick",)
        connection.execute("UPDATE brokerages SET status = 'LOST'")
        command.downgrade(alembic_config(new_database), "0017")
        assert connection.execute(found, ["mbour"]).fetchall() == []
        assert len(connection.execute(found, ["kaolack"]).fetchall()) == 2
        assert connection.execute("SELECT status FROM brokerages").fetchall() == [("EXPIRED",)]
