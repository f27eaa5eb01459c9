"""Bodies of a vehicle's calendar."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from platform_api.availability.rules import Reason
from platform_api.fields import OptionalName, Time
from platform_api.schemas import StrictBody


class PeriodIn(StrictBody):
    """Half-open; `ends_at` null: until somebody ends it."""

    starts_at: Time
    ends_at: Time | None = None
    reason: Reason
    note: OptionalName = ""


class PeriodChange(StrictBody):
    """What is left out stays; `"ends_at": null` takes the end away."""

    starts_at: Time | None = None
    ends_at: Time | None = None
    reason: Reason | None = None
    note: OptionalName | None = None

    def changes(self) -> dict[str, Any]:
        """By column: what the body names."""
        named = self.model_dump(exclude_unset=True)
        return {name: value for name, value in named.items() if value is not None or name == "ends_at"}


class PeriodOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    vehicle_id: int
    starts_at: datetime
    ends_at: datetime | None
    reason: Reason
    note: str
    version: int
