"""Speeding and harsh driving from the speeds of used fixes, in event time. Pure."""

from typing import Final

import msgspec
from msgspec.structs import replace

from ingest.interval import Interval, Place
from telemetry.rules import VehicleRules

US: Final = 1_000_000
# Between fixes farther apart the speed may have done anything.
HARSH_LONGEST_S: Final = 3.0
HARSH_SHORTEST_S: Final = 0.4
# Braking that goes on is one event.
_HARSH_APART_S: Final = 10
_SPEEDING_UNSEEN_S: Final = 300


class Moment(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One used fix with a known speed."""

    time_us: int
    lon: float
    lat: float
    speed_kmh: float
    device_id: int

    @property
    def place(self) -> Place:
        return (self.lon, self.lat)


class Speeding(msgspec.Struct, frozen=True, array_like=True):
    since: Moment
    last: Moment  # last one above the limit
    limit_kmh: float
    top_kmh: float
    told: bool = False


class Behaviour(msgspec.Struct, frozen=True, array_like=True):
    last: Moment | None = None  # of the last used fix, if its speed was known
    speeding: Speeding | None = None
    braked_us: int = 0
    accelerated_us: int = 0


def step(state: Behaviour, now: Moment, rules: VehicleRules) -> tuple[Behaviour, list[Interval]]:
    """Go on by one used fix with a known, possible speed."""
    told: list[Interval] = []
    state = _harsh(state, now, rules, told)
    state = _speeding(state, now, rules, told)
    return replace(state, last=now), told


def open_intervals(state: Behaviour) -> list[Interval]:
    speeding = state.speeding
    return [_told(speeding, None, 0)] if speeding is not None and speeding.told else []


def _speeding(state: Behaviour, now: Moment, rules: VehicleRules, told: list[Interval]) -> Behaviour:
    speeding, over = state.speeding, now.speed_kmh > rules.speed_limit_kmh
    unseen = speeding is not None and now.time_us - speeding.last.time_us > _SPEEDING_UNSEEN_S * US
    if speeding is not None and (not over or unseen):
        if speeding.told:
            told.append(_told(speeding, speeding.last, now.time_us))
        speeding = None
    if over:
        if speeding is None:
            speeding = Speeding(now, now, rules.speed_limit_kmh, now.speed_kmh)
        else:
            speeding = replace(speeding, last=now, top_kmh=max(speeding.top_kmh, now.speed_kmh))
        if not speeding.told and now.time_us - speeding.since.time_us >= rules.speeding_min_s * US:
            told.append(_told(speeding, None, now.time_us))
            speeding = replace(speeding, told=True)
    return state if speeding is state.speeding else replace(state, speeding=speeding)


def _told(speeding: Speeding, end: Moment | None, seen_us: int) -> Interval:
    values: dict[str, int | float | str] = {"limit_kmh": speeding.limit_kmh}
    if end is not None:
        values["max_speed_kmh"] = round(speeding.top_kmh, 1)
    since = speeding.since
    return Interval(
        "speeding",
        since.time_us,
        None if end is None else end.time_us,
        seen_us,
        start=since.place,
        end=None if end is None else end.place,
        values=values,
    )


def _harsh(state: Behaviour, now: Moment, rules: VehicleRules, told: list[Interval]) -> Behaviour:
    last = state.last
    if last is None or last.device_id != now.device_id:
        return state
    seconds = (now.time_us - last.time_us) / US
    if not HARSH_SHORTEST_S <= seconds <= HARSH_LONGEST_S:
        return state
    mps2 = (now.speed_kmh - last.speed_kmh) / 3.6 / seconds
    if -mps2 >= rules.harsh_braking_mps2:
        if now.time_us - state.braked_us > _HARSH_APART_S * US:
            told.append(_harsh_moment("harsh_braking", last, now, mps2))
        return replace(state, braked_us=now.time_us)
    if mps2 >= rules.harsh_acceleration_mps2:
        if now.time_us - state.accelerated_us > _HARSH_APART_S * US:
            told.append(_harsh_moment("harsh_acceleration", last, now, mps2))
        return replace(state, accelerated_us=now.time_us)
    return state


def _harsh_moment(kind: str, last: Moment, now: Moment, mps2: float) -> Interval:
    values: dict[str, int | float | str] = {
        "mps2": round(mps2, 2),
        "from_kmh": round(last.speed_kmh, 1),
        "to_kmh": round(now.speed_kmh, 1),
    }
    return Interval(
        kind, now.time_us, now.time_us, now.time_us, start=now.place, end=now.place, values=values
    )
