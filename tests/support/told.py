"""What the database says of visits, and whether the crossings that were told add up to the same."""

from dataclasses import dataclass

import psycopg

from ingest.times import to_us


@dataclass(frozen=True, slots=True)
class ToldVisit:
    """A row of `visits` that was not retracted; microseconds."""

    entered_us: int
    exited_us: int | None
    inferred: bool = False


@dataclass(frozen=True, slots=True)
class ToldCrossing:
    kind: str
    change: str
    time_us: int
    previous_us: int | None


def told_visits(connection: psycopg.Connection, vehicle_id: int, fence_id: int) -> list[ToldVisit]:
    return [
        ToldVisit(to_us(entered), None if exited is None else to_us(exited), inferred)
        for entered, exited, inferred in connection.execute(
            "SELECT entered_at, exited_at, inferred FROM visits"
            " WHERE vehicle_id = %s AND geofence_id = %s AND retracted_at IS NULL ORDER BY entered_at",
            [vehicle_id, fence_id],
        )
    ]


def told_crossings(connection: psycopg.Connection, vehicle_id: int, fence_id: int) -> list[ToldCrossing]:
    """In the order of telling."""
    return [
        ToldCrossing(kind, change, to_us(time), None if previous is None else to_us(previous))
        for kind, change, time, previous in connection.execute(
            "SELECT kind, change, time, previous_time FROM crossings"
            " WHERE vehicle_id = %s AND geofence_id = %s ORDER BY id",
            [vehicle_id, fence_id],
        )
    ]


def assert_told_adds_up(connection: psycopg.Connection) -> None:
    """Whoever only listened to the crossings of a visit believes what its row says."""
    believed: dict[tuple[int, str], int] = {}
    for visit_id, kind, change, time, previous in connection.execute(
        "SELECT visit_id, kind, change, time, previous_time FROM crossings ORDER BY id"
    ):
        key, before = (visit_id, kind), believed.get((visit_id, kind))
        if change == "created":
            assert before is None, f"{key} was told twice"
        elif change == "revised":
            assert before == to_us(previous), f"{key}: revised from {previous}, which nobody was told"
        else:
            assert before == to_us(time), f"{key}: takes back {time}, which nobody was told"
        if change == "retracted":
            del believed[key]
        else:
            believed[key] = to_us(time)
    standing: dict[tuple[int, str], int] = {}
    for visit_id, entered, exited in connection.execute(
        "SELECT id, entered_at, exited_at FROM visits WHERE retracted_at IS NULL"
    ):
        standing[(visit_id, "enter")] = to_us(entered)
        if exited is not None:
            standing[(visit_id, "exit")] = to_us(exited)
    assert believed == standing
