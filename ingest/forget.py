"""Erases one phone's positions, as `phone_erasures` asks: the part of a driver's erasure that is ingest's to do.

Pieces as small as retention's, each a transaction that also writes down how far it came, so that any worker goes on
where another was killed, and a piece done twice does nothing the second time. In this order:

1. `settle`: batches that were under way when the phone was shut out may still store its pings; wait for them.
2. `pings`: first it is said (`ping_floors`) that no vehicle may be folded again from before, then they go. What they
   showed stays as told: visits and trips prove other people's work and money.
3. `states`: what vehicles remember of them, and what was going on by them.
4. `visits`, `crossings`, `intervals`: coordinates go, times and devices' numbers stay.
5. `refused`: messages of which something was refused, and when the phone was there and what it said of itself.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import psycopg
from msgspec.structs import replace
from psycopg.errors import LockNotAvailable, QueryCanceled

from ingest import forget_store as store
from ingest import interval_store, retention_store
from ingest.forget_store import PhoneErasure
from ingest.forgetting import Span, held_times, without
from ingest.retention import Piece
from ingest.state import VehicleState
from ingest.store import lock_vehicles
from ingest.times import to_us

# Something else than a batch (which ends by its timeouts) holds a transaction open: go on without it.
SETTLE_AT_MOST = timedelta(minutes=5)
# By a clock that runs ahead a ping may be of a time to come.
_AHEAD = timedelta(days=1)
_END_OF_TIME = datetime(9999, 1, 1, tzinfo=UTC)
# Rows of telemetry looked at for each row that retention would delete at once: most are of other vehicles.
_ROWS_FACTOR = 5
WAITS = "waits"

Step = Callable[[psycopg.Connection, PhoneErasure, int, datetime], Piece]


def pieces(connection: psycopg.Connection, rows: int, now: datetime) -> Iterator[Piece]:
    """All that can be done now, of all erasures; a piece `waits` is one that has to be tried again later."""
    after, job = 0, None
    while True:
        try:
            with connection.transaction():
                job = store.next_erasure(connection, after)
                if job is None:
                    return
                piece = _STEPS[job.step](connection, job, rows, now)
        except (LockNotAvailable, QueryCanceled):
            # A vehicle is being folded for long.
            if job is None:
                return
            piece = Piece(WAITS, 0)
        if piece.what == WAITS:
            after = job.id
        yield piece


def _settle(connection: psycopg.Connection, job: PhoneErasure, rows: int, now: datetime) -> Piece:
    waited = datetime.now(UTC) - job.asked_at > SETTLE_AT_MOST
    if job.cursor == 0:
        store.go_on(connection, job, "settle", store.next_transaction(connection), 0)
        return Piece(WAITS, 0)
    if not waited and store.oldest_transaction(connection) < job.cursor:
        return Piece(WAITS, 0)
    floor = job.until or now + _AHEAD
    retention_store.raise_floors(connection, [(job.device_id, floor)])
    store.go_on(connection, job, "pings", 0, 0)
    return Piece("floors", 1)


def _pings(connection: psycopg.Connection, job: PhoneErasure, rows: int, now: datetime) -> Piece:
    until = job.until or _END_OF_TIME
    times = retention_store.next_times(connection, job.device_id, job.since, until, rows)
    if not times:
        store.go_on(connection, job, "states", 0, 0)
        return Piece("erased", 0)
    count = retention_store.delete_pings(connection, job.device_id, times[0], times[-1])
    store.go_on(connection, job, "pings", 0, count)
    return Piece("erased", count)


def _states(connection: psycopg.Connection, job: PhoneErasure, rows: int, now: datetime) -> Piece:
    """One vehicle."""
    vehicles = [vehicle for vehicle in store.vehicles_of(connection, job) if vehicle > job.cursor]
    if not vehicles:
        store.go_on(connection, job, "visits", 0, 0)
        return Piece("erased", 0)
    count = _forget_on(connection, job, vehicles[0])
    store.go_on(connection, job, "states", vehicles[0], count)
    return Piece("erased", count)


def _forget_on(connection: psycopg.Connection, job: PhoneErasure, vehicle_id: int) -> int:
    locked = lock_vehicles(connection, [vehicle_id])
    if vehicle_id not in locked:
        return 0
    count = store.forget_position(connection, job, vehicle_id)
    there, state = store.load_state(connection, vehicle_id)
    count += store.drop_snapshots(
        connection, vehicle_id, retention_store.floor_of(connection, vehicle_id), ()
    )
    snapshots = store.load_snapshots(connection, vehicle_id)
    known = [each for each in (state, *(snapshot for _, snapshot in snapshots)) if each is not None]
    his = store.his_times(connection, job, vehicle_id, set().union(*(held_times(each) for each in known)))
    span = _span(job)
    if there:
        found = None if state is None else without(state, span, his.__contains__)
        if found is not None:
            interval_store.tell(connection, [(vehicle_id, found.ended)])
            count += 1
        kept: VehicleState | None = state if found is None else found.state
        store.save_state(connection, vehicle_id, locked[vehicle_id], kept)
    changed = [
        (time, found.state)
        for time, snapshot in snapshots
        if snapshot is not None and (found := without(snapshot, span, his.__contains__)) is not None
    ]
    store.save_snapshots(connection, vehicle_id, changed)
    unreadable = [time for time, snapshot in snapshots if snapshot is None]
    store.drop_snapshots(connection, vehicle_id, None, unreadable)
    return count + len(changed) + len(unreadable)


def _rows_of(table: str, following: str) -> Step:
    def step(connection: psycopg.Connection, job: PhoneErasure, rows: int, now: datetime) -> Piece:
        last, upto = store.last_row(connection, table), job.cursor + rows * _ROWS_FACTOR
        count = store.scrub_rows(connection, job, table, store.vehicles_of(connection, job), upto)
        if upto >= last:
            # Counted once, under the name of the step that ends.
            store.go_on(connection, job, following, 0, count)
        else:
            store.go_on(connection, job, table, upto, count)
        return Piece("erased", count)

    return step


def _refused(connection: psycopg.Connection, job: PhoneErasure, rows: int, now: datetime) -> Piece:
    count = store.drop_refused(connection, job, rows)
    if count:
        store.go_on(connection, job, "refused", 0, count)
    else:
        store.drop_signs(connection, job)
        store.go_on(connection, job, "done", 0, 0)
    return Piece("erased", count)


def _span(job: PhoneErasure) -> Span:
    span = Span(job.device_id)
    if job.since is not None:
        span = replace(span, since_us=to_us(job.since))
    return span if job.until is None else replace(span, until_us=to_us(job.until))


_STEPS: dict[str, Step] = {
    "settle": _settle,
    "pings": _pings,
    "states": _states,
    "visits": _rows_of("visits", "crossings"),
    "crossings": _rows_of("crossings", "intervals"),
    "intervals": _rows_of("intervals", "refused"),
    "refused": _refused,
}
