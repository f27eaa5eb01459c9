"""What may be asked of a fleet's telemetry, and what follows from a trip's figures: pure decisions."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from platform_api.actor import Actor
from platform_api.errors import BadRequest, NotFound
from telemetry.kinds import KINDS

# A list goes over no more than a quarter of a year at once; without `from` it goes back a month.
MAX_RANGE = timedelta(days=92)
DEFAULT_RANGE = timedelta(days=31)
# Of one trip in a list; the rest is under `stops/`.
MAX_TRIP_STOPS = 50
# What goes on at once on one vehicle is a handful; more would be a fault of its devices.
MAX_OPEN = 200


@dataclass(frozen=True, slots=True)
class Span:
    """Half-open [start, end) of event time; None = without bound."""

    start: datetime | None
    end: datetime | None


@dataclass(frozen=True, slots=True)
class Asked:
    """Which intervals are wanted. `kinds` None = all; with `retracted` those that were taken back instead."""

    span: Span
    kinds: Collection[str] | None = None
    open_only: bool = False
    retracted: bool = False


def asked_span(start: datetime | None, end: datetime | None, now: datetime) -> Span:
    """The range to list, by the beginning of what is in it. Raises BadRequest `invalid_range`, `range_too_long`.

    So each interval belongs to one range: those of one day after the other add up.
    """
    until = end or max(now, start or now)
    begin = start or until - DEFAULT_RANGE
    if end is not None and end <= begin:
        raise BadRequest("invalid_range", "`to` must be after `from`.")
    if until - begin > MAX_RANGE:
        raise BadRequest(
            "range_too_long", f"Ask for at most {MAX_RANGE.days} days at once.", days=MAX_RANGE.days
        )
    # Without `to` no end: a device's clock may run ahead of ours.
    return Span(begin, end)


def asked(
    start: datetime | None,
    end: datetime | None,
    *,
    kinds: Collection[str] = (),
    severities: Collection[str] = (),
    open_only: bool = False,
    retracted: bool = False,
    now: datetime,
) -> Asked:
    """Raises BadRequest `kind_unknown` and those of `asked_span`.

    What is going on now may have begun long ago: without `from` it has no earliest beginning.
    """
    span = Span(None, end) if open_only and start is None else asked_span(start, end, now)
    return Asked(span, _kinds(kinds, severities), open_only, retracted)


def _kinds(kinds: Collection[str], severities: Collection[str]) -> Collection[str] | None:
    unknown = sorted(set(kinds) - KINDS.keys())
    if unknown:
        raise BadRequest("kind_unknown", f"There is no kind {unknown[0]:.60}; see /api/v1/telemetry/kinds/.")
    if not kinds and not severities:
        return None
    return sorted(
        name
        for name, kind in KINDS.items()
        if (not kinds or name in kinds) and (not severities or kind.severity in severities)
    )


def carrier_asked(actor: Actor, carrier_id: UUID | None) -> UUID:
    """Whose fleet is meant: a carrier's own; an administrator names one.

    Raises BadRequest `carrier_missing`, NotFound `carrier_not_found` for a fleet of somebody else.
    """
    if actor.is_administrator and carrier_id is not None:
        return carrier_id
    if actor.carrier_id is None:
        raise BadRequest("carrier_missing", "Say whose fleet: ?carrier=<id of the carrier>.")
    if carrier_id not in (None, actor.carrier_id):
        raise NotFound("carrier_not_found", "There is no such carrier, or it is not you.")
    return actor.carrier_id


@dataclass(frozen=True, slots=True)
class TripFigures:
    """None where unknown: while the trip lasts, or where the device reports nothing of it."""

    duration_s: float | None
    stopped_s: float | None
    distance_m: float | None
    device_distance_m: float | None  # by the odometer of the device
    mean_speed_kmh: float | None  # while moving
    max_speed_kmh: float | None


def trip_figures(started_at: datetime, ended_at: datetime | None, details: Mapping[str, Any]) -> TripFigures:
    """What the row of a trip comes to."""
    distance_m, stopped_s = details.get("distance_m"), details.get("stopped_s")
    duration_s = None if ended_at is None else (ended_at - started_at).total_seconds()
    mean_kmh = None
    if duration_s is not None and distance_m is not None and duration_s > (stopped_s or 0):
        mean_kmh = distance_m / (duration_s - (stopped_s or 0)) * 3.6
    return TripFigures(
        duration_s=duration_s,
        stopped_s=stopped_s,
        distance_m=distance_m,
        device_distance_m=_device_distance_m(details),
        mean_speed_kmh=None if mean_kmh is None else round(mean_kmh, 1),
        max_speed_kmh=details.get("max_speed_kmh"),
    )


def _device_distance_m(details: Mapping[str, Any]) -> float | None:
    start, end = details.get("start_odometer_km"), details.get("end_odometer_km")
    # A device that was replaced or reset begins to count anew.
    if start is None or end is None or end < start:
        return None
    return float(round((end - start) * 1000, 1))
