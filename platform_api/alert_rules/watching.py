"""What happened on the road meets the rules of those it concerns. The edge commits.

A geofence's rules are those of its owner: the fence itself was drawn within what he may see. Rules about
intervals are the carrier's, about its own vehicles.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import or_, select, text
from sqlalchemy.orm import Session

from platform_api.alert_rules import rules
from platform_api.alert_rules.event_names import event_names
from platform_api.alert_rules.models import AlertRule
from platform_api.alert_rules.periods import periods_of
from platform_api.alert_rules.rules import Lasting, Rule, Stay, Trigger, Wanted
from platform_api.alerts import repository as inboxes
from platform_api.alerts import service as alerts
from platform_api.tracking import repository as tracking
from platform_api.tracking.rules import order_window

# The longest dwell of a rule, and then some: older open visits were judged long ago.
DWELL_HORIZON = timedelta(days=9)

_VISIT = text("""
SELECT v.id, v.vehicle_id, v.geofence_id, v.entered_at, v.exited_at, v.retracted_at, x.plate,
       g.name AS geofence, g.owner_id, g.group_id,
       g.vehicle_id IS NOT NULL AND g.carrier_id IS NULL AND u.role <> 'administrator' AND NOT u.is_superuser AS of_customer
FROM visits v JOIN geofences g ON g.id = v.geofence_id JOIN vehicles x ON x.id = v.vehicle_id
LEFT JOIN users u ON u.id = g.owner_id
WHERE v.id = :id
""")

# From the rules to the visits, for rules are few and visits many; only those that a rule has not told of.
_OPEN_VISITS = text("""
WITH watched AS MATERIALIZED (
    SELECT r.id AS rule_id, r.party_id, r.vehicle_id, r.created_at, r.schedule,
           r.dwell_minutes * interval '1 minute' AS dwell, g.id AS geofence_id
    FROM alert_rules r JOIN geofences g ON g.owner_id = r.party_id AND g.retired_at IS NULL
    WHERE r.trigger = 'dwell' AND r.enabled AND r.deleted_at IS NULL
      AND (r.geofence_id IS NULL OR r.geofence_id = g.id) AND (r.group_id IS NULL OR r.group_id = g.group_id)
)
SELECT v.id AS visit_id, w.rule_id, v.entered_at + w.dwell AS due_at, w.schedule
FROM watched w JOIN visits v ON v.geofence_id = w.geofence_id
WHERE v.exited_at IS NULL AND v.retracted_at IS NULL AND v.entered_at > :since
  AND (v.id, w.rule_id) > (:after_visit, :after_rule)
  AND v.entered_at + w.dwell BETWEEN w.created_at AND :now AND (w.vehicle_id IS NULL OR w.vehicle_id = v.vehicle_id)
  AND NOT EXISTS (
    SELECT FROM alerts a WHERE a.party_id = w.party_id AND a.withdrawn_at IS NULL
      AND a.dedup = 'rule/' || w.rule_id || '/visit/' || v.id)
ORDER BY v.id, w.rule_id LIMIT :row_limit
""")

_INTERVAL_CHANGES = text("""
SELECT id, interval_id FROM interval_changes WHERE handled_at IS NULL ORDER BY id LIMIT :row_limit
FOR UPDATE SKIP LOCKED
""")

_HANDLED = text("UPDATE interval_changes SET handled_at = :now WHERE id = ANY (:ids)")

_INTERVALS = text("""
SELECT i.id, i.vehicle_id, i.kind, i.started_at, i.ended_at, i.retracted_at, x.plate, x.carrier_id
FROM intervals i JOIN vehicles x ON x.id = i.vehicle_id
WHERE i.id = ANY (:ids)
""")


@dataclass(frozen=True, slots=True)
class _Told:
    """What an alert of a rule is about."""

    kind: str
    key: str
    vehicle_id: int
    facts: dict[str, Any]


def on_visit(session: Session, visit_id: int, now: datetime) -> int:
    """Tell what the owner's rules say of this visit as it stands now; how many rules it concerns."""
    visit = session.execute(_VISIT, {"id": visit_id}).one_or_none()
    if visit is None or visit.owner_id is None:
        return 0
    found = _rules_about(session, visit.owner_id, visit.vehicle_id, rules.OF_GEOFENCES).where(
        or_(AlertRule.geofence_id == visit.geofence_id, AlertRule.geofence_id.is_(None)),
        or_(AlertRule.group_id == visit.group_id, AlertRule.group_id.is_(None)),
    )
    if visit.retracted_at is not None:
        _take_back(session, visit.owner_id, rules.OF_GEOFENCES, f"visit/{visit.id}", now)
    stay = Stay(visit.entered_at, visit.exited_at, visit.retracted_at is not None)
    concerned = session.scalars(found).all()
    for row in concerned:
        wanted = rules.judge_stay(rule_of(row), stay, now)
        if wanted is not None and visit.of_customer and not _carries(session, visit, wanted.at):
            wanted = None
        facts = {
            "plate": visit.plate,
            "geofence": visit.geofence,
            "geofence_id": visit.geofence_id,
            "visit_id": visit.id,
            "entered_at": visit.entered_at.isoformat(),
            "minutes": row.dwell_minutes,
        }
        told = _Told(f"geofence_{row.trigger}", f"visit/{visit.id}", visit.vehicle_id, facts)
        _tell(session, row, wanted, told, now)
    return len(concerned)


