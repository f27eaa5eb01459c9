"""Papers of an order: uploaded by one of its parties, read by all of them, by nobody who merely bids."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from platform_api.actor import Actor
from platform_api.errors import Conflict, Forbidden, NotFound
from platform_api.files import service as files
from platform_api.files.models import File
from platform_api.orders.models import Order, OrderDocument
from platform_api.orders.rules import OrderStatus
from platform_api.orders.service import get_order, is_party, locked_order
from platform_api.pagination import PageQuery, fetch_page

MAX_DOCUMENTS = 50  # of one order
# What was shown then is evidence: it stays as it was.
CLOSED = frozenset({OrderStatus.COMPLETED, OrderStatus.RESOLVED, OrderStatus.CANCELLED})


class DocumentKind(StrEnum):
    """Papers of a trip in Senegal and across its borders; French names in `docs/orders.md`."""

    PURCHASE_ORDER = "purchase_order"
    DELIVERY_NOTE = "delivery_note"
    DELIVERY_DOCKET = "delivery_docket"
    BILL_OF_LADING = "bill_of_lading"
    RELEASE_NOTE = "release_note"
    REMOVAL_NOTE = "removal_note"
    CUSTOMS_DECLARATION = "customs_declaration"
    TRIE_CARNET = "trie_carnet"
    CERTIFICATE_OF_ORIGIN = "certificate_of_origin"
    PHYTOSANITARY_CERTIFICATE = "phytosanitary_certificate"
    WAYBILL = "waybill"
    PACKING_LIST = "packing_list"
    INVOICE = "invoice"
    INSURANCE = "insurance"
    WEIGHBRIDGE_TICKET = "weighbridge_ticket"
    PHOTO = "photo"
    OTHER = "other"


def add_document(
    session: Session,
    actor: Actor,
    order_id: UUID,
    *,
    file_id: UUID,
    kind: DocumentKind,
    name: str,
    now: datetime,
) -> OrderDocument:
    """Raises Forbidden `parties_only`, Conflict `order_closed`, `too_many_documents`, NotFound `file_not_found`."""
    order, _ = locked_order(session, actor, order_id)
    _check_party(order, actor)
    if order.status in CLOSED:
        raise Conflict("order_closed", f"The papers of an order that is {order.status} stay as they are.")
    kept = select(func.count()).where(OrderDocument.order_id == order_id, OrderDocument.removed_at.is_(None))
    if (session.scalar(kept) or 0) >= MAX_DOCUMENTS:
        raise Conflict(
            "too_many_documents", f"An order has at most {MAX_DOCUMENTS} documents.", most=MAX_DOCUMENTS
        )
    file = files.use(session, actor, file_id, now=now)
    document = OrderDocument(
        order_id=order_id,
        file_id=file.id,
        kind=kind,
        name=name or file.name,
        party_id=actor.party_id,
        uploaded_by=actor.user_id,
        created_at=now,
    )
    session.add(document)
    session.flush()
    return document


def list_documents(
    session: Session, actor: Actor, order_id: UUID, query: PageQuery
) -> tuple[list[OrderDocument], str | None]:
    """Newest first, without those that were removed."""
    order = get_order(session, actor, order_id)
    _check_party(order, actor)
    statement = select(OrderDocument).where(
        OrderDocument.order_id == order_id, OrderDocument.removed_at.is_(None)
    )
    shown = _shown_parties(order, actor)
    if shown is not None:
        statement = statement.where(OrderDocument.party_id.in_(shown))
    return fetch_page(session, statement, (OrderDocument.created_at, OrderDocument.id), query)


def file_of(session: Session, actor: Actor, order_id: UUID, document_id: UUID) -> File:
    """Raises NotFound `order_document_not_found`, also for one that was removed."""
    order = get_order(session, actor, order_id)
    _check_party(order, actor)
    return files.get(session, _find(session, order, actor, document_id).file_id)


def remove_document(session: Session, actor: Actor, order_id: UUID, document_id: UUID, now: datetime) -> None:
    """By whoever brought it, until the order is over. Raises Forbidden `not_your_document`, Conflict `order_closed`."""
    order, _ = locked_order(session, actor, order_id)
    _check_party(order, actor)
    document = _find(session, order, actor, document_id)
    if document.party_id != actor.party_id and not actor.is_administrator:
        raise Forbidden("not_your_document", "Only who brought a document may take it away.")
    if order.status in CLOSED:
        raise Conflict("order_closed", f"The papers of an order that is {order.status} stay as they are.")
    document.removed_at, document.removed_by = now, actor.user_id


def _check_party(order: Order, actor: Actor) -> None:
    if not is_party(order, actor):
        raise Forbidden("parties_only", "Only for those who send, carry or receive this order.")


def _shown_parties(order: Order, actor: Actor) -> list[UUID] | None:
    """Whose documents the actor reads; None = everybody's. A carrier that gave the order back leaves its papers
    to the shipper, not to the next carrier."""
    if actor.is_administrator or actor.party_id in (order.shipper_id, order.broker_id):
        return None
    parties = (order.shipper_id, order.broker_id, order.carrier_id, order.driver_id)
    return [party for party in parties if party is not None]


def _find(session: Session, order: Order, actor: Actor, document_id: UUID) -> OrderDocument:
    document = session.get(OrderDocument, document_id)
    shown = _shown_parties(order, actor)
    if (
        document is None
        or document.order_id != order.id
        or document.removed_at is not None
        or (shown is not None and document.party_id not in shown)
    ):
        raise NotFound("order_document_not_found", "There is no such document.")
    return document
