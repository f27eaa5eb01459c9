"""What is left in the database after a run, and whether it is all there and nothing but true."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import psycopg

from ingest.times import to_us
from tests.chaos.load import Load
from tests.support.ingest import intervals_in
from tests.support.told import assert_told_adds_up
from tests.support.worker import totals


@dataclass(frozen=True)
class Outcome:
    """Everything that users see of the trucks in the end, and the books of how it came in."""

    totals: dict[str, int]
    stored: frozenset[tuple[str, int]]  # (uid, time in microseconds)
    refusals: int  # messages or pings of which the reason is kept
    visits: tuple[tuple[Any, ...], ...]
    intervals: dict[int, list[Any]]  # by vehicle
    states: tuple[tuple[Any, ...], ...]


def outcome(connection: psycopg.Connection) -> Outcome:
    """Raises AssertionError where the crossings told do not add up to the visits."""
    assert_told_adds_up(connection)
    stored = connection.execute(
        "SELECT d.uid, p.time FROM pings p JOIN devices d ON d.id = p.device_id"
    ).fetchall()
    refusals = connection.execute("SELECT count(*) FROM rejected_pings").fetchone()
    visits = connection.execute(
        "SELECT vehicle_id, geofence_id, entered_at, exited_at, inferred FROM visits WHERE retracted_at IS NULL"
        " ORDER BY vehicle_id, entered_at, geofence_id"
    ).fetchall()
    vehicles = [row[0] for row in connection.execute("SELECT id FROM vehicles ORDER BY id")]
    states = connection.execute(
        "SELECT vehicle_id, time, lon, lat, device_id, motion, motion_since, odometer_m, engine_s"
        " FROM vehicle_states ORDER BY vehicle_id"
    ).fetchall()
    return Outcome(
        totals(connection),
        frozenset((uid, to_us(time)) for uid, time in stored),
        int(refusals[0]) if refusals else 0,
        tuple(visits),
        {vehicle: intervals_in(connection, vehicle) for vehicle in vehicles},
        tuple(states),
    )


def complaints(load: Load, found: Outcome, undisturbed: Outcome | None = None) -> list[str]:
    """What is wrong, in words; nothing = all is well."""
    t = found.totals
    wrong = []
    if t["received"] != t["stored"] + t["duplicate"] + t["rejected"]:
        wrong.append(f"the books do not balance: {t}")
    if t["stored"] != len(found.stored):
        wrong.append(f"{t['stored']} booked as stored, {len(found.stored)} in the table")
    expected = load.expected()
    if found.stored != expected:
        wrong.append(f"lost: {_some(expected - found.stored)}; never sent: {_some(found.stored - expected)}")
    if t["rejected"] < len(load.refused()):
        wrong.append(f"{t['rejected']} rejected, {len(load.refused())} sent that had to be")
    if undisturbed is not None:
        wrong += _differences("visits", undisturbed.visits, found.visits)
        wrong += _differences("vehicle states", undisturbed.states, found.states)
        for vehicle, intervals in undisturbed.intervals.items():
            wrong += _differences(f"intervals of {vehicle}", intervals, found.intervals[vehicle])
    return wrong


def _differences(what: str, before: Iterable[Any], after: Iterable[Any]) -> list[str]:
    before, after = list(before), list(after)
    if before == after:
        return []
    missing = [each for each in before if each not in after]
    new = [each for each in after if each not in before]
    return [f"{what} differ: {len(missing)} missing, {len(new)} new: {_some(missing)} / {_some(new)}"]


def _some(items: Iterable[Any]) -> str:
    items = list(items)
    return f"{len(items)} {items[:3]}" if items else "0"
