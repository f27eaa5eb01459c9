"""Every mapped table, column, type, NOT NULL and foreign key is what the migrations made."""

import importlib
import pkgutil
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine.interfaces import ReflectedColumn

import platform_api
from platform_api.models_base import Base

for module in pkgutil.walk_packages(platform_api.__path__, "platform_api."):
    if module.name.endswith(".models"):
        importlib.import_module(module.name)

# Read with SQL text or by other packages alone.
NOT_MAPPED = {
    "alembic_version",
    "command_results",
    "device_acks",
    "duty_version",
    "erased_uids",
    "fleet_version",
    "gap_days",
    "geofence_version",
    "ingest_ledger",
    "ingest_totals",
    "interval_changes",
    "mqtt_credentials",
    "phone_changes",
    "phone_owners",
    "ping_floors",
    "pings",
    "vehicle_snapshots",
    "vehicle_states",
    "visits",
    "crossings",
}
DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]
TABLES = sorted(Base.metadata.tables)


@pytest.fixture(scope="module")
def inspector(database_url: str) -> Iterator[sa.Inspector]:
    engine = sa.create_engine(database_url.replace("postgresql://", "postgresql+psycopg://", 1))
    with engine.connect() as connection:
        yield sa.inspect(connection)
    engine.dispose()


def columns_of(inspector: sa.Inspector, table: str) -> dict[str, ReflectedColumn]:
    return {column["name"]: column for column in inspector.get_columns(table)}


def type_name(kind: sa.types.TypeEngine[object]) -> str:
    return kind.compile(dialect=DIALECT)


def test_every_table_is_mapped_or_knowingly_not(inspector: sa.Inspector) -> None:
    assert set(inspector.get_table_names()) - set(TABLES) <= NOT_MAPPED
    assert set(TABLES) <= set(inspector.get_table_names())


@pytest.mark.parametrize("table", TABLES)
def test_the_columns_match(inspector: sa.Inspector, table: str) -> None:
    stored = columns_of(inspector, table)
    mapped = Base.metadata.tables[table].columns
    assert {c.name: type_name(c.type) for c in mapped} == {n: type_name(c["type"]) for n, c in stored.items()}
    assert {c.name: c.nullable for c in mapped} == {n: c["nullable"] for n, c in stored.items()}


@pytest.mark.parametrize("table", TABLES)
def test_the_keys_match(inspector: sa.Inspector, table: str) -> None:
    mapped = Base.metadata.tables[table]
    assert [c.name for c in mapped.primary_key] == inspector.get_pk_constraint(table)["constrained_columns"]
    stored_keys = {
        (column, key["referred_table"], referred)
        for key in inspector.get_foreign_keys(table)
        for column, referred in zip(key["constrained_columns"], key["referred_columns"], strict=True)
    }
    mapped_keys = {(k.parent.name, k.column.table.name, k.column.name) for k in mapped.foreign_keys}
    # A model may leave out a key to a table that is not mapped (crossings).
    assert mapped_keys <= stored_keys
    assert {key for key in stored_keys - mapped_keys if key[1] not in NOT_MAPPED} == set()


@pytest.mark.parametrize("table", TABLES)
def test_what_a_model_leaves_to_the_database_has_a_default_there(inspector: sa.Inspector, table: str) -> None:
    stored = columns_of(inspector, table)
    for column in Base.metadata.tables[table].columns:
        if column.server_default is not None or column.identity is not None:
            found = stored[column.name]
            filled = found["default"] is not None or "identity" in found or "computed" in found
            assert filled, f"{table}.{column.name}"


MAPPERS = sorted(Base.registry.mappers, key=lambda mapper: mapper.class_.__name__)


@pytest.mark.parametrize("mapper", MAPPERS, ids=lambda mapper: mapper.class_.__name__)
def test_relationships_never_load_by_themselves(mapper: sa.orm.Mapper[object]) -> None:
    assert {relation.key for relation in mapper.relationships if relation.lazy != "raise"} == set()
