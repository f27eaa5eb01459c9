"""Windows of drivers' phones on a real database: what changes them, who reads them again, and batches meanwhile."""

import threading
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import psycopg
import pytest

from config.settings import Settings
from ingest.duty_cache import PhoneCache
from ingest.pipeline import Pipeline
from ingest.times import to_us
from tests.support.ingest import make_pipeline, message, ping_body
from tests.support.traces import tables_with

US = 1_000_000
T0 = datetime(2026, 3, 2, 8, tzinfo=UTC)
T0_US = to_us(T0)
SETTINGS = Settings(ingest_worker="svc-ingest-duty", duty_tolerance_s=0)
POINT = '{"type": "Feature", "geometry": {"type": "Point", "coordinates": [-17.4, 14.7]}, "properties": {"radius_m": 200}}'
_numbers = count(1)


@pytest.fixture(scope="module")
def connection(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as opened:
        yield opened


def one(connection: psycopg.Connection, query: str, *values: Any) -> Any:
    row = connection.execute(query, values).fetchone()
    assert row is not None
    return row[0]


class Driver:
    """A driver with a phone in a truck."""

    def __init__(self, connection: psycopg.Connection) -> None:
        number = next(_numbers)
        self.connection = connection
        self.user_id: uuid.UUID = one(
            connection,
            "INSERT INTO users (phone, name, role, password_hash) VALUES (%s, 'D', 'driver', '!') RETURNING id",
            f"+22177{number:07d}",
        )
        self.uid = f"phone-{number}"
        self.device_id: int = one(
            connection,
            "INSERT INTO devices (uid, kind, priority, user_id) VALUES (%s, 'phone', 200, %s) RETURNING id",
            self.uid,
            self.user_id,
        )
        self.vehicle_id: int = one(
            connection, "INSERT INTO vehicles (plate) VALUES (%s) RETURNING id", f"DUTY-{number}"
        )
        connection.execute(
            "INSERT INTO device_assignments (device_id, vehicle_id) VALUES (%s, %s)",
            [self.device_id, self.vehicle_id],
        )

    def order(self, assigned: float) -> uuid.UUID:
        found: uuid.UUID = one(
            self.connection,
            "INSERT INTO orders (shipper_id, status, goods, pickup_name, pickup_lat, pickup_lon, pickup_shape,"
            " delivery_name, delivery_lat, delivery_lon, delivery_shape, driver_id, assigned_at)"
            " VALUES (%s, 'ASSIGNED', 'riz', 'a', 14, -17, %s, 'b', 14, -17, %s, %s, %s) RETURNING id",
            self.user_id, POINT, POINT, self.user_id, at(assigned),
        )  # fmt: skip
        return found

    def on_duty(self, start: float, end: float | None = None) -> None:
        self.connection.execute(
            "INSERT INTO duty_periods (user_id, started_at, closes_at, ended_at, ended_by)"
            " VALUES (%s, %s, %s, %s, %s)",
            [self.user_id, at(start), at(start + 57_600), None if end is None else at(end),
             None if end is None else "driver"],
        )  # fmt: skip

    def message(self, *seconds: float, lat: float = 14.7) -> Any:
        return message(self.uid, *(ping_body(T0_US + round(s * US), lat, -17.4) for s in seconds))

    def stored(self) -> list[float]:
        rows = self.connection.execute(
            "SELECT time FROM pings WHERE device_id = %s ORDER BY time", [self.device_id]
        )
        return [(to_us(row[0]) - T0_US) / US for row in rows]


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def refused(connection: psycopg.Connection, uid: str) -> dict[str, int]:
    return dict(
        connection.execute(
            "SELECT reason, count(*) FROM rejected_pings WHERE device_uid = %s GROUP BY 1", [uid]
        ).fetchall()
    )


@pytest.fixture
def driver(connection: psycopg.Connection) -> Driver:
    return Driver(connection)


@pytest.fixture
def pipeline(connection: psycopg.Connection) -> Iterator[Pipeline]:
    made = make_pipeline(connection, SETTINGS)
    yield made
    made.close()


def test_positions_are_taken_on_an_order_and_on_duty_only(driver: Driver, pipeline: Pipeline) -> None:
    order = driver.order(100)
    driver.connection.execute("UPDATE orders SET delivered_at = %s WHERE id = %s", [at(200), order])
    driver.on_duty(300, 400)
    pipeline.process([driver.message(99, 100, 200, 201, 299, 300, 400, 401)])
    assert driver.stored() == [100, 200, 300, 400]
    assert refused(driver.connection, driver.uid) == {"off_duty": 4}


@pytest.mark.parametrize("column", ["delivered_at", "completed_at", "cancelled_at"])
def test_an_order_ends_its_window_when_it_ends(driver: Driver, pipeline: Pipeline, column: str) -> None:
    order = driver.order(100)
    pipeline.process([driver.message(150)])
    driver.connection.execute(f"UPDATE orders SET {column} = %s WHERE id = %s", [at(200), order])
    pipeline.process([driver.message(199), driver.message(250)])
    assert driver.stored() == [150, 199]


def test_a_forgotten_duty_period_ends_by_itself(driver: Driver, pipeline: Pipeline) -> None:
    driver.on_duty(0)
    pipeline.process([driver.message(57_600, 57_601)])
    assert driver.stored() == [57_600]


def test_the_tolerance_is_a_setting_and_so_is_privacy(connection: psycopg.Connection) -> None:
    for changes, expected in (
        ({"duty_tolerance_s": 30}, [-30, 40]),
        ({"phone_privacy": "always"}, [-31, -30, 40, 41]),
    ):
        driver = Driver(connection)
        driver.on_duty(0, 10)
        pipeline = make_pipeline(connection, SETTINGS.model_copy(update=changes))
        pipeline.process([driver.message(-31, -30, 40, 41)])
        pipeline.close()
        assert driver.stored() == expected


def test_a_phone_of_nobody_is_not_concerned_and_one_that_gets_a_driver_is(
    driver: Driver, pipeline: Pipeline
) -> None:
    driver.connection.execute("UPDATE devices SET user_id = NULL WHERE id = %s", [driver.device_id])
    pipeline.process([driver.message(1)])
    driver.connection.execute(
        "UPDATE devices SET user_id = %s WHERE id = %s", [driver.user_id, driver.device_id]
    )
    pipeline.process([driver.message(2)])
    assert driver.stored() == [1]
    owners = driver.connection.execute(
        "SELECT since IS NULL, until IS NULL FROM phone_owners WHERE device_id = %s ORDER BY id",
        [driver.device_id],
    ).fetchall()
    assert owners == [(True, False), (False, True)]


def test_a_phone_that_left_with_its_driver_leaves_nothing_until_it_is_the_carriers(
    driver: Driver, pipeline: Pipeline
) -> None:
    lat = 14.727272727
    change = "UPDATE devices SET user_id = NULL, disabled = %s WHERE id = %s"
    driver.connection.execute(change, [True, driver.device_id])
    pipeline.process([driver.message(1, lat=lat)])
    assert refused(driver.connection, driver.uid) == {"unknown_device": 1}
    assert tables_with(driver.connection, [lat]) == {}
    driver.connection.execute(change, [False, driver.device_id])
    pipeline.process([driver.message(2, lat=lat)])
    assert driver.stored() == [2]


def test_only_the_phones_that_changed_are_read_again(connection: psycopg.Connection) -> None:
    one_driver, other = Driver(connection), Driver(connection)
    cache = PhoneCache(connection, 0)
    before = cache.current()
    assert cache.current() is before
    one_driver.on_duty(0, 10)
    after = cache.current()
    assert after.windows[other.device_id] is before.windows[other.device_id]
    assert after.windows[one_driver.device_id].opens_us.tolist() == [T0_US]
    # Of an order only what makes a window counts: its price does not.
    order = one_driver.order(50)
    assert cache.current() is not after
    current = cache.current()
    connection.execute("UPDATE orders SET goods = 'mil' WHERE id = %s", [order])
    assert cache.current() is current


def test_orders_and_fences_changed_in_either_order_do_not_wait_for_each_other(
    driver: Driver, database_url: str
) -> None:
    """Accepting a bid changes a fence first, cancelling an order the order first: both touch both counters."""
    orders = [driver.order(n) for n in (1, 2)]
    met = threading.Barrier(2, timeout=20)
    failures: list[BaseException] = []

    def fence(own: psycopg.Connection) -> None:
        own.execute("INSERT INTO geofences (name, shape) VALUES ('f', %s)", [POINT])

    def order(own: psycopg.Connection, number: int) -> None:
        own.execute("UPDATE orders SET cancelled_at = %s WHERE id = %s", [at(9), orders[number]])

    def run(number: int) -> None:
        steps = [fence, lambda own: order(own, number)]
        if number:
            steps.reverse()
        try:
            with psycopg.connect(database_url) as own:
                steps[0](own)
                met.wait()
                steps[1](own)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=[number]) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert failures == []


