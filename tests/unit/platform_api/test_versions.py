"""If-Match and ETag."""

import asyncio

import pytest
from fastapi import Response

from platform_api.errors import BadRequest, PreconditionFailed
from platform_api.versions import _if_match, check_version, set_etag


@pytest.mark.parametrize(
    ("header", "version"), [(None, None), ("*", None), (" * ", None), ('"7"', 7), (' "7" ', 7), ('"0"', 0)]
)
def test_the_version_that_was_read(header: str | None, version: int | None) -> None:
    assert asyncio.run(_if_match(header)) == version


@pytest.mark.parametrize(
    "header", ["", "7", '"7', 'W/"7"', '"-1"', '"7", "8"', '"1e3"', '"' + "9" * 19 + '"', '"٧"']
)
def test_anything_else_is_refused(header: str) -> None:
    with pytest.raises(BadRequest) as refused:
        asyncio.run(_if_match(header))
    assert refused.value.code == "invalid_if_match"


def test_a_change_of_what_somebody_else_changed_is_refused() -> None:
    check_version(7, 7)
    check_version(7, None)
    for expected in (6, 8):
        with pytest.raises(PreconditionFailed) as refused:
            check_version(7, expected)
        assert refused.value.code == "version_mismatch"


def test_an_etag_is_quoted() -> None:
    response = Response()
    set_etag(response, 12)
    assert response.headers["ETag"] == '"12"'
