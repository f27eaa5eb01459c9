"""Looks for a value in every row of every table: as text, in JSON, and as bytes of payloads and saved states."""

import struct
from collections.abc import Iterable

import psycopg
from psycopg import sql


def patterns(value: str | float) -> list[str]:
    """How the value may stand in a row's text; a position as the double of a state, and as its digits."""
    text = value if isinstance(value, str) else repr(value)
    found = [text, text.encode().hex()]
    if isinstance(value, float):
        found += [struct.pack(order, value).hex() for order in (">d", "<d", ">f", "<f")]
    return found


def tables_with(
    connection: psycopg.Connection, values: Iterable[str | float], *, besides: Iterable[str] = ()
) -> dict[str, int]:
    """Table -> rows that hold any of the values, of the tables that hold some."""
    wanted = [f"%{pattern}%" for value in values for pattern in patterns(value)]
    names = [
        row[0]
        for row in connection.execute(
            "SELECT table_name FROM information_schema.tables"
            " WHERE table_schema = 'public' AND table_type = 'BASE TABLE' ORDER BY 1"
        )
    ]
    assert len(names) > 20
    found = {}
    for name in names:
        if name in set(besides):
            continue
        query = sql.SQL("SELECT count(*) FROM {table} AS t WHERE t::text LIKE ANY (%s)")
        (count,) = connection.execute(query.format(table=sql.Identifier(name)), [wanted]).fetchone() or (0,)
        if count:
            found[name] = count
    return found
