"""The law under real concurrency: two workers and two refolders on the same trucks, while fleet and fences change."""

import itertools
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import psycopg
import pytest

from config.settings import Settings
from geofence.geojson import parse_shape
from geofence.index import Fence, FenceIndex
from ingest.diff import visits_of
from ingest.intake import Message
from ingest.interval import Interval, latest
from ingest.ping import Ping
from ingest.state import VehicleState
from ingest.times import from_us
from tests.support.ingest import (
    add_device,
    add_fence,
    add_vehicle,
    body_of,
    known_of,
    make_pipeline,
    message,
    reconcile_all,
)
from tests.support.law import (
    LAT,
    LON,
    METRE,
    PHONE,
    SHAPES,
    START_US,
    TRACKER,
    Candidate,
    Known,
    fold_one,
    in_order,
    intervals_in_order,
    shape_around,
)
from tests.support.law import RULES as VEHICLE_RULES
from tests.support.told import assert_told_adds_up

US = 1_000_000
ENOUGH_S = 8.0
PINGS = 120
# States are rebuilt from stored pings as often as from checkpoints; snapshots are many.
RULES = Settings(ingest_checkpoint_s=0.05, ingest_snapshot_minutes=2, ingest_worker="svc-ingest-test")
_numbers = itertools.count()


@dataclass
class Round:
    """Two trucks; a tracker that is moved from the first to the second, and a phone that stays in the first."""

    first: int
    second: int
    tracker: int
    phone: int
    uids: dict[int, str]
    moved_us: int
    pings: list[Candidate]

    def of(self, vehicle_id: int) -> list[Candidate]:
        def rides(candidate: Candidate) -> int:
            moved = candidate.device_id == self.tracker and candidate.ping.time_us >= self.moved_us
            return self.second if moved else self.first

        return [candidate for candidate in self.pings if rides(candidate) == vehicle_id]

    def message(self, candidate: Candidate) -> Message:
        return message(self.uids[candidate.device_id], body_of(candidate.ping))


