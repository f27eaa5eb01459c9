"""Available drivers over HTTP with 100,000 vehicles: `python -m bench.api_drivers`.

A real uvicorn process, PostgreSQL and the clients share the machine. Each client asks the next question as soon
as the last is answered. The baseline is what the endpoint did before, in the same database: every free truck in
the box by one statement over `vehicle_states`, ranked in Python; its time is without HTTP.
"""

import argparse
import random
import statistics
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import psycopg
from psycopg.rows import dict_row

from bench.http_load import Ask, api, drive, sign_in, tell_times
from bench.report import Report
from cli.parts.postgres import postgres
from cli.parts.valkey import valkey
from config.migrate import migrate
from platform_api.orders.rules import UNDERWAY
from platform_api.tracking import rules
from platform_api.tracking.rules import Candidate

# Towns with their share of the trucks; the others are on the roads between.
TOWNS = (
    (14.68, -17.43, 35), (14.79, -16.93, 10), (14.15, -16.08, 8), (16.03, -16.50, 6), (14.86, -15.88, 8),
    (12.58, -16.27, 4), (13.77, -13.67, 5), (12.56, -12.18, 2), (15.66, -13.26, 2),
)  # fmt: skip
# What people ask: (name, where, how far in km, how often)
QUESTIONS = (
    ("Dakar, 5 km", (14.68, -17.43), 5.0, 2),
    ("Dakar, 50 km", (14.68, -17.43), 50.0, 4),
    ("Kaolack, 50 km", (14.15, -16.08), 50.0, 2),
    ("anywhere, 50 km", None, 50.0, 3),
    ("anywhere, 500 km", None, 500.0, 1),
)

