"""One attempt to hand over one event: claimed in the database, sent outside of any transaction, noted.

A receiver may get an event twice (its answer was lost, a worker died); `webhook-id` stays the same.
"""

import asyncio
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


class _NotPublic(Exception):
    pass


@dataclass(frozen=True, slots=True)
class _Target:
    """`url`: with an IP address for its host; `host`, `netloc`: the name, for TLS and for the header Host."""

    url: str
    host: str
    netloc: str


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
        target = _resolved(outgoing.url)
        headers["host"] = target.netloc
        return rules.Answer(asyncio.run(_post(target, headers, outgoing.body)))
    except (httpx.HTTPError, OSError, ValueError, _NotPublic) as error:
        return rules.Answer(None, (str(error) or type(error).__name__)[: rules.MAX_ERROR_CHARS])


async def _post(target: _Target, headers: dict[str, str], body: bytes) -> int:
    """The status of the answer. Raises TimeoutError after ATTEMPT_TIMEOUT_S in all.

    The timeouts of httpx begin anew with each byte: who sends one every few seconds would hold a worker for hours.
    """
    sni = {"sni_hostname": target.host}
    async with (
        asyncio.timeout(rules.ATTEMPT_TIMEOUT_S),
        httpx.AsyncClient(timeout=None, follow_redirects=False, trust_env=False) as client,  # noqa: S113 - above
        client.stream("POST", target.url, content=body, headers=headers, extensions=sni) as answer,
    ):
        # Of its body nothing is read: it may be endless.
        return answer.status_code


def _resolved(url: str) -> _Target:
    """The address with its host resolved once and looked at.

    Called by the very address that was judged, the name cannot point elsewhere in between.
    """
    parts = urlsplit(url)
    # As it goes over the wire: accents are not for DNS, TLS and headers.
    host = (parts.hostname or "").encode("idna").decode("ascii")
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
    name = f"[{host}]" if ":" in host else host
    netloc = name if parts.port is None else f"{name}:{parts.port}"
    return _Target(f"{parts.scheme}://{literal}:{port}{path}{query}", host, netloc)


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
