"""What one more sample does to a vehicle that is on the way, stands, or may be leaving; see `ingest.motion`. Pure."""

from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from ingest.geometry import way_m
from ingest.motion_state import (
    DEPARTING,
    MOVING,
    STOPPED,
    UNKNOWN,
    US,
    MotionState,
    Sample,
    Stop,
    Trip,
    Way,
    Work,
    kind_of,
    trip_values,
    wander_of,
)
from telemetry.rules import VehicleRules

# A candidate for a stop keeps at most so many samples.
_WINDOW_SAMPLES: Final = 36
# Of the radius: nearer than this to the middle of a stop the vehicle is surely there.
STILL: Final = 0.125
# A vehicle was at the place from the first sample that is so many times as far from its middle as the settled ones
# at most, and no farther than this share of the radius.
_AS_FAR: Final = 2.0
_AT_PLACE: Final = 0.5
# The middle of a stop is the mean of the last so many samples.
_MEAN_OF: Final = 360
# Slower than walking is a receiver's wander, not a departure.
_WANDER_MPS: Final = 1.0
_QUEUE_MPS: Final = 0.4
# A speed that no receiver makes up while it stands.
_DRIVEN_KMH: Final = 10.0
_OUTSIDE_DRIVEN, _OUTSIDE_UNPROVEN = 2, 3


def on_the_way(state: MotionState, work: Work) -> MotionState:
    """UNKNOWN or MOVING."""
    now, rules = work.now, work.rules
    if state.phase == UNKNOWN and state.way is None:
        state = replace(state, way=Way(now, now.lon, now.lat))
    state = _slide(state, now, rules)
    place = _found_stop(state, now, rules)
    way = state.way
    if place is not None:
        # Where it was first seen may have been a wild fix; that it was driven is proof.
        if way is not None and was_driven(state) and is_trip(state, way, place.start, rules):
            state = begin(state, work)
        return come_to_rest(state, place, work)
    if way is not None:
        state = replace(state, way=_farther(way, now, rules))
        if _has_left(state, now, rules):
            state = begin(state, work)
    return state


def begin(state: MotionState, work: Work) -> MotionState:
    """The way is a trip."""
    way = state.way
    assert way is not None
    trip = Trip(way.start, state.wander_mm, way.top_kmh)
    work.tell("trip", trip.start, None, trip_values(trip, None, 0))
    return replace(state, phase=MOVING, trip=trip, way=None)


def come_to_rest(state: MotionState, stop: Stop, work: Work) -> MotionState:
    trip, top_kmh = state.trip, 0.0
    for sample in state.window:
        if sample.time_us > stop.start.time_us:
            top_kmh = max(top_kmh, sample.top_kmh)
        elif trip is not None and sample.top_kmh > trip.top_kmh:
            trip = replace(trip, top_kmh=sample.top_kmh)
    stop = replace(stop, top_kmh=top_kmh)
    state = replace(state, phase=STOPPED, window=(), stop=stop, trip=trip, way=None)
    work.tell(kind_of(stop), stop.start, None)
    return _maybe_parked(state, work)


def _maybe_parked(state: MotionState, work: Work) -> MotionState:
    """A stop that has become long enough is parking, and the trip was over when it began."""
    stop = state.stop
    assert stop is not None
    if stop.parked or work.now.time_us - stop.start.time_us < work.rules.parking_min_s * US:
        return state
    stop = replace(stop, parked=True)
    work.tell("parking", stop.start, None)
    if state.trip is not None:
        work.tell("trip", state.trip.start, stop.start, trip_values(state.trip, stop.start, state.wander_mm))
    return replace(state, stop=stop, trip=None)


