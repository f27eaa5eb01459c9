"""Who is in the fleet, as ingest needs it: device uid -> device, and which vehicle it rode on when."""

import gc
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import numpy as np
import psycopg

from config.logging import get_logger
from geofence.errors import FenceError
from geofence.geojson import parse_shape
from geofence.index import Fence, FenceIndex
from geofence.settings import parse_settings
from ingest.store import ensure_states
from ingest.times import to_us
from ingest.track import Ints
from telemetry.rules import VehicleRules, merge

log = get_logger(__name__)

FOREVER_US = 2**62
NO_CARRIER = -1
NO_VEHICLE = -1


class Assignment(msgspec.Struct, frozen=True, gc=False):
    from_us: int
    to_us: int  # exclusive
    vehicle_id: int


class Device(msgspec.Struct, frozen=True):
    id: int
    uid: str
    kind: str  # tracker, phone or gateway
    priority: int  # the lower, the better a source
    carrier: int  # carrier key, NO_CARRIER when none
    assignments: Sequence[Assignment]

    @property
    def only_vehicle(self) -> int | None:
        """The vehicle of all times, NO_VEHICLE when it never has one; None when that depends on the time."""
        if not self.assignments:
            return NO_VEHICLE
        first = self.assignments[0]
        whole = len(self.assignments) == 1 and (first.from_us, first.to_us) == (-FOREVER_US, FOREVER_US)
        return first.vehicle_id if whole else None

    def vehicles_at(self, time_us: Ints) -> Ints:
        """The vehicle this device was assigned to at each device time; NO_VEHICLE when none."""
        vehicles = np.full(len(time_us), NO_VEHICLE, np.int64)
        # The first that holds counts, as two may touch.
        for assignment in reversed(self.assignments):
            vehicles[(assignment.from_us <= time_us) & (time_us < assignment.to_us)] = assignment.vehicle_id
        return vehicles


class Fleet(msgspec.Struct, frozen=True):
    version: int
    by_uid: dict[str, Device]
    by_id: dict[int, Device]
    carriers: dict[int, int]  # vehicle id -> carrier key, NO_CARRIER when none
    rules: dict[int, VehicleRules]  # of vehicles that have other than the defaults
    defaults: VehicleRules

    def rules_of(self, vehicle_id: int) -> VehicleRules:
        return self.rules.get(vehicle_id, self.defaults)


def carrier_key(carrier_id: UUID | None) -> int:
    """A carrier as a 63-bit integer, for the index's integer columns."""
    return NO_CARRIER if carrier_id is None else carrier_id.int >> 65


def versions(connection: psycopg.Connection) -> tuple[int, int]:
    """Current (fleet, geofence) versions: one round trip, exact inside the caller's transaction."""
    row = connection.execute(
        "SELECT (SELECT version FROM fleet_version), (SELECT version FROM geofence_version)"
    ).fetchone()
    assert row is not None
    return row[0], row[1]


def load_fleet(connection: psycopg.Connection, defaults: VehicleRules) -> Fleet:
    """All enabled devices with their assignments; also makes a state row for every new vehicle."""
    version, _ = versions(connection)
    ensure_states(connection)
    assignments: dict[int, list[Assignment]] = {}
    for device_id, vehicle_id, start, end in connection.execute(
        "SELECT device_id, vehicle_id, valid_from, valid_to FROM device_assignments ORDER BY id"
    ):
        assignments.setdefault(device_id, []).append(
            Assignment(_us(start, -FOREVER_US), _us(end, FOREVER_US), vehicle_id)
        )
    devices = [
        Device(device_id, uid, kind, priority, carrier_key(carrier_id), assignments.get(device_id, ()))
        for device_id, uid, kind, priority, carrier_id in connection.execute(
            "SELECT id, uid, kind, priority, carrier_id FROM devices WHERE NOT disabled"
        )
    ]
    carriers = {
        vehicle_id: carrier_key(carrier_id)
        for vehicle_id, carrier_id in connection.execute("SELECT id, carrier_id FROM vehicles")
    }
    return Fleet(
        version,
        {d.uid: d for d in devices},
        {d.id: d for d in devices},
        carriers,
        _rules(connection, defaults),
        defaults,
    )


def _rules(
    connection: psycopg.Connection, defaults: VehicleRules, vehicle_id: int | None = None
) -> dict[int, VehicleRules]:
    """Vehicles with settings of their own: the fleet's, then those of its devices, the best source's last."""
    layers: dict[int, list[dict[str, Any]]] = {}
    for vehicle, settings in connection.execute(_SETTINGS, {"vehicle": vehicle_id}):
        layers.setdefault(vehicle, []).append(settings)
    return {vehicle: merge(defaults, each) for vehicle, each in layers.items()}


