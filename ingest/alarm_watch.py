"""Alarms of each device on a vehicle, from the names its pings carry to intervals and moments. Pure.

Every ping counts here, also one that does not move the vehicle: a panic button is pressed on the phone while the
tracker is the source.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from ingest.interval import Interval, Origin, Place
from ingest.track import TRUE, Extra, Pings
from telemetry.alarms import ALARMS
from telemetry.rules import VehicleRules

if TYPE_CHECKING:
    from ingest.arbitration import VehicleInput

US: Final = 1_000_000
_NEVER_US: Final = -(2**62)
# A moment that is reported again so soon is the same one.
_REPEATED_S: Final = 60
_POWER: Final = "power_cut"


class Since(msgspec.Struct, frozen=True, array_like=True, gc=False):
    time_us: int
    lon: float
    lat: float
    concluded: bool = False

    @property
    def place(self) -> Place:
        return (self.lon, self.lat)

    @property
    def origin(self) -> Origin:
        return "platform" if self.concluded else "device"


class DeviceAlarms(msgspec.Struct, frozen=True, array_like=True):
    """DeviceAlarms() = none yet."""

    lasting: dict[str, Since] = {}
    moments: dict[str, int] = {}  # time each was last reported
    changed_us: int = _NEVER_US  # time of the last ping that changed the two
    # Time of the last ping that said nothing of alarms, did not count either, and so left no trace in the key.
    quiet_us: int = _NEVER_US


def raised(track: Pings, row: int, rules: VehicleRules, open_now: dict[str, Since]) -> dict[str, bool]:
    """The alarms that a ping carries or keeps up: name -> whether the platform concludes it from values."""
    extra: Extra | None = track.extra.get(row)
    names = {} if extra is None else {name: False for name in extra.alarms if name in ALARMS}
    if track.mock[row] == TRUE:
        names.setdefault("mock_location", True)
    volts = _volts(extra)
    if volts is not None:
        if volts < rules.power_cut_v:
            names.setdefault(_POWER, True)
    elif _POWER in open_now and open_now[_POWER].concluded:
        # Nothing is said about the supply: it is as it was.
        names.setdefault(_POWER, True)
    return names


def _volts(extra: Extra | None) -> float | None:
    value: Any = None if extra is None or extra.attributes is None else extra.attributes.get("power_v")
    return float(value) if type(value) in (int, float) else None


def _is_below(extra: Extra, volts: float) -> bool:
    supply = _volts(extra)
    return supply is not None and supply < volts


def is_quiet(state: DeviceAlarms, track: Pings, row: int, rules: VehicleRules) -> bool:
    """Whether the ping says nothing of alarms, and none is on that its silence would end."""
    return not state.lasting and not raised(track, row, rules, state.lasting)


def step(
    state: DeviceAlarms, track: Pings, row: int, rules: VehicleRules
) -> tuple[DeviceAlarms, list[Interval]]:
    """Go on by one ping of the device that is not quiet."""
    names = raised(track, row, rules, state.lasting)
    now = Since(int(track.time_us[row]), float(track.lon[row]), float(track.lat[row]))
    device_id = int(track.device[row])
    lasting, moments = dict(state.lasting), dict(state.moments)
    told: list[Interval] = []
    for name in sorted(state.lasting.keys() - names.keys()):
        told.append(_interval(name, lasting.pop(name), now, device_id, now.time_us))
    for name in sorted(names):
        if not ALARMS[name].lasting:
            last_us = moments.get(name)
            if last_us is None or now.time_us - last_us > _REPEATED_S * US:
                told.append(_interval(name, now, now, device_id, now.time_us))
            moments[name] = now.time_us
        elif name not in lasting:
            lasting[name] = Since(now.time_us, now.lon, now.lat, names[name])
            told.append(_interval(name, lasting[name], None, device_id, now.time_us))
    if not told and moments == state.moments:
        return state, []
    return DeviceAlarms(lasting, moments, now.time_us, state.quiet_us), told


def open_intervals(alarms: dict[int, DeviceAlarms]) -> list[Interval]:
    return [
        _interval(name, since, None, device_id, 0)
        for device_id, state in alarms.items()
        for name, since in state.lasting.items()
    ]


def _interval(name: str, since: Since, end: Since | None, device_id: int, seen_us: int) -> Interval:
    return Interval(
        name,
        since.time_us,
        None if end is None else end.time_us,
        seen_us,
        origin=since.origin,
        device_id=device_id,
        start=since.place,
        end=None if end is None else end.place,
    )


def may_matter(state: DeviceAlarms | None, time_us: int, track: Pings, row: int, rules: VehicleRules) -> bool:
    """Whether a ping that comes late could change what was told of its device's alarms."""
    if state is not None and (state.lasting or time_us <= state.changed_us):
        return True
    return bool(raised(track, row, rules, {}))


def overtaken_us(
    alarms: Mapping[int, DeviceAlarms], track: Pings, start: int, stop: int, rules: VehicleRules
) -> int | None:
    """Time of the first row that raises an alarm and that a quiet ping of its device, later in time, came before."""
    for row in range(start, stop):
        state = alarms.get(int(track.device[row]))
        time_us = int(track.time_us[row])
        if state is not None and time_us < state.quiet_us and raised(track, row, rules, {}):
            return time_us
    return None


def rows_of_interest(track: Pings, vehicles: "Sequence[VehicleInput]") -> list[bool]:
    """For each vehicle whether its rows have to be gone through: one may carry an alarm, or one is on."""
    marked = np.flatnonzero(track.mock == TRUE)
    if track.extra:
        # Nearly every ping of a tracker has attributes; few of them matter here.
        volts = max((vehicle.rules.power_cut_v for vehicle in vehicles), default=0.0)
        speaking = [row for row, extra in track.extra.items() if extra.alarms or _is_below(extra, volts)]
        marked = np.union1d(marked, np.array(speaking, np.int64))
    on = [any(each.lasting for each in vehicle.state.alarms.values()) for vehicle in vehicles]
    if not len(marked):
        return on
    bounds = np.array([(vehicle.start, vehicle.stop) for vehicle in vehicles], np.int64).reshape(-1, 2)
    first, past = np.searchsorted(marked, bounds.T)
    return [lasting or rows for lasting, rows in zip(on, (past > first).tolist(), strict=True)]
