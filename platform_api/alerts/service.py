"""Alerts: what people ought to know of, in the inbox of those it concerns. The edge commits.

Features raise them by `raise_alert`; where late positions change the story they raise the same thing
again (`dedup`), end it or withdraw it. `raise_alert` is the one door: whoever else is to be told, and
how, is decided in `_insert`, which runs once for each thing that is news to a party.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from platform_api.actor import Actor
from platform_api.alerts import repository, texting
from platform_api.alerts.announcing import announce
from platform_api.alerts.models import Alert
from platform_api.alerts.texts import kinds, render
from platform_api.errors import BadRequest, NotFound
from platform_api.languages import Language
from platform_api.webhooks.emitting import emit
from platform_api.webhooks.rules import EventType


def raise_alert(
    session: Session,
    *,
    party_id: UUID,
    kind: str,
    at: datetime,
    now: datetime,
    order_id: UUID | None = None,
    vehicle_id: int | None = None,
    facts: Mapping[str, Any] | None = None,
    dedup: str | None = None,
    ended_at: datetime | None = None,
    sms_to: Collection[UUID] = (),
) -> Alert:
    """Tell a party (`Actor.party_id` of its people) what happened at the event time `at`.

    `ended_at`: since when it is over, None = it lasts, or is a moment. `sms_to`: people of the party who
    get a text message when it is news, beside those whom its rules name.

    `kind` is one of `platform_api/alerts/texts/*.toml`, `facts` what its texts name, as JSON; KeyError
    when one is missing. The same `dedup` again revises the party's alert: it stays acknowledged, unless
    it had been withdrawn; then it is news again.
    """
    given = dict(facts or {})
    for language in Language:
        render(kind, given, language)
    row = {
        "party_id": party_id, "kind": kind, "severity": kinds()[kind].severity, "order_id": order_id,
        "vehicle_id": vehicle_id, "facts": given, "at": at, "ended_at": ended_at, "dedup": dedup, "recorded_at": now, "updated_at": now,
    }  # fmt: skip
    inserted = _insert(session, row)
    if inserted is not None:
        announce(session, party_id, [inserted.id])
        _tell_systems(session, inserted, now)
        texting.text(session, inserted, sms_to, now)
        return inserted
    assert dedup is not None
    (alert,) = repository.told(session, dedup, party_id)
    if alert.withdrawn_at is not None:
        alert.acknowledged_at = alert.acknowledged_by = None
    elif alert.at == at and alert.facts == given and alert.ended_at == ended_at:
        return alert
    alert.at, alert.facts = at, given
    alert.withdrawn_at, alert.ended_at = None, ended_at
    _revised(session, alert, now)
    return alert


def _insert(session: Session, row: Mapping[str, Any]) -> Alert | None:
    """None when this party has been told already."""
    statement = (
        insert(Alert)
        .values(**row)
        .on_conflict_do_nothing(index_elements=["dedup", "party_id"], index_where=Alert.dedup.is_not(None))
        .returning(Alert)
    )
    return session.scalars(statement).one_or_none()


def _tell_systems(session: Session, alert: Alert, now: datetime) -> None:
    """Webhooks of the party; what comes of the alert later is read by its id."""
    data = {
        "alert_id": alert.id,
        "kind": alert.kind,
        "severity": alert.severity,
        "order_id": None if alert.order_id is None else str(alert.order_id),
        "vehicle_id": alert.vehicle_id,
        "at": alert.at.isoformat(),
        "facts": alert.facts,
    }
    emit(session, {alert.party_id}, EventType.ALERT_RAISED, data, now=now)


def end_alert(session: Session, dedup: str, *, at: datetime, now: datetime) -> int:
    """What was told of is over since the event time `at`, for every party; how many rows changed."""
    changed = [alert for alert in repository.told(session, dedup) if alert.ended_at != at]
    for alert in changed:
        alert.ended_at = at
        _revised(session, alert, now)
    return len(changed)


def withdraw_alert(session: Session, dedup: str, *, now: datetime) -> int:
    """It did not happen, as later positions show: for every party; how many rows changed."""
    changed = [alert for alert in repository.told(session, dedup) if alert.withdrawn_at is None]
    for alert in changed:
        alert.withdrawn_at = now
        _revised(session, alert, now)
    return len(changed)


def _revised(session: Session, alert: Alert, now: datetime) -> None:
    alert.revision += 1
    alert.updated_at = now
    announce(session, alert.party_id, [alert.id])


def check_kind(kind: str | None) -> None:
    if kind is not None and kind not in kinds():
        raise BadRequest("alert_kind_unknown", "There is no such kind of alert.", kind=kind)


def acknowledge(session: Session, actor: Actor, alert_id: int, now: datetime) -> Alert:
    """By one for his whole party; again is harmless. Raises NotFound `alert_not_found`."""
    alert = repository.find_alert(session, actor, alert_id)
    if alert is None:
        raise NotFound("alert_not_found", "You have no such alert.")
    if alert.acknowledged_at is None:
        alert.acknowledged_at, alert.acknowledged_by = now, actor.user_id
        announce(session, alert.party_id, [alert.id])
    return alert


def acknowledge_all(session: Session, actor: Actor, *, up_to: int | None, now: datetime) -> int:
    """How many of the inbox were acknowledged by this; `up_to`: of ids no greater."""
    done = repository.acknowledge_open(session, actor, up_to=up_to, now=now)
    if done:
        announce(session, actor.party_id, done)
    return len(done)