_SETTINGS = """
SELECT v.id, s.settings FROM telemetry_settings s JOIN vehicles v ON v.carrier_id = s.carrier_id
WHERE %(vehicle)s::bigint IS NULL OR v.id = %(vehicle)s
UNION ALL
(SELECT a.vehicle_id, s.settings
 FROM telemetry_settings s JOIN devices d ON d.id = s.device_id
 JOIN device_assignments a ON a.device_id = d.id AND a.valid_to IS NULL
 WHERE %(vehicle)s::bigint IS NULL OR a.vehicle_id = %(vehicle)s
 ORDER BY d.priority DESC, d.id DESC)
"""


class VehicleFacts(msgspec.Struct, frozen=True):
    """What a refold needs to know of its vehicle, as `Fleet` has it."""

    carrier: int
    rules: VehicleRules


def facts_of(connection: psycopg.Connection, vehicle_id: int, defaults: VehicleRules) -> VehicleFacts:
    row = connection.execute("SELECT carrier_id FROM vehicles WHERE id = %s", [vehicle_id]).fetchone()
    return VehicleFacts(
        NO_CARRIER if row is None else carrier_key(row[0]),
        _rules(connection, defaults, vehicle_id).get(vehicle_id, defaults),
    )


class _Shelved(msgspec.Struct, frozen=True):
    read: dict[int, tuple[str, Fence | None]]  # id -> (row version, None = unreadable)
    index: FenceIndex


class FenceShelf:
    """What was read last, by whichever connection of a process: a hundred thousand shapes take many seconds.

    Its one value is replaced as a whole, so threads need no lock.
    """

    def __init__(self) -> None:
        self.shelved = _Shelved({}, FenceIndex([]))


class FenceCache:
    """The index of every fence that is not retired, read again when the version moves.

    Reading a shape costs far more than indexing it, and a change concerns one fence of thousands:
    shapes are kept by row version.
    """

    def __init__(self, connection: psycopg.Connection, shelf: FenceShelf | None = None) -> None:
        self._connection = connection
        self._shelf = shelf or FenceShelf()
        self._version: int | None = None
        self._index = FenceIndex([])

    def current(self, version: int | None = None) -> FenceIndex:
        """The fences as the transaction sees them now; `version` saves asking for it."""
        if version is None:
            _, version = versions(self._connection)
        if version != self._version:
            self._reload()
            self._version = version
        return self._index

    def _reload(self) -> None:
        rows: dict[int, str] = dict(
            self._connection.execute(
                "SELECT id, xmin::text FROM geofences WHERE retired_at IS NULL ORDER BY id"
            )
        )
        shelved = self._shelf.shelved
        known = shelved.read
        unchanged = {i: known[i] for i, row in rows.items() if i in known and known[i][0] == row}
        if len(unchanged) == len(rows) == len(known):
            self._index = shelved.index
            return
        changed = [fence_id for fence_id in rows if fence_id not in unchanged]
        found = {row[0]: (row[1], _fence(*row[2:])) for row in self._fetch(changed)}
        read = {i: unchanged.get(i) or found[i] for i in rows if i in unchanged or i in found}
        self._index = FenceIndex([fence for _, fence in read.values() if fence is not None])
        self._shelf.shelved = _Shelved(read, self._index)
        # A hundred thousand shapes are millions of objects, and they stay: the collector need not walk them.
        gc.freeze()

    def _fetch(self, fence_ids: Sequence[int]) -> list[tuple[Any, ...]]:
        return self._connection.execute(
            "SELECT id, xmin::text, id, shape, settings, vehicle_id, carrier_id, valid_from, valid_until"
            " FROM geofences WHERE id = ANY (%s) AND retired_at IS NULL",
            [list(fence_ids)],
        ).fetchall()


def _fence(
    fence_id: int,
    shape: dict[str, Any],
    settings: dict[str, Any],
    vehicle_id: int | None,
    carrier_id: UUID | None,
    valid_from: datetime | None,
    valid_until: datetime | None,
) -> Fence | None:
    """None for a fence that cannot be read: it judges nothing, and must not stop the others."""
    try:
        return Fence(
            id=fence_id,
            shape=parse_shape(shape),
            settings=parse_settings(settings),
            vehicle_id=vehicle_id,
            carrier=None if carrier_id is None else carrier_key(carrier_id),
            valid_from_us=None if valid_from is None else to_us(valid_from),
            valid_until_us=None if valid_until is None else to_us(valid_until),
        )
    except FenceError as error:
        log.error("a geofence cannot be read and is left out", geofence_id=fence_id, error=str(error))
        return None


def _us(moment: datetime | None, default: int) -> int:
    return default if moment is None else to_us(moment)
