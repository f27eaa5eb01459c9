"""Many rows like one: lists are tried with them."""

from collections.abc import Mapping
from typing import Any, Protocol

# Values of copies, for `but`.
TEXT = "substr(md5(random()::text), 1, 12)"
HASH = "encode(sha256(random()::text::bytea), 'hex')"
EARLIER = {"created_at": "o.created_at - n * interval '1 second'"}


class World(Protocol):
    def sql(self, statement: str, *values: Any) -> list[dict[str, Any]]: ...


_COLUMNS = """
SELECT c.column_name AS name, c.data_type AS type, c.column_name = ANY (
    SELECT a.attname FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
    WHERE i.indrelid = %s::regclass AND i.indisprimary
) AS key
FROM information_schema.columns c
WHERE c.table_name = %s AND c.table_schema = 'public' AND c.is_generated = 'NEVER' AND c.is_identity = 'NO'
"""


def copy_last(world: World, table: str, times: int, but: Mapping[str, str]) -> None:
    """Copies of the row that was written last. `but`: column -> SQL of its value, which may use `n`, 1 to `times`."""
    columns = {row["name"]: row for row in world.sql(_COLUMNS, table, table)}
    values = {
        name: but.get(name) or ("gen_random_uuid()" if row["key"] and row["type"] == "uuid" else f"o.{name}")
        for name, row in columns.items()
    }
    world.sql(
        f"INSERT INTO {table} ({', '.join(values)}) SELECT {', '.join(values.values())}"
        f" FROM (SELECT * FROM {table} ORDER BY xmin::text::bigint DESC LIMIT 1) AS o,"
        f" generate_series(1, {times}) AS n"
    )
