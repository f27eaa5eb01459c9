"""Rows that ingest needs, and pipelines on a real database without a broker."""

import json
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import msgspec
import psycopg

from config.settings import Settings
from geofence.settings import FenceSettings
from ingest.intake import Message
from ingest.interval import Interval
from ingest.interval_store import stored_intervals
from ingest.ping import Ping, rfc3339
from ingest.pipeline import Pipeline
from ingest.reconcile import Reconciler
from ingest.times import to_us
from ingest.worker import pipeline_settings, reconcile_settings
from telemetry.rules import VehicleRules
from tests.support.law import PHONE, TRACKER, Known, VisitKey, intervals_in_order


def add_vehicle(connection: psycopg.Connection, plate: str) -> int:
    row = connection.execute("INSERT INTO vehicles (plate) VALUES (%s) RETURNING id", [plate]).fetchone()
    assert row
    return int(row[0])


def add_device(
    connection: psycopg.Connection, uid: str, vehicle_id: int | None, kind: str = "tracker"
) -> int:
    row = connection.execute(
        "INSERT INTO devices (uid, kind, priority) VALUES (%s, %s, %s) RETURNING id",
        [uid, kind, PHONE if kind == "phone" else TRACKER],
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


NATIVE_KEYS = {
    "accuracy_m": "acc", "speed_kmh": "spd", "ignition": "ign", "fuel_pct": "fuel", "odometer_km": "odo", "mock": "mock",
}  # fmt: skip


def body_of(ping: Ping) -> dict[str, Any]:
    """A ping as a native device writes it; of what the law's tracks have."""
    values = {key: getattr(ping, name) for name, key in NATIVE_KEYS.items()}
    alarms = {"alarms": list(ping.alarms)} if ping.alarms else {}
    return ping_body(ping.time_us, ping.lat, ping.lon, **values) | alarms | (ping.attributes or {})


def message(uid: str, *bodies: dict[str, Any]) -> Message:
    payload = json.dumps(list(bodies) if len(bodies) != 1 else bodies[0]).encode()
    return Message(f"v1/devices/{uid}/pings", payload, time.time_ns() // 1000)


def make_pipeline(
    connection: psycopg.Connection, settings: Settings, rules: VehicleRules | None = None
) -> Pipeline:
    chosen = pipeline_settings(settings)
    return Pipeline(connection, msgspec.structs.replace(chosen, rules=rules or chosen.rules))


def reconcile_all(
    connection: psycopg.Connection, settings: Settings, rules: VehicleRules | None = None
) -> int:
    """Refold everything that is marked, at once; how many vehicles were."""
    chosen = reconcile_settings(settings)
    eager = msgspec.structs.replace(chosen, quiet=timedelta(0), rules=rules or chosen.rules)
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


def known_of(connection: psycopg.Connection, vehicle_id: int, fences: Sequence[int]) -> Known:
    """All that is told of the vehicle, as `tests.support.law` has it."""
    return Known(visits_in(connection, vehicle_id, fences), intervals_in(connection, vehicle_id))


def intervals_in(connection: psycopg.Connection, vehicle_id: int) -> list[Interval]:
    """The vehicle's intervals as they stand, in order."""
    stored = stored_intervals(connection, vehicle_id, None, [])
    return intervals_in_order(each.interval for each in stored)
