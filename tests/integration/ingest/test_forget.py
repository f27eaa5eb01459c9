"""One phone's positions are erased from everything that ingest writes, in pieces, by whichever worker is alive."""

import json
import threading
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import psycopg
import pytest

from config.settings import Settings
from ingest import forget, retention_store
from ingest.forget import WAITS
from ingest.intake import Message
from ingest.pipeline import Pipeline
from ingest.times import from_us
from tests.support.ingest import (
    add_device,
    add_fence,
    add_vehicle,
    make_pipeline,
    message,
    ping_body,
    reconcile_all,
)
from tests.support.late_truck import FENCE
from tests.support.law import LAT, LON, METRE, START_US, shape_around
from tests.support.traces import tables_with
from tests.support.waiting import wait_until

US = 1_000_000
NOW = datetime(2026, 6, 1, tzinfo=UTC)
SETTINGS = Settings(
    ingest_worker="svc-ingest-forget",
    ingest_snapshot_minutes=2,
    ingest_checkpoint_s=0,
    phone_privacy="always",
    phone_takeover_s=60,
)
_numbers = count(1)


@pytest.fixture(params=["database_url", "timescale_url"])
def url(request: pytest.FixtureRequest) -> str:
    found: str = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def connection(url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(url, autocommit=True) as opened:
        yield opened


class Truck:
    """A fence around its middle; a phone whose positions can be told from all others."""

    def __init__(self, connection: psycopg.Connection, *, tracker: bool) -> None:
        number = next(_numbers)
        self.connection = connection
        # A latitude that only this phone has.
        self.secret = 14.700_123_456 + number * 1e-6
        self.uid, self.phone_uid = f"forget-t{number}", f"moussas-phone-{number}"
        self.vehicle_id = add_vehicle(connection, f"FORGET-{number}")
        self.fence_id = add_fence(connection, shape_around(0.0, 100.0), FENCE, vehicle_id=self.vehicle_id)
        if tracker:
            add_device(connection, self.uid, self.vehicle_id)
        self.phone_id = add_device(connection, self.phone_uid, self.vehicle_id, "phone")
        self.pipeline: Pipeline = make_pipeline(connection, SETTINGS)

    def track(self, *rows: tuple[float, float]) -> None:
        self._send(self.uid, LAT, rows)

    def phone(self, *rows: tuple[float, float], **more: Any) -> None:
        self._send(self.phone_uid, self.secret, rows, **more)

    def _send(self, uid: str, lat: float, rows: tuple[tuple[float, float], ...], **more: Any) -> None:
        for second, metres in rows:
            time_us = START_US + round(second * US)
            body = ping_body(time_us, lat, LON + metres * METRE, **more)
            self.pipeline.process([message(uid, body)])

    def told(self) -> tuple[list[Any], list[Any]]:
        """Visits, and intervals, by what they say beside places."""
        visits = self.connection.execute(
            "SELECT geofence_id, entered_at, exited_at, inferred FROM visits"
            " WHERE vehicle_id = %s AND retracted_at IS NULL ORDER BY entered_at",
            [self.vehicle_id],
        ).fetchall()
        intervals = self.connection.execute(
            "SELECT kind, started_at FROM intervals"
            " WHERE vehicle_id = %s AND retracted_at IS NULL ORDER BY started_at, kind",
            [self.vehicle_id],
        ).fetchall()
        return visits, intervals

    def traces(self) -> dict[str, int]:
        """But for what the API's own part of an erasure takes."""
        besides = ["devices", "mqtt_revocations"]
        return tables_with(self.connection, [self.secret, self.phone_uid], besides=besides)

    def ask(self, since: datetime | None = None, until: datetime | None = None) -> int:
        """As a confirmed erasure does, with the phone shut out and renamed in one transaction."""
        with self.connection.transaction():
            row = self.connection.execute(
                "WITH u AS (INSERT INTO users (phone, name, role, password_hash)"
                " VALUES (%s, 'x', 'driver', '!') RETURNING id)"
                " INSERT INTO erasures (subject_id, asked_by, code_hash, created_at) SELECT id, id, '', now() FROM u"
                " RETURNING id",
                [str(uuid.uuid4())],
            ).fetchone()
            assert row is not None
            if until is None:
                self.connection.execute(
                    "UPDATE devices SET disabled = true, uid = %s WHERE id = %s",
                    [f"erased-{self.phone_id}", self.phone_id],
                )
            asked = self.connection.execute(
                "INSERT INTO phone_erasures (erasure_id, device_id, since, until, uid)"
                " VALUES (%s, %s, %s, %s, %s) RETURNING id",
                [row[0], self.phone_id, since, until, self.phone_uid if until is None else None],
            ).fetchone()
            assert asked is not None
        return int(asked[0])


def run(connection: psycopg.Connection, rows: int = 100) -> list[str]:
    return [piece.what for piece in forget.pieces(connection, rows, NOW)]


def finish(connection: psycopg.Connection, asked: int, rows: int = 100) -> dict[str, int]:
    """Until it is done; what was erased."""

    def done() -> Any:
        run(connection, rows)
        return connection.execute(
            "SELECT counts FROM phone_erasures WHERE id = %s AND finished_at IS NOT NULL", [asked]
        ).fetchone()

    counts: dict[str, int] = wait_until(done, 60, "the erasure to finish")[0]
    return counts


def drive(truck: Truck) -> None:
    """Into the fence by the phone, out of it, and a stop; the tracker sees some of it, or nothing."""
    truck.phone(*((n * 30, 400 - n * 40) for n in range(10)))
    truck.phone(*((300 + n * 30, 0) for n in range(10)), alarms=["sos"])
    truck.phone(*((600 + n * 30, n * 60) for n in range(20)))


@pytest.mark.parametrize("tracker", [False, True])
def test_nothing_of_the_phone_is_left_and_what_was_told_stays(
    connection: psycopg.Connection, tracker: bool
) -> None:
    truck = Truck(connection, tracker=tracker)
    if tracker:
        truck.track(*((n * 30 - 600, 900 - n * 20) for n in range(18)))
    drive(truck)
    truck.pipeline.process([message(truck.phone_uid, {"t": 1, "lat": truck.secret, "lon": LON})])
    reconcile_all(connection, SETTINGS)
    before = truck.traces()
    assert set(before) >= {"pings", "visits", "crossings", "intervals", "vehicle_states", "vehicle_snapshots"}
    visits, intervals = truck.told()
    assert len(visits) == 1
    counts = finish(connection, truck.ask())
    assert truck.traces() == {}
    assert truck.told()[0] == visits
    # A trip or stop that was going on has ended; none began or was taken back.
    assert truck.told()[1] == intervals
    assert counts["pings"] == 40
    assert {"states", "visits", "crossings", "intervals"} <= counts.keys()
    open_now = "SELECT count(*) FROM intervals WHERE vehicle_id = %s AND ended_at IS NULL"
    assert connection.execute(open_now, [truck.vehicle_id]).fetchone() == (0,)
    # Done again it finds nothing, and a refold from the first ping changes nothing.
    assert finish(connection, truck.ask()) == {}
    connection.execute("INSERT INTO dirty_vehicles (vehicle_id) VALUES (%s)", [truck.vehicle_id])
    reconcile_all(connection, SETTINGS)
    assert truck.told()[0] == visits


def test_a_truck_that_goes_on_with_its_tracker_leaves_the_fence_it_entered_by_the_phone(
    connection: psycopg.Connection,
) -> None:
    truck = Truck(connection, tracker=True)
    truck.phone(*((n * 30, 400 - n * 40) for n in range(10)))
    truck.phone(*((300 + n * 30, 0) for n in range(10)))
    other = make_pipeline(connection, SETTINGS)  # another worker, which remembers nothing
    finish(connection, truck.ask())
    truck.pipeline.process([message(truck.uid, ping_body(START_US + 700 * US, LAT, LON))])
    for second in range(760, 1200, 30):
        body = ping_body(START_US + second * US, LAT, LON + 600 * METRE)
        (truck.pipeline if second % 60 else other).process([message(truck.uid, body)])
    other.close()
    ((_, entered, left, _),) = truck.told()[0]
    assert entered == from_us(START_US + 240 * US)
    assert left == from_us(START_US + 760 * US)
    evidence = connection.execute(
        "SELECT enter_evidence->'lat', exit_evidence->'lat' FROM visits WHERE vehicle_id = %s",
        [truck.vehicle_id],
    ).fetchone()
    assert evidence == (None, LAT)
    assert truck.traces() == {}


def test_what_the_tracker_saw_itself_stays(connection: psycopg.Connection) -> None:
    truck = Truck(connection, tracker=True)
    for n in range(30):
        place = (n * 30, 400 - n * 40 if n < 10 else 0 if n < 20 else n * 40)
        truck.track(place)
        truck.phone(place)
    visits = "SELECT id, enter_evidence, exit_evidence FROM visits WHERE vehicle_id = %s"
    trips = "SELECT id, start_lat, end_lat FROM intervals WHERE vehicle_id = %s ORDER BY id"
    state = "SELECT lat, state FROM vehicle_states WHERE vehicle_id = %s"
    before = [connection.execute(q, [truck.vehicle_id]).fetchall() for q in (visits, trips, state)]
    assert before[1]
    assert set(truck.traces()) == {"pings"}
    finish(connection, truck.ask())
    after = [connection.execute(q, [truck.vehicle_id]).fetchall() for q in (visits, trips, state)]
    assert after == before


def test_when_it_was_there_and_what_it_said_of_itself_goes_too(connection: psycopg.Connection) -> None:
    truck = Truck(connection, tracker=False)
    truck.phone((0, 0))
    location = {"_type": "status", "android": {"bo": 0}, "_id": "secret-of-the-phone"}
    sent = Message(
        f"owntracks/{truck.phone_uid}/phone/status", json.dumps(location).encode(), time.time_ns() // 1000
    )
    truck.pipeline.process([sent])
    known = (
        "SELECT p.state, p.last_seen_at IS NULL, p.report, (SELECT count(*) FROM presence_changes c"
        " WHERE c.device_id = p.device_id) FROM device_presence p WHERE p.device_id = %s"
    )
    before = connection.execute(known, [truck.phone_id]).fetchone()
    assert before is not None
    assert (before[0], before[1], bool(before[2]), before[3]) == ("online", False, True, 1)
    finish(connection, truck.ask())
    assert connection.execute(known, [truck.phone_id]).fetchone() == ("unknown", True, {}, 0)


def test_messages_that_came_while_it_was_his_go_though_he_had_it_not_alone(
    connection: psycopg.Connection,
) -> None:
    truck = Truck(connection, tracker=False)
    bad = {"t": 1, "lat": truck.secret, "lon": LON}
    truck.pipeline.process([message(truck.phone_uid, bad)])
    until = datetime.now(UTC)
    truck.pipeline.process([message(truck.phone_uid, bad, bad)])
    finish(connection, truck.ask(until=until))
    left = connection.execute(
        "SELECT received_at >= %s FROM dead_letters WHERE device_id = %s", [until, truck.phone_id]
    ).fetchall()
    assert left == [(True,)]


def test_only_while_it_was_his(connection: psycopg.Connection) -> None:
    truck = Truck(connection, tracker=False)
    drive(truck)
    half = from_us(START_US + 600 * US)
    finish(connection, truck.ask(until=half))
    left = connection.execute(
        "SELECT min(time), count(*) FROM pings WHERE device_id = %s", [truck.phone_id]
    ).fetchone()
    assert left == (half, 20)
    evidence = connection.execute(
        "SELECT enter_evidence->'lat', exit_evidence->'lat' FROM visits WHERE vehicle_id = %s",
        [truck.vehicle_id],
    ).fetchone()
    assert evidence == (None, truck.secret)


def test_a_batch_that_was_under_way_when_the_phone_was_shut_out_is_waited_for(
    connection: psycopg.Connection, url: str
) -> None:
    truck = Truck(connection, tracker=False)
    with psycopg.connect(url) as slow:
        # As a batch that looked the phone up a moment ago.
        slow.execute(
            "INSERT INTO pings (device_id, time, received_at, lat, lon) VALUES (%s, %s, now(), %s, %s)",
            [truck.phone_id, from_us(START_US), truck.secret, LON],
        )
        asked = truck.ask()
        for _ in range(3):
            assert set(run(connection)) == {WAITS}
        slow.commit()
    assert finish(connection, asked) == {"pings": 1}
    assert truck.traces() == {}


def test_a_step_that_would_wait_for_a_fold_is_put_off_and_others_are_not(
    connection: psycopg.Connection, url: str
) -> None:
    held, free = Truck(connection, tracker=False), Truck(connection, tracker=False)
    for truck in (held, free):
        drive(truck)
    asked = [truck.ask() for truck in (held, free)]
    # Settled: whoever holds a lock from now on is not waited for.
    connection.execute("UPDATE phone_erasures SET step = 'pings' WHERE id = ANY (%s)", [asked])
    with psycopg.connect(url) as folding, psycopg.connect(url, autocommit=True) as worker:
        retention_store.be_brief(worker)
        folding.execute("SELECT FROM vehicle_states WHERE vehicle_id = %s FOR UPDATE", [held.vehicle_id])
        wait_until(lambda: (run(worker), free.traces() == {})[1], 60, "the other erasure")
        assert "vehicle_states" in held.traces()
    finish(connection, asked[0])
    assert held.traces() == {}


@pytest.mark.parametrize("killed_after", [1, 3, 7, 9, 11])
def test_a_killed_job_goes_on_where_it_was(
    connection: psycopg.Connection, url: str, killed_after: int
) -> None:
    truck = Truck(connection, tracker=True)
    drive(truck)
    asked = truck.ask()
    with psycopg.connect(url, autocommit=True) as first:
        done = 0
        while done < killed_after:
            pieces = forget.pieces(first, 10, NOW)
            while done < killed_after and next(pieces, None) is not None:
                done += 1
    counts = finish(connection, asked, rows=10)
    assert counts["pings"] == 40
    assert truck.traces() == {}


def test_two_workers_at_once_and_batches_meanwhile(connection: psycopg.Connection, url: str) -> None:
    truck = Truck(connection, tracker=True)
    drive(truck)
    asked, failures, finished = truck.ask(), list[BaseException](), threading.Event()

    def erase() -> None:
        try:
            with psycopg.connect(url, autocommit=True) as own:
                retention_store.be_brief(own)
                while not finished.is_set():
                    run(own, 10)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=erase) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        second = 2000
        while connection.execute(
            "SELECT FROM phone_erasures WHERE id = %s AND finished_at IS NULL", [asked]
        ).fetchone():
            truck.track((second, second % 700))
            second += 30
            assert second < 60_000
        truck.track(*((second + n * 30, 5_000 + n * 200) for n in range(10)))
    finally:
        finished.set()
        for thread in threads:
            thread.join(30)
    assert failures == []
    reconcile_all(connection, SETTINGS)
    assert truck.traces() == {}
    position = "SELECT lat, time FROM vehicle_states WHERE vehicle_id = %s"
    assert connection.execute(position, [truck.vehicle_id]).fetchone() == (
        LAT,
        from_us(START_US + (second + 270) * US),
    )
    assert timedelta(0) < forget.SETTLE_AT_MOST
