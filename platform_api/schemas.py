"""The strict request body, and the error shape as the OpenAPI page shows it."""

from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, ConfigDict

from platform_api.codes import catalogue


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


def errors(*named: int | str) -> dict[int | str, dict[str, Any]]:
    """`responses=` of an endpoint: the codes it may answer, or a status alone.

    Raises KeyError for a code that is not in the catalogue.
    """
    by_status: dict[int | str, list[str]] = {}
    for name in named:
        if isinstance(name, int):
            by_status.setdefault(name, [])
        else:
            by_status.setdefault(catalogue()[name].status, []).append(name)
    return {status: _response(int(status), codes) for status, codes in by_status.items()}


def _response(status: int, codes: list[str]) -> dict[str, Any]:
    phrase = HTTPStatus(status).phrase
    if not codes:
        return {"model": ErrorOut, "description": phrase}
    examples = {code: error_example(code) for code in codes}
    listed = ", ".join(f"`{code}`" for code in codes)
    return {
        "model": ErrorOut,
        "description": f"{phrase}: {listed}",
        "content": {"application/json": {"examples": examples}},
    }


def error_example(code: str) -> dict[str, Any]:
    """As an OpenAPI example object."""
    text = catalogue()[code].en
    return {"summary": text, "value": {"code": code, "detail": text, "request_id": "7f3c2b7e0d9d4c59"}}
