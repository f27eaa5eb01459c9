"""Making a locked order say what its crew's statements come to (`reckoning`), with the rows that tell of it."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from geofence.geojson import parse_shape
from geofence.shapes import signed_distance_m
from platform_api.actor import Actor, Role
from platform_api.alerts.service import raise_alert
from platform_api.execution import codes
from platform_api.execution.crews import present_crew
from platform_api.execution.models import DriverAction, OrderCrew
from platform_api.execution.reckoning import (
    CONFLICTS,
    LIVE,
    CodeVerdict,
    Judgement,
    Key,
    Kind,
    Proof,
    Reckoning,
    Situation,
    Statement,
    Verdict,
    loading_flags,
    proof_flags,
    reckon,
)
from platform_api.execution.rules import status_once_loaded
from platform_api.orders import visits
from platform_api.orders.following import refresh
from platform_api.orders.models import Order
from platform_api.orders.progress import Place
from platform_api.orders.recording import record
from platform_api.orders.repository import loading_confirmed_at
from platform_api.orders.rules import Action, OrderStatus
from platform_api.waybills import service as waybills
from platform_api.waybills.said import delivery_of, loading_of, reserves_of

# The goods are on the truck.
LOADED = frozenset({OrderStatus.PICKED_UP, OrderStatus.IN_TRANSIT})
_NOTED = {
    Kind.ACCEPT: Action.LOAD_ACCEPTED,
    Kind.REJECT: Action.LOAD_REJECTED,
    Kind.ARRIVED: Action.ARRIVAL_STATED,
    Kind.RESERVE: Action.RESERVES_MADE,
    Kind.NOTE: Action.DRIVER_NOTE,
}


def apply(session: Session, order: Order, now: datetime, *, fresh: Collection[Key] = ()) -> None:
    """`fresh`: statements stored just now, not judged yet. Idempotent; under the order's lock."""
    if order.assigned_at is None or order.vehicle_id is None:
        # Back on the market: nothing of what a crew says concerns it any more.
        _judge_homeless(session, order, fresh, now)
        return
    rows = _rows(session, order)
    crew = present_crew(session, order)
    reckoning = reckon(_situation(session, order, crew), [_statement(row, fresh) for row in rows.values()])
    changed = _judge(session, rows, reckoning, fresh)
    if order.status in LIVE:
        order.driver_id = None if reckoning.rejected else crew.driver_id
    for row in changed:
        _tell(session, order, row, now)
    _flag(session, order, rows, reckoning)
    if order.status in LIVE:
        _load(session, order, rows, reckoning, now)
        _deliver(session, order, rows, reckoning, now)
    session.flush()
    refresh(session, order, now)
    if order.status in LOADED and order.delivery_contact_phone is not None:
        codes.open_code(session, order, now)


def _rows(session: Session, order: Order) -> dict[Key, DriverAction]:
    found = session.scalars(
        select(DriverAction)
        .where(DriverAction.order_id == order.id, DriverAction.verdict != Verdict.WAITING_FOR_FILE)
        .order_by(DriverAction.at, DriverAction.id)
        .execution_options(populate_existing=True)
    )
    # A file of the wrong kind is no matter of the order.
    return {
        (row.user_id, row.id): row
        for row in found
        if row.refusal not in ("file_type_not_allowed", "order_not_found")
    }


def _statement(row: DriverAction, fresh: Collection[Key]) -> Statement:
    new = (row.user_id, row.id) in fresh
    return Statement(
        row.user_id,
        row.id,
        Kind(row.kind),
        row.at,
        row.recorded_at,
        row.crew_id,
        CodeVerdict(row.code_verdict) if row.code_verdict else None,
        None if new else Verdict(row.verdict),
        None if new else row.refusal,
    )


def _situation(session: Session, order: Order, crew: OrderCrew) -> Situation:
    assert order.assigned_at is not None
    code = codes.find(session, order.id)
    return Situation(
        OrderStatus(order.status),
        order.assigned_at,
        crew.id,
        crew.since,
        picked_up=order.picked_up_at is not None,
        code_required=code is not None and code.required,
    )


def _judge(
    session: Session, rows: dict[Key, DriverAction], reckoning: Reckoning, fresh: Collection[Key]
) -> list[DriverAction]:
    """Write the verdicts; the rows that got another one (or their first), in their own order."""
    changed = []
    for key, row in rows.items():
        judged = reckoning.judgements[key]
        if key in fresh or judged != Judgement(Verdict(row.verdict), row.refusal):
            changed.append(row)
    # One of a kind counts (a unique index): who steps back goes first.
    for stepping_back in (True, False):
        for row in changed:
            judged = reckoning.judgements[row.user_id, row.id]
            if (judged.verdict is not Verdict.APPLIED) == stepping_back:
                row.verdict, row.refusal = judged.verdict, judged.refusal
        session.flush()
    return changed


def _judge_homeless(session: Session, order: Order, fresh: Collection[Key], now: datetime) -> None:
    code = "order_cancelled" if order.status == OrderStatus.CANCELLED else "order_reassigned"
    for key in fresh:
        row = session.get_one(DriverAction, key)
        row.verdict, row.refusal = Verdict.REFUSED, code
        _tell(session, order, row, now)


def person_of(row: DriverAction) -> Actor:
    """For the history, which writes down who said it."""
    return Actor(row.user_id, Role.DRIVER)


def position_of(row: DriverAction) -> dict[str, Any]:
    return {"lat": row.lat, "lon": row.lon, "accuracy_m": row.accuracy_m}


