"""The fleet that the ingest benchmarks drive: trucks, trackers and fences spread over Senegal."""

import itertools
import json
import math
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import psycopg

WEST, EAST, SOUTH, NORTH = -17.2, -12.2, 12.8, 16.2
METRE = 1 / 111_320
# All of ECOWAS, for fences that are loaded and mostly not near.
REGION = (-17.5, 4.0, 16.0, 20.0)
# Where the benchmarks' first message comes from; it is on no vehicle.
WARM_UP = "warm-up"


@dataclass(frozen=True, slots=True)
class BenchFleet:
    """`geofences` lie in Senegal, where the trucks are; `far_geofences` all over the region, Senegal too."""

    vehicles: int
    geofences: int
    far_geofences: int = 0


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
        connection.execute("INSERT INTO devices (uid, kind) VALUES (%s, 'tracker')", [WARM_UP])
        near = [_fence(rng, (WEST, SOUTH, EAST, NORTH)) for _ in range(fleet.geofences)]
        far = [_fence(rng, REGION) for _ in range(fleet.far_geofences)]
        connection.execute(
            "INSERT INTO geofences (name, shape) SELECT 'fence', shape FROM unnest(%s::jsonb[]) AS shape",
            [[json.dumps(shape) for shape in near + far]],
        )


def _fence(rng: random.Random, area: tuple[float, float, float, float]) -> dict[str, object]:
    west, south, east, north = area
    lon, lat, radius_m = rng.uniform(west, east), rng.uniform(south, north), rng.uniform(100, 1000)
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


def payload(
    time_ms: int, lon: float = -17.4, lat: float = 14.7, speed: float = 60.0, heading: float = 90.0
) -> bytes:
    """One native JSON ping of about 120 bytes."""
    return (
        f'{{"t":{time_ms},"lat":{lat:.6f},"lon":{lon:.6f},"spd":{speed:.1f},"hdg":{heading % 359.9:.1f},'
        f'"alt":18.0,"acc":5.0,"sat":9,"ign":true,"bat":98.0}}'
    ).encode()


def payloads(truck: int, *, count: int, batch: int, start_ms: int, interval_ms: int) -> Iterator[bytes]:
    """`count` native JSON bodies of about 120 bytes a ping, `batch` pings each (1 = one object)."""
    track = fixes(truck, interval_s=interval_ms / 1000)
    pings = (payload(start_ms + number * interval_ms, *next(track)) for number in itertools.count())
    for _ in range(count):
        yield next(pings) if batch == 1 else joined(itertools.islice(pings, batch))


def joined(pings: Iterable[bytes]) -> bytes:
    """One body of several pings."""
    return b"[" + b",".join(pings) + b"]"
