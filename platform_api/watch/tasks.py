"""Watching in the background: thin, by id, harmless when run twice."""

from collections.abc import Sequence
from uuid import UUID

from config import clock
from config.celery_app import celery_app
from config.database import transaction
from config.logging import get_logger
from platform_api.watch import repository, service

log = get_logger(__name__)

BATCH = 200
_FIRST = UUID(int=0)


@celery_app.task(name="watch.judge")
def judge(order_id: str) -> None:
    with transaction() as session:
        found = service.judge(session, UUID(order_id), clock.now())
    if found.news or found.withdrawn:
        log.info("events on the way", order_id=order_id, told=len(found.news), withdrawn=len(found.withdrawn))


@celery_app.task(name="watch.sweep")
def sweep() -> int:
    """Look at every order whose way may have changed; how many."""
    while True:
        with transaction() as session:
            taken = repository.mark_stops(session, clock.now(), BATCH)
        if taken < BATCH:
            break
    with transaction() as session:
        due = list(repository.due(session, BATCH))
    count = _judge_all(due)
    after = _FIRST
    while True:
        with transaction() as session:
            growing = list(repository.growing(session, after=after, limit=BATCH))
        if not growing:
            return count
        count += _judge_all(growing)
        after = growing[-1]


def _judge_all(order_ids: Sequence[UUID]) -> int:
    """How many; one that fails does not stop the others."""
    count = 0
    for order_id in order_ids:
        try:
            judge(str(order_id))
            count += 1
        except Exception:
            log.exception("the way of an order was not looked at", order_id=str(order_id))
    return count
