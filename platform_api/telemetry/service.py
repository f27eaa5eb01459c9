"""What a carrier learns of its vehicles, and how it wants them judged."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.orm import Session

from config.settings import get_settings
from platform_api.actor import Actor
from platform_api.errors import Invalid, NotFound
from platform_api.fleet import rules as fleet_rules
from platform_api.fleet import service as fleet
from platform_api.fleet.models import Device
from platform_api.pagination import PageQuery
from platform_api.telemetry import repository, rules
from platform_api.telemetry.models import Interval, TelemetrySetting
from platform_api.telemetry.rules import Asked
from telemetry.rules import RuleError, VehicleRules, check_overrides, merge, platform_rules

# In the details of a change of the source: the device that spoke before.
FROM_DEVICE = "from_device"


@dataclass(frozen=True, slots=True)
class IntervalPage:
    rows: Sequence[Interval]
    uids: Mapping[int, str]  # of the devices that the rows name
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class TripPage:
    trips: Sequence[Interval]
    stops: Mapping[int, Sequence[Row[Any]]]  # by trip, one more than may be shown
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class VehicleNow:
    state: Row[Any]
    open: IntervalPage


@dataclass(frozen=True, slots=True)
class Judging:
    """How vehicles are judged: what was set here, and what comes of all that is set."""

    overrides: Mapping[str, Any]
    updated_at: datetime | None
    effective: VehicleRules
    vehicle_id: int | None = None  # whose effective rules these are, when they are one vehicle's


def show_state(session: Session, actor: Actor, vehicle_id: int) -> VehicleNow:
    """Where the vehicle is, and what is going on. Raises NotFound `vehicle_not_found`."""
    fleet.get_vehicle(session, actor, vehicle_id)
    going_on = repository.open_intervals(session, actor, vehicle_id)
    return VehicleNow(repository.state(session, vehicle_id), with_uids(session, going_on, None))


def list_intervals(
    session: Session, actor: Actor, vehicle_id: int, wanted: Asked, query: PageQuery
) -> IntervalPage:
    """Raises NotFound `vehicle_not_found`."""
    fleet.get_vehicle(session, actor, vehicle_id)
    rows, next_cursor = repository.page_of_vehicle(session, actor, vehicle_id, wanted, query)
    return with_uids(session, rows, next_cursor)


def list_fleet_intervals(
    session: Session, actor: Actor, carrier_id: UUID | None, wanted: Asked, query: PageQuery
) -> IntervalPage:
    """Of all vehicles of one carrier. Raises BadRequest `carrier_missing`, NotFound `carrier_not_found`."""
    carrier = _carrier(session, actor, carrier_id)
    rows, next_cursor = repository.page_of_fleet(session, actor, carrier, wanted, query)
    return with_uids(session, rows, next_cursor)


def list_trips(session: Session, actor: Actor, vehicle_id: int, wanted: Asked, query: PageQuery) -> TripPage:
    """With the stops on the way. Raises NotFound `vehicle_not_found`."""
    fleet.get_vehicle(session, actor, vehicle_id)
    trips, next_cursor = repository.page_of_vehicle(session, actor, vehicle_id, wanted, query)
    return TripPage(trips, repository.stops_of_trips(session, trips), next_cursor)


def with_uids(session: Session, rows: Sequence[Interval], next_cursor: str | None) -> IntervalPage:
    """By one query."""
    named = {row.device_id for row in rows} | set(_from_devices(rows))
    return IntervalPage(rows, repository.device_uids(session, named - {0}), next_cursor)


def _from_devices(rows: Iterable[Interval]) -> Iterable[int]:
    return (row.details[FROM_DEVICE] for row in rows if FROM_DEVICE in row.details)


def _carrier(session: Session, actor: Actor, carrier_id: UUID | None) -> UUID:
    carrier = rules.carrier_asked(actor, carrier_id)
    if carrier != actor.carrier_id and not repository.is_carrier(session, carrier):
        raise NotFound("carrier_not_found", "There is no such carrier.")
    return carrier


# Settings -------------------------------------------------------------------


def rules_of_vehicle(session: Session, vehicle_id: int) -> VehicleRules:
    """By what ingest judges the vehicle now. Whoever asks: the caller has checked that."""
    return merge(platform_rules(get_settings()), repository.layers_of_vehicle(session, vehicle_id))


def show_fleet_settings(session: Session, actor: Actor, carrier_id: UUID | None) -> Judging:
    """Raises BadRequest `carrier_missing`, NotFound `carrier_not_found`."""
    return _of_fleet(session, _carrier(session, actor, carrier_id))


def set_fleet_settings(
    session: Session, actor: Actor, carrier_id: UUID | None, settings: Mapping[str, Any], *, now: datetime
) -> Judging:
    """In place of what was set before. Raises Invalid with RuleError's code."""
    carrier = _carrier(session, actor, carrier_id)
    repository.put_setting(session, _checked(settings), carrier_id=carrier, now=now)
    return _of_fleet(session, carrier)


def drop_fleet_settings(session: Session, actor: Actor, carrier_id: UUID | None) -> None:
    """Back to the platform's own. Again is harmless."""
    repository.drop_setting(session, carrier_id=_carrier(session, actor, carrier_id))


def show_device_settings(session: Session, actor: Actor, uid: str) -> Judging:
    """Raises NotFound `device_not_found`, Conflict `gateway_on_no_vehicle`."""
    return _of_device(session, _source(session, actor, uid))


def set_device_settings(
    session: Session, actor: Actor, uid: str, settings: Mapping[str, Any], *, now: datetime
) -> Judging:
    """In place of what was set before. Raises Invalid with RuleError's code."""
    device = _source(session, actor, uid)
    repository.put_setting(session, _checked(settings), device_id=device.id, now=now)
    return _of_device(session, device)


def drop_device_settings(session: Session, actor: Actor, uid: str) -> None:
    """Back to those of the fleet. Again is harmless."""
    repository.drop_setting(session, device_id=_source(session, actor, uid).id)


def _source(session: Session, actor: Actor, uid: str) -> Device:
    device = fleet.get_device(session, actor, uid)
    fleet_rules.check_source(fleet_rules.DeviceKind(device.kind))
    return device


def _checked(settings: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return check_overrides(settings)
    except RuleError as error:
        raise Invalid(error.code, error.detail) from error


def _of_fleet(session: Session, carrier_id: UUID) -> Judging:
    own = repository.fleet_setting(session, carrier_id)
    base = platform_rules(get_settings())
    return Judging(*_stored(own), effective=merge(base, [own.settings] if own else []))


def _of_device(session: Session, device: Device) -> Judging:
    """Effective is what the vehicle is judged by that the device is in now; a better source there has the last word."""
    own = repository.device_setting(session, device.id)
    vehicle_id = next((each.vehicle_id for each in device.assignments if each.valid_to is None), None)
    if vehicle_id is not None:
        return Judging(*_stored(own), rules_of_vehicle(session, vehicle_id), vehicle_id)
    fleets = repository.fleet_setting(session, device.carrier_id)
    layers = [each.settings for each in (fleets, own) if each is not None]
    return Judging(*_stored(own), effective=merge(platform_rules(get_settings()), layers))


def _stored(row: TelemetrySetting | None) -> tuple[Mapping[str, Any], datetime | None]:
    return ({}, None) if row is None else (row.settings, row.updated_at)
