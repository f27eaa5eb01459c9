"""Draw and retire geofences; ingest judges pings by them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from geofence.errors import FenceError
from geofence.geojson import parse_shape, to_geojson
from geofence.settings import parse_settings
from platform_api.actor import Actor, Role
from platform_api.errors import Invalid, NotFound
from platform_api.fleet import repository as fleet_repository
from platform_api.fleet import service as fleet
from platform_api.geofences import repository, rules
from platform_api.geofences.models import Geofence, GeofenceGroup


def draw_geofence(
    session: Session,
    actor: Actor,
    *,
    name: str,
    shape: Mapping[str, Any],
    settings: Mapping[str, Any],
    vehicle_id: int | None,
    valid_from: datetime | None,
    valid_until: datetime | None,
    now: datetime,
    group_id: int | None = None,
) -> Geofence:
    """A person's geofence, watching what this person may see."""
    if group_id is not None:
        get_group(session, actor, group_id)
    since = None
    if vehicle_id is not None and (actor.role is Role.CARRIER or actor.is_administrator):
        fleet.get_vehicle(session, actor, vehicle_id)
    elif vehicle_id is not None:
        since = repository.carrying_since(session, actor.party_id, vehicle_id)
    watch = rules.decide_watch(
        actor, vehicle_id=vehicle_id, valid_from=valid_from, carrying_since=since, now=now
    )
    return create_geofence(
        session,
        owner_id=actor.party_id,
        name=name,
        shape=shape,
        settings=settings,
        vehicle_id=watch.vehicle_id,
        carrier_id=watch.carrier_id,
        valid_from=watch.valid_from,
        valid_until=valid_until,
        now=now,
        group_id=group_id,
    )


def create_geofence(
    session: Session,
    *,
    owner_id: UUID | None,
    name: str,
    shape: Mapping[str, Any],
    settings: Mapping[str, Any],
    vehicle_id: int | None,
    carrier_id: UUID | None,
    valid_from: datetime | None,
    now: datetime,
    valid_until: datetime | None = None,
    group_id: int | None = None,
    replaces_id: int | None = None,
) -> Geofence:
    """Insert a fence and have ingest fold what it watches again from `valid_from` (None = all of the past).

    `shape` is GeoJSON, `settings` overrides of FenceSettings; Invalid with FenceError's code when bad.
    The caller has decided whom it may watch; both ids None = every vehicle.
    """
    rules.check_period(valid_from, valid_until)
    geofence = Geofence(
        owner_id=owner_id,
        name=name,
        shape=canonical_shape(shape),
        settings=_checked_settings(settings),
        vehicle_id=vehicle_id,
        carrier_id=carrier_id,
        valid_from=valid_from,
        valid_until=valid_until,
        group_id=group_id,
        replaces_id=replaces_id,
        version=1,
        created_at=now,
        updated_at=now,
    )
    session.add(geofence)
    session.flush()  # callers need its id
    watched = repository.watched_vehicle_ids(session, vehicle_id, carrier_id)
    fleet_repository.mark_dirty(session, watched, from_time=valid_from, reason="geofence")
    return geofence


def canonical_shape(shape: Mapping[str, Any]) -> dict[str, Any]:
    """The GeoJSON Feature as stored: what makes the shape and nothing else. Invalid with FenceError's code."""
    try:
        return to_geojson(parse_shape(shape))
    except FenceError as error:
        raise Invalid(error.code, error.detail) from error


def _checked_settings(overrides: Mapping[str, Any]) -> dict[str, Any]:
    try:
        settings = parse_settings(overrides)
    except FenceError as error:
        raise Invalid(error.code, error.detail) from error
    return {name: getattr(settings, name) for name in overrides}


def get_geofence(session: Session, actor: Actor, geofence_id: int) -> Geofence:
    """Raises NotFound `geofence_not_found`, also for somebody else's."""
    geofence = repository.find_geofence(session, actor, geofence_id)
    if geofence is None:
        raise NotFound("geofence_not_found", "There is no such geofence.")
    return geofence


def get_own_geofence(session: Session, actor: Actor, geofence_id: int, *, lock: bool = False) -> Geofence:
    """One that the actor's party drew itself. Raises NotFound `geofence_not_found`."""
    geofence = repository.find_geofence(session, actor, geofence_id, lock=lock)
    if geofence is None or geofence.owner_id != actor.party_id:
        raise NotFound("geofence_not_found", "There is no such geofence.")
    return geofence


def get_group(session: Session, actor: Actor, group_id: int, *, lock: bool = False) -> GeofenceGroup:
    """Raises NotFound `geofence_group_not_found`."""
    statement = select(GeofenceGroup).where(
        GeofenceGroup.id == group_id, GeofenceGroup.party_id == actor.party_id
    )
    group = session.scalar(statement.with_for_update() if lock else statement)
    if group is None:
        raise NotFound("geofence_group_not_found", "You have no such group of geofences.")
    return group


def retire_geofence(session: Session, actor: Actor, geofence_id: int, *, now: datetime) -> None:
    """It judges nothing any more; its visits stay. Again is harmless."""
    geofence = repository.find_geofence(session, actor, geofence_id, lock=True)
    if geofence is None:
        raise NotFound("geofence_not_found", "There is no such geofence.")
    if geofence.retired_at is not None:
        return
    rules.check_retirable(in_use=repository.is_in_use(session, geofence_id))
    geofence.retired_at = now
    geofence.updated_at = now
