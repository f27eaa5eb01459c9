"""The OpenAPI document: what FastAPI makes of the endpoints, and what is true of all of them.

An endpoint declares the codes of its own (`responses=errors("order_not_found")`). Those that follow
from its form (it takes a body, needs a token, has a cursor ...) are added here, and not repeated there.
"""

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts

from platform_api.admin import rules as impersonation
from platform_api.api_keys import rules as api_keys
from platform_api.codes import catalogue
from platform_api.deps import closed_to_formers, closed_to_viewers, is_role_check
from platform_api.idempotency.once import IDEMPOTENCY_ERRORS
from platform_api.openapi_examples import ExampleMaker
from platform_api.openapi_texts import DESCRIPTION, PARAMETERS, RESPONSE_HEADERS, TAGS
from platform_api.schemas import ErrorOut, error_example

ALWAYS = ("internal_error", "database_unavailable", "overloaded", "query_too_long")
WITH_TOKEN = (
    "not_authenticated", "invalid_token", "token_expired", "token_revoked", "account_disabled", "api_key_revoked",
    "api_key_expired", "impersonation_over",
)  # fmt: skip
WITH_PARAMETERS = ("invalid_parameter", "invalid_value")
WITH_BODY = ("bad_request", "body_too_large", "unsupported_media_type", "invalid_body", "invalid_value")
WITH_CHANGE = ("conflict",)
WITH_IF_MATCH = ("invalid_if_match", "version_mismatch")

Operation = dict[str, Any]


def operation_id(route: APIRoute) -> str:
    """Readable, and the same as long as neither the tag nor the function is renamed: `orders_accept_bid`."""
    tag = str(route.tags[0]) if route.tags else "api"
    return f"{tag}_{route.name}".lower().replace(" ", "_").replace("-", "_")


def install(app: FastAPI) -> None:
    app.openapi = lambda: _cached(app)  # type: ignore[method-assign]


def _cached(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        app.openapi_schema = _document(app)
    return app.openapi_schema


def _document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title=app.title,
        version=app.version,
        description=DESCRIPTION,
        routes=app.routes,
        tags=[{"name": name, "description": text} for name, text in TAGS.items()],
    )
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    schemas["ErrorOut"] = _error_schema(schemas)
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    components["parameters"] = PARAMETERS
    components["headers"] = RESPONSE_HEADERS
    examples = ExampleMaker(schemas)
    for context, operation in operations(app, document):
        _complete(operation, context, examples)
    return document


def _error_schema(schemas: dict[str, Any]) -> dict[str, Any]:
    schema = ErrorOut.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(schema.pop("$defs", {}))
    return schema


def operations(app: FastAPI, document: Mapping[str, Any]) -> Iterator[tuple[RouteContext, Operation]]:
    """Each operation of the document with the route it stands for."""
    for context in iter_route_contexts(app.routes):
        if isinstance(context.original_route, APIRoute) and context.include_in_schema:
            path = document["paths"][context.path_format]
            for method in context.methods or ():
                yield context, path[method.lower()]


def _complete(operation: Operation, context: RouteContext, examples: ExampleMaker) -> None:
    parameters = operation.setdefault("parameters", [])
    responses: dict[str, Any] = operation["responses"]
    codes = [code for status in responses.values() for code in codes_of(status)]
    codes += _common_codes(operation, context)
    for status in {str(catalogue()[code].status) for code in codes}:
        if status not in responses or not _has_own_form(responses[status]):
            responses[status] = _error_response(int(status), codes)
    names = {parameter["name"].lower() for parameter in parameters}
    for status, response in responses.items():
        _add_headers(response, _headers(names) if status.startswith("2") else ["X-Request-Id"])
    operation["responses"] = dict(sorted(responses.items()))
    _add_examples(operation, examples)
    parameters += [{"$ref": f"#/components/parameters/{name}"} for name in PARAMETERS]


def _headers(parameter_names: set[str]) -> list[str]:
    """Of a success: what comes with a version, or with a key."""
    versioned = ["ETag"] if "if-match" in parameter_names else []
    repeatable = ["Idempotency-Replayed"] if "idempotency-key" in parameter_names else []
    return ["X-Request-Id", *versioned, *repeatable]


def _add_headers(response: dict[str, Any], names: list[str]) -> None:
    headers = response.setdefault("headers", {})
    headers |= {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _has_own_form(response: Mapping[str, Any]) -> bool:
    """Such as the health page's 503, which is no error of a request."""
    schema = str(response.get("content", {}).get("application/json", {}).get("schema", {}))
    return bool(schema) and "ErrorOut" not in schema and "HTTPValidationError" not in schema


def codes_of(response: Mapping[str, Any]) -> list[str]:
    """The error codes that a response of the document names."""
    examples = response.get("content", {}).get("application/json", {}).get("examples", {})
    return [name for name in examples if name in catalogue()]


def _common_codes(operation: Operation, context: RouteContext) -> list[str]:
    names = {parameter["name"].lower() for parameter in operation.get("parameters", [])}
    method = next(iter(context.methods or {"GET"}))
    path, secured, changes = context.path_format or "", "security" in operation, method != "GET"
    own = path.startswith(impersonation.OWN_ALONE)
    open_to_keys = api_keys.needed_scope(method, path) is not None
    conditions: tuple[tuple[bool, tuple[str, ...]], ...] = (
        (True, ALWAYS),
        (secured, WITH_TOKEN),
        (secured, ("scope_missing",) if open_to_keys else ("api_key_not_allowed",)),
        (secured and own, ("impersonation_not_allowed",)),
        (secured and changes and not own, ("impersonation_reads_only",)),
        (secured and closed_to_viewers(method, path), ("read_only_member",)),
        (secured and closed_to_formers(path), ("business_left",)),
        (bool(names), WITH_PARAMETERS),
        ("requestBody" in operation, WITH_BODY),
        (changes, WITH_CHANGE),
        ("cursor" in names, ("invalid_cursor",)),
        ("idempotency-key" in names, IDEMPOTENCY_ERRORS),
        ("if-match" in names, WITH_IF_MATCH),
        (_checks_role(context.dependant), ("role_not_allowed",)),
    )
    return [code for holds, codes in conditions if holds for code in codes]


def _checks_role(dependant: Dependant | None) -> bool:
    if dependant is None:
        return False
    return is_role_check(dependant.call) or any(_checks_role(each) for each in dependant.dependencies)


def _error_response(status: int, codes: list[str]) -> dict[str, Any]:
    here = [code for code in dict.fromkeys(codes) if catalogue()[code].status == status]
    listed = ", ".join(f"`{code}`" for code in here)
    headers = {"Content-Language": {"$ref": "#/components/headers/Content-Language"}}
    if status in (429, 503):
        headers["Retry-After"] = {"$ref": "#/components/headers/Retry-After"}
    return {
        "description": f"{HTTPStatus(status).phrase}: {listed}" if listed else HTTPStatus(status).phrase,
        "headers": headers,
        "content": {
            "application/json": {
                "schema": {"$ref": "#/components/schemas/ErrorOut"},
                "examples": {code: error_example(code) for code in here},
            }
        },
    }


def _add_examples(operation: Operation, examples: ExampleMaker) -> None:
    answers = [
        each for status, each in operation["responses"].items() if status[0] == "2" or _has_own_form(each)
    ]
    makers = [(operation.get("requestBody", {}), examples.request)]
    makers += [(answer, examples.answer) for answer in answers]
    for body, make in makers:
        content = body.get("content", {}).get("application/json")
        if content is not None and not content.keys() & {"example", "examples"}:
            content["example"] = make(content.get("schema", {}))
