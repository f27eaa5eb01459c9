"""Fuel that was filled in or taken out, told apart from what the engine burns and from slosh. Pure.

A reading a minute is looked at, and a level is believed when three of them in a row agree. It is compared with the level
that was believed before: what the engine may have burned since then is allowed (limits by hour and by 100 km, as Navixy's
fuel sensors have them), and so is a change on the way, where fuel slopes. The hours are those in which the engine may
have run: nothing burns in a truck that is parked all night. A change that goes on is told again, longer, as the same.
"""

from statistics import median
from typing import Final

import msgspec
from msgspec.structs import replace

from ingest.geometry import way_m
from ingest.interval import Interval, Place, Value
from ingest.motion_state import OFF
from telemetry.rules import VehicleRules

US: Final = 1_000_000
_READINGS: Final = 3
_APART_S: Final = 60
_SETTLED_PCT: Final = 2.0  # readings that differ by no more agree
# The believed level is renewed when the engine may have run so long; a slower drain while it runs hides in it, an
# earlier renewal would hide a slow theft.
_RENEW_S: Final = 1_800
# An empty tank is not empty at once: that is a sensor without a connection.
_DEAD_PCT: Final = 0.5
_NOT_EMPTY_PCT: Final = 10.0
# Between two readings a vehicle that drove all the while goes so fast, give or take; else it may have stood.
_PACE_MPS: Final = 14.0
_MAY_HAVE_STOOD_S: Final = 120
# A level that changes by so much more, so soon, still is the same change.
_GOES_ON_PCT: Final = 0.7
_GOES_ON_S: Final = 600
_NEVER_US: Final = -(2**62)


class Reading(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Fuel at one used fix."""

    time_us: int
    lon: float
    lat: float
    odo_mm: int
    pct: float
    ignition: int = -1

    @property
    def place(self) -> Place:
        return (self.lon, self.lat)


class Change(msgspec.Struct, frozen=True, array_like=True):
    """What was told and may go on."""

    kind: str
    near: Reading
    before: Reading
    after: Reading


class Fuel(msgspec.Struct, frozen=True, array_like=True):
    recent: tuple[Reading, ...]
    believed: Reading | None = None  # time and way from which the allowance counts
    near: Reading | None = None  # the last reading that was still like it
    engine_us: int = 0  # time since it was believed in which the engine may have run
    change: Change | None = None


def due_us(state: Fuel | None) -> int:
    """Readings before this time are passed over."""
    return _NEVER_US if state is None else state.recent[-1].time_us + _APART_S * US


def step(state: Fuel | None, now: Reading, rules: VehicleRules) -> tuple[Fuel, list[Interval]]:
    """Go on by one reading that is due."""
    if state is None:
        return Fuel((now,)), []
    last, believed = state.recent[-1], state.believed
    if believed is not None and believed.pct > _NOT_EMPTY_PCT and now.pct <= _DEAD_PCT:
        return state, []
    ran_us = 0 if last.ignition == now.ignition == OFF else now.time_us - last.time_us
    recent = (*state.recent, now)[-_READINGS:]
    state = replace(state, recent=recent, engine_us=state.engine_us + ran_us)
    levels = [reading.pct for reading in recent]
    if len(recent) < _READINGS or max(levels) - min(levels) > _SETTLED_PCT:
        return state, []
    return _settled(state, replace(now, pct=median(levels)), rules)


def _settled(state: Fuel, now: Reading, rules: VehicleRules) -> tuple[Fuel, list[Interval]]:
    """`now` has the level on which the recent readings agree."""
    recent, believed, near, change = state.recent, state.believed, state.near, state.change
    if believed is None or near is None:
        return Fuel(recent, now, now), []
    if change is not None and _goes_on(change, now, rules):
        change = replace(change, after=now)
        return Fuel(recent, now, now, 0, change), [_told(change, now.time_us)]
    if change is not None and now.time_us - change.after.time_us > _GOES_ON_S * US:
        state = replace(state, change=None)
    kind = _kind(state, believed, now, rules)
    if kind is None:
        if state.engine_us >= _RENEW_S * US or _has_arrived(believed, recent, rules):
            return Fuel(recent, now, now), []
        return replace(state, near=recent[-1]), []
    # A small change is not settled at once: of the readings that agree the first may still have been like the old ones.
    first = next(reading for reading in recent if reading.time_us > near.time_us)
    change = Change(kind, near, believed, replace(first, pct=now.pct))
    if _is_ignored(change, rules):
        return Fuel(recent, now, now), []
    return Fuel(recent, now, now, 0, change), [_told(change, now.time_us)]


def _goes_on(change: Change, now: Reading, rules: VehicleRules) -> bool:
    """At the same place: what is missing after driving on was burnt."""
    more = now.pct - change.after.pct
    if (more if change.kind == "refuel" else -more) < _GOES_ON_PCT:
        return False
    return way_m(*change.near.place, *now.place) <= rules.stop_radius_m


def _has_arrived(believed: Reading, recent: tuple[Reading, ...], rules: VehicleRules) -> bool:
    """Whether the level was believed elsewhere, and the readings since agree on one place: what is taken out there is
    to be compared with the level there."""
    first, *others = recent
    return (
        way_m(*believed.place, *first.place)
        > rules.stop_radius_m
        >= max(way_m(*first.place, *other.place) for other in others)
    )


def _kind(state: Fuel, believed: Reading, now: Reading, rules: VehicleRules) -> str | None:
    change = now.pct - believed.pct
    if change >= rules.refuel_min_pct:
        return "refuel"
    hours = state.engine_us / US / 3600
    kilometres = (now.odo_mm - believed.odo_mm) / 1e6
    burned = max(rules.fuel_max_burn_pct_per_h * hours, rules.fuel_max_burn_pct_per_100km * kilometres / 100)
    return "fuel_drop" if -change - burned >= rules.fuel_drop_min_pct else None


def _is_ignored(change: Change, rules: VehicleRules) -> bool:
    """Whether the level changed on the way, where it is not believed."""
    refuel = change.kind == "refuel"
    if not (rules.fuel_ignore_refuels_in_move if refuel else rules.fuel_ignore_drains_in_move):
        return False
    near, first = change.near, change.after
    way = way_m(*near.place, *first.place)
    stood_s = (first.time_us - near.time_us) / US - way / _PACE_MPS
    return way > rules.stop_radius_m and stood_s < _MAY_HAVE_STOOD_S


def _told(change: Change, seen_us: int) -> Interval:
    near, before, after = change.near, change.before, change.after
    values: dict[str, Value] = {
        "from_pct": round(before.pct, 1),
        "to_pct": round(after.pct, 1),
        "change_pct": round(after.pct - before.pct, 1),
    }
    return Interval(
        change.kind, near.time_us, after.time_us, seen_us, start=near.place, end=after.place, values=values
    )
