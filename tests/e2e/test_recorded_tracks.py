"""Real vehicles over real MQTT: the visits are those that brute force finds in the recorded files.

`MESS_TRACKS` names the folder with the recordings.
"""

import itertools
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from cli.parts.mosquitto import Mosquitto
from tests.support.brute_force import Place, Rules, Seen, Stay, read_csv, read_gpx, runs, stays, top_speed_kmh
from tests.support.ingest import add_device, add_vehicle
from tests.support.parts import missing
from tests.support.told import ToldVisit, assert_told_adds_up, told_visits
from tests.support.waiting import wait_until
from tests.support.worker import WorkerProcess, count, totals, worker

ROOT = Path(__file__).resolve().parents[2]
BUSES, CAR = "bus_liverpool_route14.csv", "car_visnjan.gpx"
RULES = Rules(exit_margin_m=50, exit_confirmations=2, exit_dwell_s=120, pass_gap_s=300)
# Two ways to reckon the moment of a pass between two fixes, in planes around different middles.
PASS_TOLERANCE_S = 0.2
REPLAY_S = 90.0
_numbers = itertools.count(1)

Feature = dict[str, Any]
Tracks = dict[str, list[Seen]]
Replay = Callable[[str, tuple[str, ...]], "Played"]


def circle(lon: float, lat: float, radius_m: float) -> Feature:
    geometry = {"type": "Point", "coordinates": [lon, lat]}
    return {"type": "Feature", "geometry": geometry, "properties": {"radius_m": radius_m}}


def polygon(*corners: tuple[float, float]) -> Feature:
    ring = [list(corner) for corner in (*corners, corners[0])]
    return {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [ring]}, "properties": {}}


PLACES: dict[str, dict[str, Feature]] = {
    BUSES: {
        # where every trip begins, with room for all stands
        "queen square": circle(-2.9825, 53.4077, 180),
        # its border goes through streets where buses wait, so that fixes go in and out of it
        "city centre": circle(-2.9818, 53.4085, 150),
        # halfway, not convex
        "townsend lane": polygon(
            (-2.9540, 53.4260), (-2.9505, 53.4258), (-2.9490, 53.4278), (-2.9512, 53.4272), (-2.9522, 53.4284)
        ),
        # most buses are through it between two fixes
        "utting avenue": circle(-2.9320, 53.4404, 60),
        "broad lane": circle(-2.9160, 53.4480, 150),
    },
    CAR: {
        # the drive begins and ends at the house
        "house": circle(13.7141, 45.27335, 60),
        "crossroads": polygon(
            (13.7190, 45.2800), (13.7222, 45.2792), (13.7230, 45.2800), (13.7215, 45.2806), (13.7200, 45.2815)
        ),
        "halt": circle(13.7198, 45.27632, 40),
    },
}
# Places that no recorded vehicle leaves for a moment only, or passes unseen: even the naive scan is right there.
CALM = ("queen square", "townsend lane", "broad lane", "house", "crossroads", "halt")

WAYS: dict[str, tuple[str, ...]] = {
    "native": (),
    "native in batches, newest first": ("--newest-first", "--batch", "40", "--payload", "msgpack"),
    "owntracks": ("--payload", "owntracks"),
}
TROUBLE = ("--shuffle", "--duplicate", "--batch", "7")


@dataclass(frozen=True)
class Played:
    """One replay: vehicle id by the file's name of it, and what `mess replay` sent at least."""

    vehicles: dict[str, int]
    published: int


@pytest.fixture(scope="module")
def recordings() -> dict[str, Tracks]:
    """Tracks of each file by vehicle, read without the platform's code."""
    folder = os.environ.get("MESS_TRACKS")
    if not folder:
        missing("tracks", "MESS_TRACKS does not name the folder with the recorded tracks")
    return {BUSES: read_csv(Path(folder) / BUSES), CAR: {"car_visnjan": read_gpx(Path(folder) / CAR)}}


