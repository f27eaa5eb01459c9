"""Lists of orders: filters, what is near, pages that neither repeat nor leave out, and the indexes they read."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from pyproj import Geod

from config.database import get_engine
from platform_api.actor import Role
from platform_api.orders.search import canonical_reference
from tests.integration.orders.world import DELIVERY, ORDER, World
from tests.support.api import Person, code_of, person
from tests.support.queries import count_queries
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration

ORDERS = "/api/v1/orders/"
GEOD = Geod(ellps="WGS84")


def ahead(hours: float) -> str:
    return (datetime.now(UTC) + timedelta(hours=hours)).isoformat()


def posted(world: World, shipper: Person, **parts: Any) -> str:
    answer = shipper.post(ORDERS, {**ORDER, **parts})
    assert answer.status_code == 201, answer.text
    path = f"{ORDERS}{answer.json()['id']}/"
    assert code_of(shipper.post(f"{path}post/")) == (200, "")
    return str(answer.json()["id"])


def listed(someone: Person, **query: Any) -> list[str]:
    """All pages."""
    found: list[str] = []
    while True:
        answer = someone.get(ORDERS, params=query)
        assert answer.status_code == 200, answer.text
        found += [order["id"] for order in answer.json()["items"]]
        if answer.json()["next_cursor"] is None:
            return found
        query["cursor"] = answer.json()["next_cursor"]


@pytest.fixture(scope="module")
def market(client: Any, database_url: str) -> tuple[World, dict[str, str]]:
    world = World(client, database_url)
    shipper = person(client, Role.SHIPPER)
    made = {
        "rice": posted(world, shipper, goods="Riz brisé, 400 sacs", weight_kg=20_000, vehicle_type="BENNE"),
        "fish": posted(world, shipper, goods="Poisson", weight_kg=3_000, vehicle_type="FRIGO",
                       pickup={"name": "Thiès", "lat": 14.79, "lon": -16.93}),
        "any": posted(world, shipper, goods="Meubles", pickup={"name": "Saint-Louis", "lat": 16.03, "lon": -16.5},
                      pickup_window={"opens_at": ahead(48), "closes_at": ahead(60)}),
    }  # fmt: skip
    return world, made


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, {"rice", "fish", "any"}),
        ({"status": "POSTED"}, {"rice", "fish", "any"}),
        ({"status": "BIDDING"}, set()),
        ({"vehicle_type": "FRIGO"}, {"fish", "any"}),
        ({"weight_min_kg": 5_000}, {"rice", "any"}),
        ({"weight_max_kg": 5_000}, {"fish"}),
        ({"q": "sac"}, {"rice"}),
        ({"q": "RIZ brise"}, {"rice"}),
        ({"q": "thies"}, {"fish"}),
        ({"q": "kaolack"}, {"rice", "fish", "any"}),
        ({"q": "kaolack -poisson"}, {"rice", "any"}),
        ({"q": "nowhere"}, set()),
        ({"q": "'); DROP TABLE orders; --"}, set()),
        ({"pickup_until": ahead(24)}, {"rice", "fish"}),
        ({"pickup_from": ahead(61)}, {"rice", "fish"}),
        ({"pickup_from": ahead(50), "pickup_until": ahead(70)}, {"rice", "fish", "any"}),
        ({"lat": 14.6797, "lng": -17.4281, "radius_km": 30}, {"rice"}),
        ({"lat": 14.6797, "lng": -17.4281, "radius_km": 80}, {"rice", "fish"}),
        ({"lat": 14.6797, "lng": -17.4281, "radius_km": 80, "q": "poisson"}, {"fish"}),
        ({"lat": 14.6797, "lng": -17.4281, "radius_km": 80, "status": "BIDDING"}, set()),
    ],
)
def test_filters(market: tuple[World, dict[str, str]], query: dict[str, Any], expected: set[str]) -> None:
    world, made = market
    names = {order_id: name for name, order_id in made.items()}
    for reader in (world.carrier, person(world.client, Role.ADMINISTRATOR)):
        assert {names[found] for found in listed(reader, **query) if found in names} == expected


def test_stops_are_found_by_their_names_as_they_are_now(world: World) -> None:
    shipper = person(world.client, Role.SHIPPER)
    stops = [
        {"kind": "delivery", "place": {"name": name, "lat": 14.5, "lon": -16.8}}
        for name in ("Dépôt d'œufs de Mbour", "São Domingos")
    ]
    body = {**ORDER, "goods": "Oignons", "stops": stops}
    draft = f"{ORDERS}{shipper.post(ORDERS, body).json()['id']}/"
    order_id = draft.split("/")[-2]
    assert listed(shipper, q="mbour -poisson") == [order_id]
    assert code_of(shipper.patch(draft, {"goods": "Oignons rouges"})) == (200, "")
    for words in ("MBOUR", "oeuf", "Œufs mbour", "sao domingos", '"oignons rouges" kaolack domingos'):
        assert listed(shipper, q=words) == [order_id]
    assert code_of(shipper.patch(draft, {"stops": stops[1:]})) == (200, "")
    assert listed(shipper, q="mbour") == []
    assert listed(world.carrier, q="domingos") == []
    assert code_of(shipper.post(f"{draft}post/")) == (200, "")
    assert listed(world.carrier, q="domingos", lat=14.68, lng=-17.43, radius_km=20) == [order_id]
    for query in ({}, {"status": "POSTED"}):
        with count_queries() as asked:
            assert listed(world.carrier, q="domingos", **query) == [order_id]
        assert len([statement for statement in asked if "FROM orders" in statement]) == 1


def test_an_order_is_found_by_its_reference(market: tuple[World, dict[str, str]]) -> None:
    world, made = market
    reference = world.carrier.get(f"{ORDERS}{made['rice']}/").json()["reference"]
    typed = reference.lower().replace("-", " ").replace("0", "o").replace("mess", "MESS")
    assert listed(world.carrier, reference=typed) == [made["rice"]]
    assert listed(world.shipper, reference=typed) == []


def test_what_is_misread_is_read() -> None:
    assert canonical_reference("mess-26-oil23ab") == "MESS-26-01123AB"
    assert canonical_reference("whatever") == "WHATEVER"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"lat": 14}, "near_incomplete"),
        ({"lat": 14, "lng": -17, "status": "COMPLETED"}, "near_needs_open"),
        ({"lat": 95, "lng": -17}, "invalid_parameter"),
        ({"lat": 14, "lng": -17, "radius_km": 0}, "invalid_parameter"),
        ({"lat": "nan", "lng": -17}, "invalid_parameter"),
        ({"pickup_from": "2026-01-01T00:00:00"}, "invalid_parameter"),
        ({"radius_km": 20}, "near_incomplete"),
        ({"weight_min_kg": 3_000, "weight_max_kg": 2_000}, "filter_reversed"),
        ({"pickup_from": ahead(60), "pickup_until": ahead(50)}, "filter_reversed"),
        ({"cursor": "WzFd"}, "invalid_cursor"),
        ({"lat": 14, "lng": -17, "cursor": "WzFd"}, "invalid_cursor"),
    ],
)
def test_a_search_that_makes_no_sense(
    market: tuple[World, dict[str, str]], query: dict[str, Any], code: str
) -> None:
    assert code_of(market[0].carrier.get(ORDERS, params=query)) == (400, code)


def test_nearest_first_over_all_pages(world: World) -> None:
    """Far ones, near ones and some at one point, so that pages break inside a distance."""
    shipper, rng = person(world.client, Role.SHIPPER), random.Random(5)
    here = (-5.0, 10.0)
    places = [(here[0] + rng.gauss(0, 1), here[1] + rng.gauss(0, 1)) for _ in range(25)] + [(-5.1, 10.1)] * 7
    for lon, lat in places:
        posted(world, shipper, pickup={"name": "ici", "lat": lat, "lon": lon}, delivery=DELIVERY)
    query = {"lat": here[1], "lng": here[0], "radius_km": 150, "limit": 4}
    shown: list[dict[str, Any]] = []
    while True:
        page = world.carrier.get(ORDERS, params=query).json()
        shown += page["items"]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    distances = [order["distance_km"] for order in shown]
    assert distances == sorted(distances)
    assert len({order["id"] for order in shown}) == len(shown)
    true_km = [GEOD.inv(*here, lon, lat)[2] / 1000 for lon, lat in places]
    assert abs(len(shown) - sum(km <= 150 for km in true_km)) <= 1  # a sphere is not the ellipsoid
    for order, km in zip(shown, sorted(true_km), strict=False):
        assert order["distance_km"] == pytest.approx(km, rel=0.006)
    assert listed(shipper, lat=here[1], lng=here[0], radius_km=150) == [order["id"] for order in shown]
    assert listed(person(world.client, Role.SHIPPER), lat=here[1], lng=here[0], radius_km=150) == []


def test_pages_of_a_carrier_hold_each_order_once(world: World) -> None:
    """Open ones, its own, and those it bid on (twice on some), mixed in time."""
    carrier, _, vehicle_id = world.fleet()
    known = []
    for number in range(12):
        path = world.posted()
        known.append(path.split("/")[-2])
        if number % 2:
            first = world.bid(path, carrier, vehicle_id)
            carrier.post(f"{path}bids/{first}/withdraw/")
            second = world.bid(path, carrier, vehicle_id)
        if number % 4 == 1:
            world.shipper.post(f"{path}cancel/", {"reason": "x"})
        if number == 7:
            assert code_of(world.shipper.post(f"{path}accept-bid/", {"bid_id": second})) == (200, "")
    for limit in (1, 3, 50):
        found = [order for order in listed(carrier, limit=limit) if order in known]
        assert found == known[::-1]
    assert set(listed(carrier, status="CANCELLED")) == {known[1], known[5], known[9]}
    assert listed(carrier, status="ASSIGNED") == [known[7]]
    assert not set(known) & set(listed(world.carrier, status="ASSIGNED"))
    assert not set(known) & set(listed(world.carrier, status="CANCELLED"))


def whole_reads(database_url: str) -> Any:
    """Sequential scans of orders and their rows; of all connections, as one that has ended told what it counted."""
    wait_until(lambda: get_engine().pool.checkedout() == 0, what="the requests to end")  # type: ignore[attr-defined]
    get_engine().dispose()
    others = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
    )
    reads = "SELECT seq_scan, seq_tup_read FROM pg_stat_user_tables WHERE relname = 'orders'"
    with psycopg.connect(database_url, autocommit=True) as connection:
        wait_until(lambda: connection.execute(others).fetchone() == (0,), what="the connections to end")
        return connection.execute(reads).fetchone()


def test_no_list_reads_the_whole_table(world: World, database_url: str) -> None:
    """Of a table with statistics as a busy platform has them: no sequential scan of orders."""
    world.sql(
        "INSERT INTO orders (shipper_id, status, goods, pickup_name, pickup_lat, pickup_lon, pickup_shape,"
        " delivery_name, delivery_lat, delivery_lon, delivery_shape, created_at)"
        " SELECT %s, CASE WHEN n %% 50 = 0 THEN 'POSTED' ELSE 'COMPLETED' END, 'Sel', 'a', 14 + random(), -17, '{}',"
        " 'b', 15, -16, '{}', now() - n * interval '1 minute' FROM generate_series(1, 20000) AS n",
        world.shipper.id,
    )
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE orders")
    queries: list[dict[str, Any]] = [{}, {"status": "POSTED"}, {"q": "sel"}, {"lat": 14.5, "lng": -17},
                                     {"vehicle_type": "FRIGO", "weight_max_kg": 4}]  # fmt: skip
    other = person(world.client, Role.SHIPPER)
    before = whole_reads(database_url)
    for query in queries:
        for reader in (world.carrier, other):
            assert reader.get(ORDERS, params=query).status_code == 200
    assert whole_reads(database_url) == before
