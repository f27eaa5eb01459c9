"""Bodies of the duty endpoints."""

from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import BaseModel

from platform_api.duty.models import DutyPeriod
from platform_api.duty.rules import EndedBy, Reason, Why
from platform_api.duty.service import DutyView
from platform_api.fields import Time
from platform_api.schemas import StrictBody


class DutyStartIn(StrictBody):
    """`at`: when the button was pressed, if that was without coverage. Now when left out."""

    at: Time | None = None


class DutyPeriodOut(BaseModel):
    """Half-open [started_at, ended_at); ends by itself at `closes_at`."""

    id: int
    started_at: datetime
    closes_at: datetime
    ended_at: datetime | None
    ended_by: EndedBy | None

    @classmethod
    def of(cls, row: DutyPeriod) -> Self:
        return cls(
            id=row.id,
            started_at=row.started_at,
            closes_at=row.closes_at,
            ended_at=row.ended_at,
            ended_by=None if row.ended_by is None else EndedBy(row.ended_by),
        )


class ReasonOut(BaseModel):
    """`until` null: until the order is delivered, completed or cancelled."""

    why: Why
    since: datetime | None
    until: datetime | None
    order_id: UUID | None
    detail: str

    @classmethod
    def of(cls, reason: Reason) -> Self:
        return cls(
            why=reason.why,
            since=reason.since,
            until=reason.until,
            order_id=reason.order_id,
            detail=reason.detail,
        )


class DutyOut(BaseModel):
    """Whether positions of your phone are taken now, why, and your duty periods, newest first."""

    positions_taken: bool
    reasons: list[ReasonOut]
    items: list[DutyPeriodOut]
    next_cursor: str | None

    @classmethod
    def of(cls, view: DutyView) -> Self:
        return cls(
            positions_taken=bool(view.reasons),
            reasons=[ReasonOut.of(reason) for reason in view.reasons],
            items=[DutyPeriodOut.of(row) for row in view.periods],
            next_cursor=view.next_cursor,
        )
