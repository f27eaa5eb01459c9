"""Background work of text messages: the edge between the outbox and the provider. Running one twice is harmless."""

import time

from config import clock
from config.celery_app import celery_app
from config.database import transaction
from config.logging import get_logger
from platform_api.sms import service
from platform_api.sms.providers import SendError, provider
from platform_api.sms.rules import Outcome

log = get_logger(__name__)

SWEEP_LIMIT = 200
# Far below the limit of a task, however slow the provider is
SWEEP_S = 60.0


@celery_app.task(name="sms.send")
def send(message_id: int) -> bool:
    """Whether the provider took it just now."""
    with transaction() as session:
        outgoing = service.claim(session, message_id, now=clock.now())
    if outgoing is None:
        return False
    # After the commit: should the task die here, the claim lapses.
    by = provider()
    outcome, reference, problem = Outcome.ACCEPTED, None, None
    try:
        reference = by.send(outgoing.phone, outgoing.text)
    except SendError as error:
        outcome, problem = error.outcome, error.reason
        log.warning("text message not taken", id=outgoing.id, outcome=outcome, reason=problem)
    with transaction() as session:
        service.confirm(
            session,
            outgoing,
            outcome,
            now=clock.now(),
            provider=by.name,
            provider_ref=reference,
            error=problem,
            keep_text=by.keeps_texts and outcome is Outcome.ACCEPTED,
        )
    return outcome is Outcome.ACCEPTED


@celery_app.task(name="sms.sweep")
def sweep() -> int:
    """Send what a lost task left and what waits for its next attempt; how many the provider took."""
    with transaction() as session:
        found = service.due_ids(session, now=clock.now(), limit=SWEEP_LIMIT)
    taken, ends_s = 0, time.monotonic() + SWEEP_S
    for message_id in found:
        if time.monotonic() >= ends_s:
            break
        try:
            taken += send(message_id)
        except Exception:
            # One that fails is left to the next sweep, and does not stop the others.
            log.exception("text message not handled", id=message_id)
    return taken


@celery_app.task(name="sms.drop_old")
def drop_old() -> int:
    with transaction() as session:
        return service.drop_old(session, now=clock.now())
