"""Waiting at an order's places: the clock from the visit log, claims and their answers. The edge commits."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.orm import Session

from config.settings import get_settings
from platform_api.actor import Actor
from platform_api.alerts import service as alerts
from platform_api.detention import evidence, repository, rules, terms
from platform_api.detention.models import DetentionClaim
from platform_api.detention.rules import Bill, Call, ClaimSnapshot, ClaimStatus, Stay, Stint, Terms, Waiting
from platform_api.errors import NotFound
from platform_api.orders.models import Order
from platform_api.orders.rules import dispatcher_of
from platform_api.versions import check_version


@dataclass(frozen=True, slots=True)
class PlaceView:
    """One place of an order. `seen` None = the truck has not been there."""

    name: str
    call: Call
    seen: Waiting | None
    bill: Bill
    claim_until: datetime | None
    claim: DetentionClaim | None

    @property
    def revised(self) -> bool:
        """The claim stands as it was made; the visits tell another story now."""
        if self.claim is None:
            return False
        if self.seen is None:
            return True
        return rules.is_revised(
            self.claim.waited_s, self.claim.billed_hours, self.seen.waited, self.bill.billed_hours
        )


@dataclass(frozen=True, slots=True)
class OrderView:
    terms: Terms
    places: tuple[PlaceView, ...]


@dataclass(frozen=True, slots=True)
class _Spot:
    place: str
    name: str
    geofence_id: int | None
    opens_at: datetime | None
    arrived_at: datetime | None
    departed_at: datetime | None
    handed_over_at: datetime | None


def view(session: Session, order: Order, now: datetime) -> OrderView:
    """All places of the order in the order they are called at, as the visits stand now."""
    agreed = terms.of_order(session, order)
    seen_of = _seen(session, order)
    claims = {claim.place: claim for claim in repository.claims_of(session, order.id)}
    places = []
    for spot in _spots(session, order):
        call = _call(spot, seen_of, order.cancelled_at)
        seen = rules.waiting(call, now)
        due = Bill(0, 0) if seen is None else rules.bill(agreed, seen.waited)
        until = None if seen is None else rules.claim_until(agreed, call, seen)
        places.append(PlaceView(spot.name, call, seen, due, until, claims.get(spot.place)))
    return OrderView(agreed, tuple(places))


def _spots(session: Session, order: Order) -> list[_Spot]:
    stops = repository.stops_of(session, order.id)
    return [
        _Spot(
            "pickup", order.pickup_name, order.pickup_geofence_id, order.pickup_opens_at,
            order.arrived_pickup_at, order.departed_pickup_at, order.picked_up_at,
        ),
        *(
            _Spot(
                f"stop/{stop.sequence}", stop.name, stop.geofence_id, stop.opens_at,
                stop.arrived_at, stop.departed_at, None,
            )
            for stop in stops
        ),
        _Spot(
            "delivery", order.delivery_name, order.delivery_geofence_id, order.delivery_opens_at,
            order.arrived_delivery_at, order.departed_delivery_at, order.delivered_at,
        ),
    ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Seen:
    """Visits of the order's trucks to its own fences, since the assignment. `former`: the pickup alone, as
    another truck may come only before the goods are on one."""

    visits: Sequence[Row[Any]]
    former: Sequence[Stint]
    present_since: datetime | None

    def stints_at(self, spot: _Spot) -> Sequence[Stint]:
        return self.former if spot.place == "pickup" else ()

    def stays(self, geofence_id: int | None, vehicle_id: int | None = None) -> list[Stay]:
        return [
            Stay(row.id, row.entered_at, row.exited_at, row.vehicle_id)
            for row in self.visits
            if row.geofence_id == geofence_id and vehicle_id in (None, row.vehicle_id)
        ]

    def former_stays(self, spot: _Spot) -> list[Stay]:
        return [
            stay
            for stint in self.stints_at(spot)
            for stay in rules.during(stint, self.stays(stint.geofence_id, stint.vehicle_id))
        ]


def _seen(session: Session, order: Order) -> _Seen:
    if order.vehicle_id is None or order.assigned_at is None:
        return _Seen((), (), None)
    former = repository.former_trucks(session, order)
    fences = [spot.geofence_id for spot in _spots(session, order) if spot.geofence_id is not None]
    visits = repository.visits(
        session,
        [order.vehicle_id, *(stint.vehicle_id for stint in former)],
        [*fences, *(stint.geofence_id for stint in former)],
        order.assigned_at,
    )
    return _Seen(visits, former, former[-1].until if former else order.assigned_at)


def _call(spot: _Spot, seen_of: _Seen, called_off_at: datetime | None) -> Call:
    former = seen_of.former_stays(spot)
    real_stay = timedelta(seconds=get_settings().real_stay_s)
    arrived_at = rules.arrived_first(spot.arrived_at, former, real_stay)
    stays = [*former, *seen_of.stays(spot.geofence_id)]
    own = [row for row in seen_of.visits if row.geofence_id == spot.geofence_id]
    told = [row.exit_told_at for row in own if row.exited_at == spot.departed_at and row.exit_told_at]
    return Call(
        place=spot.place,
        opens_at=spot.opens_at,
        arrived_at=arrived_at,
        departed_at=spot.departed_at,
        handed_over_at=spot.handed_over_at,
        known_at=max(told, default=None),
        stays=() if arrived_at is None else rules.visits_of(arrived_at, spot.departed_at, stays),
        called_off_at=called_off_at,
    )


def claim(
    session: Session, actor: Actor, order: Order, place: str, *, note: str, now: datetime
) -> DetentionClaim:
    """By the carrier of the (locked) order, with the pings as proof; one for each place.

    Raises NotFound `detention_place_not_found`, Forbidden, Conflict; a second one breaks `detention_claims_once`.
    """
    agreed = terms.of_order(session, order)
    seen_of = _seen(session, order)
    spot = next((spot for spot in _spots(session, order) if spot.place == place), None)
    if spot is None:
        raise NotFound("detention_place_not_found", "The order does not call at such a place.")
    call = _call(spot, seen_of, order.cancelled_at)
    seen = rules.waiting(call, now)
    due = rules.claim(actor, order.carrier_id, agreed, call, seen, now)
    assert seen is not None
    assert order.vehicle_id is not None
    assert order.carrier_id is not None
    debtor_id = dispatcher_of(order.shipper_id, order.broker_id)
    trucks = evidence.Trucks(order.vehicle_id, seen_of.present_since, seen_of.stints_at(spot))
    proof = evidence.gather(session, trucks, call, seen, agreed, seen_of.visits)
    made = DetentionClaim(
        order_id=order.id,
        place=place,
        carrier_id=order.carrier_id,
        shipper_id=debtor_id,
        status=ClaimStatus.CLAIMED,
        clock_from=seen.clock_from,
        clock_to=seen.clock_to,
        waited_s=round(seen.waited.total_seconds()),
        billed_hours=due.billed_hours,
        amount_xof=due.amount_xof,
        evidence=proof,
        evidence_sha256=evidence.sha256_of(proof),
        note=note,
        claimed_by=actor.user_id,
        claimed_at=now,
    )
    session.add(made)
    session.flush()
    _tell(session, made, "detention_claimed", debtor_id, order.reference, now)
    return made


def get_claim(session: Session, actor: Actor, claim_id: UUID, *, lock: bool = False) -> DetentionClaim:
    found = repository.find_claim(session, actor, claim_id, lock=lock)
    if found is None:
        raise NotFound("detention_claim_not_found", "There is no such claim.")
    return found


def answer(
    session: Session,
    actor: Actor,
    claim_id: UUID,
    wanted: ClaimStatus,
    *,
    note: str,
    expected: int | None,
    now: datetime,
) -> DetentionClaim:
    """The shipper accepts or contests; the same again is harmless."""
    row = get_claim(session, actor, claim_id, lock=True)
    if not rules.answer(_snapshot(row), actor, wanted):
        return row
    check_version(row.version, expected)
    row.status, row.answered_by, row.answered_at, row.answer_note = wanted, actor.user_id, now, note
    row.version += 1
    _tell(session, row, f"detention_{wanted}", row.carrier_id, _reference(session, row), now)
    return row


def settle(
    session: Session,
    actor: Actor,
    claim_id: UUID,
    *,
    amount_xof: int,
    note: str,
    expected: int | None,
    now: datetime,
) -> DetentionClaim:
    """An administrator decides a contested claim; the same again is harmless."""
    row = get_claim(session, actor, claim_id, lock=True)
    if not rules.settle(_snapshot(row), actor, amount_xof):
        return row
    check_version(row.version, expected)
    row.status, row.settled_by, row.settled_at = ClaimStatus.SETTLED, actor.user_id, now
    row.settled_xof, row.settlement_note = amount_xof, note
    row.version += 1
    for party_id in (row.carrier_id, row.shipper_id):
        _tell(session, row, "detention_settled", party_id, _reference(session, row), now)
    return row


def _snapshot(row: DetentionClaim) -> ClaimSnapshot:
    return ClaimSnapshot(ClaimStatus(row.status), row.shipper_id, row.amount_xof)


def _reference(session: Session, row: DetentionClaim) -> str:
    order = session.get(Order, row.order_id)
    assert order is not None  # orders are never deleted
    return order.reference


def _tell(
    session: Session, row: DetentionClaim, kind: str, party_id: UUID, reference: str, now: datetime
) -> None:
    facts: dict[str, Any] = {
        "reference": reference,
        "claim_id": str(row.id),
        "place": row.place,
        "hours": row.billed_hours,
        "amount_xof": row.amount_xof if row.settled_xof is None else row.settled_xof,
    }
    alerts.raise_alert(
        session, party_id=party_id, kind=kind, at=now, now=now, order_id=row.order_id, facts=facts,
        dedup=f"{kind}/{row.id}",
    )  # fmt: skip


def remind(session: Session, order: Order, now: datetime) -> None:
    """Tell carrier and who gave it the (locked) order where its free time is over, and where that is over too."""
    agreed = view(session, order, now)
    for place in agreed.places:
        dedup = f"detention_running/{order.id}/{place.call.place}"
        seen = place.seen
        if seen is None or place.bill.billed_hours == 0:
            alerts.withdraw_alert(session, dedup, now=now)
            continue
        if not seen.running:
            alerts.end_alert(session, dedup, at=seen.clock_to, now=now)
            continue
        facts = {
            "reference": order.reference,
            "name": place.name,
            "clock_at": seen.clock_from.isoformat(),
            "free_minutes": agreed.terms.free_minutes,
            "rate_xof": agreed.terms.rate_xof,
        }
        for party_id in (dispatcher_of(order.shipper_id, order.broker_id), order.carrier_id):
            if party_id is not None:
                alerts.raise_alert(
                    session, party_id=party_id, kind="detention_running", at=seen.clock_from, now=now,
                    order_id=order.id, vehicle_id=order.vehicle_id, facts=facts, dedup=dedup,
                )  # fmt: skip