def test_windows_that_change_while_batches_run(driver: Driver, database_url: str) -> None:
    """What was committed before a batch began is what it judges by, whoever else is writing."""
    committed = [0]
    finished = threading.Event()
    failures: list[BaseException] = []

    def duty() -> None:
        try:
            with psycopg.connect(database_url, autocommit=True) as own:
                for number in range(1, 61):
                    own.execute(
                        "INSERT INTO duty_periods (user_id, started_at, closes_at, ended_at, ended_by)"
                        " VALUES (%s, %s, %s, %s, 'driver')",
                        [driver.user_id, at(number * 100), at(number * 100 + 90), at(number * 100 + 50)],
                    )
                    committed[0] = number
        except BaseException as error:
            failures.append(error)
        finally:
            finished.set()

    def batches(name: str, offset: float, stored: set[float]) -> None:
        try:
            with psycopg.connect(database_url, autocommit=True) as own:
                mine = make_pipeline(own, SETTINGS.model_copy(update={"ingest_worker": name}))
                while True:
                    last, done = committed[0], finished.is_set()
                    if last:
                        mine.process([driver.message(last * 100 + offset, last * 100 + 60 + offset)])
                        stored.add(last * 100 + offset)
                    if done:
                        break
                mine.close()
        except BaseException as error:
            failures.append(error)

    expected: list[set[float]] = [set(), set()]
    threads = [threading.Thread(target=duty)] + [
        threading.Thread(target=batches, args=[f"svc-ingest-d{n}", float(n), expected[n]]) for n in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    assert failures == []
    assert set(driver.stored()) == expected[0] | expected[1]
    assert len(expected[0]) > 1


def test_nothing_of_a_refused_position_is_anywhere(driver: Driver, pipeline: Pipeline) -> None:
    lat = 64.718281828  # whose first digits are no seconds of a time
    driver.on_duty(0, 10)
    sent = driver.message(5, 50, lat=lat)
    pipeline.process([driver.message(60, lat=lat), driver.message(70, lat=lat + 91)])
    assert refused(driver.connection, driver.uid) == {"off_duty": 1, "latitude_out_of_range": 1}
    assert tables_with(driver.connection, [lat, "64.71828", "155.71828"]) == {}
    # The search does find what is stored.
    result = pipeline.process([sent])
    assert [live.ping.lat for live in result.live] == [lat]
    assert set(tables_with(driver.connection, [lat])) >= {"pings", "vehicle_states"}
