"""Where a refold could stumble over its own start, or over one vehicle at the expense of all others."""

import itertools
import threading
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import msgspec
import psycopg
import pytest
from psycopg.pq import TransactionStatus

from config.settings import Settings
from geofence.settings import FenceSettings
from ingest import reconcile, store
from ingest.pipeline import Pipeline
from ingest.reconcile import Reconciler
from ingest.state import VehicleState, encode_state
from ingest.store import ensure_states
from ingest.times import from_us
from ingest.worker import pipeline_settings, reconcile_settings
from tests.support.ingest import (
    add_device,
    add_fence,
    add_vehicle,
    intervals_in,
    make_pipeline,
    message,
    ping_body,
    reconcile_all,
)
from tests.support.law import LAT, LON, METRE, START_US, shape_around
from tests.support.told import ToldVisit, assert_told_adds_up, told_visits
from tests.support.worker import count

US = 1_000_000
RULES = Settings(
    ingest_worker="svc-ingest-test", ingest_snapshot_minutes=1, lateness_days=1, ingest_checkpoint_s=0
)
EAGER = msgspec.structs.replace(reconcile_settings(RULES), quiet=timedelta(0))
FENCE = FenceSettings(exit_margin_m=50.0, exit_confirmations=2, exit_dwell_s=60)
IN, OUT = 0, 400
_numbers = itertools.count()


def us(seconds: float) -> int:
    return START_US + round(seconds * US)


