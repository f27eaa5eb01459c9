"""Speeding and harsh driving from the speeds of used fixes, in event time. Pure."""

from typing import Final, Literal

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
# No lorry does that, and a car only in a crash: the speed is wrong.
_IMPOSSIBLE_MPS2: Final = 12.0
_SPEEDING_UNSEEN_S: Final = 300
# Below the limit for no longer than this it is still the same speeding; far below it sooner.
_BREATH_S: Final = 10
_FAR_BELOW_KMH: Final = 5.0
_FAR_BELOW_S: Final = 3


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
    excess: float = 0.0  # speed above the limit times seconds, below it counts back


class Harsh(msgspec.Struct, frozen=True, array_like=True):
    """Harsh driving that the next speed may still show to be one wrong speed."""

    kind: Literal["harsh_braking", "harsh_acceleration"]
    before: Moment
    after: Moment
    mps2: float


class Behaviour(msgspec.Struct, frozen=True, array_like=True):
    last: Moment | None = None  # of the last used fix, if its speed was known
    speeding: Speeding | None = None
    harsh: Harsh | None = None
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
    """Long enough above the limit, and above it on average: a speed that scatters around the limit is none."""
    speeding, over_kmh = state.speeding, now.speed_kmh - rules.speed_limit_kmh
    if speeding is not None and _is_over(speeding, now, over_kmh):
        if speeding.told:
            told.append(_told(speeding, speeding.last, now.time_us))
        speeding = None
    if speeding is not None:
        elapsed_s = 0.0 if state.last is None else (now.time_us - state.last.time_us) / US
        speeding = replace(speeding, excess=speeding.excess + over_kmh * elapsed_s)
    if over_kmh > 0:
        if speeding is None:
            speeding = Speeding(now, now, rules.speed_limit_kmh, now.speed_kmh)
        else:
            speeding = replace(speeding, last=now, top_kmh=max(speeding.top_kmh, now.speed_kmh))
        long_enough = now.time_us - speeding.since.time_us >= rules.speeding_min_s * US
        if not speeding.told and long_enough and speeding.excess >= 0:
            told.append(_told(speeding, None, now.time_us))
            speeding = replace(speeding, told=True)
    return state if speeding is state.speeding else replace(state, speeding=speeding)


def _is_over(speeding: Speeding, now: Moment, over_kmh: float) -> bool:
    below_s = (now.time_us - speeding.last.time_us) / US
    if over_kmh > 0:
        return below_s > _SPEEDING_UNSEEN_S
    return below_s > (_FAR_BELOW_S if over_kmh < -_FAR_BELOW_KMH else _BREATH_S)


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
    harsh, last = state.harsh, state.last
    if harsh is not None:
        state = replace(state, harsh=None)
        if _bounced(harsh, now):
            return state
        told.append(_harsh_moment(harsh, now.time_us))
        state = _noted(state, harsh.kind, harsh.after.time_us)
    mps2 = 0.0 if last is None else _change_mps2(last, now)
    if last is None or (not -mps2 >= rules.harsh_braking_mps2 and not mps2 >= rules.harsh_acceleration_mps2):
        return state
    kind: Literal["harsh_braking", "harsh_acceleration"]
    kind, noted_us = (
        ("harsh_braking", state.braked_us) if mps2 < 0 else ("harsh_acceleration", state.accelerated_us)
    )
    if now.time_us - noted_us <= _HARSH_APART_S * US:
        return _noted(state, kind, now.time_us)
    return replace(state, harsh=Harsh(kind, last, now, mps2))


def _change_mps2(last: Moment, now: Moment) -> float:
    """0 where the two speeds say nothing about it."""
    seconds = (now.time_us - last.time_us) / US
    if last.device_id != now.device_id or not HARSH_SHORTEST_S <= seconds <= HARSH_LONGEST_S:
        return 0.0
    mps2 = (now.speed_kmh - last.speed_kmh) / 3.6 / seconds
    return mps2 if abs(mps2) <= _IMPOSSIBLE_MPS2 else 0.0


def _bounced(harsh: Harsh, now: Moment) -> bool:
    """Whether the speed is at once what it was before."""
    if now.device_id != harsh.after.device_id or now.time_us - harsh.after.time_us > HARSH_LONGEST_S * US:
        return False
    return 2 * abs(now.speed_kmh - harsh.before.speed_kmh) < abs(
        harsh.after.speed_kmh - harsh.before.speed_kmh
    )


def _noted(state: Behaviour, kind: str, time_us: int) -> Behaviour:
    if kind == "harsh_braking":
        return replace(state, braked_us=time_us)
    return replace(state, accelerated_us=time_us)


def _harsh_moment(harsh: Harsh, seen_us: int) -> Interval:
    now = harsh.after
    values: dict[str, int | float | str] = {
        "mps2": round(harsh.mps2, 2),
        "from_kmh": round(harsh.before.speed_kmh, 1),
        "to_kmh": round(now.speed_kmh, 1),
    }
    return Interval(
        harsh.kind, now.time_us, now.time_us, seen_us, start=now.place, end=now.place, values=values
    )
