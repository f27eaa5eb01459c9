"""A change of one fence reads that fence again, not all of them; what is judged is what the table says."""

import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from geofence.geojson import parse_shape
from geofence.shapes import Shape
from ingest import fleet
from ingest.fleet import FenceCache, FenceShelf
from tests.support.ingest import add_fence
from tests.support.law import shape_around


@pytest.fixture
def connection(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as opened:
        yield opened


def test_only_what_changed_is_read_again(
    connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, third = (add_fence(connection, shape_around(east, 100.0)) for east in (0.0, 500.0, 900.0))
    cache = FenceCache(connection)
    before = {fence.id: fence for fence in cache.current().fences}
    assert list(before) == [first, second, third]
    assert cache.current() is cache.current()

    read: list[dict[str, Any]] = []

    def counting(shape: dict[str, Any]) -> Shape:
        read.append(shape)
        return parse_shape(shape)

    monkeypatch.setattr(fleet, "parse_shape", counting)
    moved = shape_around(2000.0, 100.0)
    connection.execute("UPDATE geofences SET shape = %s WHERE id = %s", [json.dumps(moved), second])
    connection.execute("UPDATE geofences SET retired_at = now() WHERE id = %s", [third])
    fourth = add_fence(connection, shape_around(5000.0, 100.0))
    after = {fence.id: fence for fence in cache.current().fences}
    assert list(after) == [first, second, fourth]
    assert after[first] is before[first]
    assert after[second].shape != before[second].shape
    assert len(read) == 2


def test_what_one_connection_read_another_need_not(
    connection: psycopg.Connection, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = add_fence(connection, shape_around(0.0, 100.0))
    shelf = FenceShelf()
    index = FenceCache(connection, shelf).current()
    with psycopg.connect(database_url, autocommit=True) as another:
        cache = FenceCache(another, shelf)
        assert cache.current() is index
        second = add_fence(connection, shape_around(500.0, 100.0))
        newest = cache.current()
        assert [fence.id for fence in newest.fences][-2:] == [first, second]
    # Whoever comes later takes that one; nothing is parsed for it.
    monkeypatch.setattr(fleet, "parse_shape", None)
    assert FenceCache(connection, shelf).current() is newest