@pytest.fixture(scope="module")
def connection(recordings: dict[str, Tracks], database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as opened:
        yield opened


@pytest.fixture(scope="module")
def fences(connection: psycopg.Connection) -> dict[str, int]:
    made: dict[str, int] = {}
    for name, feature in (item for places in PLACES.values() for item in places.items()):
        row = connection.execute(
            "INSERT INTO geofences (name, shape, settings) VALUES (%s, %s, %s) RETURNING id",
            [name, Jsonb(feature), Jsonb(RULES.overrides())],
        ).fetchone()
        assert row
        made[name] = row[0]
    return made


@pytest.fixture(scope="module")
def broker(recordings: dict[str, Tracks], mosquitto_factory: Callable[..., Mosquitto]) -> Mosquitto:
    return mosquitto_factory()


@pytest.fixture(scope="module")
def one_worker(
    fences: dict[str, int],
    broker: Mosquitto,
    database_url: str,
    redis_url: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[WorkerProcess]:
    with worker(tmp_path_factory.mktemp("worker"), broker, database_url, redis_url) as process:
        yield process


@pytest.fixture
def replayer(
    connection: psycopg.Connection,
    broker: Mosquitto,
    one_worker: WorkerProcess,
    recordings: dict[str, Tracks],
) -> Replay:
    """`replayer(file, options)`: a new fleet sends the file; returns when all of it is stored and folded."""
    prefix = f"replay{next(_numbers)}-"

    def run(file: str, options: tuple[str, ...]) -> Played:
        vehicles = {}
        for name in recordings[file]:
            vehicles[name] = add_vehicle(connection, f"{prefix}{name}")
            add_device(connection, f"{prefix}{name}", vehicles[name])
        before = totals(connection)["received"]
        mess_replay(broker, file, "--device-prefix", prefix, *options)
        wait_until(lambda: settled(connection, vehicles, recordings[file]), REPLAY_S, "every row folded")
        assert one_worker.running
        return Played(vehicles, totals(connection)["received"] - before)

    return run


def mess_replay(broker: Mosquitto, file: str, *options: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cli", "replay", str(Path(os.environ["MESS_TRACKS"]) / file),
         "--host", broker.host, "--port", str(broker.port), "--protocol", broker.protocol,
         "--speed-up", "max", *options],
        cwd=ROOT, env={**os.environ, "MESS_ENVIRONMENT": "test"},
        capture_output=True, text=True, check=False, timeout=REPLAY_S,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def settled(connection: psycopg.Connection, vehicles: dict[str, int], tracks: Tracks) -> bool:
    ids = list(vehicles.values())
    stored = count(
        connection,
        "SELECT count(*) FROM pings JOIN device_assignments USING (device_id) WHERE vehicle_id = ANY (%s)",
        ids,
    )
    waiting = count(connection, "SELECT count(*) FROM dirty_vehicles WHERE vehicle_id = ANY (%s)", ids)
    return stored == sum(len(track) for track in tracks.values()) and not waiting


def same(expected: list[Stay], told: list[ToldVisit]) -> bool:
    return len(expected) == len(told) and all(map(_same_visit, expected, told))


def _same_visit(stay: Stay, visit: ToldVisit) -> bool:
    tolerance_s = PASS_TOLERANCE_S if stay.passed else 0.0
    if stay.passed != visit.inferred or (stay.left is None) != (visit.exited_us is None):
        return False
    gone = stay.left is None or abs(stay.left - (visit.exited_us or 0) / 1e6) <= tolerance_s
    return gone and abs(stay.entered - visit.entered_us / 1e6) <= tolerance_s


def _unsure_last(naive: list[Stay], *, told_open: bool) -> list[Stay]:
    """The naive scan believes an exit at once, also when the recording ends before there is any certainty."""
    return [*naive[:-1], replace(naive[-1], left=None)] if naive and told_open else naive


def assert_visits_are_those_of_brute_force(
    connection: psycopg.Connection, played: Played, tracks: Tracks, file: str, fences: dict[str, int]
) -> None:
    for name, feature in PLACES[file].items():
        place = Place(feature)
        for vehicle, track in tracks.items():
            expected = stays(track, place, RULES)
            told = told_visits(connection, played.vehicles[vehicle], fences[name])
            assert same(expected, told), f"{vehicle} at {name}: expected {expected}, told {told}"
            if name in CALM:
                naive = _unsure_last(runs(track, place), told_open=bool(told) and told[-1].exited_us is None)
                assert same(naive, told), f"{vehicle} at {name}: the naive scan has {naive}, told {told}"
    assert_told_adds_up(connection)


@pytest.mark.parametrize("file", [BUSES, CAR])
@pytest.mark.parametrize("way", WAYS)
def test_a_replayed_file_gives_the_visits_that_brute_force_finds(
    replayer: Replay,
    connection: psycopg.Connection,
    recordings: dict[str, Tracks],
    fences: dict[str, int],
    file: str,
    way: str,
) -> None:
    played = replayer(file, WAYS[way])
    assert played.published == sum(len(track) for track in recordings[file].values())
    assert_visits_are_those_of_brute_force(connection, played, recordings[file], file, fences)


@pytest.mark.parametrize("file", [BUSES, CAR])
def test_shuffled_doubled_and_in_batches_over_two_workers_it_gives_the_same(
    replayer: Replay,
    connection: psycopg.Connection,
    broker: Mosquitto,
    database_url: str,
    redis_url: str,
    tmp_path: Path,
    recordings: dict[str, Tracks],
    fences: dict[str, int],
    file: str,
) -> None:
    with worker(tmp_path, broker, database_url, redis_url, ingest_worker="svc-ingest-2"):
        played = replayer(file, TROUBLE)
    rows = sum(len(track) for track in recordings[file].values())
    assert played.published >= 2 * rows, "nothing was sent twice"
    shares: dict[str, int] = dict(connection.execute("SELECT worker, received FROM ingest_totals").fetchall())
    assert min(shares["svc-ingest-1"], shares["svc-ingest-2"]) > 0, shares
    late = count(connection, "SELECT sum(late) FROM ingest_totals")
    assert late > 0, "nothing was late, so nothing was folded again"
    assert_visits_are_those_of_brute_force(connection, played, recordings[file], file, fences)


def test_the_recordings_ask_all_that_the_comparison_is_for(recordings: dict[str, Tracks]) -> None:
    """Stays, passes between two fixes, border jitter, a second visit, an open one; and no implausible jump."""
    found: dict[str, list[tuple[list[Stay], list[Stay]]]] = {}
    for file, places in PLACES.items():
        for name, feature in places.items():
            place = Place(feature)
            found[name] = [
                (stays(track, place, RULES), runs(track, place)) for track in recordings[file].values()
            ]
    for name in CALM:
        for visits, naive in found[name]:
            assert visits == _unsure_last(naive, told_open=bool(visits) and visits[-1].left is None), name
    assert sum(stay.passed for visits, _ in found["utting avenue"] for stay in visits) >= 8
    jitter = sum(len(naive) - len(visits) for visits, naive in found["city centre"])
    assert jitter >= 5, "the naive scan should see a waiting bus come and go"
    assert any(len(visits) > 1 for visits, _ in found["queen square"])
    assert found["house"][0][0][-1].left is None
    fastest = max(top_speed_kmh(track) for tracks in recordings.values() for track in tracks.values())
    assert fastest < 150


@pytest.mark.parametrize(("file", "name"), [(f, name) for f, places in PLACES.items() for name in places])
def test_the_comparison_sees_a_moved_fence_and_a_moved_time(
    recordings: dict[str, Tracks], file: str, name: str
) -> None:
    feature = PLACES[file][name]
    moved = _moved(feature, north_deg=80 / 111_000)
    right, wrong = [
        [stays(track, Place(f), RULES) for track in recordings[file].values()] for f in (feature, moved)
    ]
    told = [[_as_told(stay) for stay in visits] for visits in right]
    assert all(map(same, right, told))
    assert not all(map(same, wrong, told)), "80 m north should make a difference"
    late = [[_as_told(stay, later_us=1_000_000) for stay in visits] for visits in right]
    assert not any(map(same, (v for v in right if v), (v for v in late if v)))


def _as_told(stay: Stay, later_us: int = 0) -> ToldVisit:
    left_us = None if stay.left is None else round(stay.left * 1e6) + later_us
    return ToldVisit(round(stay.entered * 1e6) + later_us, left_us, stay.passed)


def _moved(feature: Feature, north_deg: float) -> Feature:
    def shift(part: Any) -> Any:
        if isinstance(part[0], list):
            return [shift(inner) for inner in part]
        return [part[0], part[1] + north_deg]

    geometry = feature["geometry"]
    return {**feature, "geometry": {**geometry, "coordinates": shift(geometry["coordinates"])}}