def _carries(session: Session, visit: Any, at: datetime) -> bool:
    """Whether the truck worked for the owner of the fence then: its next job is none of his business."""
    orders = tracking.orders_with(session, visit.owner_id, visit.vehicle_id, at)
    windows = (order_window(order) for order in orders)
    return any(window is not None and window.holds(at) for window in windows)


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Of a visit and a rule in the order of a sweep."""

    visit_id: int = 0
    rule_id: int = 0


@dataclass(frozen=True, slots=True)
class Long:
    """`visit_ids`: to be judged; `last`: where to go on, None = that was all."""

    visit_ids: Sequence[int]
    last: Place | None


def open_visits(session: Session, now: datetime, *, after: Place, limit: int) -> Long:
    """Visits that have become long enough for a rule that has not told so, from after `after`.

    Without those that became so outside its schedule: it has nothing to tell of them, however long they last.
    """
    values = {
        "now": now, "since": now - DWELL_HORIZON, "row_limit": limit,
        "after_visit": after.visit_id, "after_rule": after.rule_id,
    }  # fmt: skip
    rows = session.execute(_OPEN_VISITS, values).all()
    found = [row.visit_id for row in rows if rules.in_schedule(periods_of(row.schedule), row.due_at)]
    last = Place(rows[-1].visit_id, rows[-1].rule_id) if len(rows) == limit else None
    return Long(list(dict.fromkeys(found)), last)


def on_interval_changes(session: Session, now: datetime, limit: int) -> int:
    """Handle the oldest changes of intervals that nobody has; how many."""
    changes = session.execute(_INTERVAL_CHANGES, {"row_limit": limit}).all()
    if not changes:
        return 0
    session.execute(_HANDLED, {"now": now, "ids": [change.id for change in changes]})
    intervals = session.execute(_INTERVALS, {"ids": sorted({change.interval_id for change in changes})}).all()
    by_party = _interval_rules(session, {row.carrier_id for row in intervals if row.carrier_id})
    for row in intervals:
        if row.retracted_at is not None and row.carrier_id is not None:
            _take_back(session, row.carrier_id, {Trigger.INTERVAL}, f"interval/{row.id}", now)
        for rule_row in by_party.get(row.carrier_id, ()):
            if rule_row.vehicle_id in (None, row.vehicle_id) and row.kind in rule_row.kinds:
                _tell_interval(session, rule_row, row, now)
    return len(changes)


def _interval_rules(session: Session, parties: set[UUID]) -> dict[UUID, list[AlertRule]]:
    statement = _live().where(AlertRule.party_id.in_(parties), AlertRule.trigger == Trigger.INTERVAL)
    found: dict[UUID, list[AlertRule]] = {}
    for row in session.scalars(statement):
        found.setdefault(row.party_id, []).append(row)
    return found


def _tell_interval(session: Session, row: AlertRule, interval: Any, now: datetime) -> None:
    lasting = Lasting(
        interval.kind, interval.started_at, interval.ended_at, interval.retracted_at is not None
    )
    names = event_names()[interval.kind]
    facts = {
        "plate": interval.plate,
        "event": interval.kind,
        "event_fr": names["fr"],
        "event_en": names["en"],
        "interval_id": interval.id,
    }
    told = _Told("vehicle_event", f"interval/{interval.id}", interval.vehicle_id, facts)
    _tell(session, row, rules.judge_interval(rule_of(row), lasting), told, now)


def _tell(session: Session, row: AlertRule, wanted: Wanted | None, told: _Told, now: datetime) -> None:
    dedup = f"rule/{row.id}/{told.key}"
    if wanted is None:
        alerts.withdraw_alert(session, dedup, now=now)
        return
    alerts.raise_alert(
        session,
        party_id=row.party_id,
        kind=told.kind,
        at=wanted.at,
        now=now,
        vehicle_id=told.vehicle_id,
        facts={**told.facts, "rule": row.name, "rule_id": row.id, "event_at": wanted.at.isoformat()},
        dedup=dedup,
        ended_at=wanted.ended_at,
        sms_to=[UUID(user_id) for user_id in row.sms_to],
    )


def _take_back(
    session: Session, party_id: UUID, triggers: Collection[Trigger], key: str, now: datetime
) -> None:
    """It did not happen: whoever told of it was wrong, also a rule that is switched off, removed, or about another
    fence by now."""
    told_by = select(AlertRule.id).where(AlertRule.party_id == party_id, AlertRule.trigger.in_(triggers))
    dedups = [f"rule/{rule_id}/{key}" for rule_id in session.scalars(told_by)]
    for dedup in inboxes.standing(session, party_id, dedups) if dedups else ():
        alerts.withdraw_alert(session, dedup, now=now)


def rule_of(row: AlertRule) -> Rule:
    return Rule(
        trigger=Trigger(row.trigger),
        since=row.created_at,
        schedule=periods_of(row.schedule),
        dwell=None if row.dwell_minutes is None else timedelta(minutes=row.dwell_minutes),
        kinds=frozenset(row.kinds),
    )


def _live() -> Any:
    return select(AlertRule).where(AlertRule.enabled, AlertRule.deleted_at.is_(None))


def _rules_about(session: Session, party_id: UUID, vehicle_id: int, triggers: Iterable[Trigger]) -> Any:
    return (
        _live()
        .where(
            AlertRule.party_id == party_id,
            AlertRule.trigger.in_(triggers),
            or_(AlertRule.vehicle_id == vehicle_id, AlertRule.vehicle_id.is_(None)),
        )
        .order_by(AlertRule.id)
    )
