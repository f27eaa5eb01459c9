"""Business errors: one class per kind, a stable code, plain words. Knows no HTTP library, so rules may raise them.

PlatformError
  BadRequest 400    the request itself makes no sense (a broken cursor)
  Unauthorised 401  who are you?
  Forbidden 403     you may not
  NotFound 404      there is none, or it is not yours to see
  Conflict 409      not in this state, or somebody came first
  Invalid 422       a value in the body is malformed
  TooMany 429       slow down
  Unavailable 503   a part of the platform does not answer
"""

from typing import ClassVar


class PlatformError(Exception):
    """`code` never changes once published; `detail` is for people and may."""

    status: ClassVar[int] = 500

    def __init__(self, code: str, detail: str, *, retry_after_s: int | None = None) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
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


class Invalid(PlatformError):
    status = 422


class TooMany(PlatformError):
    status = 429


class Unavailable(PlatformError):
    status = 503
