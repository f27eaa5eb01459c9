"""Fuel that was filled in or taken out, told apart from what the engine burns and from slosh. Pure.

A level is believed when three readings in a row agree. It is compared with the level that was believed before: what
the engine may have burned in the time and over the way between is allowed (the limits by hour and by 100 km that
Navixy's fuel sensors have), and so is a change while moving, where fuel slopes.
"""

from statistics import median
from typing import Final

import msgspec
from msgspec.structs import replace

from ingest.geometry import way_m
from ingest.interval import Interval, Place, Value
from telemetry.rules import VehicleRules

US: Final = 1_000_000
_READINGS: Final = 3
_SETTLED_PCT: Final = 2.0  # readings that differ by no more agree
# The believed level is renewed this often; a slower drain hides in it, an earlier renewal would hide a slow theft.
_RENEW_S: Final = 1_800


class Reading(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Fuel at one used fix."""

    time_us: int
    lon: float
    lat: float
    odo_mm: int
    pct: float

    @property
    def place(self) -> Place:
        return (self.lon, self.lat)


class Fuel(msgspec.Struct, frozen=True, array_like=True):
    recent: tuple[Reading, ...]
    believed: Reading | None = None  # time and way from which the allowance counts
    near: Reading | None = None  # the last reading that was still like it


def step(state: Fuel | None, now: Reading, rules: VehicleRules) -> tuple[Fuel, list[Interval]]:
    """Go on by one reading."""
    recent = (*(() if state is None else state.recent), now)[-_READINGS:]
    state = Fuel(recent) if state is None else replace(state, recent=recent)
    levels = [reading.pct for reading in recent]
    if len(recent) < _READINGS or max(levels) - min(levels) > _SETTLED_PCT:
        return state, []
    settled = replace(now, pct=median(levels))
    believed, near = state.believed, state.near
    if believed is None or near is None:
        return replace(state, believed=settled, near=now), []
    change = settled.pct - believed.pct
    kind = _kind(change, believed, settled, rules)
    if kind is None:
        if now.time_us - believed.time_us >= _RENEW_S * US:
            return replace(state, believed=settled, near=now), []
        return replace(state, near=now), []
    told = (
        [] if _is_ignored(kind, near, recent[0], rules) else [_told(kind, near, recent[0], believed, settled)]
    )
    return replace(state, believed=settled, near=now), told


def _kind(change: float, believed: Reading, settled: Reading, rules: VehicleRules) -> str | None:
    if change >= rules.refuel_min_pct:
        return "refuel"
    hours = (settled.time_us - believed.time_us) / US / 3600
    kilometres = (settled.odo_mm - believed.odo_mm) / 1e6
    burned = max(rules.fuel_max_burn_pct_per_h * hours, rules.fuel_max_burn_pct_per_100km * kilometres / 100)
    return "fuel_drop" if -change - burned >= rules.fuel_drop_min_pct else None


def _is_ignored(kind: str, near: Reading, first: Reading, rules: VehicleRules) -> bool:
    """Whether the level changed on the way, where it is not believed."""
    ignored = rules.fuel_ignore_refuels_in_move if kind == "refuel" else rules.fuel_ignore_drains_in_move
    return ignored and way_m(*near.place, *first.place) > rules.stop_radius_m


def _told(kind: str, near: Reading, first: Reading, before: Reading, after: Reading) -> Interval:
    values: dict[str, Value] = {
        "from_pct": round(before.pct, 1),
        "to_pct": round(after.pct, 1),
        "change_pct": round(after.pct - before.pct, 1),
    }
    return Interval(
        kind, near.time_us, first.time_us, after.time_us, start=near.place, end=first.place, values=values
    )
