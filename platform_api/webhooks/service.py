"""What a party does with its webhooks: make, change, rotate, try, look at what was sent, send again."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from config.celery_app import queue_after_commit
from config.settings import get_settings
from platform_api.actor import Actor
from platform_api.errors import Conflict, NotFound
from platform_api.pagination import PageQuery, fetch_page
from platform_api.versions import check_version
from platform_api.webhooks import emitting, rules, sealing
from platform_api.webhooks.models import WebhookDelivery, WebhookEndpoint, WebhookEvent


@dataclass(frozen=True, slots=True)
class NewEndpoint:
    """`secret` is seen this one time."""

    row: WebhookEndpoint
    secret: str


def _own(actor: Actor) -> Select[WebhookEndpoint]:
    return select(WebhookEndpoint).where(
        WebhookEndpoint.party_id == actor.party_id, WebhookEndpoint.deleted_at.is_(None)
    )


def _check_url(url: str) -> None:
    rules.check_url(url, https_only=not get_settings().webhook_private_addresses)


def create(session: Session, actor: Actor, *, url: str, events: Sequence[str], now: datetime) -> NewEndpoint:
    rules.check_speaks(actor)
    _check_url(url)
    rules.check_room(session.scalar(select(func.count()).select_from(_own(actor).subquery())) or 0)
    secret = rules.secret_text(secrets.token_bytes(rules.SECRET_BYTES))
    row = WebhookEndpoint(
        party_id=actor.party_id,
        url=url,
        secret=sealing.seal(secret),
        events=rules.known_events(events),
        enabled=True,
        version=1,
        created_at=now,
        updated_at=now,
    )
    session.add(row)
    session.flush()
    return NewEndpoint(row, secret)


def page(session: Session, actor: Actor, query: PageQuery) -> tuple[list[WebhookEndpoint], str | None]:
    return fetch_page(session, _own(actor), (WebhookEndpoint.created_at, WebhookEndpoint.id), query)


def get(session: Session, actor: Actor, endpoint_id: UUID, *, lock: bool = False) -> WebhookEndpoint:
    """Raises NotFound `webhook_not_found`."""
    statement = _own(actor).where(WebhookEndpoint.id == endpoint_id)
    row = session.scalar(statement.with_for_update() if lock else statement)
    if row is None:
        raise NotFound("webhook_not_found", "You have no such webhook.")
    return row


def change(
    session: Session,
    actor: Actor,
    endpoint_id: UUID,
    *,
    url: str | None,
    events: Sequence[str] | None,
    enabled: bool | None,
    expected: int | None,
    now: datetime,
) -> WebhookEndpoint:
    """Change what is given. Switched on again it starts with a clean slate."""
    rules.check_speaks(actor)
    row = get(session, actor, endpoint_id, lock=True)
    check_version(row.version, expected)
    if url is not None:
        _check_url(url)
        row.url = url
    if events is not None:
        row.events = rules.known_events(events)
    if enabled is not None:
        row.enabled = enabled
        row.disabled_reason = None if enabled else "by_owner"
        row.failing_since = row.busy_until = None
    row.version += 1
    row.updated_at = now
    return row


def rotate(session: Session, actor: Actor, endpoint_id: UUID, *, now: datetime) -> NewEndpoint:
    """A new secret, which signs from the next attempt on."""
    rules.check_speaks(actor)
    row = get(session, actor, endpoint_id, lock=True)
    secret = rules.secret_text(secrets.token_bytes(rules.SECRET_BYTES))
    row.secret = sealing.seal(secret)
    row.version += 1
    row.updated_at = now
    return NewEndpoint(row, secret)


def remove(session: Session, actor: Actor, endpoint_id: UUID, *, now: datetime) -> None:
    rules.check_speaks(actor)
    row = get(session, actor, endpoint_id, lock=True)
    row.deleted_at = row.updated_at = now


def try_out(session: Session, actor: Actor, endpoint_id: UUID, *, now: datetime) -> WebhookDelivery:
    """Send a `webhook.test` event to this endpoint, whatever it subscribed to."""
    row = get(session, actor, endpoint_id)
    if not row.enabled:
        raise Conflict("webhook_disabled", "This webhook is switched off.")
    return emitting.emit_to(session, row, rules.EventType.PING, {"endpoint_id": str(row.id)}, now=now)


@dataclass(frozen=True, slots=True)
class Sent:
    delivery: WebhookDelivery
    event: WebhookEvent


def sent(session: Session, delivery: WebhookDelivery) -> Sent:
    return Sent(delivery, session.get_one(WebhookEvent, delivery.event_id))


def deliveries(
    session: Session, actor: Actor, endpoint_id: UUID, query: PageQuery, *, state: rules.DeliveryState | None
) -> tuple[list[Sent], str | None]:
    """Newest first."""
    endpoint = get(session, actor, endpoint_id)
    statement = select(WebhookDelivery).where(WebhookDelivery.endpoint_id == endpoint.id)
    if state is not None:
        statement = statement.where(WebhookDelivery.state == state)
    rows, cursor = fetch_page(session, statement, (WebhookDelivery.created_at, WebhookDelivery.id), query)
    events = select(WebhookEvent).where(WebhookEvent.id.in_({row.event_id for row in rows}))
    by_id = {event.id: event for event in session.scalars(events)}
    return [Sent(row, by_id[row.event_id]) for row in rows], cursor


def replay(session: Session, actor: Actor, endpoint_id: UUID, delivery_id: UUID, *, now: datetime) -> Sent:
    """Send it again from the start, with the same `webhook-id`; one that is on its way goes at once.

    Raises NotFound `delivery_not_found`, Conflict `webhook_disabled`.
    """
    endpoint = get(session, actor, endpoint_id)
    if not endpoint.enabled:
        raise Conflict("webhook_disabled", "This webhook is switched off.")
    delivery = session.scalar(
        select(WebhookDelivery)
        .where(WebhookDelivery.id == delivery_id, WebhookDelivery.endpoint_id == endpoint.id)
        .with_for_update()
    )
    if delivery is None:
        raise NotFound("delivery_not_found", "There is no such delivery; old ones are dropped.")
    delivery.state, delivery.attempts, delivery.finished_at = rules.DeliveryState.PENDING, 0, None
    delivery.next_attempt_at = now
    queue_after_commit(session, "webhooks.deliver", delivery_id=str(delivery.id))
    return sent(session, delivery)
