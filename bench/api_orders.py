"""Search of orders over HTTP with a million of them, 2 % open: `python -m bench.api_orders`.

A real uvicorn process, PostgreSQL and the clients share the machine. Each client asks the next search as soon
as the last is answered. The baseline is what the list was before: one statement with the carrier's scope as one
condition joined by OR, or every open order sorted by distance, timed in the database alone.
"""

import argparse
import random
import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from uuid import UUID

import httpx
import psycopg

from bench.http_load import Ask, api, drive, sign_in, tell_times
from bench.report import Report
from cli.parts.postgres import postgres
from cli.parts.valkey import valkey
from config import clock
from config.migrate import migrate

SHIPPERS, CARRIERS = 2_000, 500
# Towns with their share of pickups; half of all freight leaves the port.
TOWNS = (
    ("Dakar", 14.68, -17.43, 50), ("Thiès", 14.79, -16.93, 10), ("Kaolack", 14.15, -16.08, 8),
    ("Saint-Louis", 16.03, -16.50, 6), ("Touba", 14.86, -15.88, 8), ("Ziguinchor", 12.58, -16.27, 5),
    ("Tambacounda", 13.77, -13.67, 5), ("Kédougou", 12.56, -12.18, 4), ("Matam", 15.66, -13.26, 4),
)  # fmt: skip
GOODS = "Riz brisé|Ciment en sacs|Arachide décortiquée|Oignons|Sucre|Engrais NPK|Poisson congelé|Gravier|Fer à béton"

