"""What the crew does on the road, one call at a time: loading, delivery, answer. The edge commits.

Each is kept as a statement first (`telling`) and then all statements of the order are reckoned
(`applying`), so that a call and a batch of an offline phone (`sync`) come to the same.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy.orm import Session

from platform_api.actor import Actor
from platform_api.codes import catalogue
from platform_api.errors import Conflict, Forbidden, Invalid, NotFound, PlatformError, Unsupported
from platform_api.execution import rules
from platform_api.execution.applying import apply
from platform_api.execution.crews import present_crew
from platform_api.execution.models import DriverAction
from platform_api.execution.reckoning import Kind, Verdict
from platform_api.execution.telling import Position, Said, tell
from platform_api.orders.models import Order
from platform_api.orders.service import locked_order

# Of ids made here: the same call again is the same statement.
_DIRECT = UUID("0c9d3c4e-3a0f-5f0e-9d51-5d2f3b8f4a10")
_BY_STATUS: dict[int, type[PlatformError]] = {
    403: Forbidden, 404: NotFound, 409: Conflict, 415: Unsupported, 422: Invalid,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Details:
    """What is said with it. `at` None = now; `body` is JSON, as `schemas` has it."""

    at: datetime | None = None
    position: Position | None = None
    body: dict[str, Any] = field(default_factory=dict)
    files: tuple[tuple[UUID, str], ...] = ()
    code: str | None = None

    @property
    def says_something(self) -> bool:
        return self.at is not None or any(self.body.values()) or bool(self.files)


NOTHING = Details()


def refusal_error(code: str) -> PlatformError:
    """The error of a refused statement, for who asks directly."""
    entry = catalogue()[code]
    return _BY_STATUS[entry.status](code, entry.en)


def confirm_loading(
    session: Session, actor: Actor, order_id: UUID, details: Details = NOTHING, *, now: datetime
) -> Order:
    """Of several words the earliest counts; `picked_up_at` is the time it gives."""
    order, facts = locked_order(session, actor, order_id)
    if rules.confirm_loading(facts, actor, now, at=details.at) is None and not details.says_something:
        return order
    _say(session, actor, order, Kind.LOADING, details, now)
    return order


@dataclass(frozen=True, slots=True)
class Delivered:
    """`refused`: answer with it, and commit all the same: the attempt is written down."""

    order: Order
    refused: PlatformError | None = None


def proof_of_delivery(
    session: Session, actor: Actor, order_id: UUID, details: Details, *, now: datetime
) -> Delivered:
    """DELIVERED at the time the driver gives; what speaks against it is flagged, not refused."""
    order, facts = locked_order(session, actor, order_id)
    if rules.proof_of_delivery(facts, actor, now, at=details.at) is None and details.at is None:
        return Delivered(order)
    row = _say(session, actor, order, Kind.PROOF, details, now, keeps_refusal=True)
    refused = refusal_error(row.refusal) if row.refusal else None
    return Delivered(order, refused)


def answer_load(
    session: Session, actor: Actor, order_id: UUID, kind: Kind, *, reason: str = "", now: datetime
) -> Order:
    """The driver takes the load or turns it down (Kind.ACCEPT, Kind.REJECT)."""
    order, _ = locked_order(session, actor, order_id)
    if order.driver_id is None or actor.user_id != order.driver_id:
        raise Forbidden("not_your_load", "Only the driver of this order may answer.")
    _say(session, actor, order, kind, Details(body={"reason": reason} if reason else {}), now)
    return order


def _say(
    session: Session,
    actor: Actor,
    order: Order,
    kind: Kind,
    details: Details,
    now: datetime,
    *,
    keeps_refusal: bool = False,
) -> DriverAction:
    crew = present_crew(session, order)
    is_driver = actor.user_id == crew.driver_id
    said = Said(
        uuid5(_DIRECT, _name(order, crew.id, kind, details)),
        order.id,
        kind,
        details.at or now,
        details.position,
        details.body,
        details.files,
        details.code,
        dated=details.at is not None,
    )
    told = tell(session, actor, said, crew_id=crew.id if is_driver else None, source="direct", now=now)
    row = told.row
    if row.verdict == Verdict.WAITING_FOR_FILE:
        raise NotFound("file_not_found", "You have no such file.")
    apply(session, order, now, fresh=[(row.user_id, row.id)] if told.fresh else [])
    if row.refusal is not None and not (keeps_refusal and row.refusal.startswith("delivery_code_")):
        raise refusal_error(row.refusal)
    return row


def _name(order: Order, crew_id: int, kind: Kind, details: Details) -> str:
    here = details.position
    return repr(
        (
            order.id,
            crew_id,
            kind.value,
            details.at,
            here,
            sorted(details.body.items()),
            details.files,
            details.code,
        )
    )
