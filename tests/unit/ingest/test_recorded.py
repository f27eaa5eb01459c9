"""Real vehicles: the trips and stops of recorded tracks beside what a plain scan of the whole file finds.

Eight buses of a line through Liverpool, two hours each with a fix every half minute, and a car's drive of nine minutes.
`MESS_TRACKS` names the folder with the recordings.
"""

import os
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from ingest.ping import Ping
from telemetry.rules import DEFAULTS
from tests.support.brute_force import GEOD, Seen, read_csv, read_gpx
from tests.support.drives import Told, tell
from tests.support.law import TRACKER, Candidate
from tests.support.parts import missing
from tests.support.stays import stays

Span = tuple[float, float]
BUSES, CAR = "bus_liverpool_route14.csv", "car_visnjan.gpx"
# The recordings have a fix every 30 s or so, and a bus in traffic needs a minute for the last 100 m.
WITHIN_S = 90.0


@pytest.fixture(scope="module")
def tracks() -> dict[str, list[Seen]]:
    folder = os.environ.get("MESS_TRACKS")
    if not folder:
        missing("tracks", "MESS_TRACKS does not name the folder with the recorded tracks")
    return {**read_csv(Path(folder) / BUSES), "car": read_gpx(Path(folder) / CAR)}


def folded(track: Sequence[Seen]) -> Told:
    return tell(
        [Candidate(Ping(time_us=round(s.seconds * 1e6), lon=s.lon, lat=s.lat), 1, TRACKER) for s in track]
    )


def spans(told: Told, track: Sequence[Seen], *kinds: str) -> list[Span]:
    last_us = track[-1].seconds * 1e6
    return [(i.started_us / 1e6, (i.ended_us or last_us) / 1e6) for i in told.of(*kinds)]


def way_m(track: Sequence[Seen]) -> float:
    return sum(float(GEOD.inv(a.lon, a.lat, b.lon, b.lat)[2]) for a, b in pairwise(track))


def test_every_stay_that_the_scan_finds_is_a_stop(tracks: dict[str, list[Seen]]) -> None:
    """All fixes of three minutes within 100 m of their middle."""
    found = 0
    for name, track in tracks.items():
        stops = spans(folded(track), track, "stop", "parking")
        for stay in stays(track, DEFAULTS.stop_radius_m / 2, DEFAULTS.stop_min_s):
            found += 1
            assert any(covers(stop, stay) for stop in stops), f"{name}: stood {stay}, told {stops}"
    assert found >= 20


def test_every_stop_is_one_that_a_wider_scan_finds(tracks: dict[str, list[Seen]]) -> None:
    """All fixes of three minutes within the whole radius of their middle; a minute between two is shunting."""
    for name, track in tracks.items():
        wide: list[Span] = []
        for begin, end in stays(track, DEFAULTS.stop_radius_m, DEFAULTS.stop_min_s):
            goes_on = bool(wide) and begin - wide[-1][1] <= WITHIN_S
            wide.append((wide.pop()[0] if goes_on else begin, end))
        for stop in spans(folded(track), track, "stop", "parking"):
            assert any(covers(stay, stop) for stay in wide), f"{name}: told {stop}, the scan has {wide}"


def covers(longer: Span, shorter: Span) -> bool:
    return longer[0] <= shorter[0] + WITHIN_S and longer[1] >= shorter[1] - WITHIN_S


def test_what_is_no_parking_is_the_trip(tracks: dict[str, list[Seen]]) -> None:
    """No bus stood for a quarter of an hour between its first and its last way: one trip each."""
    for name, track in tracks.items():
        told = folded(track)
        assert len(told.trips) == 1, name
        parked = spans(told, track, "parking")
        ((begin, end),) = spans(told, track, "trip")
        assert all(ended <= begin for _, ended in parked)
        assert end == track[-1].seconds


def test_the_way_is_the_geodesic_one(tracks: dict[str, list[Seen]]) -> None:
    """Outside the stops, where a receiver's wander is no way. Of the car's nine minutes it stands two without a stop."""
    driven_m = exact_m = 0.0
    for name, track in tracks.items():
        told = folded(track)
        stops = spans(told, track, "stop", "parking")
        one_m = told.state.odo_mm / 1000
        other_m = way_m(
            [seen for seen in track if not any(begin < seen.seconds < end for begin, end in stops)]
        )
        assert one_m == pytest.approx(other_m, rel=0.025 if name == "car" else 0.005), name
        driven_m, exact_m = driven_m + one_m, exact_m + other_m
    assert driven_m == pytest.approx(exact_m, rel=0.003)
