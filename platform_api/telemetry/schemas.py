"""Bodies of the telemetry endpoints."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, Self

from pydantic import BaseModel, Field
from sqlalchemy import Row

from platform_api.schemas import StrictBody
from platform_api.telemetry.models import Interval
from platform_api.telemetry.rules import MAX_TRIP_STOPS, trip_figures
from platform_api.telemetry.service import FROM_DEVICE, IntervalPage, Judging, TripPage, VehicleNow
from platform_api.tracking.times import TimeOut
from telemetry.alarms import Severity
from telemetry.kinds import KINDS, Kind
from telemetry.rules import RULES

# What a newer version wrote: it is shown, and taken for no alarm.
_UNKNOWN = Kind("", "info", False)


class PlaceOut(BaseModel):
    lat: float
    lon: float

    @classmethod
    def at(cls, lat: float | None, lon: float | None) -> Self | None:
        return None if lat is None or lon is None else cls(lat=lat, lon=lon)


class KindOut(BaseModel):
    """`lasting`: open until it is over; else told once it is known, with beginning and end."""

    kind: str
    meaning: str
    severity: Severity
    lasting: bool

    @classmethod
    def of(cls, name: str, kind: Kind) -> Self:
        return cls(kind=name, meaning=kind.meaning, severity=kind.severity, lasting=kind.lasting)


class KindsOut(BaseModel):
    items: list[KindOut]


class IntervalOut(BaseModel):
    """What lasted on a vehicle, or happened at one moment (`ended_at` = `started_at`), as it is known now.

    All but `recorded_at`, `updated_at` and `retracted_at` are event times. `origin`: concluded by the platform,
    or reported by the device. `device_uid` is null for what no single device tells. `revision` counts how often
    something that was told was changed; `seen_at` is the time of the position that made it certain.
    """

    id: int
    vehicle_id: int
    kind: str
    severity: Severity
    origin: Literal["platform", "device"]
    device_uid: str | None
    started_at: TimeOut
    ended_at: TimeOut | None
    seen_at: TimeOut
    start: PlaceOut | None
    end: PlaceOut | None
    details: dict[str, Any]
    revision: int
    retracted_at: TimeOut | None
    recorded_at: TimeOut
    updated_at: TimeOut

    @classmethod
    def of(cls, row: Interval, uids: Mapping[int, str]) -> Self:
        details = dict(row.details)
        if FROM_DEVICE in details:
            details["from_device_uid"] = uids.get(details.pop(FROM_DEVICE))
        return cls(
            id=row.id,
            vehicle_id=row.vehicle_id,
            kind=row.kind,
            severity=KINDS.get(row.kind, _UNKNOWN).severity,
            origin=row.origin,  # type: ignore[arg-type]  # a CHECK keeps it to these
            device_uid=uids.get(row.device_id),
            started_at=row.started_at,
            ended_at=row.ended_at,
            seen_at=row.seen_at,
            start=PlaceOut.at(row.start_lat, row.start_lon),
            end=PlaceOut.at(row.end_lat, row.end_lon),
            details=details,
            revision=row.revision,
            retracted_at=row.retracted_at,
            recorded_at=row.recorded_at,
            updated_at=row.updated_at,
        )

    @classmethod
    def all_of(cls, page: IntervalPage) -> list[Self]:
        return [cls.of(row, page.uids) for row in page.rows]


class PositionOut(BaseModel):
    """`source`: kind of the device. `trusted` is false for a position that software made up, as its device says."""

    time: TimeOut
    lat: float
    lon: float
    speed_kmh: float | None
    heading_deg: float | None
    accuracy_m: float | None
    source: Literal["tracker", "phone"] | None
    device_uid: str | None
    trusted: bool


class StateOut(BaseModel):
    """`odometer_m` and `engine_hours` are counted by the platform over the positions that count.

    `motion` and `motion_since` are null while nobody knows. `open`: what is going on, newest first.
    """

    vehicle_id: int
    position: PositionOut | None
    motion: Literal["moving", "stopped", "parked"] | None
    motion_since: TimeOut | None
    odometer_m: float
    engine_hours: float
    open: list[IntervalOut]
    updated_at: TimeOut | None

    @classmethod
    def of(cls, now: VehicleNow) -> Self:
        state = now.state
        return cls(
            vehicle_id=state.vehicle_id,
            position=_position(state),
            motion=state.motion,
            motion_since=state.motion_since,
            odometer_m=state.odometer_m,
            engine_hours=round(state.engine_s / 3600, 4),
            open=IntervalOut.all_of(now.open),
            updated_at=state.updated_at,
        )


def _position(state: Row[Any]) -> PositionOut | None:
    if state.time is None:
        return None
    return PositionOut(
        time=state.time,
        lat=state.lat,
        lon=state.lon,
        speed_kmh=state.speed_kmh,
        heading_deg=state.heading_deg,
        accuracy_m=state.accuracy_m,
        source=state.source,
        device_uid=state.device_uid,
        trusted=not state.mock,
    )


class StopOut(BaseModel):
    """A stop or parking; `duration_s` is null while it lasts."""

    id: int
    kind: Literal["stop", "parking"]
    started_at: TimeOut
    ended_at: TimeOut | None
    duration_s: float | None
    place: PlaceOut | None

    @classmethod
    def of(cls, row: Interval | Row[Any]) -> Self:
        return cls(
            id=row.id,
            kind=row.kind,  # type: ignore[arg-type]  # the list asks for no others
            started_at=row.started_at,
            ended_at=row.ended_at,
            duration_s=_seconds(row.started_at, row.ended_at),
            place=PlaceOut.at(row.start_lat, row.start_lon),
        )


class TripOut(BaseModel):
    """Null where unknown: figures of a trip that is not over, and what the device does not report.

    `mean_speed_kmh` counts the time of moving, without the stops. `device_distance_m` is by the device's own
    odometer. `stops`: the first MAX_TRIP_STOPS on the way; `more_stops` says that there are others.
    """

    id: int
    vehicle_id: int
    started_at: TimeOut
    ended_at: TimeOut | None
    start: PlaceOut | None
    end: PlaceOut | None
    duration_s: float | None
    stopped_s: float | None
    distance_m: float | None
    device_distance_m: float | None
    mean_speed_kmh: float | None
    max_speed_kmh: float | None
    start_fuel_pct: float | None
    end_fuel_pct: float | None
    stops: list[StopOut]
    more_stops: bool
    revision: int

    @classmethod
    def of(cls, row: Interval, stops: Sequence[Row[Any]]) -> Self:
        figures = trip_figures(row.started_at, row.ended_at, row.details)
        return cls(
            id=row.id,
            vehicle_id=row.vehicle_id,
            started_at=row.started_at,
            ended_at=row.ended_at,
            start=PlaceOut.at(row.start_lat, row.start_lon),
            end=PlaceOut.at(row.end_lat, row.end_lon),
            duration_s=figures.duration_s,
            stopped_s=figures.stopped_s,
            distance_m=figures.distance_m,
            device_distance_m=figures.device_distance_m,
            mean_speed_kmh=figures.mean_speed_kmh,
            max_speed_kmh=figures.max_speed_kmh,
            start_fuel_pct=row.details.get("start_fuel_pct"),
            end_fuel_pct=row.details.get("end_fuel_pct"),
            stops=[StopOut.of(stop) for stop in stops[:MAX_TRIP_STOPS]],
            more_stops=len(stops) > MAX_TRIP_STOPS,
            revision=row.revision,
        )

    @classmethod
    def all_of(cls, page: TripPage) -> list[Self]:
        return [cls.of(trip, page.stops.get(trip.id, ())) for trip in page.trips]


def _seconds(start: datetime, end: datetime | None) -> float | None:
    return None if end is None else (end - start).total_seconds()


class SettingsIn(StrictBody):
    """Overrides in place of those before; what is left out has the value of the level above."""

    settings: dict[str, Any] = Field(examples=[{"speed_limit_kmh": 80, "mock": "ignore"}])


class RuleOut(BaseModel):
    """One setting. `limits` is JSON Schema; `override` is what was set here, null when nothing was."""

    name: str
    unit: str
    meaning: str
    limits: dict[str, Any]
    default: Any
    override: Any
    effective: Any


class SettingsOut(BaseModel):
    """`effective` is what vehicles are judged by from their next position on.

    For a device in a vehicle it is that of `vehicle_id`, with the fleet's settings and those of its other devices.
    """

    settings: dict[str, Any]
    updated_at: TimeOut | None
    vehicle_id: int | None
    rules: list[RuleOut]

    @classmethod
    def of(cls, judging: Judging) -> Self:
        overrides = judging.overrides
        return cls(
            settings=dict(overrides),
            updated_at=judging.updated_at,
            vehicle_id=judging.vehicle_id,
            rules=[
                RuleOut(
                    name=name,
                    unit=rule.unit,
                    meaning=rule.meaning,
                    limits=rule.limits,
                    default=rule.default,
                    override=overrides.get(name),
                    effective=getattr(judging.effective, name),
                )
                for name, rule in RULES.items()
            ],
        )