_USERS = """
INSERT INTO users (id, phone, name, role, password_hash)
SELECT gen_random_uuid(), '+22170' || lpad((%(first)s + n)::text, 7, '0'), %(role)s || n, %(role)s, '!'
FROM generate_series(1, %(many)s) AS n RETURNING id
"""
# created_at spread over two years, the open ones over two weeks
_ORDERS = """
INSERT INTO orders (shipper_id, carrier_id, status, reference, goods, weight_kg, vehicle_type,
                    pickup_name, pickup_lat, pickup_lon, pickup_shape, delivery_name, delivery_lat, delivery_lon,
                    delivery_shape, pickup_opens_at, pickup_closes_at, created_at, posted_at, expires_at, stop_names)
SELECT %(shippers)s[1 + n %% %(many_shippers)s], CASE WHEN open THEN NULL ELSE %(carriers)s[1 + n %% %(many_carriers)s] END,
       CASE WHEN open THEN (ARRAY['POSTED', 'BIDDING'])[1 + (n / 50) %% 2]
            ELSE (ARRAY['COMPLETED', 'COMPLETED', 'COMPLETED', 'CANCELLED', 'IN_TRANSIT'])[1 + n %% 5] END,
       'MESS-26-' || lpad(n::text, 7, '0'),
       (string_to_array(%(goods)s, '|'))[1 + (n / 7) %% 9] || ', ' || n || ' sacs', 500 + (n * 37) %% 29500,
       (ARRAY['BENNE', 'PORTEUR', 'SEMI_PLATEAU', NULL, 'FOURGON', 'FRIGO'])[1 + (n / 3) %% 6],
       'Dépôt ' || a.name, a.lat + sqrt(-2 * ln(r1)) * cos(2 * pi() * r2) * 0.1,
       a.lon + sqrt(-2 * ln(r1)) * sin(2 * pi() * r2) * 0.1, shape,
       'Marché ' || b.name, b.lat, b.lon, shape,
       made + interval '1 day', made + interval '3 days', made, made, made + interval '3 days',
       CASE WHEN n %% 500 < 100 THEN (ARRAY['Relais Mbour', 'Relais Diourbel', 'Relais Fatick'])[1 + n %% 3] ELSE '' END
FROM (SELECT n, n %% 50 = 0 AS open, 1 - random() AS r1, random() AS r2,
             now() - CASE WHEN n %% 50 = 0 THEN random() * interval '14 days'
                          ELSE random() * interval '730 days' END AS made,
             %(towns)s[1 + floor(random() * %(many_towns)s)::int] AS here,
             %(towns)s[1 + floor(random() * %(many_towns)s)::int] AS there
      FROM generate_series(%(from)s::int, %(to)s::int) AS n) AS one
JOIN town a ON a.id = here JOIN town b ON b.id = there
CROSS JOIN (SELECT '{"type": "Feature", "geometry": {"type": "Point", "coordinates": [-17.4, 14.7]},
                     "properties": {"radius_m": 200}}'::jsonb AS shape) AS s
"""
# A fifth of all orders call at a place on their way.
_STOPS = """
INSERT INTO order_stops (order_id, sequence, kind, name, lat, lon, shape)
SELECT id, 1, 'delivery', stop_names, 14.4, -16.5, pickup_shape FROM orders WHERE stop_names <> ''
"""
# The carrier that asks has bid on 2,000 orders long done.
_BIDS = """
INSERT INTO bids (order_id, carrier_id, vehicle_id, amount_xof, status, expires_at)
SELECT o.id, %(carrier)s, %(vehicle)s, 500000, 'LOST', now() FROM orders o
WHERE o.status = 'COMPLETED' AND o.carrier_id <> %(carrier)s LIMIT 2000
"""
_NAIVE = {
    "market": """
SELECT * FROM orders WHERE status IN ('POSTED', 'BIDDING') OR carrier_id = %(carrier)s
    OR EXISTS (SELECT FROM bids WHERE bids.order_id = orders.id AND bids.carrier_id = %(carrier)s)
ORDER BY created_at DESC, id DESC LIMIT 51""",
    "words": """
SELECT * FROM orders WHERE (status IN ('POSTED', 'BIDDING') OR carrier_id = %(carrier)s
    OR EXISTS (SELECT FROM bids WHERE bids.order_id = orders.id AND bids.carrier_id = %(carrier)s))
    AND (goods ILIKE '%%oignon%%' OR pickup_name ILIKE '%%oignon%%' OR delivery_name ILIKE '%%oignon%%')
ORDER BY created_at DESC, id DESC LIMIT 51""",
    "near Dakar": """
SELECT *, distance_km(14.68, -17.43, pickup_lat, pickup_lon) AS distance FROM orders
WHERE status IN ('POSTED', 'BIDDING') AND distance_km(14.68, -17.43, pickup_lat, pickup_lon) <= 100
ORDER BY distance, id LIMIT 51""",
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.api_orders", description=__doc__)
    parser.add_argument("--orders", type=int, default=1_000_000)
    parser.add_argument("--clients", type=int, default=2)
    parser.add_argument("--workers", type=int, default=2, help="processes of the API")
    parser.add_argument("--searches", type=int, default=1_500)
    options = parser.parse_args()
    report = Report()
    with ExitStack() as stack:
        server = stack.enter_context(postgres())
        with psycopg.connect(server.url(), autocommit=True) as admin:
            admin.execute("CREATE DATABASE bench")
        url = server.url("bench")
        migrate(url)
        connection = stack.enter_context(psycopg.connect(url, autocommit=True))
        begin = time.perf_counter()
        shipper, carrier = fill(connection, options.orders)
        report.say(f"{options.orders:,} orders, 2 % open, in {time.perf_counter() - begin:.0f} s")
        redis_url = stack.enter_context(valkey()).url()
        base = stack.enter_context(api(url, redis_url, options.workers))
        sessions = {
            "carrier": sign_in(connection, carrier, "carrier"),
            "shipper": sign_in(connection, shipper, "shipper"),
        }
        times = drive(base, asking(sessions), clients=options.clients, times=options.searches)
        tell(report, times, connection, carrier)


def fill(connection: psycopg.Connection, orders: int) -> tuple[UUID, UUID]:
    """A shipper and a carrier among many, and their orders; indexes are built after the rows are in."""
    shippers = _people(connection, "shipper", SHIPPERS, 0)
    carriers = _people(connection, "carrier", CARRIERS, SHIPPERS)
    connection.execute("CREATE TEMP TABLE town (id int, name text, lat float8, lon float8)")
    shares: list[int] = []
    for number, (name, lat, lon, share) in enumerate(TOWNS):
        connection.execute("INSERT INTO town VALUES (%s, %s, %s, %s)", [number, name, lat, lon])
        shares += [number] * share
    indexes = connection.execute(
        "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'orders' AND indexdef NOT LIKE 'CREATE UNIQUE%'"
    ).fetchall()
    for name, _ in indexes:
        connection.execute(f'DROP INDEX "{name}"')
    connection.execute(
        _ORDERS,
        {
            "shippers": shippers, "many_shippers": SHIPPERS, "carriers": carriers, "many_carriers": CARRIERS,
            "goods": GOODS, "towns": shares, "many_towns": len(shares), "from": 1, "to": orders,
        },
    )  # fmt: skip
    connection.execute(_STOPS)
    connection.execute("SET maintenance_work_mem = '512MB'")
    for _, definition in indexes:
        connection.execute(definition)
    vehicle = connection.execute(
        "INSERT INTO vehicles (plate, carrier_id) VALUES ('DK-0001-A', %s) RETURNING id", [carriers[1]]
    ).fetchone()
    assert vehicle is not None
    connection.execute(_BIDS, {"carrier": carriers[1], "vehicle": vehicle[0]})
    connection.execute("VACUUM ANALYZE")
    return shippers[1], carriers[1]


def _people(connection: psycopg.Connection, role: str, many: int, first: int) -> list[UUID]:
    rows = connection.execute(_USERS, {"role": role, "many": many, "first": first}).fetchall()
    return [row[0] for row in rows]


def _lately(_: random.Random) -> str:
    since = clock.now() - timedelta(days=5)
    return f"status=BIDDING&pickup_from={since:%Y-%m-%dT%H:%M:%SZ}"


Search = Callable[[random.Random], str]
# What carriers and shippers ask for, as often as the number says.
SEARCHES: tuple[tuple[str, str, int, Search], ...] = (
    ("market", "carrier", 4, lambda _: ""),
    ("near Dakar", "carrier", 3, lambda _: "lat=14.68&lng=-17.43&radius_km=100"),
    (
        "near anywhere",
        "carrier",
        3,
        lambda rng: f"lat={rng.uniform(12.5, 16):.4f}&lng={rng.uniform(-17, -12):.4f}&radius_km=200",
    ),
    (
        "type and weight",
        "carrier",
        3,
        lambda rng: f"status=POSTED&vehicle_type=FRIGO&weight_max_kg={rng.randint(2000, 30000)}",
    ),
    ("words", "carrier", 2, lambda rng: "q=" + rng.choice(["oignons", "riz kedougou", "poisson thies"])),
    (
        "words of stops",
        "carrier",
        1,
        lambda rng: "q=" + rng.choice(["mbour", "oignons diourbel", "riz fatick"]),
    ),
    ("near, words", "carrier", 1, lambda _: "lat=14.15&lng=-16.08&radius_km=150&q=ciment"),
    ("dates", "carrier", 2, _lately),
    ("reference", "carrier", 1, lambda rng: f"reference=mess26{rng.randint(1, 20_000) * 50:07d}"),
    ("own", "shipper", 3, lambda _: ""),
    ("own, by status", "shipper", 1, lambda _: "status=IN_TRANSIT"),
    ("own, words", "shipper", 1, lambda _: "q=sucre"),
)


def asking(headers: dict[str, dict[str, str]]) -> Ask:
    """The mix of searches; every third is followed to its second page. `headers`: of who asks, by role."""
    mix = [search for search in SEARCHES for _ in range(search[2])]

    def ask(rng: random.Random, client: httpx.Client, many: int) -> list[tuple[str, float]]:
        taken = []
        for _ in range(many):
            name, who, _, query = rng.choice(mix)
            address = f"/api/v1/orders/?{query(rng)}"
            for _ in range(2):
                begin = time.perf_counter()
                answer = client.get(address, headers=headers[who])
                taken.append((name, (time.perf_counter() - begin) * 1000))
                answer.raise_for_status()
                cursor = answer.json()["next_cursor"]
                if cursor is None or rng.random() > 1 / 3:
                    break
                address = f"{address}&cursor={cursor}"
        return taken

    return ask


def tell(
    report: Report, times: dict[str, list[float]], connection: psycopg.Connection, carrier: UUID
) -> None:
    tell_times(report, times)
    for name, statement in _NAIVE.items():
        naive_ms = [_timed(connection, statement, carrier) for _ in range(5)]
        report.add(f"naive {name}, in the database", statistics.median(naive_ms), "ms")
        ratio = statistics.median(naive_ms) / statistics.median(times[name])
        report.say(f"naive in the database / over HTTP, {name}: {ratio:.1f}")
    report.say("\n" + "\n".join(report.table()))


def _timed(connection: psycopg.Connection, statement: str, carrier: UUID) -> float:
    begin = time.perf_counter()
    connection.execute(statement, {"carrier": carrier}).fetchall()
    return (time.perf_counter() - begin) * 1000


if __name__ == "__main__":
    main()
