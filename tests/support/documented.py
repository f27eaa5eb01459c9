"""Holds every answer of the API in every test against the OpenAPI document.

A status or an error code that an endpoint does not declare fails the test that met it.
"""

import re
from collections.abc import Callable
from functools import cache
from typing import Any

from httpx import Response

from platform_api.app import create_app
from platform_api.openapi import codes_of


def documented() -> Callable[[Response], None]:
    """A response hook for a client of the API. Paths of tests' own are let through."""
    paths = _paths()

    def check(response: Response) -> None:
        request = response.request
        found = next((methods for pattern, methods in paths if pattern.fullmatch(request.url.path)), {})
        operation = found.get(request.method.lower())
        if operation is None or not request.url.path.startswith("/api/"):
            return
        what = (
            f"{request.method} {request.url.path} ({operation['operationId']}) answers {response.status_code}"
        )
        declared = operation["responses"].get(str(response.status_code))
        assert declared is not None, f"{what}, which it does not declare: {_shown(response)}"
        if response.status_code >= 400 and "ErrorOut" in str(declared):
            response.read()
            code = response.json()["code"]
            assert code in codes_of(declared), f"{what} {code}: add it to the endpoint's errors(...)"

    return check


@cache
def _paths() -> list[tuple[re.Pattern[str], dict[str, Any]]]:
    """Those with the fewest places first: /orders/search/ is not an order.

    The document takes seconds to make, and is the same for every module of a run.
    """
    paths = create_app().openapi()["paths"]
    return [
        (re.compile(re.sub(r"\\{[^}]+\\}", "[^/]+", re.escape(path))), methods)
        for path, methods in sorted(paths.items(), key=lambda item: item[0].count("{"))
    ]


def _shown(response: Response) -> str:
    response.read()
    return response.text[:300]
