"""Background work of execution: thin, by id, harmless when run twice."""

from config import clock
from config.celery_app import celery_app
from config.database import transaction
from config.logging import get_logger
from platform_api.execution import sweeping

log = get_logger(__name__)


@celery_app.task(name="execution.reckon_pending")
def reckon_pending() -> int:
    """How many orders were judged again because what a statement waited for may be there now."""
    with transaction() as session:
        found = sweeping.pending_orders(session, clock.now())
    count = 0
    for order_id in found:
        try:
            with transaction() as session:
                count += sweeping.reckon_again(session, order_id, clock.now())
        except Exception:
            log.exception("statements not judged again", order_id=str(order_id))
    return count


@celery_app.task(name="execution.send_codes")
def send_codes() -> int:
    """How many consignees were told their code: the goods are on the truck, by whoever's word or pings."""
    with transaction() as session:
        found = sweeping.orders_without_code(session)
    for order_id in found:
        try:
            with transaction() as session:
                sweeping.make_code(session, order_id, clock.now())
        except Exception:
            log.exception("code not made", order_id=str(order_id))
    return len(found)
