"""Retention: what is older than its fleet's policy says goes, in pieces so small that nobody waits for one.

A sweep goes through all devices: it says first what is to go (`ping_floors`: no vehicle is folded again from before
that), then drops whole chunks where every fleet allows it, then deletes and thins device by device, by key. A sweep
that ends in the middle is taken up again by the next, of this worker or another.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
import psycopg
from psycopg.errors import LockNotAvailable, QueryCanceled

from config.storage_level import drop_chunks_before, oldest_chunk_before
from ingest import retention_store as store
from ingest.retention_store import SweptDevice
from telemetry.retention import Cutoffs, RetentionPolicy, cutoffs, surplus

FLOORS_AT_ONCE = 100
LEAST_ROWS = 100
_VEHICLES_AT_ONCE = 200
# Longer than any token or connection of a phone that was erased.
_ERASED_NAMES_KEPT = timedelta(days=30)
# What came late is thinned too, if it was not later than this.
_THIN_AGAIN = timedelta(days=1)
_US = 1_000_000


class SweepSettings(msgspec.Struct, frozen=True):
    default: RetentionPolicy  # where neither the fleet nor an administrator says otherwise
    lateness_days: int
    piece_rows: int


class Piece(msgspec.Struct, frozen=True):
    """What one step took away. `what`: pings, thinned, chunks, intervals, visits, erased; floors and waits took nothing."""

    what: str
    count: int


class Sweep:
    """One pass. Each piece is a transaction of its own; a piece that would have to wait is put off to the next sweep."""

    def __init__(self, connection: psycopg.Connection, settings: SweepSettings, now: datetime) -> None:
        self._connection = connection
        self._settings = settings
        self._now = now
        self._rows = settings.piece_rows
        self._policies = store.load_policies(connection)
        self._cutoffs: dict[UUID | None, Cutoffs] = {}
        self.put_off = 0

    def pieces(self) -> Iterator[Piece]:
        devices = store.load_devices(self._connection)
        yield from self._floors(devices)
        devices = [device for device in store.load_devices(self._connection) if self._is_said(device)]
        yield from self._chunks(devices)
        for device in devices:
            yield from self._delete(device)
            yield from self._thin(device)
        yield from self._by_vehicle()
        store.drop_erased_names(self._connection, _ERASED_NAMES_KEPT)

    def _of(self, carrier_id: UUID | None) -> Cutoffs:
        if carrier_id not in self._cutoffs:
            default = self._policies.get(None, self._settings.default)
            policy = self._policies.get(carrier_id, default)
            self._cutoffs[carrier_id] = cutoffs(policy, self._now, lateness_days=self._settings.lateness_days)
        return self._cutoffs[carrier_id]

    def _is_said(self, device: SweptDevice) -> bool:
        """Whether folds know that what is to go of this device is going."""
        wanted = self._of(device.carrier_id).complete_from
        return wanted is None or (device.complete_from is not None and device.complete_from >= wanted)

    def _floors(self, devices: Sequence[SweptDevice]) -> Iterator[Piece]:
        due = [
            (device.id, floor)
            for device in devices
            if not self._is_said(device) and (floor := self._of(device.carrier_id).complete_from) is not None
        ]
        for start in range(0, len(due), FLOORS_AT_ONCE):
            yield from self._raise(due[start : start + FLOORS_AT_ONCE])

    def _raise(self, floors: Sequence[tuple[int, datetime]]) -> Iterator[Piece]:
        if self._careful(lambda: store.raise_floors(self._connection, floors)) is not None:
            yield Piece("floors", len(floors))
        elif len(floors) > 1:
            # One vehicle is being folded for long: the others need not wait for it.
            half = len(floors) // 2
            yield from self._raise(floors[:half])
            yield from self._raise(floors[half:])
        else:
            self.put_off += 1

    def _chunks(self, devices: Sequence[SweptDevice]) -> Iterator[Piece]:
        """Whole chunks that are too old by every device's policy; there are none on a plain table."""
        limits = [self._of(carrier_id).pings for carrier_id in {device.carrier_id for device in devices}]
        known = [limit for limit in limits if limit is not None]
        all_said = len(devices) == len(store.load_devices(self._connection))
        if not known or len(known) < len(limits) or not all_said:
            return
        longest = min(known)
        while (end := oldest_chunk_before(self._connection, longest)) is not None:
            dropped = self._careful(lambda end=end: drop_chunks_before(self._connection, end))  # type: ignore[misc]
            if not dropped:
                self.put_off += 1
                return
            yield Piece("chunks", dropped)

    def _delete(self, device: SweptDevice) -> Iterator[Piece]:
        before = self._of(device.carrier_id).pings
        if before is None or (device.deleted_before is not None and device.deleted_before >= before):
            return
        after: datetime | None = None
        while True:
            times = store.next_times(self._connection, device.id, after, before, self._rows)
            if not times:
                break
            first, last = times[0], times[-1]
            count = self._careful(
                lambda first=first, last=last: store.delete_pings(self._connection, device.id, first, last)  # type: ignore[misc]
            )
            if count is None:
                if self._rows <= LEAST_ROWS:
                    self.put_off += 1
                    return
                self._rows = max(LEAST_ROWS, self._rows // 2)
                continue
            after = last
            yield Piece("pings", count)
        store.note_deleted(self._connection, device.id, before)

    def _thin(self, device: SweptDevice) -> Iterator[Piece]:
        rules = self._of(device.carrier_id)
        before, to_s = rules.thin, rules.thin_to_s
        if before is None or to_s is None:
            return
        again = device.thinned_to_s is not None and device.thinned_to_s >= to_s
        if again and device.thinned_before is not None and device.thinned_before >= before:
            return
        after, bucket = None, None
        if again and device.thinned_before is not None:
            after = _bucket_start(device.thinned_before - _THIN_AGAIN, to_s)
        while times := store.next_times(self._connection, device.id, after, before, self._rows):
            gone, last_bucket = surplus(store.times_in_us(times), to_s * _US, bucket)
            count = self._careful(
                lambda gone=gone: store.delete_pings_at(self._connection, device.id, gone)  # type: ignore[misc]
            )
            if count is None:
                self.put_off += 1
                return
            yield Piece("thinned", count)
            after, bucket = times[-1] + timedelta(microseconds=1), last_bucket
        store.note_thinned(self._connection, device.id, before, to_s)

    def _by_vehicle(self) -> Iterator[Piece]:
        for number, (vehicle_id, carrier_id) in enumerate(store.load_vehicles(self._connection)):
            rules = self._of(carrier_id)
            for what, before, delete in (
                ("intervals", rules.intervals, store.delete_intervals),
                ("visits", rules.visits, store.delete_visits),
            ):
                if before is not None:
                    yield from self._old_rows(what, vehicle_id, before, delete)
            if number % _VEHICLES_AT_ONCE == 0:
                yield Piece("intervals", 0)

    def _old_rows(
        self,
        what: str,
        vehicle_id: int,
        before: datetime,
        delete: Callable[[psycopg.Connection, int, datetime, int], int],
    ) -> Iterator[Piece]:
        while True:
            count = self._careful(lambda: delete(self._connection, vehicle_id, before, self._rows))
            if count is None:
                self.put_off += 1
                return
            if count:
                yield Piece(what, count)
            if count < self._rows:
                return

    def _careful(self, work: Callable[[], int]) -> int | None:
        """Do it in a transaction; None when it would have had to wait for a lock, or took too long."""
        try:
            with self._connection.transaction():
                return work()
        except (LockNotAvailable, QueryCanceled):
            return None


def _bucket_start(time: datetime, interval_s: int) -> datetime:
    seconds = time.timestamp()
    return time - timedelta(seconds=seconds % interval_s)
