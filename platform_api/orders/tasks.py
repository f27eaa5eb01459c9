"""Background work of orders: thin, by id, harmless when run twice."""

from config import clock
from config.celery_app import celery_app
from config.database import transaction
from config.logging import get_logger
from platform_api.alert_rules import watching
from platform_api.orders import calling_off, contacts, following, service

log = get_logger(__name__)

CONTACTS_AT_ONCE = 500


@celery_app.task(name="orders.on_crossing")
def on_crossing(crossing_id: int) -> None:
    with transaction() as session:
        now = clock.now()
        handled = following.handle_crossing(session, crossing_id, now)
        if handled.visit_id is not None:
            watching.on_visit(session, handled.visit_id, now)
    if handled.actions:
        log.info(
            "crossing moved an order",
            crossing_id=crossing_id,
            order_id=str(handled.order_id),
            actions=handled.actions,
        )


@celery_app.task(name="orders.on_crossings")
def on_crossings(crossing_ids: list[int]) -> None:
    """The crossings of one ingest batch, each in its own transaction; one that fails is left to the sweep."""
    for crossing_id in crossing_ids:
        try:
            on_crossing(crossing_id)
        except Exception:
            log.exception("crossing not handled", crossing_id=crossing_id)


@celery_app.task(name="orders.sweep_crossings")
def sweep_crossings() -> int:
    """Handle crossings whose task was lost; how many. One that fails does not stop the others."""
    count = after = 0
    while True:
        with transaction() as session:
            found = following.sweep_crossings(session, after=after)
        for crossing_id in found:
            try:
                on_crossing(crossing_id)
                count += 1
            except Exception:
                log.exception("crossing not handled", crossing_id=crossing_id)
        if not found:
            break
        after = found[-1]
    if count:
        log.warning("crossings found by the sweep", count=count)
    return count


@celery_app.task(name="orders.expire")
def expire() -> int:
    """How many orders left the market, each in its own transaction: one that fails does not keep the others on it."""
    with transaction() as session:
        due = calling_off.due_orders(session, clock.now())
    count = 0
    for order_id in due:
        try:
            with transaction() as session:
                count += calling_off.expire_order(session, order_id, clock.now())
        except Exception:
            log.exception("order not taken off the market", order_id=str(order_id))
    return count


@celery_app.task(name="orders.complete_silent")
def complete_silent() -> int:
    with transaction() as session:
        return service.complete_silent(session, clock.now())


@celery_app.task(name="orders.forget_contacts")
def forget_contacts() -> int:
    """Contacts of orders that are long over; of how many orders."""
    count = 0
    while True:
        with transaction() as session:
            found = contacts.forget_old(session, clock.now(), CONTACTS_AT_ONCE)
        count += found
        if found < CONTACTS_AT_ONCE:
            break
    if count:
        log.info("contacts of old orders forgotten", orders=count)
    return count
