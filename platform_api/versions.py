"""Against lost updates: a row has a version, answers carry it as ETag, a change may demand it by If-Match.

RFC 9110 13.1.1. The version is a strong validator: it grows with every change of what is shown.
"""

import re
from typing import Annotated

from fastapi import Depends, Header, Response

from platform_api.errors import BadRequest, PreconditionFailed

_ETAG = re.compile(r'"([0-9]{1,18})"')


async def _if_match(
    if_match: Annotated[str | None, Header(max_length=64, description='ETag as read, such as `"7"`')] = None,
) -> int | None:
    """The version that the caller has read; None = it does not ask (or `*`)."""
    if if_match is None or if_match.strip() == "*":
        return None
    match = _ETAG.fullmatch(if_match.strip())
    if match is None:
        raise BadRequest("invalid_if_match", 'If-Match holds the ETag of the answer you read, such as "7".')
    return int(match.group(1))


IfMatch = Annotated[int | None, Depends(_if_match)]


def check_version(stored: int, expected: int | None) -> None:
    """Call it under the row's lock. Raises PreconditionFailed `version_mismatch`."""
    if expected is not None and expected != stored:
        raise PreconditionFailed("version_mismatch", "Somebody changed it since you read it. Read it again.")


def set_etag(response: Response, version: int) -> None:
    response.headers["ETag"] = f'"{version}"'
