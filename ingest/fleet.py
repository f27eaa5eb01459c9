"""Who is in the fleet, as ingest needs it: device uid -> device, and which vehicle it rode on when."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
import psycopg

from geofence.geojson import parse_shape
from geofence.index import Fence, FenceIndex
from geofence.settings import parse_settings
from ingest.fold import PHONE, TRACKER
from ingest.times import to_us

FOREVER_US = 2**62
NO_CARRIER = -1


class Assignment(msgspec.Struct, frozen=True, gc=False):
    from_us: int
    to_us: int  # exclusive
    vehicle_id: int


class Device(msgspec.Struct, frozen=True):
    id: int
    uid: str
    priority: int
    assignments: Sequence[Assignment]

    def vehicle_at(self, time_us: int) -> int | None:
        """The vehicle this device was assigned to at that device time, if any."""
        for assignment in self.assignments:
            if assignment.from_us <= time_us < assignment.to_us:
                return assignment.vehicle_id
        return None


class Fleet(msgspec.Struct, frozen=True):
    version: int
    by_uid: dict[str, Device]
    by_id: dict[int, Device]
    carriers: dict[int, int]  # vehicle id -> carrier key, NO_CARRIER when none


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


def load_fleet(connection: psycopg.Connection) -> Fleet:
    """All enabled devices with their assignments; also makes a state row for every new vehicle."""
    version, _ = versions(connection)
    connection.execute(
        "INSERT INTO vehicle_states (vehicle_id) SELECT id FROM vehicles v"
        " WHERE NOT EXISTS (SELECT FROM vehicle_states s WHERE s.vehicle_id = v.id)"
        " ON CONFLICT DO NOTHING"
    )
    assignments: dict[int, list[Assignment]] = {}
    for device_id, vehicle_id, start, end in connection.execute(
        "SELECT device_id, vehicle_id, valid_from, valid_to FROM device_assignments ORDER BY id"
    ):
        assignments.setdefault(device_id, []).append(
            Assignment(_us(start, -FOREVER_US), _us(end, FOREVER_US), vehicle_id)
        )
    devices = [
        Device(device_id, uid, TRACKER if kind == "tracker" else PHONE, assignments.get(device_id, ()))
        for device_id, uid, kind in connection.execute("SELECT id, uid, kind FROM devices WHERE NOT disabled")
    ]
    carriers = {
        vehicle_id: carrier_key(carrier_id)
        for vehicle_id, carrier_id in connection.execute("SELECT id, carrier_id FROM vehicles")
    }
    return Fleet(version, {d.uid: d for d in devices}, {d.id: d for d in devices}, carriers)


def load_fences(connection: psycopg.Connection) -> tuple[int, FenceIndex]:
    """The version and the index of every fence that is not retired."""
    _, version = versions(connection)
    fences = [
        Fence(
            id=fence_id,
            shape=parse_shape(shape),
            settings=parse_settings(settings),
            vehicle_id=vehicle_id,
            carrier=None if carrier_id is None else carrier_key(carrier_id),
            valid_from_us=None if valid_from is None else to_us(valid_from),
            valid_until_us=None if valid_until is None else to_us(valid_until),
        )
        for fence_id, shape, settings, vehicle_id, carrier_id, valid_from, valid_until in connection.execute(
            "SELECT id, shape, settings, vehicle_id, carrier_id, valid_from, valid_until"
            " FROM geofences WHERE retired_at IS NULL ORDER BY id"
        )
    ]
    return version, FenceIndex(fences)


def _us(moment: datetime | None, default: int) -> int:
    return default if moment is None else to_us(moment)
