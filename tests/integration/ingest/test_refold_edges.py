"""Where a refold could stumble over its own start, or over one vehicle at the expense of all others."""

import itertools
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import msgspec
import psycopg
import pytest

from config.settings import Settings
from geofence.settings import FenceSettings
from ingest.reconcile import Reconciler
from ingest.times import from_us
from ingest.worker import reconcile_settings
from tests.support.ingest import (
    add_device,
    add_fence,
    add_vehicle,
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
        """The first tracker's fix makes the snapshot, the second's of the same second is the arrival."""
        truck = Truck(connection, trackers=2)
        truck.send((0, 110))
        truck.send((120, 110), tracker=0)
        truck.send((120, 90), tracker=1)
        truck.send((150, 90), tracker=0)
        truck.send((140, 95), tracker=0)
        assert truck.visits == [(120, None)]
        assert reconcile_all(connection, RULES) == 1
        assert truck.visits == [(120, None)]

    def test_that_a_pass_begins_at(self, connection: psycopg.Connection) -> None:
        """The fix before a pass lies within a hair of the border, so that the pass rounds to its very time."""
        truck = Truck(connection)
        truck.send((0, -OUT))
        truck.send((100, -OUT))
        row = connection.execute(
            "INSERT INTO visits (vehicle_id, geofence_id, entered_at, enter_evidence)"
            " VALUES (%s, %s, %s, '{}') RETURNING id",
            [truck.vehicle_id, truck.fence_id, from_us(us(100))],
        ).fetchone()
        assert row is not None
        connection.execute("UPDATE visits SET retracted_at = now() WHERE id = %s", row)
        truck.send((102, OUT))
        entered = [visit[0] for visit in truck.visits]
        assert entered
        assert entered[0] > 100


class TestOneBadVehicle:
    def test_does_not_hold_up_the_others(
        self, connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bad, good = Truck(connection), Truck(connection)
        for truck in (bad, good):
            truck.send((0, OUT), (1000, OUT))
            truck.send((500, IN), (600, OUT), (700, OUT))
        connection.execute(
            "UPDATE vehicle_snapshots SET state = 'x', time = %s WHERE vehicle_id = %s",
            [from_us(us(0)), bad.vehicle_id],
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
                row = other.execute("SHOW server_version_num").fetchone()
                assert row is not None
                other.execute("SET lock_timeout = '100ms'")
                try:
                    other.execute(
                        "INSERT INTO vehicle_states (vehicle_id) VALUES (%s) ON CONFLICT DO NOTHING", [vehicle_id]
                    )
                except psycopg.errors.LockNotAvailable:
                    locked.append(vehicle_id)
            return super()._refold(*arguments)

    assert Watching(connection, EAGER).run_once() is not None
    assert locked == [vehicle_id]
