"""A state without one phone's positions: nothing of them is left in its bytes, and it folds on."""

import math
import struct

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from geofence.index import FenceIndex
from ingest.forgetting import Span, without
from ingest.interval import Interval
from ingest.ping import Ping
from ingest.state import VehicleState, decode_state, encode_state
from tests.support.law import LAT, LON, METRE, PHONE, START_US, TRACKER, Candidate, fold_one, index, tracks

US = 1_000_000
TRACKER_ID, PHONE_ID = 1, 2
FENCES = index()


def marked(track: list[Candidate]) -> list[Candidate]:
    """The phone's pings at latitudes that nothing else has."""
    return [
        Candidate(msgspec.structs.replace(c.ping, lat=LAT + 1e-6 * (n + 1)), c.device_id, c.priority)
        if c.device_id == PHONE_ID
        else c
        for n, c in enumerate(track)
    ]


def remembered(state: VehicleState, track: list[Candidate]) -> list[int]:
    """Numbers of the phone's pings whose latitude is in the state's bytes."""
    data = encode_state(state)
    return [
        n for n, c in enumerate(track) if c.device_id == PHONE_ID and struct.pack(">d", c.ping.lat) in data
    ]


def alone(track: list[Candidate]) -> set[int]:
    """Times of which only the phone has a ping."""
    return {c.ping.time_us for c in track if c.device_id == PHONE_ID} - {
        c.ping.time_us for c in track if c.device_id != PHONE_ID
    }


def places(told: list[Interval]) -> list[float]:
    return [value for each in told for place in (each.start, each.end) if place for value in place]


@given(tracks(), st.integers(0, 40))
def test_nothing_of_his_positions_is_left_and_the_rest_folds_on(track: list[Candidate], cut: int) -> None:
    track = marked(track)
    before = fold_one(VehicleState(), track[:cut], FENCES).state
    found = without(before, Span(PHONE_ID), alone(track).__contains__)
    state = before if found is None else found.state
    assert remembered(state, track) == []
    # But for what was not counted yet: the way from an anchor to the last fix is at most 50 m.
    assert 0 <= state.odo_mm - before.odo_mm <= 50_001
    if found is not None:
        assert decode_state(encode_state(state)).key == before.key
        assert without(state, Span(PHONE_ID), alone(track).__contains__) is None
        ended = {each.key for each in found.ended}
        assert all(each.ended_us is not None for each in found.ended)
        assert len(ended) == len(found.ended)
    # The fences it is in, and since when, are as they were.
    inside = {fence: (s.entered, s.first.time_us) for fence, s in before.fences.items()}
    assert {fence: (s.entered, s.first.time_us) for fence, s in state.fences.items()} == inside
    rest = [c for c in track[cut:] if c.device_id != PHONE_ID]
    if rest:
        after = fold_one(state, rest, FENCES)
        assert remembered(after.state, track) == []
        assert not any(math.isnan(value) for value in places(after.told))


@given(tracks())
def test_a_state_without_anything_of_his_is_left_alone(track: list[Candidate]) -> None:
    """But for the way's anchor and the middle of the place, of which nobody knows whose positions made them."""
    state = fold_one(VehicleState(), [c for c in track if c.device_id != PHONE_ID], FENCES).state
    found = without(state, Span(PHONE_ID), alone(track).__contains__)
    if found is not None:
        assert found.ended == []
        assert state.last is not None
        assert found.state.anchor == (state.last.lon, state.last.lat)
        motion = found.state.motion
        kept = msgspec.structs.replace(motion, stop=state.motion.stop, way=state.motion.way)
        again = {"way_mm": state.way_mm, "anchor": state.anchor, "motion": kept}
        assert msgspec.structs.replace(found.state, **again) == state
        assert motion.stop is None or (motion.stop.lon, motion.stop.lat) == motion.stop.still.place
        assert motion.way is None or (motion.way.lon, motion.way.lat) == motion.way.start.place
        assert found.state.way_mm >= state.way_mm


def test_what_the_phone_did_for_somebody_else_stays() -> None:
    def at(second: int) -> Candidate:
        ping = Ping(time_us=START_US + second * US, lat=LAT, lon=LON, alarms=("jamming",))
        return Candidate(ping, PHONE_ID, PHONE)

    state = fold_one(VehicleState(), [at(0), at(10)], FENCES).state
    assert state.last is not None
    earlier = Span(PHONE_ID, until_us=START_US)
    assert without(state, earlier, lambda _: True) is None
    found = without(state, Span(PHONE_ID, since_us=START_US + 5 * US), lambda t: t > START_US + 5 * US)
    assert found is not None
    assert found.state.last is not None
    assert math.isnan(found.state.last.lat)
    # The alarm began before the phone was his.
    assert "jamming" in found.state.alarms[PHONE_ID].lasting


def test_a_trip_by_his_phone_ends_where_it_was_last_seen() -> None:
    def at(second: int, east_m: float, device: int = PHONE_ID) -> Candidate:
        ping = Ping(time_us=START_US + second * US, lat=LAT, lon=LON + east_m * METRE, speed_kmh=40.0)
        return Candidate(ping, device, PHONE if device == PHONE_ID else TRACKER)

    driving = [at(n * 30, n * 300) for n in range(20)]
    output = fold_one(VehicleState(), driving, FenceIndex([]))
    (trip,) = (each for each in output.told if each.kind == "trip")
    assert trip.ended_us is None
    found = without(output.state, Span(PHONE_ID), lambda _: True)
    assert found is not None
    (ended,) = found.ended
    assert (ended.key, ended.ended_us, ended.end) == (trip.key, START_US + 570 * US, None)
    # The tracker that goes on begins a trip of its own.
    later = fold_one(
        found.state, [at(600 + n * 30, 6000 + n * 300, TRACKER_ID) for n in range(20)], FenceIndex([])
    )
    (again,) = (each for each in later.told if each.kind == "trip")
    assert again.started_us >= START_US + 600 * US
