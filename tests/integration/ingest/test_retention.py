"""Retention on real databases: each fleet by its policy, nobody waits for it, and the past stays as it was told."""

import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import psycopg
import pytest

from config.storage_level import is_hypertable
from ingest import copy_rows, retention_store, store
from ingest.retention import Sweep, SweepSettings
from ingest.times import from_us, to_us
from telemetry.retention import RetentionPolicy
from tests.support.ingest import add_device, add_vehicle
from tests.support.late_truck import IN, OUT, Truck, us
from tests.support.ping_rows import columns, row

NOW = datetime(2026, 6, 1, 9, tzinfo=UTC)
SETTINGS = SweepSettings(RetentionPolicy(), lateness_days=35, piece_rows=500)
LONGEST_INSERT_S = 2.0
_numbers = count(1)


@pytest.fixture(params=["database_url", "timescale_url"])
def url(request: pytest.FixtureRequest) -> str:
    found: str = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def connection(url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(url, autocommit=True) as opened:
        opened.execute("TRUNCATE pings, ping_floors, retention_policies")
        opened.execute("UPDATE devices SET carrier_id = NULL")
        yield opened


def carrier(connection: psycopg.Connection, policy: RetentionPolicy | None = None) -> uuid.UUID:
    row = connection.execute(
        "INSERT INTO users (phone, name, role, password_hash) VALUES (%s, 'C', 'carrier', '!') RETURNING id",
        [f"+22178{next(_numbers):07d}"],
    ).fetchone()
    assert row is not None
    if policy is not None:
        set_policy(connection, policy, row[0])
    found: uuid.UUID = row[0]
    return found


def set_policy(connection: psycopg.Connection, policy: RetentionPolicy, of: uuid.UUID | None) -> None:
    connection.execute(
        "INSERT INTO retention_policies (carrier_id, ping_days, thin_after_days, thin_to_s, interval_days,"
        " visit_days) VALUES (%s, %s, %s, %s, %s, %s)",
        [of, policy.ping_days, policy.thin_after_days, policy.thin_to_s, policy.interval_days, policy.visit_days],
    )  # fmt: skip


def device(connection: psycopg.Connection, of: uuid.UUID | None = None) -> int:
    device_id = add_device(connection, f"keeps-{next(_numbers)}", None)
    connection.execute("UPDATE devices SET carrier_id = %s WHERE id = %s", [of, device_id])
    return device_id


def pings(connection: psycopg.Connection, device_id: int, *ages_days: float) -> None:
    connection.execute(
        "INSERT INTO pings (device_id, time, received_at, lat, lon)"
        " SELECT %s, t, t, 14.7, -17.4 FROM unnest(%s::timestamptz[]) AS t",
        [device_id, [NOW - timedelta(days=age) for age in ages_days]],
    )


def ages(connection: psycopg.Connection, device_id: int) -> list[float]:
    rows = connection.execute("SELECT time FROM pings WHERE device_id = %s ORDER BY time DESC", [device_id])
    return [round((NOW - each[0]) / timedelta(days=1), 3) for each in rows]


def sweep(connection: psycopg.Connection, **changes: Any) -> Counter[str]:
    settings = SweepSettings(**{f: getattr(SETTINGS, f) for f in SETTINGS.__struct_fields__} | changes)
    found: Counter[str] = Counter()
    for piece in Sweep(connection, settings, NOW).pieces():
        found[piece.what] += piece.count
    return found


AGES = (1, 36, 50, 70, 99, 102, 500)


def test_each_fleet_by_its_own_policy(connection: psycopg.Connection) -> None:
    short, long = carrier(connection, RetentionPolicy(40)), carrier(connection, RetentionPolicy(100))
    forever, without = carrier(connection, RetentionPolicy()), carrier(connection)
    devices = [device(connection, of) for of in (short, long, forever, without, None)]
    for each in devices:
        pings(connection, each, *AGES)
    sweep(connection, default=RetentionPolicy(60))
    assert [ages(connection, each) for each in devices] == [
        [1, 36], [1, 36, 50, 70, 99], list(AGES), [1, 36, 50], [1, 36, 50],
    ]  # fmt: skip
    # An administrator's default goes before the setting.
    set_policy(connection, RetentionPolicy(45), None)
    sweep(connection, default=RetentionPolicy(60))
    assert [ages(connection, each) for each in devices[2:]] == [list(AGES), [1, 36], [1, 36]]


def test_a_device_keeps_to_the_policy_of_whose_it_is_now(connection: psycopg.Connection) -> None:
    short, forever = carrier(connection, RetentionPolicy(40)), carrier(connection, RetentionPolicy())
    moved = device(connection, short)
    connection.execute("UPDATE devices SET carrier_id = %s WHERE id = %s", [forever, moved])
    pings(connection, moved, *AGES)
    sweep(connection)
    assert ages(connection, moved) == list(AGES)


def test_old_pings_are_thinned_and_thinned_again_by_a_stricter_policy(connection: psycopg.Connection) -> None:
    fleet = carrier(connection, RetentionPolicy(365, 90, 3600))
    truck = device(connection, fleet)
    minute = 1 / 1440
    midnight = NOW.hour / 24  # days since it: a bucket begins there
    old = [midnight + 100 - n * 10 * minute for n in range(18)]  # three hours, one every ten minutes
    young = [midnight + 50 - n * 10 * minute for n in range(6)]
    pings(connection, truck, *old, *young)
    assert sweep(connection, piece_rows=5)["thinned"] == 15
    left = [round(midnight + 100 - n * 60 * minute, 3) for n in range(3)]
    assert ages(connection, truck)[-3:] == sorted(left)
    assert len(ages(connection, truck)) == 9
    assert sweep(connection)["thinned"] == 0
    connection.execute("UPDATE retention_policies SET thin_to_s = 86400 WHERE carrier_id = %s", [fleet])
    assert sweep(connection)["thinned"] == 2


def test_a_sweep_that_ends_in_the_middle_is_taken_up_again(connection: psycopg.Connection) -> None:
    truck = device(connection, carrier(connection, RetentionPolicy(40)))
    pings(connection, truck, 1, *(50 + n / 1000 for n in range(300)))
    pieces = Sweep(connection, SweepSettings(RetentionPolicy(), 35, 100), NOW).pieces()
    while next(pieces).what != "pings":
        pass
    assert len(ages(connection, truck)) == 201
    done = "SELECT deleted_before FROM ping_floors WHERE device_id = %s"
    assert connection.execute(done, [truck]).fetchone() == (None,)
    assert sweep(connection)["pings"] == 200
    assert ages(connection, truck) == [1]
    assert sweep(connection)["pings"] == 0


def test_one_worker_sweeps_at_a_time(connection: psycopg.Connection, url: str) -> None:
    with psycopg.connect(url, autocommit=True) as other, psycopg.connect(url, autocommit=True) as third:
        assert retention_store.begin(other)
        assert not retention_store.begin(third)
        assert retention_store.begin(other)  # again after a failure
        retention_store.end(other)
        assert retention_store.begin(third)


def test_what_somebody_holds_is_put_off_and_the_rest_is_done(
    connection: psycopg.Connection, url: str
) -> None:
    fleet = carrier(connection, RetentionPolicy(40))
    held, free = device(connection, fleet), device(connection, fleet)
    for each in (held, free):
        pings(connection, each, 50, 60)
    with psycopg.connect(url) as other, psycopg.connect(url, autocommit=True) as sweeper:
        other.execute("SELECT FROM pings WHERE device_id = %s FOR UPDATE", [held])
        assert retention_store.begin(sweeper)
        sweep_now = Sweep(sweeper, SweepSettings(RetentionPolicy(), 35, 100), NOW)
        began = time.monotonic()
        assert {piece.what for piece in sweep_now.pieces()} >= {"floors", "pings"}
        assert time.monotonic() - began < 10
        assert sweep_now.put_off == 1
    assert (ages(connection, held), ages(connection, free)) == ([50, 60], [])
    sweep(connection)
    assert ages(connection, held) == []


def test_whole_chunks_go_only_where_every_fleet_allows_it(connection: psycopg.Connection) -> None:
    chunked = is_hypertable(connection)
    short, long = carrier(connection, RetentionPolicy(40)), carrier(connection, RetentionPolicy(100))
    connection.execute("UPDATE devices SET carrier_id = %s", [short])
    devices = [device(connection, of) for of in (short, long)]
    keeps = device(connection, carrier(connection, RetentionPolicy()))
    for each in devices:
        pings(connection, each, *AGES)
    assert sweep(connection)["chunks"] == 0
    connection.execute("UPDATE devices SET carrier_id = %s WHERE id = %s", [long, keeps])
    for each in devices:
        pings(connection, each, 102, 500)
    connection.execute("UPDATE ping_floors SET deleted_before = NULL")
    assert sweep(connection)["chunks"] == (2 if chunked else 0)
    assert [ages(connection, each) for each in devices] == [[1, 36], [1, 36, 50, 70, 99]]


def test_live_batches_go_on_beside_a_large_deletion(connection: psycopg.Connection, url: str) -> None:
    fleet = carrier(connection, RetentionPolicy(40))
    old, live = device(connection, fleet), device(connection, fleet)
    # For whose sake no whole chunk may go, whichever tests ran before.
    device(connection, carrier(connection, RetentionPolicy()))
    connection.execute(
        "INSERT INTO pings (device_id, time, received_at, lat, lon)"
        " SELECT %s, t, t, 14.7, -17.4 FROM generate_series(%s::timestamptz, %s::timestamptz, '10 s') AS t",
        [old, NOW - timedelta(days=80), NOW - timedelta(days=60)],
    )
    finished, failures, took_s = threading.Event(), list[BaseException](), list[float]()

    def insert() -> None:
        try:
            with psycopg.connect(url, autocommit=True) as own:
                for number in range(100_000):
                    if finished.is_set():
                        return
                    data = columns([
                        row(device_id=live, time_us=to_us(NOW) + (number * 500 + n) * 1000) for n in range(500)
                    ])  # fmt: skip
                    began = time.monotonic()
                    with own.transaction():
                        store.copy_pings(own, copy_rows.encode(data))
                    took_s.append(time.monotonic() - began)
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=insert)
    thread.start()
    began = time.monotonic()
    try:
        found = sweep(connection, piece_rows=2000)
    finally:
        swept_s = time.monotonic() - began
        finished.set()
        thread.join(30)
    assert failures == []
    assert found["pings"] == 172_801
    assert len(took_s) > 5
    longest_s, usual_s = max(took_s), sorted(took_s)[len(took_s) // 2]
    # None waited for the deletion, which itself takes long where all is slow.
    assert longest_s < max(LONGEST_INSERT_S, swept_s / 2), (
        f"longest {longest_s:.3f} s, usual {usual_s:.3f} s of {len(took_s)}"
    )
    assert ages(connection, old) == []


# What was told of the past ---------------------------------------------------


def keep_from(truck: Truck, seconds: float) -> None:
    """As the sweep does it: first it is said, then the pings go."""
    floor = from_us(us(seconds))
    retention_store.raise_floors(truck.connection, [(truck.device_id, floor)])
    truck.connection.execute("DELETE FROM pings WHERE device_id = %s AND time < %s", [truck.device_id, floor])


def long_journey(truck: Truck) -> None:
    """Two visits, with safe points every two minutes."""
    stays = [(t, IN if 600 <= t < 1200 or 3600 <= t < 4200 else OUT) for t in range(0, 6000, 60)]
    for stay in stays:
        truck.send(stay)


@pytest.mark.parametrize("floor", [660, 1500, 3000, 3660])
@pytest.mark.parametrize("mark", [None, 30, 700, 2000])
def test_a_refold_never_takes_back_what_deleted_pings_showed(
    connection: psycopg.Connection, floor: float, mark: float | None
) -> None:
    truck = Truck(connection)
    long_journey(truck)
    told = truck.visits
    assert told == [(600, 1200), (3600, 4200)]
    keep_from(truck, floor)
    truck.mark(mark, age_s=60)
    truck.refold()
    assert truck.visits == told
    # And what comes after the floor is still judged anew: it left the second time ten minutes earlier.
    truck.connection.execute(
        "UPDATE pings SET lon = lon + 1 WHERE device_id = %s AND time >= %s",
        [truck.device_id, NOW.fromtimestamp(us(4000) / 1e6, UTC)],
    )
    truck.mark(3900, age_s=60)
    truck.refold()
    assert truck.visits[0] == (600, 1200)
    assert truck.visits[1][1] < 4200  # type: ignore[operator]


def test_a_silent_truck_is_not_folded_over_what_is_gone(connection: psycopg.Connection) -> None:
    """Its state, and all its safe points, are older than the floor."""
    truck = Truck(connection)
    long_journey(truck)
    told = truck.visits
    keep_from(truck, 50_000)
    truck.send((900, OUT))  # late, of a time before the floor
    truck.refold()
    assert truck.visits == told


def test_a_device_that_left_its_vehicle_counts_there_up_to_then(connection: psycopg.Connection) -> None:
    vehicle_id = add_vehicle(connection, f"FLOOR-{next(_numbers)}")
    device_id = add_device(connection, f"floor-{next(_numbers)}", vehicle_id)
    retention_store.raise_floors(connection, [(device_id, NOW)])
    assert retention_store.floor_of(connection, vehicle_id) == NOW
    connection.execute(
        "UPDATE device_assignments SET valid_to = %s WHERE device_id = %s",
        [NOW - timedelta(days=9), device_id],
    )
    assert retention_store.floor_of(connection, vehicle_id) == NOW - timedelta(days=9)
    connection.execute(
        "UPDATE device_assignments SET valid_from = %s, valid_to = NULL WHERE device_id = %s",
        [NOW, device_id],
    )
    assert retention_store.floor_of(connection, vehicle_id) is None


def test_trips_and_visits_go_when_they_are_old_but_not_those_of_orders(
    connection: psycopg.Connection,
) -> None:
    fleet = carrier(connection, RetentionPolicy(40, interval_days=50, visit_days=60))
    vehicle_id = add_vehicle(connection, f"OLD-{next(_numbers)}")
    connection.execute("UPDATE vehicles SET carrier_id = %s WHERE id = %s", [fleet, vehicle_id])
    point = '{"type": "Feature", "geometry": {"type": "Point", "coordinates": [0, 0]}, "properties": {"radius_m": 9}}'
    fences = [
        connection.execute(
            "INSERT INTO geofences (name, shape) VALUES ('f', %s) RETURNING id", [point]
        ).fetchone()
        for _ in range(2)
    ]
    depot, pickup = (each[0] for each in fences if each is not None)
    connection.execute(
        "INSERT INTO orders (shipper_id, status, goods, pickup_name, pickup_lat, pickup_lon, pickup_shape,"
        " delivery_name, delivery_lat, delivery_lon, delivery_shape, pickup_geofence_id)"
        " VALUES (%s, 'COMPLETED', 'riz', 'a', 0, 0, '{}', 'b', 0, 0, '{}', %s)",
        [fleet, pickup],
    )
    for kind, age, lasts, taken_back in (
        ("trip", 51, 0.1, False), ("trip", 49, 0.1, False), ("stop", 52, 10, False), ("gap", 70, None, False),
        ("tow", 80, 0.1, True),
    ):  # fmt: skip
        started = NOW - timedelta(days=age)
        ended = None if lasts is None else started + timedelta(days=lasts)
        found = connection.execute(
            "INSERT INTO intervals (vehicle_id, kind, family, origin, device_id, started_at, ended_at, seen_at,"
            " retracted_at) VALUES (%s, %s, %s, 'platform', 0, %s, %s, %s, %s) RETURNING id",
            [vehicle_id, kind, kind, started, ended, started, NOW if taken_back else None],
        ).fetchone()
        assert found is not None
        connection.execute(
            "INSERT INTO interval_changes (interval_id, vehicle_id, kind, change, started_at)"
            " VALUES (%s, %s, %s, 'created', %s)",
            [found[0], vehicle_id, kind, started],
        )
    for fence_id, age, lasts in ((depot, 61, 0.1), (depot, 59, 0.1), (depot, 70, None), (pickup, 90, 0.1)):
        entered = NOW - timedelta(days=age)
        found = connection.execute(
            "INSERT INTO visits (vehicle_id, geofence_id, entered_at, exited_at, enter_evidence)"
            " VALUES (%s, %s, %s, %s, '{}') RETURNING id",
            [vehicle_id, fence_id, entered, None if lasts is None else entered + timedelta(days=lasts)],
        ).fetchone()
        assert found is not None
        connection.execute(
            "INSERT INTO crossings (visit_id, vehicle_id, geofence_id, kind, change, time, evidence)"
            " VALUES (%s, %s, %s, 'enter', 'created', %s, '{}')",
            [found[0], vehicle_id, fence_id, entered],
        )
    found_counts = sweep(connection)
    assert (found_counts["intervals"], found_counts["visits"]) == (2, 1)
    left = connection.execute(
        "SELECT kind FROM intervals WHERE vehicle_id = %s ORDER BY 1", [vehicle_id]
    ).fetchall()
    assert [each[0] for each in left] == ["gap", "stop", "trip"]
    visits = connection.execute(
        "SELECT geofence_id, exited_at IS NULL FROM visits WHERE vehicle_id = %s ORDER BY entered_at",
        [vehicle_id],
    ).fetchall()
    assert visits == [(pickup, False), (depot, True), (depot, False)]
