"""The waiting truck at the border through the whole pipeline: one visit stored, one arrival and one leaving told."""

import itertools
from collections.abc import Iterator

import psycopg
import pytest

from config.settings import Settings
from geofence.settings import DEFAULTS, FenceSettings
from ingest.intake import Message
from tests.support.brute_force import Place
from tests.support.ingest import (
    add_device,
    add_fence,
    add_vehicle,
    make_pipeline,
    message,
    ping_body,
    reconcile_all,
)
from tests.support.jitter import Observed, Receiver, circle, observe, waiting, yard
from tests.support.told import ToldCrossing, ToldVisit, assert_told_adds_up, told_crossings, told_visits

HOURS_3, HOURS_6 = 10_800.0, 21_600.0
PINGS_A_MESSAGE = 20
MESSAGES_A_BATCH = 3
RULES = Settings(ingest_worker="svc-ingest-jitter", ingest_snapshot_minutes=15)
_numbers = itertools.count()

CASES = {
    "defaults, every 30 s": (None, Receiver(30, 20.0, 60.0), HOURS_6),
    "defaults, every 300 s": (None, Receiver(300, 20.0), HOURS_6),
    "steady, wandering, every 10 s": (DEFAULTS, Receiver(10, 30.0, 300.0), HOURS_3),
    "steady, every 60 s": (DEFAULTS, Receiver(60, 45.0), HOURS_6),
}


@pytest.fixture(scope="module")
def connection(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as opened:
        yield opened


def messages_of(uid: str, fixes: list[Observed]) -> list[Message]:
    bodies = [ping_body(f.time_us, f.lat, f.lon, acc=f.accuracy_m) for f in fixes]
    return [message(uid, *bodies[i : i + PINGS_A_MESSAGE]) for i in range(0, len(bodies), PINGS_A_MESSAGE)]


@pytest.mark.parametrize("order", ["in order", "newest first"])
@pytest.mark.parametrize("shape", ["circle", "polygon"])
@pytest.mark.parametrize("case", CASES)
def test_one_visit_whatever_the_scatter_and_the_order(
    connection: psycopg.Connection, case: str, shape: str, order: str
) -> None:
    settings, receiver, wait_s = CASES[case]
    feature = circle(150) if shape == "circle" else yard(150)
    vehicle_id, fence_id, uid = set_up(connection, feature, settings)
    fixes = list(observe(waiting(150.0, wait_s), receiver, case))
    messages = messages_of(uid, fixes)
    if order == "newest first":
        messages.reverse()
    pipeline = make_pipeline(connection, RULES)
    for start in range(0, len(messages), MESSAGES_A_BATCH):
        pipeline.process(messages[start : start + MESSAGES_A_BATCH])
    reconcile_all(connection, RULES)

    place = Place(feature)
    within = [place.inside(place.plane(fix.lon, fix.lat)) for fix in fixes]
    first, last = within.index(True), len(within) - 1 - within[::-1].index(True)
    assert within[first:last].count(False) > 10, "the fixes hardly strayed out"
    entered_us, exited_us = fixes[first].time_us, fixes[last + 1].time_us
    assert told_visits(connection, vehicle_id, fence_id) == [ToldVisit(entered_us, exited_us)]
    assert_told_adds_up(connection)
    if order == "in order":
        # Nobody was told of comings and goings that had to be taken back.
        assert told_crossings(connection, vehicle_id, fence_id) == [
            ToldCrossing("enter", "created", entered_us, None),
            ToldCrossing("exit", "created", exited_us, None),
        ]


def set_up(
    connection: psycopg.Connection, feature: dict[str, object], settings: FenceSettings | None
) -> tuple[int, int, str]:
    """A truck with a tracker, and a fence that watches it alone."""
    number = next(_numbers)
    uid = f"jitter-{number}"
    vehicle_id = add_vehicle(connection, f"DK-J{number}")
    add_device(connection, uid, vehicle_id)
    return vehicle_id, add_fence(connection, feature, settings, vehicle_id=vehicle_id), uid
