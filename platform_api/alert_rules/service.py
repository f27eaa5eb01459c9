"""A party's rules: make, change, remove. The edge commits."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from platform_api.accounts.models import User
from platform_api.actor import Actor, Role
from platform_api.alert_rules import rules
from platform_api.alert_rules.models import AlertRule
from platform_api.alert_rules.rules import Trigger
from platform_api.alerts import texts
from platform_api.errors import Conflict, Invalid, NotFound
from platform_api.fleet import service as fleet
from platform_api.geofences import repository as geofences_repository
from platform_api.geofences import service as geofences
from platform_api.organisations.models import OrganisationMember
from platform_api.pagination import PageQuery, fetch_page
from platform_api.versions import check_version
from telemetry.kinds import KINDS


@dataclass(frozen=True, slots=True)
class Wish:
    """A rule as somebody wants it; `schedule` and `sms_to` as the database keeps them."""

    name: str
    trigger: Trigger
    geofence_id: int | None = None
    group_id: int | None = None
    vehicle_id: int | None = None
    dwell_minutes: int | None = None
    kinds: tuple[str, ...] = ()
    schedule: tuple[dict[str, Any], ...] = ()
    sms_to: tuple[UUID, ...] = ()
    enabled: bool = True


def _own(actor: Actor) -> Select[AlertRule]:
    return select(AlertRule).where(AlertRule.party_id == actor.party_id, AlertRule.deleted_at.is_(None))


def create(session: Session, actor: Actor, wish: Wish, *, now: datetime) -> AlertRule:
    existing = session.scalar(select(func.count()).select_from(_own(actor).subquery())) or 0
    rules.check_creatable(actor, wish.trigger, existing=existing)
    _check_form(wish)
    _check_about(session, actor, wish)
    _check_people(session, actor, wish.sms_to)
    row = AlertRule(
        party_id=actor.party_id, created_by=actor.user_id, version=1, created_at=now, updated_at=now
    )
    _write(row, wish)
    session.add(row)
    session.flush()
    return row


def change(
    session: Session,
    actor: Actor,
    rule_id: int,
    changes: dict[str, Any],
    *,
    expected: int | None,
    now: datetime,
) -> AlertRule:
    """`changes`: names of Wish, without the trigger: another trigger is another rule.

    What is not changed is not asked again: a rule about a truck that was sold, or that texts somebody who
    left, can still be switched off.
    """
    row = get(session, actor, rule_id, lock=True)
    check_version(row.version, expected)
    wish = replace(_wish_of(row), **changes)
    _check_form(wish)
    if "sms_to" in changes:
        _check_people(session, actor, wish.sms_to)
    _write(row, wish)
    row.version += 1
    row.updated_at = now
    return row


def get(session: Session, actor: Actor, rule_id: int, *, lock: bool = False) -> AlertRule:
    statement = _own(actor).where(AlertRule.id == rule_id)
    row = session.scalar(statement.with_for_update() if lock else statement)
    if row is None:
        raise NotFound("alert_rule_not_found", "You have no such rule.")
    return row


def page(session: Session, actor: Actor, query: PageQuery) -> tuple[list[AlertRule], str | None]:
    return fetch_page(session, _own(actor), (AlertRule.id,), query)


def remove(session: Session, actor: Actor, rule_id: int, *, now: datetime) -> None:
    """What it told stays in the inbox."""
    row = get(session, actor, rule_id, lock=True)
    row.deleted_at = row.updated_at = now


def _check_form(wish: Wish) -> None:
    rules.check_form(
        wish.trigger,
        dwell_minutes=wish.dwell_minutes,
        kinds=wish.kinds,
        known=KINDS if wish.trigger is Trigger.INTERVAL else texts.kinds(),
        about_geofence=wish.geofence_id is not None or wish.group_id is not None,
    )


def _check_about(session: Session, actor: Actor, wish: Wish) -> None:
    """Locked: neither is the geofence redrawn, nor the group removed, before the rule about it is there."""
    if wish.geofence_id is not None:
        fence = geofences.get_own_geofence(session, actor, wish.geofence_id, lock=True)
        if fence.retired_at is not None:
            raise Conflict("geofence_retired", "This geofence is retired.")
    if wish.group_id is not None:
        geofences.get_group(session, actor, wish.group_id, lock=True)
    if wish.vehicle_id is not None:
        _check_vehicle(session, actor, wish.vehicle_id)


def _check_vehicle(session: Session, actor: Actor, vehicle_id: int) -> None:
    """A carrier's own, or one that carries for a shipper now. Raises NotFound `vehicle_not_found`."""
    if actor.role is Role.CARRIER or actor.is_administrator:
        fleet.get_vehicle(session, actor, vehicle_id)
    elif geofences_repository.carrying_since(session, actor.party_id, vehicle_id) is None:
        raise NotFound("vehicle_not_found", "There is no such vehicle.")


def _check_people(session: Session, actor: Actor, user_ids: Collection[UUID]) -> None:
    member = OrganisationMember
    known = session.scalars(
        select(User.id)
        .outerjoin(member, member.user_id == User.id)
        .where(User.id.in_(user_ids), or_(User.id == actor.party_id, member.owner_id == actor.party_id))
    )
    if set(user_ids) - set(known):
        raise Invalid("not_of_your_party", "Only you and members of your organisation can be texted.")


def _wish_of(row: AlertRule) -> Wish:
    return Wish(
        name=row.name,
        trigger=Trigger(row.trigger),
        geofence_id=row.geofence_id,
        group_id=row.group_id,
        vehicle_id=row.vehicle_id,
        dwell_minutes=row.dwell_minutes,
        kinds=tuple(row.kinds),
        schedule=tuple(row.schedule),
        sms_to=tuple(UUID(user_id) for user_id in row.sms_to),
        enabled=row.enabled,
    )


def _write(row: AlertRule, wish: Wish) -> None:
    row.name, row.trigger, row.enabled = wish.name, wish.trigger, wish.enabled
    row.geofence_id, row.group_id, row.vehicle_id = wish.geofence_id, wish.group_id, wish.vehicle_id
    row.dwell_minutes = wish.dwell_minutes
    row.kinds, row.schedule = sorted(set(wish.kinds)), list(wish.schedule)
    row.sms_to = sorted({str(user_id) for user_id in wish.sms_to})
