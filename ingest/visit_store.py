"""Visits and what is told about them, in SQL; the same way for live folds and for refolds."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
import psycopg
from psycopg.types.json import Jsonb

from geofence.crossings import Fix, Transition
from ingest.diff import Change, StoredVisit, Visit, VisitChange, diff, told, visits_of
from ingest.ping import rfc3339
from ingest.state import VehicleState
from ingest.times import from_us, to_us
from ingest.track import known

# Later than every visit.
NEVER_US = 2**62


class Crossing(msgspec.Struct, frozen=True):
    """One announced row of `crossings`."""

    id: int
    vehicle_id: int
    geofence_id: int
    kind: str
    change: Change
    time_us: int


def tell_transitions(
    connection: psycopg.Connection,
    moved: Sequence[tuple[int, VehicleState, list[tuple[int, Transition]]]],
) -> list[Crossing]:
    """Write the live transitions of several vehicles: (vehicle id, state before, transitions)."""
    touched: list[tuple[int, Visit]] = []
    for vehicle_id, before, transitions in moved:
        keys = {(fence_id, transition.entered_us) for fence_id, transition in transitions}
        visits = visits_of(before.fences, transitions)
        touched.extend((vehicle_id, v) for v in visits if (v.geofence_id, v.entered_us) in keys)
    if not touched:
        return []
    stored = _stored_by_key(connection, touched)
    changes = [
        (vehicle_id, change)
        for vehicle_id, visit in touched
        for change in diff(stored.get((vehicle_id, visit.geofence_id, visit.entered_us), []), [visit])
    ]
    return apply_changes(connection, changes)


def stored_visits(
    connection: psycopg.Connection, vehicle_id: int, since_us: int | None = None
) -> list[StoredVisit]:
    """The visits of the vehicle that were not retracted: those entered at or after a time, or all."""
    if since_us is not None and since_us >= NEVER_US:
        return []
    return [
        StoredVisit(visit_id, fence_id, to_us(entered), _us(exited), inferred)
        for visit_id, fence_id, entered, exited, inferred in connection.execute(
            "SELECT id, geofence_id, entered_at, exited_at, inferred FROM visits"
            " WHERE vehicle_id = %s AND retracted_at IS NULL AND entered_at >= COALESCE(%s::timestamptz, '-infinity')"
            " ORDER BY entered_at",
            [vehicle_id, _time(since_us)],
        )
    ]


def apply_changes(
    connection: psycopg.Connection, changes: Sequence[tuple[int, VisitChange]]
) -> list[Crossing]:
    """Make `visits` say what the changes say and append to `crossings` what is told of them."""
    if not changes:
        return []
    # Retractions first: a revised visit may take the key of one that goes.
    _retract(connection, [c.stored.id for _, c in changes if c.change == "retracted" and c.stored])
    for vehicle_id, change in changes:
        if change.change == "revised":
            _revise(connection, vehicle_id, change)
    ids = _create(connection, [(v, c.visit) for v, c in changes if c.change == "created" and c.visit])
    rows: list[tuple[Any, ...]] = []
    for vehicle_id, change in changes:
        visit_id, fence_id = _identity(vehicle_id, change, ids)
        rows.extend(
            (visit_id, vehicle_id, fence_id, t.kind, t.change, from_us(t.time_us), _time(t.previous_us),
             Jsonb(_evidence(t.kind, change)))
            for t in told(change)
        )  # fmt: skip
    return _announce(connection, rows)


def _identity(vehicle_id: int, change: VisitChange, ids: dict[tuple[int, int, int], int]) -> tuple[int, int]:
    if change.stored is not None:
        return change.stored.id, change.stored.geofence_id
    assert change.visit is not None
    fence_id = change.visit.geofence_id
    return ids[(vehicle_id, fence_id, change.visit.entered_us)], fence_id


def _stored_by_key(
    connection: psycopg.Connection, visits: Sequence[tuple[int, Visit]]
) -> dict[tuple[int, int, int], list[StoredVisit]]:
    result: dict[tuple[int, int, int], list[StoredVisit]] = {}
    for vehicle_id, visit_id, fence_id, entered, exited, inferred in connection.execute(
        "SELECT v.vehicle_id, v.id, v.geofence_id, v.entered_at, v.exited_at, v.inferred"
        " FROM unnest(%s::bigint[], %s::bigint[], %s::timestamptz[]) AS k (vehicle_id, geofence_id, entered_at)"
        " JOIN visits v USING (vehicle_id, geofence_id, entered_at) WHERE v.retracted_at IS NULL",
        [
            [vehicle_id for vehicle_id, _ in visits],
            [visit.geofence_id for _, visit in visits],
            [from_us(visit.entered_us) for _, visit in visits],
        ],
    ):
        key = (vehicle_id, fence_id, to_us(entered))
        result[key] = [StoredVisit(visit_id, fence_id, key[2], _us(exited), inferred)]
    return result


def _retract(connection: psycopg.Connection, visit_ids: Sequence[int]) -> None:
    if visit_ids:
        connection.execute(
            "UPDATE visits SET retracted_at = clock_timestamp(), revision = revision + 1,"
            " updated_at = clock_timestamp() WHERE id = ANY (%s)",
            [list(visit_ids)],
        )


def _revise(connection: psycopg.Connection, vehicle_id: int, change: VisitChange) -> None:
    visit, stored = change.visit, change.stored
    assert visit is not None
    assert stored is not None
    # Closing an open visit takes nothing back, so it is no new revision.
    revised = stored.entered_us != visit.entered_us or stored.exited_us is not None
    connection.execute(
        "UPDATE visits SET entered_at = %s, exited_at = %s, last_inside_at = %s, inferred = %s,"
        " enter_evidence = CASE WHEN %s THEN %s ELSE enter_evidence END, exit_evidence = %s,"
        " revision = revision + %s, updated_at = clock_timestamp() WHERE id = %s",
        [
            from_us(visit.entered_us),
            _time(visit.exited_us),
            from_us(visit.last_inside_us),
            visit.inferred,
            stored.entered_us != visit.entered_us,
            Jsonb(_seen(visit.enter_fix)),
            None if visit.exit_fix is None else Jsonb(_seen(visit.exit_fix)),
            int(revised),
            stored.id,
        ],
    )


def _create(
    connection: psycopg.Connection, visits: Sequence[tuple[int, Visit]]
) -> dict[tuple[int, int, int], int]:
    if not visits:
        return {}
    rows = [
        (
            vehicle_id,
            v.geofence_id,
            from_us(v.entered_us),
            _time(v.exited_us),
            from_us(v.last_inside_us),
            v.inferred,
            Jsonb(_seen(v.enter_fix)),
            None if v.exit_fix is None else Jsonb(_seen(v.exit_fix)),
        )
        for vehicle_id, v in visits
    ]
    return {
        (vehicle_id, fence_id, to_us(entered)): visit_id
        for visit_id, vehicle_id, fence_id, entered in connection.execute(
            "INSERT INTO visits (vehicle_id, geofence_id, entered_at, exited_at, last_inside_at, inferred,"
            " enter_evidence, exit_evidence)"
            " SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::timestamptz[], %s::timestamptz[],"
            " %s::timestamptz[], %s::boolean[], %s::jsonb[], %s::jsonb[])"
            " RETURNING id, vehicle_id, geofence_id, entered_at",
            [list(column) for column in zip(*rows, strict=True)],
        )
    }


def _announce(connection: psycopg.Connection, rows: Sequence[tuple[Any, ...]]) -> list[Crossing]:
    if not rows:
        return []
    return [
        Crossing(crossing_id, vehicle_id, fence_id, kind, change, to_us(time))
        for crossing_id, vehicle_id, fence_id, kind, change, time in connection.execute(
            "INSERT INTO crossings (visit_id, vehicle_id, geofence_id, kind, change, time, previous_time, evidence)"
            " SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::text[], %s::text[],"
            " %s::timestamptz[], %s::timestamptz[], %s::jsonb[])"
            " RETURNING id, vehicle_id, geofence_id, kind, change, time",
            [list(column) for column in zip(*rows, strict=True)],
        )
    ]


def _evidence(kind: str, change: VisitChange) -> dict[str, Any]:
    """What shows the crossing: the ping at the border, and the last one known inside for an exit."""
    visit = change.visit
    if visit is None:
        return {"reason": "late pings show that this did not happen"}
    if kind == "enter":
        return {"ping": _seen(visit.enter_fix), "inferred": visit.inferred}
    return {
        "ping": None if visit.exit_fix is None else _seen(visit.exit_fix),
        "entered_at": rfc3339(visit.entered_us),
        "last_inside_at": rfc3339(visit.last_inside_us),
        "inferred": visit.inferred,
    }


def _seen(fix: Fix) -> dict[str, Any]:
    return {
        "device_id": fix.device_id,
        "time": rfc3339(fix.time_us),
        # NaN: of a phone whose driver had his data erased.
        "lat": known(fix.lat),
        "lon": known(fix.lon),
        "accuracy_m": fix.accuracy_m,
    }


def _us(moment: datetime | None) -> int | None:
    return None if moment is None else to_us(moment)


def _time(time_us: int | None) -> datetime | None:
    return None if time_us is None else from_us(time_us)
