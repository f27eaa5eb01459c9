"""Rows that ingest needs, and pipelines on a real database without a broker."""

import json
import time
from collections.abc import Sequence
from typing import Any

import psycopg

from config.settings import Settings
from geofence.settings import FenceSettings
from ingest.intake import Message
from ingest.ping import rfc3339
from ingest.pipeline import Pipeline
from ingest.reconcile import Reconciler
from ingest.times import to_us
from ingest.worker import pipeline_settings, reconcile_settings
from tests.support.law import VisitKey


def add_vehicle(connection: psycopg.Connection, plate: str) -> int:
    row = connection.execute("INSERT INTO vehicles (plate) VALUES (%s) RETURNING id", [plate]).fetchone()
    assert row
    return int(row[0])


def add_device(
    connection: psycopg.Connection, uid: str, vehicle_id: int | None, kind: str = "tracker"
) -> int:
    row = connection.execute(
        "INSERT INTO devices (uid, kind) VALUES (%s, %s) RETURNING id", [uid, kind]
    ).fetchone()
    assert row
    if vehicle_id is not None:
        connection.execute(
            "INSERT INTO device_assignments (device_id, vehicle_id) VALUES (%s, %s)", [row[0], vehicle_id]
        )
    return int(row[0])


def add_fence(
    connection: psycopg.Connection,
    shape: dict[str, Any],
    settings: FenceSettings | None = None,
    *,
    name: str = "fence",
    vehicle_id: int | None = None,
) -> int:
    row = connection.execute(
        "INSERT INTO geofences (name, shape, settings, vehicle_id) VALUES (%s, %s, %s, %s) RETURNING id",
        [name, json.dumps(shape), json.dumps(_overrides(settings)), vehicle_id],
    ).fetchone()
    assert row
    return int(row[0])


def _overrides(settings: FenceSettings | None) -> dict[str, Any]:
    return {} if settings is None else {f: getattr(settings, f) for f in settings.__struct_fields__}


def ping_body(time_us: int, lat: float, lon: float, **more: Any) -> dict[str, Any]:
    return {"t": rfc3339(time_us), "lat": lat, "lon": lon, **{k: v for k, v in more.items() if v is not None}}


def message(uid: str, *bodies: dict[str, Any]) -> Message:
    payload = json.dumps(list(bodies) if len(bodies) != 1 else bodies[0]).encode()
    return Message(f"v1/devices/{uid}/pings", payload, time.time_ns() // 1000)


def make_pipeline(connection: psycopg.Connection, settings: Settings) -> Pipeline:
    return Pipeline(connection, pipeline_settings(settings))


def reconcile_all(connection: psycopg.Connection, settings: Settings) -> int:
    """Refold everything that is marked, at once; how many vehicles were."""
    from datetime import timedelta

    import msgspec

    eager = msgspec.structs.replace(reconcile_settings(settings), quiet=timedelta(0))
    reconciler, count = Reconciler(connection, eager), 0
    while reconciler.run_once() is not None:
        count += 1
    return count


def visits_in(connection: psycopg.Connection, vehicle_id: int, fences: Sequence[int]) -> list[VisitKey]:
    """The vehicle's visits with fences numbered from 1 in the order given, as `tests.support.law` has them."""
    number = {fence_id: position + 1 for position, fence_id in enumerate(fences)}
    rows = connection.execute(
        "SELECT geofence_id, entered_at, exited_at, inferred FROM visits"
        " WHERE vehicle_id = %s AND retracted_at IS NULL",
        [vehicle_id],
    ).fetchall()
    keys = [(number[f], to_us(a), None if b is None else to_us(b), i) for f, a, b, i in rows]
    return sorted(keys, key=lambda key: (key[0], key[1], key[2] or 2**62))