# A tenth has no driver, a tenth is busy, a tenth has not been heard for an hour.
_FILL = """
CREATE TEMP TABLE place (n bigint PRIMARY KEY, lat float8, lon float8);
INSERT INTO users (phone, name, role, password_hash)
    SELECT '+22170' || lpad(n::text, 7, '0'), 'Chauffeur ' || n, 'driver', '!' FROM generate_series(1, %(many)s) AS n;
INSERT INTO users (phone, name, role, password_hash)
    SELECT '+22176' || lpad(n::text, 7, '0'), 'Transporteur ' || n, 'carrier', '!' FROM generate_series(1, 2000) AS n;
INSERT INTO vehicles (plate, name, capacity_kg, carrier_id, driver_id)
    SELECT 'BN-' || n, 'Camion ' || n, 20000, carriers.ids[1 + n %% 2000], CASE WHEN n %% 10 <> 0 THEN d.id END
    FROM (SELECT id, row_number() OVER () AS n FROM users WHERE role = 'driver') AS d
    CROSS JOIN (SELECT array_agg(id) AS ids FROM users WHERE role = 'carrier') AS carriers;
INSERT INTO devices (uid, kind, carrier_id)
    SELECT 'bench-' || id, 'tracker', carrier_id FROM vehicles ORDER BY id;
ANALYZE users, vehicles, devices;
"""
_STATES = """
INSERT INTO vehicle_states (vehicle_id, device_id, time, lat, lon)
    SELECT v.id, d.id, CASE WHEN v.id % 10 = 1 THEN now() - interval '2 hours' ELSE now() + interval '10 minutes' END, p.lat, p.lon
    FROM vehicles v JOIN devices d ON d.id = v.id JOIN place p ON p.n = v.id
"""
# Every third vehicle has driven an order; a tenth has one under way.
_ORDERS = """
INSERT INTO orders (shipper_id, carrier_id, driver_id, vehicle_id, status, goods, pickup_name, pickup_lat, pickup_lon,
                    pickup_shape, delivery_name, delivery_lat, delivery_lon, delivery_shape)
    SELECT v.carrier_id, v.carrier_id, v.driver_id, v.id,
           CASE WHEN v.id % 10 = 2 THEN 'IN_TRANSIT' ELSE 'COMPLETED' END,
           'Riz', 'A', 14.7, -17.4, '{}', 'B', 14.1, -16.1, '{}'
    FROM vehicles v WHERE v.driver_id IS NOT NULL AND (v.id % 10 = 2 OR v.id % 3 = 0)
"""
_BASELINE = """
SELECT v.id AS vehicle_id, v.plate, v.name AS vehicle_name, v.capacity_kg,
       u.id AS driver_id, u.name AS driver_name, s.lat, s.lon, s.time, d.kind AS source, NOT s.mock AS trusted
FROM vehicle_states s
JOIN vehicles v ON v.id = s.vehicle_id
JOIN users u ON u.id = v.driver_id
LEFT JOIN devices d ON d.id = s.device_id
WHERE s.time >= %(fresh_since)s AND s.lat BETWEEN %(south)s AND %(north)s AND s.lon BETWEEN %(west)s AND %(east)s
  AND v.available AND NOT u.disabled
  AND NOT EXISTS (SELECT FROM orders o WHERE o.vehicle_id = v.id AND o.status = ANY (%(underway)s))
  AND NOT EXISTS (SELECT FROM orders o WHERE o.driver_id = u.id AND o.status = ANY (%(underway)s))
"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.api_drivers", description=__doc__)
    parser.add_argument("--vehicles", type=int, default=100_000)
    parser.add_argument("--clients", type=int, default=2)
    parser.add_argument("--workers", type=int, default=2, help="processes of the API")
    parser.add_argument("--questions", type=int, default=1_200)
    parser.add_argument(
        "--baseline", type=int, default=5, help="how often the baseline is asked each question"
    )
    options = parser.parse_args()
    report = Report()
    with ExitStack() as stack:
        server = stack.enter_context(postgres())
        with psycopg.connect(server.url(), autocommit=True) as admin:
            admin.execute("CREATE DATABASE bench")
        url = server.url("bench")
        migrate(url)
        connection = stack.enter_context(psycopg.connect(url, autocommit=True, row_factory=dict_row))
        begin = time.perf_counter()
        shipper = fill(connection, options.vehicles)
        report.say(f"{options.vehicles:,} vehicles in {time.perf_counter() - begin:.0f} s")
        base = stack.enter_context(api(url, stack.enter_context(valkey()).url(), options.workers))
        with psycopg.connect(url, autocommit=True) as plain:
            headers = sign_in(plain, shipper, "shipper")
        times = drive(base, asking(headers), clients=options.clients, times=options.questions)
        tell(report, times, connection, options.baseline)


def fill(connection: psycopg.Connection[dict[str, Any]], many: int) -> UUID:
    """A shipper to ask with; the vehicles are spread the same in every run."""
    rng = random.Random(1)
    connection.execute(_FILL.replace("%(many)s", str(many)).replace("%%", "%"))
    with connection.cursor().copy("COPY place (n, lat, lon) FROM STDIN") as copy:
        for number in range(1, many + 1):
            copy.write_row((number, *_place(rng)))
    connection.execute("ANALYZE place")
    connection.execute(_STATES)
    # Neither triggers nor foreign keys: the rows are good, and there are many.
    connection.execute("SET session_replication_role = replica")
    connection.execute(_ORDERS)
    connection.execute("RESET session_replication_role")
    row = connection.execute(
        "INSERT INTO users (phone, name, role, password_hash) VALUES ('+221771234567', 'Chargeur', 'shipper', '!')"
        " RETURNING id"
    ).fetchone()
    assert row is not None
    connection.execute("VACUUM ANALYZE")
    return UUID(str(row["id"]))


def _place(rng: random.Random) -> tuple[float, float]:
    choice = rng.uniform(0, 100)
    for lat, lon, share in TOWNS:
        if choice < share:
            return rng.gauss(lat, 0.06), rng.gauss(lon, 0.06)
        choice -= share
    (lat, lon, _), (to_lat, to_lon, _), way = rng.choice(TOWNS), rng.choice(TOWNS), rng.random()
    return lat + (to_lat - lat) * way, lon + (to_lon - lon) * way


def asking(headers: dict[str, str]) -> Ask:
    """The mix of questions."""
    mix = [question for question in QUESTIONS for _ in range(question[3])]

    def ask(rng: random.Random, client: httpx.Client, many: int) -> list[tuple[str, float]]:
        taken = []
        for _ in range(many):
            name, where, radius_km, _ = rng.choice(mix)
            lat, lng = where or (rng.uniform(12.5, 16), rng.uniform(-17, -12))
            begin = time.perf_counter()
            answer = client.get(
                "/api/v1/tracking/available-drivers/",
                params={"lat": lat, "lng": lng, "radius_km": radius_km},
                headers=headers,
            )
            taken.append((name, (time.perf_counter() - begin) * 1000))
            answer.raise_for_status()
        return taken

    return ask


def tell(
    report: Report, times: dict[str, list[float]], connection: psycopg.Connection[dict[str, Any]], rounds: int
) -> None:
    tell_times(report, times)
    for name, where, radius_km, _ in QUESTIONS:
        lat, lon = where or (14.15, -14.5)
        baseline_ms = [_baseline(connection, lat, lon, radius_km) for _ in range(rounds)]
        median_ms = statistics.median(baseline_ms)
        report.add(f"baseline {name}, without HTTP", median_ms, "ms")
        report.say(
            f"baseline without HTTP / over HTTP, {name}: {median_ms / statistics.median(times[name]):.1f}"
        )
    report.say("\n" + "\n".join(report.table()))


def _baseline(
    connection: psycopg.Connection[dict[str, Any]], lat: float, lon: float, radius_km: float
) -> float:
    """Milliseconds of the statement and ranking that this endpoint had before."""
    now = datetime.now(UTC)
    box = rules.bounding_box(lat, lon, radius_km)
    begin = time.perf_counter()
    rows = connection.execute(
        _BASELINE,
        {
            "fresh_since": now - timedelta(minutes=30),
            "south": box.south,
            "north": box.north,
            "west": box.west,
            "east": box.east,
            "underway": list(UNDERWAY),
        },
    ).fetchall()
    rules.rank([Candidate(**row) for row in rows], lat=lat, lon=lon, radius_km=radius_km, now=now)
    return (time.perf_counter() - begin) * 1000


if __name__ == "__main__":
    main()
