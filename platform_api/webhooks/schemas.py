"""Bodies of the webhook endpoints."""

import json
from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from platform_api.schemas import StrictBody
from platform_api.webhooks.rules import MAX_URL_CHARS, SUBSCRIBABLE, DeliveryState, EventType
from platform_api.webhooks.service import NewEndpoint, Sent

Url = Annotated[str, StringConstraints(strip_whitespace=True, min_length=8, max_length=MAX_URL_CHARS)]
Subscribable = Literal["order.changed", "bid.changed", "alert.raised"]
Events = Annotated[list[Subscribable], Field(min_length=1, max_length=len(SUBSCRIBABLE))]


class WebhookIn(StrictBody):
    """`events`: what is sent there."""

    url: Url = Field(examples=["https://erp.example.sn/mess"])
    events: Events = Field(examples=[["order.changed", "alert.raised"]])


class WebhookChange(StrictBody):
    """What is left out stays."""

    url: Url | None = None
    events: Events | None = None
    enabled: bool | None = None


class WebhookOut(BaseModel):
    """`disabled_reason`: by_owner, gone (it answered 410) or failing (nothing taken for five days)."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    url: str
    events: list[str]
    enabled: bool
    disabled_reason: str | None
    failing_since: datetime | None
    version: int
    created_at: datetime
    updated_at: datetime


class NewWebhookOut(WebhookOut):
    """`secret` is shown this one time; it signs as "Standard Webhooks" describes."""

    secret: str = Field(examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])

    @classmethod
    def of(cls, new: NewEndpoint) -> Self:
        return cls(**WebhookOut.model_validate(new.row).model_dump(), secret=new.secret)


class DeliveryOut(BaseModel):
    """`event_id` is the header `webhook-id`: the same however often it is sent."""

    id: UUID
    event_id: UUID
    type: EventType
    body: dict[str, Any]
    state: DeliveryState
    attempts: int
    next_attempt_at: datetime | None
    last_status: int | None
    last_error: str | None
    created_at: datetime
    finished_at: datetime | None

    @classmethod
    def of(cls, sent: Sent) -> Self:
        row = sent.delivery
        return cls(
            id=row.id,
            event_id=row.event_id,
            type=EventType(sent.event.type),
            body=json.loads(sent.event.body),
            state=DeliveryState(row.state),
            attempts=row.attempts,
            next_attempt_at=row.next_attempt_at,
            last_status=row.last_status,
            last_error=row.last_error,
            created_at=row.created_at,
            finished_at=row.finished_at,
        )
