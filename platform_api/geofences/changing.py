"""Change a geofence and keep its past: what was judged by the old shape stays as it was told. The edge commits."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from platform_api.actor import Actor
from platform_api.alert_rules.models import AlertRule
from platform_api.geofences import repository, rules, service
from platform_api.geofences.models import Geofence, GeofenceGroup
from platform_api.pagination import PageQuery, fetch_page
from platform_api.versions import check_version


def change_geofence(
    session: Session,
    actor: Actor,
    geofence_id: int,
    *,
    name: str | None,
    change_group: bool,
    group_id: int | None,
    shape: Mapping[str, Any] | None,
    expected: int | None,
    now: datetime,
) -> Geofence:
    """Change what is given. A new shape makes another fence, which stands in for this one from now on, as do its rules."""
    fence = service.get_own_geofence(session, actor, geofence_id, lock=True)
    check_version(fence.version, expected)
    rules.check_changeable(
        retired=fence.retired_at is not None,
        in_use=repository.is_in_use(session, fence.id),
        redraws=shape is not None,
    )
    if change_group:
        if group_id is not None:
            service.get_group(session, actor, group_id)
        fence.group_id = group_id
    if name is not None:
        fence.name = name
    fence.version += 1
    fence.updated_at = now
    return fence if shape is None else _redraw(session, fence, shape, now)


def _redraw(session: Session, old: Geofence, shape: Mapping[str, Any], now: datetime) -> Geofence:
    new = service.create_geofence(
        session,
        owner_id=old.owner_id,
        name=old.name,
        shape=shape,
        settings=old.settings,
        vehicle_id=old.vehicle_id,
        carrier_id=old.carrier_id,
        valid_from=now,
        valid_until=old.valid_until,
        group_id=old.group_id,
        replaces_id=old.id,
        now=now,
    )
    old.retired_at = now
    session.execute(
        update(AlertRule)
        .where(AlertRule.geofence_id == old.id, AlertRule.deleted_at.is_(None))
        .values(geofence_id=new.id, version=AlertRule.version + 1, updated_at=now)
    )
    return new


def create_group(session: Session, actor: Actor, *, name: str, now: datetime) -> GeofenceGroup:
    """A name that the party has given before ends in the unique constraint: Conflict `group_name_taken`."""
    existing = select(func.count()).where(GeofenceGroup.party_id == actor.party_id)
    rules.check_group_room(session.scalar(existing) or 0)
    group = GeofenceGroup(party_id=actor.party_id, name=name, version=1, created_at=now)
    session.add(group)
    session.flush()
    return group


def page_groups(session: Session, actor: Actor, query: PageQuery) -> tuple[list[GeofenceGroup], str | None]:
    statement = select(GeofenceGroup).where(GeofenceGroup.party_id == actor.party_id)
    return fetch_page(session, statement, (GeofenceGroup.id,), query)


def rename_group(
    session: Session, actor: Actor, group_id: int, *, name: str, expected: int | None
) -> GeofenceGroup:
    group = service.get_group(session, actor, group_id, lock=True)
    check_version(group.version, expected)
    group.name = name
    group.version += 1
    session.flush()
    return group


def remove_group(session: Session, actor: Actor, group_id: int, *, now: datetime) -> None:
    """Its geofences stay, without a group; rules about it end."""
    group = service.get_group(session, actor, group_id, lock=True)
    session.execute(
        update(AlertRule)
        .where(AlertRule.group_id == group.id, AlertRule.deleted_at.is_(None))
        .values(deleted_at=now, updated_at=now)
    )
    session.execute(
        update(Geofence).where(Geofence.group_id == group.id).values(group_id=None, updated_at=now)
    )
    session.execute(update(AlertRule).where(AlertRule.group_id == group.id).values(group_id=None))
    session.delete(group)