def new_round(connection: psycopg.Connection, dice: random.Random) -> Round:
    number = next(_numbers)
    first, second = (add_vehicle(connection, f"DK-R{number}-{n}") for n in (1, 2))
    uids = {
        add_device(connection, f"race-{number}-t", first): f"race-{number}-t",
        add_device(connection, f"race-{number}-p", first, "phone"): f"race-{number}-p",
    }
    tracker, phone = uids
    pings, time_us = [], START_US
    for _ in range(PINGS):
        time_us += dice.choice([5, 20, 60, 400]) * US
        for device_id, priority in ((tracker, TRACKER), (phone, PHONE)):
            # Both often speak in the same second.
            if dice.random() < 0.8:
                east = dice.choice([0, 0, 20, dice.randint(-900, 1200)])
                values = {
                    "accuracy_m": dice.choice([None, 5.0, 30.0, 90.0, 900.0]),
                    "speed_kmh": dice.choice([None, 0.0, 60.5, 120.0]),
                    "ignition": dice.choice([None, True, True, False]),
                    "fuel_pct": dice.choice([None, 40.0, 41.0, 80.0]),
                    "alarms": dice.choice([(), (), (), ("jamming",), ("sos",)]),
                }
                ping = Ping(time_us=time_us, lon=LON + east * METRE, lat=LAT, **values)
                pings.append(Candidate(ping, device_id, priority))
    moved_us = pings[len(pings) * 2 // 3].ping.time_us
    return Round(first, second, tracker, phone, uids, moved_us, pings)


def expected(fences: Sequence[int], pings: Sequence[Candidate]) -> Known:
    """Every ping once, in event time, from nothing, one at a time."""
    index = FenceIndex(
        [
            Fence(number + 1, parse_shape(shape_around(east, radius)), rules)
            for number, (east, radius, rules) in enumerate(SHAPES)
        ]
    )
    state, transitions = VehicleState(), []
    told: list[Interval] = []
    for candidate in sorted(pings, key=lambda c: c.key):
        output = fold_one(state, [candidate], index, VEHICLE_RULES)
        state = output.state
        transitions.extend(output.transitions)
        told.extend(output.told)
    return Known(in_order(visits_of({}, transitions)), intervals_in_order(latest(told).values()))


def deliveries(round_: Round, dice: random.Random) -> list[list[Message]]:
    """In rough order with stragglers, a tenth twice, in batches; a worker that died leaves some to the other."""
    spread = dice.choice([0, 3, 40])
    order = [(n + dice.uniform(0, spread), n) for n in range(len(round_.pings))]
    order += [(dice.uniform(0, len(order)), n) for n in dice.sample(range(len(order)), len(order) // 10)]
    messages = [round_.message(round_.pings[n]) for _, n in sorted(order)]
    batches = []
    while messages:
        size = dice.randint(1, 12)
        batches.append(messages[:size])
        messages = messages[size:]
    return batches


class Threads:
    """What fails in one of them fails the test; a deadlock is tried again, as a worker does."""

    def __init__(self, database_url: str) -> None:
        self._url = database_url
        self._threads: list[threading.Thread] = []
        self.failures: list[BaseException] = []
        self.retries = 0

    def start(self, work: Callable[[psycopg.Connection], None]) -> None:
        def run() -> None:
            try:
                with psycopg.connect(self._url, autocommit=True) as own:
                    work(own)
            except BaseException as error:
                self.failures.append(error)

        self._threads.append(threading.Thread(target=run))
        self._threads[-1].start()

    def again(self, work: Callable[[], object]) -> None:
        while True:
            try:
                work()
            except psycopg.errors.DeadlockDetected:
                self.retries += 1
            else:
                return

    def join(self) -> None:
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive()
        assert self.failures == []


def play(connection: psycopg.Connection, database_url: str, dice: random.Random, fences: list[int]) -> Round:
    round_ = new_round(connection, dice)
    line = deliveries(round_, dice)
    half, taking, finished = len(line) // 2, threading.Lock(), threading.Event()

    def worker(own: psycopg.Connection) -> None:
        pipeline = make_pipeline(own, RULES, VEHICLE_RULES)
        while True:
            with taking:
                if not line:
                    return
                batch = line.pop(0)
            threads.again(lambda: pipeline.process(batch))  # noqa: B023

    def refolder(own: psycopg.Connection) -> None:
        while not finished.is_set():
            threads.again(lambda: reconcile_all(own, RULES, VEHICLE_RULES))
            finished.wait(0.01)

    def fleet(own: psycopg.Connection) -> None:
        while len(line) > half:
            time.sleep(0.002)
        move_tracker(own, round_)
        fences.append(late_fence(own, [round_.first, round_.second]))

    threads, workers = Threads(database_url), Threads(database_url)
    for _ in range(2):
        threads.start(refolder)
        workers.start(worker)
    workers.start(fleet)
    try:
        workers.join()
    finally:
        finished.set()
        threads.join()
    return round_


def move_tracker(connection: psycopg.Connection, round_: Round) -> None:
    at = from_us(round_.moved_us)
    with connection.transaction():
        connection.execute(
            "UPDATE device_assignments SET valid_to = %s WHERE device_id = %s", [at, round_.tracker]
        )
        connection.execute(
            "INSERT INTO device_assignments (device_id, vehicle_id, valid_from) VALUES (%s, %s, %s)",
            [round_.tracker, round_.second, at],
        )
        mark(connection, [round_.first, round_.second], round_.moved_us, "assignment")


def late_fence(connection: psycopg.Connection, vehicles: Sequence[int]) -> int:
    """The third fence, which is to judge all that was before it."""
    with connection.transaction():
        east, radius, rules = SHAPES[2]
        fence_id = add_fence(connection, shape_around(east, radius), rules)
        mark(connection, vehicles, None, "geofence")
    return fence_id


def mark(connection: psycopg.Connection, vehicles: Sequence[int], from_us_: int | None, reason: str) -> None:
    for vehicle_id in vehicles:
        connection.execute(
            "INSERT INTO dirty_vehicles (vehicle_id, from_time, reason) VALUES (%s, %s, %s)",
            [vehicle_id, None if from_us_ is None else from_us(from_us_), reason],
        )


@pytest.fixture
def connection(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as opened:
        yield opened


def test_workers_and_refolders_on_the_same_trucks(connection: psycopg.Connection, database_url: str) -> None:
    begin, played = time.monotonic(), 0
    while played < 2 or time.monotonic() - begin < ENOUGH_S:
        dice = random.Random(played)
        connection.execute("UPDATE geofences SET retired_at = now() WHERE retired_at IS NULL")
        fences = [
            add_fence(connection, shape_around(east, radius), rules) for east, radius, rules in SHAPES[:2]
        ]
        round_ = play(connection, database_url, dice, fences)
        reconcile_all(connection, RULES, VEHICLE_RULES)
        for vehicle_id in (round_.first, round_.second):
            found = known_of(connection, vehicle_id, fences)
            assert found == expected(fences, round_.of(vehicle_id)), f"round {played}"
        played += 1
    assert_told_adds_up(connection)
    row = connection.execute("SELECT sum(stored), (SELECT count(*) FROM pings) FROM ingest_totals").fetchone()
    assert row is not None
    assert row[0] == row[1]
