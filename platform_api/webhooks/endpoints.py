"""/api/v1/webhooks/: the platform calls a party's own systems."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from platform_api.deps import CurrentActor, NowDep, SessionDep
from platform_api.pagination import Page, PageDep, page_of
from platform_api.schemas import errors
from platform_api.versions import IfMatch, set_etag
from platform_api.webhooks import service
from platform_api.webhooks.rules import DeliveryState
from platform_api.webhooks.schemas import (
    DeliveryOut,
    NewWebhookOut,
    WebhookChange,
    WebhookIn,
    WebhookOut,
)

router = APIRouter(prefix="/api/v1/webhooks", tags=["webhooks"], responses=errors("not_authenticated"))


@router.post(
    "/", status_code=201, responses=errors("managers_only", "invalid_webhook_url", "too_many_webhooks")
)
def create(body: WebhookIn, session: SessionDep, actor: CurrentActor, now: NowDep) -> NewWebhookOut:
    """The secret is in the answer and never again. Verify each call with it ("Standard Webhooks")."""
    return NewWebhookOut.of(service.create(session, actor, url=body.url, events=body.events, now=now))


@router.get("/")
def list_webhooks(session: SessionDep, actor: CurrentActor, page: PageDep) -> Page[WebhookOut]:
    """Yours, newest first; never their secrets."""
    rows, cursor = service.page(session, actor, page)
    return page_of(rows, cursor, WebhookOut.model_validate)


@router.get("/{webhook_id}/", responses=errors("webhook_not_found"))
def read(webhook_id: UUID, session: SessionDep, actor: CurrentActor, response: Response) -> WebhookOut:
    """One of yours."""
    row = service.get(session, actor, webhook_id)
    set_etag(response, row.version)
    return WebhookOut.model_validate(row)


@router.patch(
    "/{webhook_id}/",
    responses=errors(
        "managers_only", "webhook_not_found", "invalid_webhook_url", "version_mismatch", "invalid_if_match"
    ),
)
def change(
    webhook_id: UUID,
    body: WebhookChange,
    session: SessionDep,
    actor: CurrentActor,
    now: NowDep,
    expected: IfMatch,
    response: Response,
) -> WebhookOut:
    """Switching it on again (`enabled`) forgets that it failed."""
    row = service.change(
        session,
        actor,
        webhook_id,
        url=body.url,
        events=body.events,
        enabled=body.enabled,
        expected=expected,
        now=now,
    )
    set_etag(response, row.version)
    return WebhookOut.model_validate(row)


@router.delete(
    "/{webhook_id}/",
    status_code=204,
    response_class=Response,
    responses=errors("managers_only", "webhook_not_found"),
)
def remove(webhook_id: UUID, session: SessionDep, actor: CurrentActor, now: NowDep) -> None:
    """Nothing is sent there any more."""
    service.remove(session, actor, webhook_id, now=now)


@router.post("/{webhook_id}/rotate-secret/", responses=errors("managers_only", "webhook_not_found"))
def rotate(webhook_id: UUID, session: SessionDep, actor: CurrentActor, now: NowDep) -> NewWebhookOut:
    """A new secret, shown this one time; it signs from the next call on."""
    return NewWebhookOut.of(service.rotate(session, actor, webhook_id, now=now))


@router.post(
    "/{webhook_id}/test/", status_code=202, responses=errors("webhook_not_found", "webhook_disabled")
)
def try_out(webhook_id: UUID, session: SessionDep, actor: CurrentActor, now: NowDep) -> DeliveryOut:
    """Sends a `webhook.test` event. How it went: `deliveries/`."""
    delivery = service.try_out(session, actor, webhook_id, now=now)
    return DeliveryOut.of(service.sent(session, delivery))


@router.get("/{webhook_id}/deliveries/", responses=errors("webhook_not_found"))
def list_deliveries(
    webhook_id: UUID,
    session: SessionDep,
    actor: CurrentActor,
    page: PageDep,
    state: Annotated[DeliveryState | None, Query()] = None,
) -> Page[DeliveryOut]:
    """Newest first; kept for 30 days."""
    rows, cursor = service.deliveries(session, actor, webhook_id, page, state=state)
    return page_of(rows, cursor, DeliveryOut.of)


@router.post(
    "/{webhook_id}/deliveries/{delivery_id}/replay/",
    status_code=202,
    responses=errors("webhook_not_found", "delivery_not_found", "webhook_disabled"),
)
def replay(
    webhook_id: UUID, delivery_id: UUID, session: SessionDep, actor: CurrentActor, now: NowDep
) -> DeliveryOut:
    """Sends it again from the start, with the same `webhook-id`."""
    return DeliveryOut.of(service.replay(session, actor, webhook_id, delivery_id, now=now))
