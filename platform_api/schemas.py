"""The strict request body, and the error shape as the OpenAPI page shows it."""

from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, ConfigDict


class StrictBody(BaseModel):
    """Refuses unknown fields: a misspelt `vehicle_id` would make a geofence watch the whole fleet."""

    model_config = ConfigDict(extra="forbid")


class FieldError(BaseModel):
    field: str
    message: str
    type: str


class ErrorOut(BaseModel):
    """`code` is stable and for programs, `detail` for people; quote `request_id` when you ask for help."""

    code: str
    detail: str
    request_id: str | None
    errors: list[FieldError] | None = None


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """`responses=` of an endpoint."""
    return {status: {"model": ErrorOut, "description": HTTPStatus(status).phrase} for status in statuses}
