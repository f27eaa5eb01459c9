"""Decisions about plates, drivers, and which vehicle a device is in when."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from platform_api.actor import Actor, Role
from platform_api.errors import Conflict, Forbidden, Invalid

MAX_PLATE_CHARS = 20
_PLATE = re.compile(r"[A-Z0-9]+(-[A-Z0-9]+)*")


class DeviceKind(StrEnum):
    """A gateway sends for other devices of its carrier, and has no position of its own."""

    TRACKER = "tracker"
    PHONE = "phone"
    GATEWAY = "gateway"


class AxleConfiguration(StrEnum):
    """How a truck stands on the road, and its number of axles with the trailer; 6 means six or more."""

    RIGID_2 = "RIGID_2"
    RIGID_3 = "RIGID_3"
    RIGID_4 = "RIGID_4"
    ARTICULATED_3 = "ARTICULATED_3"
    ARTICULATED_4 = "ARTICULATED_4"
    ARTICULATED_5 = "ARTICULATED_5"
    ARTICULATED_6 = "ARTICULATED_6"
    ROAD_TRAIN_4 = "ROAD_TRAIN_4"
    ROAD_TRAIN_5 = "ROAD_TRAIN_5"
    ROAD_TRAIN_6 = "ROAD_TRAIN_6"


# Of a vehicle's devices the one with the lowest number is the best source. A gateway is none.
DEFAULT_PRIORITIES = {DeviceKind.TRACKER: 100, DeviceKind.PHONE: 200, DeviceKind.GATEWAY: 100}
MAX_PRIORITY = 1000


def normalise_plate(text: str) -> str:
    """`dk 1234 ab` and `DK-1234-AB` are one plate; raises Invalid `invalid_plate`."""
    plain = unicodedata.normalize("NFKC", text).strip().upper()
    plate = re.sub(r"[\s-]+", "-", plain)
    if len(plate) > MAX_PLATE_CHARS or not _PLATE.fullmatch(plate):
        raise Invalid("invalid_plate", "A plate has letters and digits, such as DK-1234-AB.")
    return plate


def check_joins(*, role: Role, disabled: bool, carrier_id: UUID | None, carrier: UUID) -> None:
    """May this user join `carrier` as a driver? Again at the same carrier is fine."""
    if role is not Role.DRIVER or disabled:
        raise Conflict("not_a_driver", "This account is not that of a driver.")
    if carrier_id is not None and carrier_id != carrier:
        raise Conflict("driver_taken", "This driver drives for another carrier.")


def check_leaves(actor: Actor, driver_id: UUID) -> None:
    """A carrier lets its drivers go, and a driver may leave by himself."""
    if actor.role is not Role.CARRIER and actor.user_id != driver_id:
        raise Forbidden("role_not_allowed", "Only for the carrier and the driver himself.")


def check_token(*, kind: DeviceKind, driver_id: UUID | None, disabled: bool) -> None:
    """May this device get a token for MQTT? Trackers use their secret."""
    if kind is not DeviceKind.PHONE:
        raise Conflict("not_a_phone", f"A {kind} signs in with its secret, not with a token.")
    if disabled:
        raise Conflict("device_disabled", "This device is disabled.")
    if driver_id is None:
        raise Conflict("device_without_driver", "This phone belongs to no driver.")


def check_source(kind: DeviceKind) -> None:
    """May this device be in a vehicle, as a source of its positions? Raises Conflict `gateway_on_no_vehicle`."""
    if kind is DeviceKind.GATEWAY:
        raise Conflict(
            "gateway_on_no_vehicle",
            "A gateway sends for other devices: it is in no vehicle and no source of positions.",
        )


def check_stock(kind: DeviceKind, *, in_use: bool) -> None:
    """May an administrator register it for nobody yet? Raises Conflict `not_a_tracker`, `stock_device_unassigned`."""
    if kind is not DeviceKind.TRACKER:
        raise Conflict("not_a_tracker", "Only a tracker waits in stock and is paired by its code.")
    if in_use:
        raise Conflict("stock_device_unassigned", "A device in stock has no driver and no vehicle.")


@dataclass(frozen=True, slots=True)
class Span:
    """A device in a vehicle during half-open [start, end) of event time; None = without bound."""

    id: int
    vehicle_id: int
    start: datetime | None
    end: datetime | None


@dataclass(frozen=True, slots=True)
class AssignmentPlan:
    """Close `ends` at `start`, then add [start, end); `already` = the device is there, change nothing."""

    start: datetime | None
    end: datetime | None
    ends: Span | None = None
    already: Span | None = None


def plan_assignment(
    spans: Sequence[Span],
    vehicle_id: int,
    *,
    valid_from: datetime | None,
    valid_to: datetime | None,
    end_current: bool,
    now: datetime,
) -> AssignmentPlan:
    """Where a device's new assignment fits between its others.

    Without `valid_from` it begins now; a device's very first one has no lower bound, so that what
    it recorded before it was registered counts. Raises Invalid `invalid_period`, Conflict
    `assignment_overlap`.
    """
    start = valid_from if valid_from is not None or not spans else now
    if start is not None and valid_to is not None and valid_to <= start:
        raise Invalid("invalid_period", "valid_to must be after valid_from.")
    current = next((span for span in spans if span.end is None), None)
    if (
        current is not None
        and valid_to is None
        and current.vehicle_id == vehicle_id
        and _covers(current, start)
    ):
        return AssignmentPlan(start, valid_to, already=current)
    ends = current if end_current and current is not None and _begins_before(current, start) else None
    if any(_overlap(span, start, valid_to) for span in spans if span is not ends):
        raise Conflict("assignment_overlap", "The device is assigned to a vehicle at that time.")
    return AssignmentPlan(start, valid_to, ends=ends)


def plan_unassignment(spans: Sequence[Span], valid_to: datetime) -> Span:
    """The open assignment that ends at `valid_to`; raises Conflict `device_not_assigned`, Invalid `invalid_period`."""
    current = next((span for span in spans if span.end is None), None)
    if current is None:
        raise Conflict("device_not_assigned", "The device is in no vehicle.")
    if not _begins_before(current, valid_to):
        raise Invalid("invalid_period", "valid_to must be after the beginning of the assignment.")
    return current


def vehicles_from(spans: Sequence[Span], moment: datetime) -> list[int]:
    """The vehicles that the device is in at or after `moment`, in order of id."""
    return sorted({span.vehicle_id for span in spans if span.end is None or span.end > moment})


def _covers(span: Span, moment: datetime | None) -> bool:
    """Whether an open span contains `moment`; None = the beginning of time."""
    return span.start is None or (moment is not None and span.start <= moment)


def _begins_before(span: Span, moment: datetime | None) -> bool:
    return moment is not None and (span.start is None or span.start < moment)


def _overlap(span: Span, start: datetime | None, end: datetime | None) -> bool:
    begins_in_time = span.start is None or end is None or span.start < end
    ends_late = span.end is None or start is None or start < span.end
    return begins_in_time and ends_late
