"""`{"code", "detail", "request_id"}` in the language of the reader, for the middleware and the handlers alike."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from starlette.requests import HTTPConnection

from platform_api.codes import french_text
from platform_api.languages import Language, language_headers, language_of

_NOTHING: Mapping[str, object] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class ErrorBody:
    """`headers` say which language it is and that another reader may get another one."""

    content: dict[str, Any]
    language: Language

    @property
    def headers(self) -> dict[str, str]:
        return language_headers(self.language)


def error_body(
    connection: HTTPConnection, code: str, detail: str, values: Mapping[str, object] = _NOTHING
) -> ErrorBody:
    """`detail` is English; the catalogue has the French, whose places `values` fill."""
    french = french_text(code, values) if language_of(connection) is Language.FRENCH else None
    content = {"code": code, "detail": french or detail, "request_id": request_id_of(connection)}
    return ErrorBody(content, Language.ENGLISH if french is None else Language.FRENCH)


def request_id_of(connection: HTTPConnection) -> str | None:
    """What `platform_api.middleware` gave this request."""
    value = connection.scope.get("state", {}).get("request_id")
    return value if isinstance(value, str) else None