def stopped(state: MotionState, work: Work) -> MotionState:
    stop, now, rules = state.stop, work.now, work.rules
    assert stop is not None
    assert state.last is not None
    distance_m = stop.distance_m(now)
    if distance_m > rules.stop_radius_m:
        way = Way(stop.still, stop.lon, stop.lat, stop.top_kmh, 1, now.time_us)
        return replace(state, phase=DEPARTING, way=way, window=(now,))
    seconds = (now.time_us - state.last.time_us) / US
    still = (
        distance_m <= STILL * rules.stop_radius_m
        or way_m(*state.last.place, *now.place) <= _WANDER_MPS * seconds
    )
    samples = min(stop.samples + 1, _MEAN_OF)
    stop = replace(
        stop,
        lon=stop.lon + (now.lon - stop.lon) / samples,
        lat=stop.lat + (now.lat - stop.lat) / samples,
        samples=samples,
        still=now if still else stop.still,
        # The next trip begins at `still`; one that is going on has had all the speeds.
        top_kmh=0.0 if still and state.trip is None else max(stop.top_kmh, now.top_kmh),
    )
    return _maybe_parked(replace(state, stop=stop), work)


def departing(state: MotionState, work: Work) -> MotionState:
    stop, now, rules = state.stop, work.now, work.rules
    assert stop is not None
    if stop.distance_m(now) <= rules.stop_radius_m:
        back = replace(stop, top_kmh=max(_top_kmh(state), now.top_kmh))
        return _maybe_parked(replace(state, phase=STOPPED, stop=back, way=None, window=()), work)
    assert state.way is not None
    way = _farther(state.way, now, rules)
    state = _slide(replace(state, way=way), now, rules)
    place = _found_stop(state, now, rules)
    if place is not None:
        if is_trip(state, way, place.start, rules) or _strayed(stop, place, rules):
            return come_to_rest(leave(state, work), place, work)
        return shunted(state, place, work)
    return leave(state, work) if _has_left(state, now, rules) else state


def shunted(state: MotionState, place: Stop, work: Work) -> MotionState:
    """The stop goes on at another place near by."""
    stop = state.stop
    assert stop is not None
    origin = stop.origin or stop.still
    place = replace(place, start=stop.start, origin=origin, parked=stop.parked, top_kmh=_top_kmh(state))
    wander_mm = state.wander_mm + wander_of(state)
    state = replace(state, phase=STOPPED, stop=place, way=None, window=(), wander_mm=wander_mm)
    return _maybe_parked(state, work)


def _strayed(stop: Stop, place: Stop, rules: VehicleRules) -> bool:
    """Whether shunting upon shunting led away faster than a queue creeps: a bus from stop to stop, a truck in a jam."""
    origin = stop.origin
    if origin is None:
        return False
    seconds = (place.start.time_us - origin.time_us) / US
    return place.distance_m(origin) >= max(rules.min_trip_m, _QUEUE_MPS * seconds)


def leave(state: MotionState, work: Work) -> MotionState:
    """The stop is over, and the way since is a trip or the rest of the one before."""
    stop, trip, way = state.stop, state.trip, state.way
    assert stop is not None
    assert way is not None
    work.tell(kind_of(stop), stop.start, stop.still)
    if state.idle_since is not None:
        work.tell("idling", state.idle_since, stop.still)
        state = replace(state, idle_since=None)
    state = replace(state, wander_mm=state.wander_mm + wander_of(state))
    if trip is None:
        return begin(replace(state, stop=None), work)
    stopped_us = trip.stopped_us + stop.still.time_us - stop.start.time_us
    trip = replace(trip, top_kmh=max(trip.top_kmh, way.top_kmh), stopped_us=stopped_us)
    return replace(state, phase=MOVING, stop=None, trip=trip, way=None)


def is_trip(state: MotionState, way: Way, end: Sample, rules: VehicleRules) -> bool:
    """Whether the way up to `end` is one that somebody drove, not wander: far enough, or at a driver's speed."""
    if end.odo_mm - way.start.odo_mm < rules.min_trip_m * 1000:
        return False
    distance_m = way.distance_m(end)
    return distance_m > rules.stop_radius_m and (distance_m >= rules.min_trip_m or was_driven(state))


def was_driven(state: MotionState) -> bool:
    return _top_kmh(state) >= _DRIVEN_KMH


def proven(state: MotionState) -> bool:
    """Whether the samples outside are too many for wild fixes."""
    way = state.way
    assert way is not None
    if way.outside < _OUTSIDE_DRIVEN:
        return False
    return way.outside >= _OUTSIDE_UNPROVEN or was_driven(state)


