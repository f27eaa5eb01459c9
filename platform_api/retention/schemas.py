"""Bodies of the retention endpoints."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, Field

from platform_api.retention.service import PolicyView
from platform_api.schemas import StrictBody
from telemetry.retention import RetentionPolicy

# Only so that a column can hold it; the limits are those of `telemetry.retention`, with codes of their own.
Count = Annotated[int, Field(ge=1, le=2**31 - 1)]


class RetentionIn(StrictBody):
    """The whole policy: what is left out is kept for ever, and not thinned.

    Of pings older than `thin_after_days` one is kept for each device and `thin_to_s` seconds. `interval_days`: trips,
    stops and events; `visit_days`: visits of fences that no order had. None may be shorter than late pings are waited for.
    """

    ping_days: Count | None = None
    thin_after_days: Count | None = None
    thin_to_s: Count | None = None
    interval_days: Count | None = None
    visit_days: Count | None = None

    def policy(self) -> RetentionPolicy:
        return RetentionPolicy(**self.model_dump())


class RetentionOut(BaseModel):
    """Days by event time; null = for ever. `own` false: the platform's default applies to this fleet."""

    carrier_id: UUID | None
    own: bool
    ping_days: int | None
    thin_after_days: int | None
    thin_to_s: int | None
    interval_days: int | None
    visit_days: int | None
    updated_at: datetime | None

    @classmethod
    def of(cls, view: PolicyView) -> Self:
        policy = view.policy
        return cls(
            carrier_id=view.carrier_id,
            own=view.own,
            ping_days=policy.ping_days,
            thin_after_days=policy.thin_after_days,
            thin_to_s=policy.thin_to_s,
            interval_days=policy.interval_days,
            visit_days=policy.visit_days,
            updated_at=view.updated_at,
        )
