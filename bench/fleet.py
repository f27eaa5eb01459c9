"""The fleet that the ingest benchmarks drive: trucks, trackers and fences spread over Senegal."""

import json
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg

WEST, EAST, SOUTH, NORTH = -17.2, -12.2, 12.8, 16.2
METRE = 1 / 111_320


@dataclass(frozen=True, slots=True)
class BenchFleet:
    vehicles: int
    geofences: int


def create(connection: psycopg.Connection, fleet: BenchFleet, seed: int = 1) -> None:
    """Vehicles 1..n with one tracker each (`truck-<n>`), and fences of 100 to 1,000 m that watch all of them."""
    rng = random.Random(seed)
    with connection.transaction():
        connection.execute(
            "WITH v AS (INSERT INTO vehicles (plate) SELECT 'DK-' || n FROM generate_series(1, %s) AS n"
            " RETURNING id, plate), d AS (INSERT INTO devices (uid, kind)"
            " SELECT 'truck-' || n, 'tracker' FROM generate_series(1, %s) AS n RETURNING id, uid)"
            " INSERT INTO device_assignments (device_id, vehicle_id)"
            " SELECT d.id, v.id FROM d JOIN v ON split_part(uid, '-', 2) = split_part(plate, '-', 2)",
            [fleet.vehicles, fleet.vehicles],
        )
        connection.cursor().executemany(
            "INSERT INTO geofences (name, shape) VALUES (%s, %s)",
            [(f"fence {n}", json.dumps(_fence(rng))) for n in range(fleet.geofences)],
        )


def _fence(rng: random.Random) -> dict[str, object]:
    lon, lat, radius_m = _anywhere(rng), rng.uniform(SOUTH, NORTH), rng.uniform(100, 1000)
    if rng.random() < 0.5:
        geometry: dict[str, object] = {"type": "Point", "coordinates": [lon, lat]}
        return {"type": "Feature", "geometry": geometry, "properties": {"radius_m": radius_m}}
    ring = [
        [
            lon + math.cos(angle) * radius_m * METRE / math.cos(math.radians(lat)),
            lat + math.sin(angle) * radius_m * METRE,
        ]
        for angle in (math.tau * corner / 24 for corner in range(24))
    ]
    geometry = {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}
    return {"type": "Feature", "geometry": geometry, "properties": {}}


def _anywhere(rng: random.Random) -> float:
    return rng.uniform(WEST, EAST)


def fixes(truck: int, *, interval_s: float, seed: int = 1) -> Iterator[tuple[float, float, float, float]]:
    """(lon, lat, speed_kmh, heading_deg) of one truck every `interval_s`, about 70 km/h, turning at the edges."""
    rng = random.Random(seed * 1_000_003 + truck)
    lon, lat, heading = _anywhere(rng), rng.uniform(SOUTH, NORTH), rng.uniform(0, 360)
    speed = rng.uniform(50, 85)
    while True:
        # As a laden lorry is driven: at most half a metre per second more or less each second.
        speed = min(max(speed + rng.uniform(-1.8, 1.8) * min(interval_s, 5), 50), 85)
        step = speed / 3.6 * interval_s * METRE
        heading = (heading + rng.uniform(-8, 8)) % 360
        lon += math.sin(math.radians(heading)) * step / math.cos(math.radians(lat))
        lat += math.cos(math.radians(heading)) * step
        if not (WEST < lon < EAST and SOUTH < lat < NORTH):
            heading = (heading + 180) % 360
        yield lon, lat, speed, heading


def payloads(truck: int, *, count: int, batch: int, start_ms: int, interval_ms: int) -> Iterator[bytes]:
    """`count` native JSON bodies of about 120 bytes a ping, `batch` pings each (1 = one object)."""
    track = fixes(truck, interval_s=interval_ms / 1000)
    number = 0
    for _ in range(count):
        pings = []
        for _ in range(batch):
            lon, lat, speed, heading = next(track)
            pings.append(
                f'{{"t":{start_ms + number * interval_ms},"lat":{lat:.6f},"lon":{lon:.6f},'
                f'"spd":{speed:.1f},"hdg":{heading:.1f},"alt":18.0,"acc":5.0,"sat":9,"ign":true,"bat":98.0}}'
            )
            number += 1
        yield (pings[0] if batch == 1 else "[" + ",".join(pings) + "]").encode()