def evidence_of(row: DriverAction) -> dict[str, Any]:
    """What he said, as the history shows it; photos by their number, they have an endpoint of their own."""
    told = {key: value for key, value in row.body.items() if key != "files"}
    photos = len(row.body.get("files", ()))
    return {"action_id": str(row.id), **told, **position_of(row), "files": photos}


def _tell(session: Session, order: Order, row: DriverAction, now: datetime) -> None:
    """History of what is said once: loading and proof have rows of their own."""
    noted = _NOTED.get(Kind(row.kind))
    if row.verdict == Verdict.APPLIED and noted is not None:
        action, evidence = noted, evidence_of(row)
        if row.kind == Kind.RESERVE:
            waybills.amend_of_order(session, order, "reserves", reserves_of(row.body), at=row.at, now=now)
    elif row.verdict == Verdict.REFUSED and row.refusal in CONFLICTS:
        action = Action.ACTION_IN_CONFLICT
        evidence = {**evidence_of(row), "kind": row.kind, "refusal": row.refusal}
    else:
        return
    record(session, order, action, now=now, event_time=row.at, actor=person_of(row), evidence=evidence)
    if action in (Action.LOAD_REJECTED, Action.ACTION_IN_CONFLICT) and order.carrier_id is not None:
        raise_alert(
            session,
            party_id=order.carrier_id,
            kind=str(action),
            at=row.at,
            now=now,
            order_id=order.id,
            vehicle_id=order.vehicle_id,
            facts={"reason": row.body["reason"]} if row.kind == Kind.REJECT else {},
            dedup=f"statement/{row.user_id}/{row.id}",
        )


def _flag(session: Session, order: Order, rows: dict[Key, DriverAction], reckoning: Reckoning) -> None:
    loading = rows[reckoning.loading] if reckoning.loading else None
    packages = loading.body.get("packages") if loading else None
    for row in rows.values():
        if row.verdict not in (Verdict.APPLIED, Verdict.KEPT):
            continue
        if row.kind == Kind.LOADING:
            row.flags = list(_loading_flags(order, row))
        elif row.kind == Kind.PROOF:
            row.flags = list(_proof_flags(session, order, row, loading, packages or order.packages))


def _loading_flags(order: Order, row: DriverAction) -> Sequence[str]:
    return loading_flags(
        declared_kg=order.weight_kg,
        loaded_kg=row.body.get("weight_kg"),
        declared_packages=order.packages,
        packages=row.body.get("packages"),
    )


def _proof_flags(
    session: Session, order: Order, row: DriverAction, loading: DriverAction | None, packages: int | None
) -> Sequence[str]:
    reserves = row.body.get("reserves") or {}
    return proof_flags(
        Proof(
            row.at,
            distance_m=distance_to_delivery_m(order, row),
            accuracy_m=row.accuracy_m,
            seen_at_fence=_seen_at_delivery(session, order, row.at),
            code=CodeVerdict(row.code_verdict) if row.code_verdict else None,
            loading_at=loading.at if loading else None,
            packages=packages,
            packages_delivered=row.body.get("packages_delivered"),
            packages_damaged=reserves.get("packages_damaged"),
            packages_missing=reserves.get("packages_missing"),
            has_reserves=bool(reserves),
        )
    )


def distance_to_delivery_m(order: Order, row: DriverAction) -> float | None:
    if row.lat is None or row.lon is None:
        return None
    shape = parse_shape(order.delivery_shape)
    return float(signed_distance_m(shape, np.array([row.lon]), np.array([row.lat]))[0])


def _seen_at_delivery(session: Session, order: Order, time: datetime) -> bool:
    stays = (seen.visit for seen in visits.visits_of(session, order).values())
    return any(stay.place is Place.DELIVERY and not stay.inferred and stay.holds(time) for stay in stays)


def _load(
    session: Session, order: Order, rows: dict[Key, DriverAction], reckoning: Reckoning, now: datetime
) -> None:
    """The crew's word counts more than the fence: `picked_up_at` is the time they give."""
    if reckoning.loading is None:
        return
    row = rows[reckoning.loading]
    told = loading_confirmed_at(session, order.id)
    if told is not None and told <= row.at:
        return
    evidence = {**evidence_of(row), "flags": row.flags}
    if order.picked_up_at is not None:
        evidence["picked_up_at_before"] = order.picked_up_at.isoformat()
    order.picked_up_at = row.at
    record(
        session,
        order,
        Action.LOADING_CONFIRMED,
        now=now,
        to_status=status_once_loaded(OrderStatus(order.status)),
        event_time=row.at,
        actor=person_of(row),
        evidence=evidence,
    )
    waybills.issue_at_loading(session, order, loading_of(row), person_of(row), now)


def _deliver(
    session: Session, order: Order, rows: dict[Key, DriverAction], reckoning: Reckoning, now: datetime
) -> None:
    """DELIVERED at the time the crew gives, offline or not."""
    if reckoning.proof is None:
        return
    row = rows[reckoning.proof]
    if order.delivered_at is not None and order.delivered_at <= row.at:
        return
    distance_m = distance_to_delivery_m(order, row)
    evidence = {
        **evidence_of(row),
        "distance_m": None if distance_m is None else round(distance_m, 1),
        "code": row.code_verdict,
        "flags": row.flags,
    }
    if order.delivered_at is not None:
        evidence["delivered_at_before"] = order.delivered_at.isoformat()
    order.delivered_at = row.at
    record(
        session,
        order,
        Action.PROOF_OF_DELIVERY,
        now=now,
        to_status=OrderStatus.DELIVERED,
        event_time=row.at,
        actor=person_of(row),
        evidence=evidence,
    )
    waybills.amend_of_order(session, order, "delivery", delivery_of(row), at=row.at, now=now)