def _has_left(state: MotionState, now: Sample, rules: VehicleRules) -> bool:
    way = state.way
    assert way is not None
    # Wild fixes may agree with each other, but do not go on from there.
    goes_on = bool(way.outside) and state.window[0].time_us > way.outside_us
    return goes_on and proven(state) and is_trip(state, way, now, rules)


def _farther(way: Way, now: Sample, rules: VehicleRules) -> Way:
    if way.distance_m(now) > rules.stop_radius_m:
        return replace(
            way, outside=way.outside + 1, outside_us=way.outside_us if way.outside else now.time_us
        )
    return replace(way, outside=0, outside_us=0) if way.outside else way


def _top_kmh(state: MotionState) -> float:
    """The highest speed since the place of the way."""
    way = state.way
    return max(0.0 if way is None else way.top_kmh, *(sample.top_kmh for sample in state.window), 0.0)


def _slide(state: MotionState, now: Sample, rules: VehicleRules) -> MotionState:
    """With `now` in the window."""
    window, passed = grown(state.window, now, rules)
    state = replace(state, window=window)
    return _with_top(state, passed) if passed else state


def grown(
    window: tuple[Sample, ...], now: Sample, rules: VehicleRules
) -> tuple[tuple[Sample, ...], tuple[Sample, ...]]:
    """The window with `now`, cut so that all of it is within the radius of its first; and what was cut off."""
    spacing_us = rules.stop_min_s * US // _WINDOW_SAMPLES
    if len(window) > 1 and now.time_us - window[-2].time_us < spacing_us:
        # Stands for the one it replaces, whose speed must not be lost.
        kept, dropped = window[:-1], window[-1]
        longer = (*kept, replace(now, top_kmh=max(now.top_kmh, dropped.top_kmh)))
    else:
        longer = (*window, now)
    first, radius_m = 0, rules.stop_radius_m
    # Of the first one all are known to be near but the newest.
    if way_m(longer[0].lon, longer[0].lat, now.lon, now.lat) > radius_m:
        first = 1
        while not _all_near(longer, first, radius_m):
            first += 1
    return longer[first:], longer[:first]


def _all_near(window: tuple[Sample, ...], first: int, radius_m: float) -> bool:
    lon, lat = window[first].place
    # The newest is the likeliest to be far.
    for number in range(len(window) - 1, first, -1):
        later = window[number]
        if way_m(lon, lat, later.lon, later.lat) > radius_m:
            return False
    return True


def _with_top(state: MotionState, passed: Sequence[Sample]) -> MotionState:
    """The highest speed of samples that left the window goes to the way they were part of."""
    top_kmh = max(sample.top_kmh for sample in passed)
    way, trip = state.way, state.trip
    if way is not None:
        return replace(state, way=replace(way, top_kmh=max(way.top_kmh, top_kmh)))
    if trip is not None and top_kmh > trip.top_kmh:
        return replace(state, trip=replace(trip, top_kmh=top_kmh))
    return state


def _found_stop(state: MotionState, now: Sample, rules: VehicleRules) -> Stop | None:
    window, off = state.window, state.off_since
    first = window[0]
    long_enough = now.time_us - first.time_us >= rules.stop_min_s * US
    switched_off = (
        rules.use_ignition
        and off is not None
        and off.time_us >= first.time_us
        and now.time_us - off.time_us >= rules.ignition_off_s * US
    )
    if not long_enough and not switched_off:
        return None
    half_us = (first.time_us + now.time_us) // 2
    settled = [sample for sample in window if sample.time_us >= half_us]
    lon = sum(sample.lon for sample in settled) / len(settled)
    lat = sum(sample.lat for sample in settled) / len(settled)
    spread_m = max(way_m(lon, lat, *sample.place) for sample in settled)
    near_m = rules.stop_radius_m * min(max(_AS_FAR * spread_m / rules.stop_radius_m, STILL), _AT_PLACE)
    # Not later than half of the window, whatever its few samples say: it has been here for all of it.
    start = next(s for s in window if s.time_us >= half_us or way_m(lon, lat, *s.place) <= near_m)
    if start.time_us > half_us:
        start = max((s for s in window if s.time_us <= half_us), key=lambda s: s.time_us)
    if switched_off and off is not None and off.time_us > start.time_us:
        start = off
    return Stop(start, lon, lat, len(settled), still=now, since=start)
