"""The consignee's code: six digits that whoever takes the goods tells the driver.

It is computed from the order, a serial and the server's secret, and stands nowhere: six digits that are
merely hashed are found in a second by whoever reads the table. Misses are counted, and after MAX_MISSES
nothing counts until the shipper has the code renewed.
"""

import hmac
from datetime import datetime, timedelta
from hashlib import sha256
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.settings import get_settings
from platform_api.actor import Actor
from platform_api.errors import Forbidden, NotFound, TooMany
from platform_api.execution.models import DeliveryCode
from platform_api.execution.reckoning import LIVE, CodeVerdict
from platform_api.orders.models import Order
from platform_api.orders.rules import OrderStatus
from platform_api.orders.service import get_order, locked_order
from platform_api.sms import service as sms

DIGITS = 6
MAX_MISSES = 5
# Renewing gives the driver five more guesses of a million, and the consignee another text.
MAX_SERIAL = 10
RESEND_AFTER = timedelta(minutes=2)


def keyed_hash(text: str) -> str:
    """HMAC-SHA256 (hex) by the server's secret."""
    secret = get_settings().jwt_secret.get_secret_value()
    return hmac.new(f"execution:{secret}".encode(), text.encode(), sha256).hexdigest()


def code_of(order_id: UUID, serial: int) -> str:
    number = int(keyed_hash(f"delivery-code:{order_id}:{serial}")[:15], 16)
    return f"{number % 10**DIGITS:0{DIGITS}d}"


def find(session: Session, order_id: UUID, *, lock: bool = False) -> DeliveryCode | None:
    statement = select(DeliveryCode).where(DeliveryCode.order_id == order_id)
    if lock:
        statement = statement.with_for_update().execution_options(populate_existing=True)
    return session.scalar(statement)


def judge(session: Session, order_id: UUID, given: str | None, at: datetime) -> CodeVerdict | None:
    """What a code is worth that was given at the time `at`; a miss is counted. Under the order's lock.

    None: nobody had been told a code by then, so none can be missing.
    """
    row = find(session, order_id, lock=True)
    if row is None or at < row.created_at:
        return None
    if given is None:
        return CodeVerdict.MISSING
    if row.misses >= MAX_MISSES:
        return CodeVerdict.LOCKED
    if hmac.compare_digest(given, code_of(order_id, row.serial)):
        return CodeVerdict.RIGHT
    if row.serial > 1 and at < row.renewed_at and given == code_of(order_id, row.serial - 1):
        return CodeVerdict.EARLIER
    row.misses += 1
    return CodeVerdict.WRONG


def open_code(session: Session, order: Order, now: datetime) -> DeliveryCode:
    """The order's code, made if there is none yet; the consignee is texted it, where his phone is known.

    Under the order's lock.
    """
    row = find(session, order.id, lock=True)
    if row is None:
        row = DeliveryCode(
            order_id=order.id, serial=1, required=False, misses=0, created_at=now, renewed_at=now
        )
        session.add(row)
        _send(session, order, row, now)
        session.flush()
    return row


def _send(session: Session, order: Order, row: DeliveryCode, now: datetime) -> None:
    if order.delivery_contact_phone is None:
        return
    text = (
        f"MESS {order.reference} : code de livraison {code_of(order.id, row.serial)}."
        " A donner au chauffeur une fois la marchandise reçue, pas avant."
    )
    sms.queue(session, to=order.delivery_contact_phone, text=text, purpose="delivery_code", now=now)
    row.sent_at = now


def _shipper_only(order: Order, actor: Actor) -> None:
    if actor.party_id not in (order.shipper_id, order.broker_id) and not actor.is_administrator:
        raise Forbidden("not_your_order", "Only the shipper of this order knows the consignee's code.")


def read(session: Session, actor: Actor, order_id: UUID) -> DeliveryCode:
    """Raises NotFound `delivery_code_none` while there is none."""
    order = get_order(session, actor, order_id)
    _shipper_only(order, actor)
    row = find(session, order_id)
    if row is None:
        raise NotFound("delivery_code_none", "No code has been made for this order yet.")
    return row


def demand(session: Session, actor: Actor, order_id: UUID, *, required: bool, now: datetime) -> DeliveryCode:
    """Whether goods are handed over only against the code. Makes the code if there is none."""
    order, _ = locked_order(session, actor, order_id)
    _shipper_only(order, actor)
    _check_live(order)
    row = open_code(session, order, now)
    row.required = required
    return row


def renew(session: Session, actor: Actor, order_id: UUID, now: datetime) -> DeliveryCode:
    """Another code, texted again; the misses begin anew. Raises TooMany `delivery_code_renewed_often`."""
    order, _ = locked_order(session, actor, order_id)
    _shipper_only(order, actor)
    _check_live(order)
    row = find(session, order_id, lock=True)
    if row is None:
        return open_code(session, order, now)
    if row.serial >= MAX_SERIAL or (now < row.renewed_at + RESEND_AFTER and row.serial > 1):
        raise TooMany(
            "delivery_code_renewed_often", "This code has been renewed often. Wait.", retry_after_s=120
        )
    row.serial += 1
    row.misses, row.renewed_at = 0, now
    _send(session, order, row, now)
    return row


def _check_live(order: Order) -> None:
    if order.status not in LIVE or order.status == OrderStatus.DELIVERED:
        raise Forbidden("delivery_code_not_now", f"An order that is {order.status} needs no code.")
