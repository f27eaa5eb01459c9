"""A dispute from its opening to the verdict. All under the order's row lock; the edge commits."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from platform_api.actor import Actor
from platform_api.disputes import rules
from platform_api.disputes.models import Dispute, DisputeFile, DisputeMessage
from platform_api.disputes.rules import Outcome, Reason, Side, Stakes, State
from platform_api.errors import Conflict, NotFound
from platform_api.files import service as files
from platform_api.files.models import File
from platform_api.orders import fences
from platform_api.orders import service as orders
from platform_api.orders.models import Order, OrderFee
from platform_api.orders.recording import record
from platform_api.orders.rules import Action, OrderSnapshot, OrderStatus, parties_of
from platform_api.orders.telling import tell
from platform_api.pagination import PageQuery, fetch_page
from platform_api.versions import check_version


@dataclass(frozen=True, slots=True)
class Said:
    message: DisputeMessage
    file_ids: tuple[UUID, ...]


def scoped(actor: Actor) -> Select[Dispute]:
    """Those of the sides' own orders; administrators see all."""
    statement = select(Dispute)
    if actor.is_administrator:
        return statement
    me = actor.party_id
    own = select(Order.id).where(or_(Order.shipper_id == me, Order.broker_id == me, Order.carrier_id == me))
    return statement.where(Dispute.order_id.in_(own))


def get(session: Session, actor: Actor, order_id: UUID) -> Dispute:
    """Raises NotFound `dispute_not_found`."""
    row = session.scalar(scoped(actor).where(Dispute.order_id == order_id))
    if row is None:
        raise NotFound("dispute_not_found", "There is no dispute about this order.")
    return row


def page(
    session: Session, actor: Actor, query: PageQuery, *, live: bool | None
) -> tuple[list[Dispute], str | None]:
    """Oldest first, as they are to be worked off."""
    statement = scoped(actor)
    if live is not None:
        statement = statement.where(Dispute.state.in_(rules.LIVE) == live)
    return fetch_page(session, statement, (Dispute.created_at, Dispute.id), query, newest_first=False)


def open_dispute(
    session: Session,
    actor: Actor,
    order_id: UUID,
    *,
    reason: Reason,
    description: str,
    claimed_xof: int | None,
    file_ids: Sequence[UUID],
    now: datetime,
) -> Dispute:
    """DELIVERED -> DISPUTED. Of one who disputes and one who confirms at the same moment one wins."""
    order, facts = orders.locked_order(session, actor, order_id)
    side = rules.check_openable(facts, actor)
    row = Dispute(
        order_id=order.id,
        opened_side=side,
        opened_by=actor.user_id,
        reason=reason,
        description=description,
        claimed_xof=claimed_xof,
        state=State.OPEN,
        version=1,
        created_at=now,
        updated_at=now,
    )
    session.add(row)
    session.flush()
    _say(session, row, actor, side, description, file_ids, now)
    evidence = {"dispute_id": str(row.id), "reason": reason, "side": side}
    disputed = OrderStatus.DISPUTED
    record(session, order, Action.DISPUTED, now=now, to_status=disputed, actor=actor, evidence=evidence)
    _tell(session, order, "dispute_opened", side, now, reason=reason)
    return row


def say(
    session: Session, actor: Actor, order_id: UUID, *, text: str, file_ids: Sequence[UUID], now: datetime
) -> Said:
    """One more message, with what it shows. Raises Conflict `dispute_closed`, `dispute_too_long`."""
    row, order, facts = _locked(session, actor, order_id)
    rules.check_live(State(row.state))
    side = rules.side_of(facts, actor)
    said = session.scalar(select(func.count()).where(DisputeMessage.dispute_id == row.id)) or 0
    if said >= rules.MAX_MESSAGES:
        raise Conflict("dispute_too_long", "Enough has been said here.", limit=rules.MAX_MESSAGES)
    message = _say(session, row, actor, side, text, file_ids, now)
    row.updated_at = now
    _tell(session, order, "dispute_message", side, now, message_id=message.id)
    return Said(message, tuple(file_ids))


def _say(
    session: Session,
    row: Dispute,
    actor: Actor,
    side: Side,
    text: str,
    file_ids: Sequence[UUID],
    now: datetime,
) -> DisputeMessage:
    message = DisputeMessage(dispute_id=row.id, side=side, author_id=actor.user_id, text=text, created_at=now)
    session.add(message)
    session.flush()
    for file_id in dict.fromkeys(file_ids):
        files.use(session, actor, file_id, now=now)
        session.add(DisputeFile(message_id=message.id, file_id=file_id))
    return message


def withdraw(session: Session, actor: Actor, order_id: UUID, *, now: datetime) -> Dispute:
    """By the side that opened it; the order is RESOLVED."""
    row, order, facts = _locked(session, actor, order_id)
    side = rules.side_of(facts, actor)
    if rules.check_withdrawable(Side(row.opened_side), side, State(row.state)):
        _close(session, row, order, actor, State.WITHDRAWN, Outcome.WITHDRAWN, "", now)
        _tell(session, order, "dispute_withdrawn", side, now)
    return row


