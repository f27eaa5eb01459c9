"""A truck with a tracker and a fence of its own, on a real database, in seconds and metres."""

import itertools
from datetime import timedelta
from typing import Any

import msgspec
import psycopg

from config.settings import Settings
from geofence.settings import FenceSettings
from ingest.pipeline import Pipeline
from ingest.reconcile import Reconciled, Reconciler
from ingest.times import from_us, to_us
from ingest.worker import reconcile_settings
from tests.support.ingest import add_device, add_fence, add_vehicle, make_pipeline, message, ping_body
from tests.support.law import LAT, LON, METRE, START_US, shape_around
from tests.support.told import ToldCrossing, ToldVisit, told_crossings, told_visits

US = 1_000_000
RULES = Settings(
    ingest_worker="svc-ingest-test", ingest_snapshot_minutes=2, lateness_days=1, ingest_checkpoint_s=0
)
EAGER = msgspec.structs.replace(reconcile_settings(RULES), quiet=timedelta(0))
# 100 m around the middle; two fixes beyond 150 m, at least 60 s apart, are an exit.
FENCE = FenceSettings(exit_margin_m=50.0, exit_confirmations=2, exit_dwell_s=60)
IN, OUT = 0, 400
_numbers = itertools.count()


def us(seconds: float) -> int:
    return START_US + round(seconds * US)


class Truck:
    """A vehicle with a tracker, watched by fences of its own; places are metres east of the fence's middle."""

    def __init__(self, connection: psycopg.Connection, *, fenced: bool = True) -> None:
        number = next(_numbers)
        self.connection, self.uid = connection, f"late-{number}"
        self.vehicle_id = add_vehicle(connection, f"DK-L{number}")
        self.device_id = add_device(connection, self.uid, self.vehicle_id)
        self.fence_id = self.add_fence() if fenced else 0
        self.pipeline: Pipeline = make_pipeline(connection, RULES)

    def add_fence(self) -> int:
        return add_fence(self.connection, shape_around(0.0, 100.0), FENCE, vehicle_id=self.vehicle_id)

    def send(self, *rows: tuple[float, float]) -> None:
        """One message: (seconds, metres)."""
        bodies = [ping_body(us(seconds), LAT, LON + metres * METRE) for seconds, metres in rows]
        self.pipeline.process([message(self.uid, *bodies)])

    def mark(self, seconds: float | None = None, *, age_s: float = 0.0) -> None:
        self.connection.execute(
            "INSERT INTO dirty_vehicles (vehicle_id, from_time, marked_at)"
            " VALUES (%s, %s, clock_timestamp() - make_interval(secs => %s))",
            [self.vehicle_id, None if seconds is None else from_us(us(seconds)), age_s],
        )

    def refold(self) -> Reconciled:
        """Exactly one vehicle is due, and it is this one."""
        reconciler = Reconciler(self.connection, EAGER)
        done = reconciler.run_once()
        assert done is not None
        assert done.vehicle_id == self.vehicle_id
        assert reconciler.run_once() is None
        return done

    @property
    def visits(self) -> list[tuple[float, float | None]]:
        return [_seconds(visit) for visit in told_visits(self.connection, self.vehicle_id, self.fence_id)]

    @property
    def told(self) -> list[tuple[str, str, float, float | None]]:
        """(kind, change, seconds, seconds told before), in the order of telling."""
        return [_row(row) for row in told_crossings(self.connection, self.vehicle_id, self.fence_id)]

    def column(self, name: str) -> list[Any]:
        """Of all visits, taken back ones too, by entry."""
        rows = self.connection.execute(
            f"SELECT {name} FROM visits WHERE vehicle_id = %s ORDER BY entered_at, id",
            [self.vehicle_id],
        )
        return [row[0] for row in rows]

    def snapshots(self) -> list[float]:
        rows = self.connection.execute(
            "SELECT time FROM vehicle_snapshots WHERE vehicle_id = %s ORDER BY time", [self.vehicle_id]
        )
        return [(to_us(row[0]) - START_US) / US for row in rows]


def _seconds(visit: ToldVisit) -> tuple[float, float | None]:
    left = None if visit.exited_us is None else (visit.exited_us - START_US) / US
    return (visit.entered_us - START_US) / US, left


def _row(row: ToldCrossing) -> tuple[str, str, float, float | None]:
    previous = None if row.previous_us is None else (row.previous_us - START_US) / US
    return row.kind, row.change, (row.time_us - START_US) / US, previous
