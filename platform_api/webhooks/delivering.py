"""One attempt to hand over one event: claimed in the database, sent outside of any transaction, noted.

A receiver may get an event twice (its answer was lost, a worker died); `webhook-id` stays the same.
"""

import socket
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit
from uuid import UUID

import httpx
from sqlalchemy import select
from sqlalchemy.orm import Session

from config.logging import get_logger
from config.settings import get_settings
from platform_api.webhooks import rules, sealing
from platform_api.webhooks.models import WebhookDelivery, WebhookEndpoint, WebhookEvent
from platform_api.webhooks.rules import DeliveryState

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Outgoing:
    delivery_id: UUID
    url: str
    secret: str | None
    message_id: str
    body: bytes


def claim(session: Session, delivery_id: UUID, now: datetime) -> Outgoing | None:
    """What to send; None when it is not due, or somebody else is at it."""
    row = session.execute(
        select(WebhookDelivery, WebhookEndpoint, WebhookEvent)
        .join(WebhookEndpoint, WebhookEndpoint.id == WebhookDelivery.endpoint_id)
        .join(WebhookEvent, WebhookEvent.id == WebhookDelivery.event_id)
        .where(WebhookDelivery.id == delivery_id, WebhookDelivery.next_attempt_at <= now)
        .with_for_update(of=(WebhookDelivery, WebhookEndpoint), skip_locked=True)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if row is None:
        return None
    delivery, endpoint, event = row
    if not endpoint.enabled or endpoint.deleted_at is not None:
        delivery.state, delivery.next_attempt_at, delivery.finished_at = DeliveryState.FAILED, None, now
        delivery.last_error = "the webhook is switched off"
        return None
    if endpoint.busy_until is not None and now < endpoint.busy_until:
        delivery.next_attempt_at = now + rules.RETRY_AFTER[0]
        return None
    if endpoint.failing_since is not None:
        endpoint.busy_until = now + rules.LEASE
    delivery.attempts += 1
    delivery.next_attempt_at = now + rules.LEASE
    return Outgoing(
        delivery.id, endpoint.url, sealing.unseal(endpoint.secret), str(event.id), event.body.encode()
    )


def send(outgoing: Outgoing, now: datetime) -> rules.Answer:
    """Never raises. Redirects are not followed: they could lead into our own network."""
    if outgoing.secret is None:
        return rules.Answer(None, "its secret cannot be read any more: rotate it")
    timestamp_s = int(now.timestamp())
    headers = {
        "content-type": "application/json",
        "user-agent": "MESS-Webhooks/1",
        "webhook-id": outgoing.message_id,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": rules.sign(
            outgoing.secret, message_id=outgoing.message_id, timestamp_s=timestamp_s, body=outgoing.body
        ),
    }
    try:
        target, sni = _resolved(outgoing.url)
        headers["host"] = urlsplit(outgoing.url).netloc
        with (
            httpx.Client(timeout=rules.ATTEMPT_TIMEOUT_S, follow_redirects=False, trust_env=False) as client,
            client.stream(
                "POST", target, content=outgoing.body, headers=headers, extensions={"sni_hostname": sni}
            ) as answer,
        ):
            # Of its body nothing is read: it may be endless.
            return rules.Answer(answer.status_code)
    except (httpx.HTTPError, OSError, ValueError, _NotPublic) as error:
        return rules.Answer(None, (str(error) or type(error).__name__)[: rules.MAX_ERROR_CHARS])


class _NotPublic(Exception):
    pass


def _resolved(url: str) -> tuple[str, str]:
    """The address with its host resolved once and looked at, and the host's name for TLS.

    Called by the very address that was judged, the name cannot point elsewhere in between.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [str(entry[4][0]) for entry in found]
    if not get_settings().webhook_private_addresses:
        addresses = [address for address in addresses if rules.is_public(address)]
    if not addresses:
        raise _NotPublic(f"{host} is not an address on the public internet")
    literal = f"[{addresses[0]}]" if ":" in addresses[0] else addresses[0]
    path = parts.path or "/"
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme}://{literal}:{port}{path}{query}", host


def note(session: Session, delivery_id: UUID, answer: rules.Answer, now: datetime) -> str | None:
    """Write what came of it. The reason, when the endpoint was switched off for it."""
    row = session.execute(
        select(WebhookDelivery, WebhookEndpoint)
        .join(WebhookEndpoint, WebhookEndpoint.id == WebhookDelivery.endpoint_id)
        .where(WebhookDelivery.id == delivery_id)
        .with_for_update()
    ).one_or_none()
    if row is None:
        return None
    delivery, endpoint = row
    if delivery.state != DeliveryState.PENDING:
        return None
    after = rules.after_attempt(answer, delivery.attempts, now)
    delivery.state, delivery.next_attempt_at = after.state, after.next_attempt_at
    delivery.last_status, delivery.last_error = answer.status, answer.error
    delivery.finished_at = None if after.state is DeliveryState.PENDING else now
    endpoint.busy_until = None
    if answer.taken:
        endpoint.failing_since = None
        return None
    endpoint.failing_since = endpoint.failing_since or now
    reason = rules.disable_reason(answer, endpoint.failing_since, now)
    if reason is not None and endpoint.enabled:
        endpoint.enabled, endpoint.disabled_reason, endpoint.updated_at = False, reason, now
        log.warning("webhook switched off", endpoint_id=str(endpoint.id), reason=reason)
        return reason
    return None


def due(session: Session, now: datetime, limit: int = 500) -> list[UUID]:
    """Deliveries whose task was lost or whose time has come, oldest first."""
    statement = (
        select(WebhookDelivery.id)
        .where(WebhookDelivery.state == DeliveryState.PENDING, WebhookDelivery.next_attempt_at <= now)
        .order_by(WebhookDelivery.next_attempt_at)
        .limit(limit)
    )
    return list(session.scalars(statement))
