"""The fixes of a batch that count, prepared for the machines of the fold: what is the same for all, computed at once. Pure."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ingest.arbitration import Chosen, VehicleInput, previous
from ingest.behaviour import HARSH_LONGEST_S, HARSH_SHORTEST_S, Moment
from ingest.fuel import Reading
from ingest.interval import Place
from ingest.motion_state import ENGINE_UNSEEN_US, ON, Sample
from ingest.odometer import count, least_m, up_to
from ingest.track import Floats, Ints, Pings, known

US = 1_000_000


class UsedFixes:
    """Used fixes of all vehicles one after the other; attributes named like a column are plain lists, by place.

    `firsts` has for each vehicle, those without a used fix too, the place of its first.
    """

    def __init__(self, track: Pings, vehicles: Sequence[VehicleInput], chosen: Sequence[Chosen]) -> None:
        sizes = np.array([len(choice.rows) for choice in chosen], np.int64)
        self.track = track
        self.firsts: list[int] = (np.cumsum(sizes) - sizes).tolist()
        self.vehicles = [vehicle for vehicle, size in zip(vehicles, sizes.tolist(), strict=True) if size]
        self.sizes: Ints = sizes[sizes > 0]
        self.rows: Ints = np.concatenate([*(choice.rows for choice in chosen), np.empty(0, np.int64)])
        self._starts: Ints = np.cumsum(self.sizes) - self.sizes
        states = [vehicle.state for vehicle in self.vehicles]
        rows, starts = self.rows, self._starts
        self.before = previous(track, rows, starts, [state.last for state in states])
        self.time_us: list[int] = track.time_us[rows].tolist()
        self.before_us: list[int] = self.before.time_us.tolist()
        self.lon: list[float] = track.lon[rows].tolist()
        self.lat: list[float] = track.lat[rows].tolist()
        self.device: list[int] = track.device[rows].tolist()
        self.way_mm: list[int] = []
        self.anchor: list[Place] = []
        self._count_ways()
        self.ignition: list[int] = track.ignition[rows].tolist()
        self.engine_us = self._by_first(self._engine_us([state.ignition for state in states]))
        self._speeds()
        self._fuel: list[float] = track.fuel_pct[rows].astype(np.float64).tolist()
        self.has_fuel = self._by_first(self._any(~np.isnan(track.fuel_pct[rows])))
        self._odometer: list[float] = track.odometer_km[rows].tolist()

    def sample(self, i: int, top_kmh: float) -> Sample:
        return Sample(
            self.time_us[i],
            self.lon[i],
            self.lat[i],
            self.odo_mm(i),
            self.ignition[i],
            top_kmh,
            known(self._odometer[i]),
            known(self._fuel[i]),
        )

    def odo_mm(self, i: int) -> int:
        return up_to(self.way_mm[i], self.anchor[i], self.lon[i], self.lat[i])

    def moment(self, i: int) -> Moment | None:
        """None where the speed is unknown or impossible."""
        speed_kmh = self._known_speed[i]
        if math.isnan(speed_kmh):
            return None
        return Moment(self.time_us[i], self.lon[i], self.lat[i], speed_kmh, self.device[i])

    def reading(self, i: int) -> Reading | None:
        pct = self._fuel[i]
        if math.isnan(pct):
            return None
        return Reading(self.time_us[i], self.lon[i], self.lat[i], self.odo_mm(i), pct, self.ignition[i])

    def _by_first(self, values: Any) -> dict[int, Any]:
        """One value of each vehicle with used fixes, by the place of its first."""
        return dict(zip(self._starts.tolist(), values.tolist(), strict=True))

    def _any(self, flags: Any) -> Any:
        return np.logical_or.reduceat(flags, self._starts) if len(flags) else flags

    def _repeat(self, values: Sequence[float]) -> Floats:
        return np.repeat(np.array(values, np.float64), self.sizes)

    def _count_ways(self) -> None:
        least = least_m(self.track.accuracy_m[self.rows])
        for vehicle, start, size in zip(
            self.vehicles, self._starts.tolist(), self.sizes.tolist(), strict=True
        ):
            its = slice(start, start + size)
            mm, anchors = count(
                self.lon[its], self.lat[its], least[its], vehicle.state.way_mm, vehicle.state.anchor
            )
            self.way_mm += mm
            self.anchor += anchors

    def _engine_us(self, so_far: Sequence[int]) -> Ints:
        """Time between fixes that both say the engine is on, by vehicle."""
        on = self.track.ignition[self.rows] == ON
        if not on.any():
            return np.zeros(len(self.sizes), np.int64)
        was_on = np.roll(on, 1)
        was_on[self._starts] = [ignition == ON for ignition in so_far]
        elapsed_us = self.track.time_us[self.rows] - self.before.time_us
        counted = np.where(on & was_on & (elapsed_us <= ENGINE_UNSEEN_US), elapsed_us, 0)
        summed: Ints = np.add.reduceat(counted, self._starts)
        return summed

    def _speeds(self) -> None:
        """Speeds that can be, and which vehicles' speeds need a look."""
        speed = self.track.speed_kmh[self.rows].astype(np.float64)
        speed[speed > self._repeat([vehicle.rules.max_speed_kmh for vehicle in self.vehicles])] = np.nan
        unknown = np.isnan(speed)
        self._known_speed: list[float] = speed.tolist()
        self.speed_kmh: list[float] = np.where(unknown, 0.0, speed).tolist()
        over = speed > self._repeat([vehicle.rules.speed_limit_kmh for vehicle in self.vehicles])
        unusual = over | self._changes_fast(speed) | (unknown & self._repeat_any(~unknown))
        self.drives_unusually = self._by_first(self._any(unusual))

    def _repeat_any(self, flags: Any) -> Any:
        return np.repeat(self._any(flags), self.sizes) if len(flags) else flags

    def _changes_fast(self, speed: Floats) -> Any:
        """Where the speed changed as fast as harsh driving does; a guess that errs on the side of looking."""
        lasts = [vehicle.state.behaviour.last for vehicle in self.vehicles]
        was, elapsed_us = np.roll(speed, 1), self.track.time_us[self.rows] - self.before.time_us
        was[self._starts] = [np.nan if last is None else last.speed_kmh for last in lasts]
        elapsed_us[self._starts] = [
            self.time_us[start] - (last.time_us if last is not None else self.time_us[start])
            for start, last in zip(self._starts.tolist(), lasts, strict=True)
        ]
        seconds = elapsed_us / US
        close = (seconds >= HARSH_SHORTEST_S) & (seconds <= HARSH_LONGEST_S)
        if not close.any():
            return close
        gentlest = self._repeat(
            [min(v.rules.harsh_braking_mps2, v.rules.harsh_acceleration_mps2) for v in self.vehicles]
        )
        change = np.abs(speed - was) / 3.6
        return close & (change >= gentlest * seconds * (1 - 1e-9))