@pytest.fixture
def connection(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as opened:
        yield opened
        assert_told_adds_up(opened)
        opened.execute("DELETE FROM dirty_vehicles")


class Truck:
    """A vehicle with as many trackers as asked for; places are metres east of its fence's middle."""

    def __init__(self, connection: psycopg.Connection, trackers: int = 1) -> None:
        number = next(_numbers)
        self.connection = connection
        self.vehicle_id = add_vehicle(connection, f"DK-E{number}")
        self.uids = [f"edge-{number}-{tracker}" for tracker in range(trackers)]
        self.devices = [add_device(connection, uid, self.vehicle_id) for uid in self.uids]
        self.fence_id = add_fence(connection, shape_around(0.0, 100.0), FENCE, vehicle_id=self.vehicle_id)
        self.pipeline = make_pipeline(connection, RULES)

    def send(self, *rows: tuple[float, float], tracker: int = 0) -> None:
        bodies = [ping_body(us(seconds), LAT, LON + metres * METRE) for seconds, metres in rows]
        self.pipeline.process([message(self.uids[tracker], *bodies)])

    def mark(self, from_us_: int | None) -> None:
        mark(self.connection, self.vehicle_id, from_us_)

    @property
    def visits(self) -> list[tuple[float, float | None]]:
        return [_seconds(visit) for visit in told_visits(self.connection, self.vehicle_id, self.fence_id)]


def mark(connection: psycopg.Connection, vehicle_id: int, from_us_: int | None) -> None:
    connection.execute(
        "INSERT INTO dirty_vehicles (vehicle_id, from_time) VALUES (%s, %s)",
        [vehicle_id, None if from_us_ is None else from_us(from_us_)],
    )


def _seconds(visit: ToldVisit) -> tuple[float, float | None]:
    left = None if visit.exited_us is None else (visit.exited_us - START_US) / US
    return (visit.entered_us - START_US) / US, left


class TestStartingFromASnapshot:
    def test_that_is_inside_a_fence_retired_since(self, connection: psycopg.Connection) -> None:
        """An order ends while its truck is still at the place; then a late ping comes."""
        truck = Truck(connection)
        for seconds in range(0, 600, 60):
            truck.send((seconds, IN))
        connection.execute("UPDATE geofences SET retired_at = now() WHERE id = %s", [truck.fence_id])
        truck.send((500, OUT))
        assert reconcile_all(connection, RULES) == 1
        assert truck.visits == [(0, None)]

    def test_at_a_time_that_two_trackers_share(self, connection: psycopg.Connection) -> None:
        """The first tracker's fix makes the snapshot, the second's of the same second raises an alarm."""
        truck = Truck(connection, trackers=2)
        truck.send((0, 110))
        truck.send((120, 110), tracker=0)
        pressed = ping_body(us(120), LAT, LON, alarm="sos")
        truck.pipeline.process([message(truck.uids[1], pressed)])
        truck.send((150, 110), tracker=0)
        alarms = [i for i in intervals_in(connection, truck.vehicle_id) if i.kind == "sos"]
        assert len(alarms) == 1
        truck.send((140, 95), tracker=0)
        assert reconcile_all(connection, RULES) == 1
        assert [i for i in intervals_in(connection, truck.vehicle_id) if i.kind == "sos"] == alarms

    def test_that_another_version_wrote(self, connection: psycopg.Connection) -> None:
        """Neither its snapshots nor its checkpoint can be read: the vehicle is folded from its first ping."""
        truck = Truck(connection)
        truck.send((0, OUT), (300, IN))
        connection.execute(
            "UPDATE vehicle_snapshots SET state = 'old' WHERE vehicle_id = %s", [truck.vehicle_id]
        )
        connection.execute(
            "UPDATE vehicle_states SET state = 'old', version = version + 1 WHERE vehicle_id = %s",
            [truck.vehicle_id],
        )
        truck.pipeline = make_pipeline(connection, RULES)
        truck.send((600, OUT))
        assert truck.visits == [(300, None)]
        assert reconcile_all(connection, RULES) == 1
        truck.send((900, OUT))
        assert truck.visits == [(300, 600)]


class TestOneBadVehicle:
    def test_does_not_hold_up_the_others(
        self, connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bad, good = Truck(connection), Truck(connection)
        for truck in (bad, good):
            truck.send((0, OUT), (1000, OUT))
            truck.send((500, IN), (600, OUT), (700, OUT))
        connection.execute(
            "UPDATE vehicle_snapshots SET state = %s, time = %s WHERE vehicle_id = %s",
            [encode_state(VehicleState())[:1] + b"\xff", from_us(us(0)), bad.vehicle_id],
        )
        reconciler = Reconciler(connection, EAGER)
        with pytest.raises(msgspec.DecodeError):
            reconciler.run_once()
        done = reconciler.run_once()
        assert done is not None
        assert done.vehicle_id == good.vehicle_id
        assert good.visits == [(500, 600)]
        assert reconciler.run_once() is None
        left = count(connection, "SELECT count(*) FROM dirty_vehicles WHERE vehicle_id = %s", bad.vehicle_id)
        assert left > 0

    def test_that_fails_half_way_leaves_the_connection_usable(
        self, connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        truck = Truck(connection)
        truck.send((0, OUT), (1000, OUT))
        truck.send((500, IN), (600, OUT), (700, OUT))
        reconciler = Reconciler(connection, EAGER)
        with monkeypatch.context() as broken:
            broken.setattr(reconcile, "fold", lambda *_: 1 / 0)
            with pytest.raises(ZeroDivisionError) as failure:
                reconciler.run_once()
        assert failure.value.__notes__ == [f"while folding vehicle {truck.vehicle_id} again"]
        assert connection.info.transaction_status is TransactionStatus.IDLE
        assert reconciler.run_once() is None, "put off"
        assert Reconciler(connection, EAGER).run_once() is not None
        assert truck.visits == [(500, 600)]

    def test_nor_does_a_fence_that_cannot_be_read(self, connection: psycopg.Connection) -> None:
        connection.execute("""INSERT INTO geofences (name, shape) VALUES ('broken', '{"type": "Nothing"}')""")
        truck = Truck(connection)
        truck.send((0, IN))
        assert truck.visits == [(0, None)]
        connection.execute("DELETE FROM geofences WHERE name = 'broken'")


def test_a_vehicle_that_no_worker_has_seen_is_locked_all_the_same(
    connection: psycopg.Connection, database_url: str
) -> None:
    """Its state row is made by the refold: without a row there would be no lock."""
    vehicle_id = add_vehicle(connection, f"DK-N{next(_numbers)}")
    mark(connection, vehicle_id, None)
    locked: list[Any] = []

    class Watching(Reconciler):
        def _refold(self, *arguments: Any) -> Any:
            with psycopg.connect(database_url, autocommit=True) as other:
                other.execute("SET lock_timeout = '100ms'")
                try:
                    # A worker that has just read the fleet.
                    ensure_states(other, vehicle_id)
                except psycopg.errors.LockNotAvailable:
                    locked.append(vehicle_id)
            return super()._refold(*arguments)

    assert Watching(connection, EAGER).run_once() is not None
    assert locked == [vehicle_id]


def test_a_batch_that_missed_a_reassignment_is_waited_for(
    connection: psycopg.Connection, database_url: str
) -> None:
    """Its ping is stored for the old vehicle; a refold of the new one before its commit would never see it."""
    old, new = Truck(connection), Truck(connection)
    old.send((0, OUT))

    class Slow(Pipeline):
        """Held between its last look at the fleet and its commit."""

        def _save(self, *arguments: Any) -> None:
            super()._save(*arguments)
            folded.set()
            assert go_on.wait(20)

    folded, go_on = threading.Event(), threading.Event()
    with psycopg.connect(database_url, autocommit=True) as own:
        slow = Slow(own, pipeline_settings(RULES))
        body = ping_body(us(100), LAT, LON)
        batch = threading.Thread(target=slow.process, args=([message(old.uids[0], body)],))
        batch.start()
        try:
            assert folded.wait(20)
            reassign(connection, old.devices[0], new.vehicle_id, us(50), [old.vehicle_id, new.vehicle_id])
            reconciler = Reconciler(connection, EAGER)
            assert reconciler.run_once() is None
        finally:
            go_on.set()
            batch.join(20)
    refolded = [reconciler.run_once(), reconciler.run_once()]
    assert [one.vehicle_id for one in refolded if one] == [old.vehicle_id, new.vehicle_id]
    assert new.visits == [(100, None)]
    assert old.visits == []


def test_a_device_on_no_vehicle_is_looked_up_again_after_the_write(
    connection: psycopg.Connection, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    truck = Truck(connection)
    uid = f"loose-{truck.vehicle_id}"
    device_id = add_device(connection, uid, None)
    truck.pipeline.process([message(uid, ping_body(us(0), LAT, LON + OUT * METRE))])
    copy = store.copy_pings

    def assigned_meanwhile(*arguments: Any, **named: Any) -> store.StoredRows:
        monkeypatch.setattr(store, "copy_pings", copy)
        with psycopg.connect(database_url, autocommit=True) as other:
            reassign(other, device_id, truck.vehicle_id, us(50), [truck.vehicle_id])
            reconcile_all(other, RULES)
        return copy(*arguments, **named)

    monkeypatch.setattr(store, "copy_pings", assigned_meanwhile)
    truck.pipeline.process([message(uid, ping_body(us(100), LAT, LON))])
    assert truck.visits == [(100, None)]


def reassign(
    connection: psycopg.Connection, device_id: int, vehicle_id: int, at_us: int, touched: Sequence[int]
) -> None:
    """As platform_api.fleet does it."""
    with connection.transaction():
        connection.execute(
            "UPDATE device_assignments SET valid_to = %s WHERE device_id = %s AND valid_to IS NULL",
            [from_us(at_us), device_id],
        )
        connection.execute(
            "INSERT INTO device_assignments (device_id, vehicle_id, valid_from) VALUES (%s, %s, %s)",
            [device_id, vehicle_id, from_us(at_us)],
        )
        for vehicle in touched:
            connection.execute(
                "INSERT INTO dirty_vehicles (vehicle_id, from_time, reason) VALUES (%s, %s, 'assignment')",
                [vehicle, from_us(at_us)],
            )
