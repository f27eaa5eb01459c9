"""Telling a party's systems what happened: written with the change itself, sent after the commit."""

import json
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.celery_app import queue_after_commit
from platform_api.webhooks.models import WebhookDelivery, WebhookEndpoint, WebhookEvent
from platform_api.webhooks.rules import EventType, wants


def emit(
    session: Session,
    party_ids: Collection[UUID | None],
    event: EventType,
    data: Mapping[str, Any],
    *,
    now: datetime,
) -> list[UUID]:
    """One event for each of these parties that has an endpoint for it; ids of the deliveries.

    `data` is JSON and the same for all of them: it must hold nothing that one of them may not see.
    """
    parties = {party_id for party_id in party_ids if party_id is not None}
    endpoints = session.scalars(
        select(WebhookEndpoint).where(
            WebhookEndpoint.party_id.in_(parties),
            WebhookEndpoint.enabled,
            WebhookEndpoint.deleted_at.is_(None),
        )
    ).all()
    by_party: dict[UUID, list[WebhookEndpoint]] = {}
    for endpoint in endpoints:
        if wants(endpoint.events, event):
            by_party.setdefault(endpoint.party_id, []).append(endpoint)
    made = [
        delivery
        for party_id, listening in by_party.items()
        for delivery in _write(session, party_id, listening, event, data, now)
    ]
    return [delivery.id for delivery in made]


def emit_to(
    session: Session, endpoint: WebhookEndpoint, event: EventType, data: Mapping[str, Any], *, now: datetime
) -> WebhookDelivery:
    """To this endpoint alone, whatever it subscribed to."""
    return _write(session, endpoint.party_id, [endpoint], event, data, now)[0]


def _write(
    session: Session,
    party_id: UUID,
    endpoints: list[WebhookEndpoint],
    event: EventType,
    data: Mapping[str, Any],
    now: datetime,
) -> list[WebhookDelivery]:
    row = WebhookEvent(
        id=uuid4(), party_id=party_id, type=event.value, body=_body(event, data, now), created_at=now
    )
    session.add(row)
    session.flush()  # no relationship tells the session that deliveries come after it
    deliveries = [
        WebhookDelivery(id=uuid4(), event_id=row.id, endpoint_id=each.id, created_at=now, next_attempt_at=now)
        for each in endpoints
    ]
    session.add_all(deliveries)
    for delivery in deliveries:
        queue_after_commit(session, "webhooks.deliver", delivery_id=str(delivery.id))
    return deliveries


def _body(event: EventType, data: Mapping[str, Any], now: datetime) -> str:
    """As "Standard Webhooks" has it: `type`, `timestamp`, `data`."""
    return json.dumps(
        {"type": event.value, "timestamp": now.isoformat(), "data": data}, ensure_ascii=False, sort_keys=True
    )
