"""The one place where errors become HTTP: `{"code", "detail", "request_id"}`, drivers' errors included."""

from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from psycopg import errors as pg
from sqlalchemy.exc import DataError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException

from config.logging import get_logger
from platform_api.error_bodies import error_body
from platform_api.errors import Conflict, Invalid, PlatformError, Unavailable
from platform_api.languages import Language, language_of
from platform_api.validation_texts import french_message

log = get_logger(__name__)

HTTP_CODES = {
    400: "bad_request",
    404: "not_found",
    405: "method_not_allowed",
    413: "body_too_large",
    415: "unsupported_media_type",
}

# Constraint -> the conflict it means. The constraint is the judge of races that a check before it loses.
CONFLICTS = {
    "users_phone_key": ("phone_taken", "An account with this phone number exists."),
    "legal_limits_key": ("limit_exists", "There is such a limit from that day on."),
    "vehicle_types_pkey": ("vehicle_type_taken", "A vehicle type with this code exists."),
    "vehicles_plate_key": ("plate_taken", "A vehicle with this plate is registered."),
    "devices_uid_key": ("device_uid_taken", "A device with this uid is registered."),
    "device_assignments_open": ("assignment_overlap", "The device is assigned to a vehicle at that time."),
    "data_exports_one": ("export_in_progress", "An export of this data is being written."),
    "geofence_groups_name": ("group_name_taken", "You have a group of this name."),
    "disputes_order": ("dispute_exists", "This order has been disputed already."),
    "order_ratings_once": ("rating_exists", "You have rated this order."),
    "reliability_waivers_once": ("waived_already", "This does not count already."),
    "bulk_exports_one": ("export_in_progress", "An export of this data is being written."),
    "erasures_one": ("erasure_confirmed", "An erasure of this data has been asked for."),
    "duty_periods_open": ("duty_overlap", "You are on duty already."),
    "bids_one_winner": ("order_not_open", "Another bid on this order was accepted first."),
    "device_commands_one_engine_stop": (
        "engine_stop_open",
        "An engine stop of this device is on its way.",
    ),
    "device_commands_key": ("key_reused", "This key was used for another command."),
    "invitations_one_open": ("invitation_open", "This phone number has an open invitation of yours."),
    "ownership_offers_one_open": ("handover_open", "This business is offered to somebody already."),
    "kyc_documents_one_open": (
        "document_submitted",
        "Another document of this kind was sent at the same moment.",
    ),
    "organisation_members_pkey": ("already_member", "A user is a member of one organisation at most."),
    "detention_claims_once": ("detention_claimed", "This waiting has been claimed already."),
    "offers_one_open": ("offer_exists", "This carrier has an open offer on this order."),
    "brokerages_one_open": (
        "brokerage_exists",
        "This order has an open proposal of brokerage.",
    ),
    "bids_one_open": ("bid_exists", "You have an open bid on this order."),
}
_OTHER_CONFLICT = ("conflict", "Another change came first. Read again and retry.")


def error_response(request: Request, error: PlatformError) -> JSONResponse:
    """For an endpoint that must answer with an error and still commit (a reused refresh token)."""
    return _answer(request, error.status, error.code, error.detail, error.values, headers=error.headers)


def _answer(
    request: Request,
    status: int,
    code: str,
    detail: str,
    values: Mapping[str, object] = MappingProxyType({}),
    *,
    headers: Mapping[str, str] | None = None,
    fields: list[dict[str, str]] | None = None,
) -> JSONResponse:
    body = error_body(request, code, detail, values)
    content = body.content if fields is None else {**body.content, "errors": fields}
    return JSONResponse(content, status_code=status, headers={**(headers or {}), **body.headers})


def translate_integrity(error: IntegrityError) -> PlatformError | None:
    """The conflict behind a violated constraint; None for a broken CHECK or NOT NULL, which is our bug."""
    cause = error.orig
    if not isinstance(cause, pg.UniqueViolation | pg.ExclusionViolation | pg.ForeignKeyViolation):
        return None
    code, detail = CONFLICTS.get(cause.diag.constraint_name or "", _OTHER_CONFLICT)
    return Conflict(code, detail)


def translate_operational(error: OperationalError) -> PlatformError | None:
    if isinstance(error.orig, pg.DeadlockDetected | pg.SerializationFailure | pg.LockNotAvailable):
        return Conflict(*_OTHER_CONFLICT)
    if isinstance(error.orig, pg.QueryCanceled):
        return Unavailable("query_too_long", "The database took too long to answer.", retry_after_s=5)
    return Unavailable("database_unavailable", "The database does not answer.", retry_after_s=5)


def _on_platform_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, PlatformError)
    return error_response(request, error)


def _on_integrity_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, IntegrityError)
    translated = translate_integrity(error)
    if translated is None:
        raise error
    log.info("constraint refused a change", code=translated.code, constraint=str(error.orig))
    return error_response(request, translated)


def _on_operational_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, OperationalError)
    translated = translate_operational(error)
    if translated is None:
        raise error
    log.warning("database error", code=translated.code, error=str(error.orig))
    return error_response(request, translated)


def _on_pool_timeout(request: Request, error: Exception) -> JSONResponse:
    log.error("no free database connection", error=str(error))
    return error_response(request, Unavailable("overloaded", "Too many requests at once.", retry_after_s=5))


def _on_data_error(request: Request, error: Exception) -> JSONResponse:
    # A NUL character or a number beyond the column: passes JSON, cannot be stored.
    log.info("value refused by the database", error=str(error))
    return error_response(request, Invalid("invalid_value", "A value cannot be stored (control character?)."))


def _on_http_exception(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    code = HTTP_CODES.get(error.status_code, f"http_{error.status_code}")
    detail = str(error.detail) or HTTPStatus(error.status_code).phrase
    return _answer(request, error.status_code, code, detail, headers=error.headers)


def _is_sent_as_something_else(request: Request) -> bool:
    """A body under another content type is taken for text, and every field would be called missing."""
    headers = request.headers
    if headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers:
        return False
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind != "application/json" and not kind.endswith("+json")


def _on_validation_error(request: Request, error: Exception) -> JSONResponse:
    """422 `invalid_body`, 415 when it was not sent as JSON, 400 `invalid_parameter` for path and query.

    Input values are not echoed: they may hold a password.
    """
    assert isinstance(error, RequestValidationError)
    found = error.errors()
    in_body = any(item["loc"][:1] == ("body",) for item in found)
    if in_body and _is_sent_as_something_else(request):
        detail = "Send the body as JSON, with the header Content-Type: application/json."
        return _answer(request, 415, "unsupported_media_type", detail)
    fields = [_field(item, language_of(request)) for item in found]
    if in_body:
        return _answer(request, 422, "invalid_body", "The request body is malformed.", fields=fields)
    return _answer(request, 400, "invalid_parameter", "A parameter is malformed.", fields=fields)


def _field(item: Mapping[str, Any], language: Language) -> dict[str, str]:
    french = language is Language.FRENCH
    message = french_message(item["type"], item.get("ctx", {})) if french else item["msg"]
    return {
        "field": ".".join(str(part) for part in item["loc"]),
        "message": message,
        "type": item["type"],
    }


def install(app: FastAPI) -> None:
    """Unexpected errors are not here: `platform_api.middleware` answers 500 `internal_error`."""
    app.add_exception_handler(PlatformError, _on_platform_error)
    app.add_exception_handler(IntegrityError, _on_integrity_error)
    app.add_exception_handler(OperationalError, _on_operational_error)
    app.add_exception_handler(PoolTimeout, _on_pool_timeout)
    app.add_exception_handler(DataError, _on_data_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