def claim(session: Session, actor: Actor, order_id: UUID, *, now: datetime) -> Dispute:
    """An administrator looks into it, also in another's place."""
    row, _, _ = _locked(session, actor, order_id)
    rules.check_live(State(row.state))
    if row.reviewer_id != actor.user_id:
        row.state, row.reviewer_id = State.IN_REVIEW, actor.user_id
        row.version += 1
        row.updated_at = now
    return row


def resolve(
    session: Session,
    actor: Actor,
    order_id: UUID,
    *,
    outcome: Outcome,
    verdict: str,
    refund_xof: int | None,
    customer_refund_xof: int | None,
    expected: int | None,
    now: datetime,
) -> Dispute:
    """The administrator's verdict: the order is RESOLVED, or CANCELLED when annulled; refunds are written down."""
    row, order, facts = _locked(session, actor, order_id)
    rules.check_live(State(row.state))
    rules.check_reviewer(row.reviewer_id, actor)
    check_version(row.version, expected)
    stakes = Stakes(order.agreed_xof, order.customer_xof, order.value_xof)
    found = rules.refunds(
        facts, stakes, outcome, refund_xof=refund_xof, customer_refund_xof=customer_refund_xof
    )
    for refund in found:
        session.add(
            OrderFee(
                order_id=order.id,
                kind="refund",
                debtor_id=refund.debtor_id,
                creditor_id=refund.creditor_id,
                amount_xof=refund.amount_xof,
                basis={"dispute_id": str(row.id), "outcome": outcome},
                created_at=now,
            )
        )
    _close(session, row, order, actor, State.RESOLVED, outcome, verdict, now)
    _tell(session, order, "dispute_resolved", Side.ADMINISTRATOR, now, outcome=outcome)
    return row


def _close(
    session: Session,
    row: Dispute,
    order: Order,
    actor: Actor,
    state: State,
    outcome: Outcome,
    verdict: str,
    now: datetime,
) -> None:
    row.state, row.outcome, row.verdict = state, outcome, verdict
    row.resolved_by, row.resolved_at, row.updated_at = actor.user_id, now, now
    row.version += 1
    status = rules.status_after(outcome)
    if status is OrderStatus.CANCELLED:
        order.cancelled_at = now
    else:
        order.completed_at = now
    fences.end(session, order, now)
    evidence = {"dispute_id": str(row.id), "outcome": outcome}
    record(session, order, Action.DISPUTE_CLOSED, now=now, to_status=status, actor=actor, evidence=evidence)


def _locked(session: Session, actor: Actor, order_id: UUID) -> tuple[Dispute, Order, OrderSnapshot]:
    """The dispute as it is once all others have let go of its order."""
    get(session, actor, order_id)
    order, facts = orders.locked_order(session, actor, order_id)
    row = session.scalar(
        select(Dispute).where(Dispute.order_id == order_id).execution_options(populate_existing=True)
    )
    assert row is not None  # disputes are never deleted
    return row, order, facts


def messages(session: Session, row: Dispute, query: PageQuery) -> tuple[list[Said], str | None]:
    """Oldest first."""
    statement = select(DisputeMessage).where(DisputeMessage.dispute_id == row.id)
    found, cursor = fetch_page(session, statement, (DisputeMessage.id,), query, newest_first=False)
    shown: dict[int, list[UUID]] = {}
    for file in session.scalars(
        select(DisputeFile).where(DisputeFile.message_id.in_([message.id for message in found]))
    ):
        shown.setdefault(file.message_id, []).append(file.file_id)
    return [Said(message, tuple(shown.get(message.id, ()))) for message in found], cursor


def file_of(session: Session, actor: Actor, order_id: UUID, file_id: UUID) -> File:
    """Something that was shown in this dispute. Raises NotFound `dispute_not_found`, `file_not_found`."""
    row = get(session, actor, order_id)
    shown = (
        select(DisputeFile.file_id)
        .join(DisputeMessage, DisputeMessage.id == DisputeFile.message_id)
        .where(DisputeMessage.dispute_id == row.id, DisputeFile.file_id == file_id)
    )
    if session.scalar(shown.limit(1)) is None:
        raise NotFound("file_not_found", "You have no such file.")
    return files.get(session, file_id)


def _tell(session: Session, order: Order, kind: str, by: Side, now: datetime, **facts: Any) -> None:
    """Everybody but the side that did it."""
    its_own = {
        Side.CUSTOMER: {order.shipper_id, order.broker_id},
        Side.CARRIER: {order.carrier_id},
        Side.ADMINISTRATOR: set(),
    }[by]
    for party_id in parties_of(order.shipper_id, order.broker_id, order.carrier_id):
        if party_id not in its_own:
            tell(session, order, party_id, kind, key=facts.get("message_id", ""), now=now, **facts)
