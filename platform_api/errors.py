"""Business errors: one class per kind, a stable code, plain words. Knows no HTTP library, so rules may raise them.

PlatformError
  BadRequest 400    the request itself makes no sense (a broken cursor)
  Unauthorised 401  who are you?
  Forbidden 403     you may not
  NotFound 404      there is none, or it is not yours to see
  Conflict 409      not in this state, or somebody came first
  PreconditionFailed 412  somebody changed it since the caller read it
  TooLarge 413      more than is taken here
  Unsupported 415   a kind of content that is not taken here
  Invalid 422       a value in the body is malformed
  TooMany 429       slow down
  Unavailable 503   a part of the platform does not answer
"""

from typing import ClassVar


class PlatformError(Exception):
    """`code` never changes once published; `detail` is for people and may.

    Each code is in the catalogue (`platform_api.codes`); `values` fill the places of its French text.
    """

    status: ClassVar[int] = 500

    def __init__(self, code: str, detail: str, *, retry_after_s: int | None = None, **values: object) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.values = values
        self.retry_after_s = retry_after_s

    @property
    def headers(self) -> dict[str, str]:
        return {} if self.retry_after_s is None else {"Retry-After": str(self.retry_after_s)}


class BadRequest(PlatformError):
    status = 400


class Unauthorised(PlatformError):
    status = 401

    @property
    def headers(self) -> dict[str, str]:
        return {"WWW-Authenticate": "Bearer"}


class Forbidden(PlatformError):
    status = 403


class NotFound(PlatformError):
    status = 404


class Conflict(PlatformError):
    status = 409


class PreconditionFailed(PlatformError):
    status = 412


class TooLarge(PlatformError):
    status = 413


class Unsupported(PlatformError):
    status = 415


class Invalid(PlatformError):
    status = 422


class TooMany(PlatformError):
    status = 429


class Unavailable(PlatformError):
    status = 503
