"""The OpenAPI document is a product: every operation says what it does, takes and answers, with examples."""

import re
from functools import cache
from typing import Any

import jsonschema_rs
import pytest
from fastapi import FastAPI

from platform_api.app import create_app
from platform_api.codes import catalogue
from platform_api.openapi import codes_of, operations
from platform_api.openapi_texts import TAGS

Operation = dict[str, Any]
# The 503 that names the part which does not answer is no error of the request; a page for people answers with pages.
OWN_ERRORS = {"health_health", "tracking_links_show"}


@cache
def app() -> FastAPI:
    return create_app()


def document() -> dict[str, Any]:
    return app().openapi()


def every_operation() -> list[Operation]:
    return [operation for _, operation in operations(app(), document())]


def by_id(operation: Operation) -> str:
    return str(operation["operationId"])


OPERATIONS = pytest.mark.parametrize("operation", every_operation(), ids=by_id)


def valid(schema: dict[str, Any], value: object) -> None:
    """Raises when the value is not of the schema, formats included."""
    whole = {**schema, "components": document()["components"]}
    # A time of day has no zone here, which the format of JSON Schema asks for.
    formats = {"time": lambda text: re.fullmatch(r"\d\d:\d\d:\d\d", text) is not None}
    jsonschema_rs.Draft202012Validator(whole, validate_formats=True, formats=formats).validate(value)


def answers(operation: Operation) -> dict[str, Any]:
    return {status: answer for status, answer in operation["responses"].items() if status[0] == "2"}


@OPERATIONS
def test_it_has_a_summary_a_tag_and_a_readable_id(operation: Operation) -> None:
    assert operation.get("summary")
    assert len(operation["tags"]) == 1
    assert re.fullmatch(r"[a-z][a-z0-9_]+", operation["operationId"])


@OPERATIONS
def test_what_it_does_is_described(operation: Operation) -> None:
    assert operation.get("description"), "write a docstring: it is the description"


@OPERATIONS
def test_its_body_has_an_example_that_is_valid(operation: Operation) -> None:
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        if kind == "application/json":
            valid(content["schema"], content["example"])


@OPERATIONS
def test_its_success_has_an_example_that_is_valid(operation: Operation) -> None:
    assert answers(operation)
    for status, answer in answers(operation).items():
        assert status == "204" or answer["content"], status
        for kind, content in answer.get("content", {}).items():
            if kind == "application/json":
                valid(content["schema"], content["example"])


@OPERATIONS
def test_every_error_it_declares_has_a_code_and_an_example_of_it(operation: Operation) -> None:
    for status, answer in operation["responses"].items():
        if int(status) < 400 or operation["operationId"] in OWN_ERRORS:
            continue
        codes = codes_of(answer)
        assert codes, f"{status}: declare codes, not a status: errors('...')"
        for code in codes:
            assert catalogue()[code].status == int(status)
            example = answer["content"]["application/json"]["examples"][code]["value"]
            valid(answer["content"]["application/json"]["schema"], example)


@OPERATIONS
def test_what_needs_a_token_says_so(operation: Operation) -> None:
    asks = "security" in operation
    assert asks == ("not_authenticated" in codes_of(operation["responses"].get("401", {})))


@OPERATIONS
def test_what_changes_by_version_shows_it(operation: Operation) -> None:
    names = {parameter.get("name", "").lower() for parameter in operation["parameters"]}
    if "if-match" in names:
        assert any("ETag" in answer["headers"] for answer in answers(operation).values())
    if "idempotency-key" in names:
        assert all("Idempotency-Replayed" in answer["headers"] for answer in answers(operation).values())


def test_ids_are_unique() -> None:
    ids = [by_id(operation) for operation in every_operation()]
    assert len(set(ids)) == len(ids), sorted(each for each in ids if ids.count(each) > 1)


def test_every_tag_is_described_in_openapi_texts() -> None:
    assert {tag for operation in every_operation() for tag in operation["tags"]} == TAGS.keys()


def test_every_operation_of_the_document_was_looked_at() -> None:
    assert sum(len(methods) for methods in document()["paths"].values()) == len(every_operation())


def test_the_document_holds_nothing_of_the_framework() -> None:
    assert "HTTPValidationError" not in str(document())
