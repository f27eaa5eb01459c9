"""What a driver has to do for an order, in order. Pure: read off what happened, nothing is stored.

A step is done when it happened, or when something after it did: whoever has loaded has arrived, seen or
not. The first one that is not done is the current one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from platform_api.orders.rules import OrderStatus


class StepKind(StrEnum):
    ANSWER = "answer"
    DRIVE_TO_PICKUP = "drive_to_pickup"
    LOAD = "load"
    DRIVE_TO_STOP = "drive_to_stop"
    WORK_AT_STOP = "work_at_stop"
    DRIVE_TO_DELIVERY = "drive_to_delivery"
    DELIVER = "deliver"


class StepState(StrEnum):
    DONE = "done"
    CURRENT = "current"
    NEXT = "next"


@dataclass(frozen=True, slots=True)
class Spot:
    """Where, when somebody is there, and who."""

    name: str
    lat: float
    lon: float
    opens_at: datetime | None = None
    closes_at: datetime | None = None
    contact_name: str | None = None
    contact_phone: str | None = None
    instructions: str = ""


@dataclass(frozen=True, slots=True)
class StopFacts:
    number: int
    kind: str  # pickup or delivery
    spot: Spot
    arrived_at: datetime | None = None
    departed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class OrderFacts:
    """Event times. `stated`: arrivals by the driver's word, by "pickup", "delivery" or the stop's number."""

    pickup: Spot
    delivery: Spot
    answer_until: datetime
    stops: Sequence[StopFacts] = ()
    answered_at: datetime | None = None
    arrived_pickup_at: datetime | None = None
    picked_up_at: datetime | None = None
    arrived_delivery_at: datetime | None = None
    delivered_at: datetime | None = None
    stated: Mapping[str, datetime] | None = None
    code_required: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """`at`: when it was done, None = it followed from a later one. `needs`: what to send with it."""

    kind: StepKind
    state: StepState
    at: datetime | None
    spot: Spot | None
    needs: tuple[str, ...] = ()
    stop: int | None = None
    until: datetime | None = None


_LOADING_NEEDS = ("photos", "seals", "weight_kg", "packages")
_PROOF_NEEDS = ("receiver_name", "photos", "signature")


def steps_of(order: OrderFacts, now: datetime) -> list[Step]:
    """All steps; exactly one is current until the delivery."""
    planned = _plan(order)
    last_done = max((number for number, step in enumerate(planned) if step.at is not None), default=-1)
    silent = last_done < 0 and now > order.answer_until
    first_open = 1 if silent else last_done + 1
    return [_with_state(step, number, first_open) for number, step in enumerate(planned)]


def _with_state(step: Step, number: int, first_open: int) -> Step:
    state = StepState.CURRENT if number == first_open else StepState.NEXT
    if number < first_open:
        state = StepState.DONE
    return Step(step.kind, state, step.at, step.spot, step.needs, step.stop, step.until)


def _plan(order: OrderFacts) -> list[Step]:
    stated = order.stated or {}
    planned = [
        _step(StepKind.ANSWER, order.answered_at, None, until=order.answer_until),
        _step(StepKind.DRIVE_TO_PICKUP, order.arrived_pickup_at or stated.get("pickup"), order.pickup),
        _step(StepKind.LOAD, order.picked_up_at, order.pickup, needs=_LOADING_NEEDS),
    ]
    for stop in order.stops:
        arrived = stop.arrived_at or stated.get(str(stop.number))
        planned.append(_step(StepKind.DRIVE_TO_STOP, arrived, stop.spot, stop=stop.number))
        planned.append(_step(StepKind.WORK_AT_STOP, stop.departed_at, stop.spot, stop=stop.number))
    needs = (*_PROOF_NEEDS, "code") if order.code_required else _PROOF_NEEDS
    planned.append(
        _step(StepKind.DRIVE_TO_DELIVERY, order.arrived_delivery_at or stated.get("delivery"), order.delivery)
    )
    planned.append(_step(StepKind.DELIVER, order.delivered_at, order.delivery, needs=needs))
    return planned


def _step(
    kind: StepKind,
    at: datetime | None,
    spot: Spot | None,
    *,
    needs: tuple[str, ...] = (),
    stop: int | None = None,
    until: datetime | None = None,
) -> Step:
    return Step(kind, StepState.NEXT, at, spot, needs, stop, until)


# The one whose goods are on the truck comes first, then the one at whose pickup he is.
_RANK = {
    OrderStatus.IN_TRANSIT: 0,
    OrderStatus.PICKED_UP: 0,
    OrderStatus.PICKUP_PENDING: 1,
    OrderStatus.ASSIGNED: 2,
}


def urgency(status: OrderStatus, opens_at: datetime | None, assigned_at: datetime) -> tuple[int, datetime]:
    """Sorts a driver's orders: what he is at, then what begins first."""
    return _RANK[status], opens_at or assigned_at
