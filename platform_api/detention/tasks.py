"""Background work of detention: thin, by id, harmless when run twice."""

from uuid import UUID

from config import clock
from config.celery_app import celery_app
from config.database import transaction
from config.logging import get_logger
from platform_api.detention import repository, service
from platform_api.orders import repository as orders

log = get_logger(__name__)

BATCH = 200


@celery_app.task(name="detention.remind")
def remind() -> int:
    """Tell of free time that is over; how many orders were looked at."""
    count, after = 0, UUID(int=0)
    while True:
        with transaction() as session:
            found = repository.waiting_orders(session, clock.now(), after=after, limit=BATCH)
        for order_id in found:
            try:
                _remind(order_id)
                count += 1
            except Exception:
                log.exception("the waiting of an order was not looked at", order_id=str(order_id))
        if not found:
            return count
        after = found[-1]


def _remind(order_id: UUID) -> None:
    with transaction() as session:
        order = orders.lock_order(session, order_id, skip_locked=True)
        if order is not None:
            service.remind(session, order, clock.now())
