"""Bodies of the export endpoints."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from platform_api.exports.rules import Format, Kind
from platform_api.fields import Time
from platform_api.privacy.rules import ExportState
from platform_api.schemas import StrictBody


class ExportIn(StrictBody):
    """Half-open period [from_time, until_time): orders by creation, alerts and incidents by when they were told,
    waybills by issue, intervals (trips, stops, alarms of your vehicles) by their beginning."""

    kind: Kind = Field(examples=["orders"])
    format: Format = Field(default=Format.CSV, examples=["csv"])
    from_time: Time = Field(examples=["2026-11-01T00:00:00Z"])
    until_time: Time = Field(examples=["2026-12-01T00:00:00Z"])


class ExportOut(BaseModel):
    """When `state` is ready, fetch `file/`; it is deleted at `expires_at`."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    kind: Kind
    format: Format
    from_time: datetime
    until_time: datetime
    state: ExportState
    rows_written: int
    file_bytes: int | None
    created_at: datetime
    finished_at: datetime | None
    expires_at: datetime | None
