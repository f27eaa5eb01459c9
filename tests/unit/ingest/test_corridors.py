"""Simulated trucks on Senegal's six corridors, with all the usual faults on the way: what is told is what was true.

The simulator knows where and how long each truck stood. Pings arrive as a device in trouble sends them: stored during
gaps in coverage and uploaded newest first, repeated, out of order, missing, at 0/0, with a wrong clock.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import pytest

from ingest.interval import Interval, family_of
from ingest.ping import Ping
from ingest.steps import StepContext, apply_steps
from simulator.fix import Message
from simulator.plans import plan_corridor
from simulator.receiver import PHONE, TRACKER, Receiver, observe
from simulator.route import corridors
from simulator.trouble import Trouble, parse_trouble, publish_schedule
from simulator.truck import State, Stop, travel
from telemetry.rules import DEFAULTS
from tests.support.law import PRIORITIES, Books, Candidate

US = 1_000_000
START_US = 1_767_600_000_000_000
ALL_FAULTS = parse_trouble("gaps,newest-first,duplicates,repeats,disorder,missing,zero,clock")
DEVICE = {"tracker": (1, TRACKER, 60.0), "phone": (2, PHONE, 130.0)}  # id, receiver, tolerance in seconds


@dataclass(frozen=True)
class Stay:
    begin_us: int
    end_us: int
    along_m: float

    @property
    def seconds(self) -> float:
        return (self.end_us - self.begin_us) / US


def journey(name: str) -> tuple[list[State], list[Stay]]:
    """An hour at the start, along the corridor with its posts and meals, an hour at the end."""
    plan = plan_corridor(corridors()[name], seed=f"fold/{name}")
    ends = (Stop(0.0, 3600.0, "start"), Stop(plan.route.length_m, 3600.0, "end"))
    states = list(travel(plan.route, stops=(*plan.stops, *ends), seed=f"fold/{name}", start_us=START_US))
    stays: list[Stay] = []
    for state in states:
        if not state.standing:
            continue
        # Where it moves on by less than the shortest trip, that is shunting.
        if stays and state.along_m - stays[-1].along_m < DEFAULTS.min_trip_m:
            stays[-1] = Stay(stays[-1].begin_us, state.time_us, state.along_m)
        else:
            stays.append(Stay(state.time_us, state.time_us, state.along_m))
    return states, stays


def arriving(name: str, states: Sequence[State], receiver: Receiver, trouble: Trouble) -> Iterator[Message]:
    route = plan_corridor(corridors()[name], seed=f"fold/{name}").route
    return publish_schedule(observe(states, route, receiver, seed=name), trouble, seed=name)


@dataclass(frozen=True)
class Run:
    """What was told, and the times of the fixes that got through."""

    intervals: list[Interval]
    fixes_us: list[int]

    def of(self, family: str) -> list[Interval]:
        return sorted((i for i in self.intervals if family_of(i.kind) == family), key=lambda i: i.started_us)


def run(messages: Iterator[Message], device_id: int) -> Run:
    """As ingest does: message by message, late ones folded again now and then."""
    books = Books(DEFAULTS)
    times: set[int] = set()
    for number, message in enumerate(messages):
        context = StepContext(message.due_us, START_US - 365 * 86_400 * US, 300 * US)
        pings = [
            Ping(
                time_us=fix.time_us, lon=fix.lon, lat=fix.lat, speed_kmh=fix.speed_kmh,
                accuracy_m=fix.accuracy_m, ignition=fix.ignition, fuel_pct=fix.fuel_pct, odometer_km=fix.odometer_km,
            )
            for fix in message.fixes
        ]  # fmt: skip
        kept, _ = apply_steps(pings, context)
        books.take([Candidate(ping, device_id, PRIORITIES[device_id]) for ping in kept])
        times.update(ping.time_us for ping in kept)
        if number % 500 == 499:
            books.reconcile()
    books.reconcile()
    return Run(books.known.intervals, sorted(times))


@pytest.mark.parametrize("device", DEVICE)
@pytest.mark.parametrize("name", corridors())
def test_stops_and_trips_are_those_of_the_truck(name: str, device: str) -> None:
    device_id, receiver, within_s = DEVICE[device]
    states, stays = journey(name)
    played = run(arriving(name, states, receiver, ALL_FAULTS), device_id)
    stops = played.of("stop")
    for stay in stays:
        if stay.seconds > DEFAULTS.stop_min_s + 2 * within_s:
            assert any(same(stop, stay, played, within_s) for stop in stops), f"{stay} is not among {stops}"
    for stop in stops:
        assert any(same(stop, stay, played, within_s) for stay in stays), f"{stop} was none"
    parkings = [stop for stop in stops if stop.kind == "parking"]
    assert [(trip.started_us, trip.ended_us) for trip in played.of("trip")] == [
        (before.ended_us, after.started_us) for before, after in pairwise(parkings)
    ]
    assert not {i.kind for i in played.intervals} & {"gap", "tow", "fuel_drop", "takeover", "handback"}
    if device == "tracker":
        filled = sum(after.fuel_l > before.fuel_l + 1 for before, after in pairwise(states))
        # The simulator's trucks fill up on the way, where a fleet does not believe it.
        assert len(played.of("refuel")) <= filled


def same(stop: Interval, stay: Stay, played: Run, within_s: float) -> bool:
    """Begun and ended when the truth did, as far as fixes got through."""
    times, within_us = played.fixes_us, within_s * US
    first_us = times[min(bisect_left(times, stay.begin_us), len(times) - 1)]
    last_us = times[max(bisect_right(times, stay.end_us) - 1, 0)]
    end_us = stop.ended_us or stay.end_us
    return (
        stay.begin_us - within_us <= stop.started_us <= first_us + within_us
        and last_us - within_us <= end_us <= stay.end_us + within_us
    )


@pytest.mark.parametrize("name", corridors())
def test_distances_are_those_of_the_road(name: str) -> None:
    states, _ = journey(name)
    played = run(arriving(name, states, TRACKER, ALL_FAULTS), 1)
    along = {state.time_us // US: state.along_m for state in states}
    for trip in played.of("trip"):
        assert trip.ended_us is not None
        driven_m = along[trip.ended_us // US] - along[trip.started_us // US]
        assert float(trip.values["distance_m"]) == pytest.approx(driven_m, rel=0.01, abs=50)
