"""Cursors: round trip, and everything that was not given out is refused."""

import base64
import json
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_api.errors import BadRequest
from platform_api.pagination import decode_cursor, encode_cursor

TIMES = st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def raw(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@given(time=TIMES, row_id=st.uuids(), number=st.integers(-(2**63), 2**63 - 1), words=st.text(max_size=20))
def test_a_cursor_gives_back_its_values(time: datetime, row_id: UUID, number: int, words: str) -> None:
    cursor = encode_cursor([time, row_id, number, words])
    assert decode_cursor(cursor, [datetime, UUID, int, str]) == [time, row_id, number, words]
    assert cursor.isascii()
    assert not set(cursor) & set("+/=&?#")


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "é",
        "!!!!",
        raw([]),
        raw([1, 2]),
        raw({"a": 1}),
        raw(["2026-01-01T00:00:00"]),
        raw([1]),
        raw([None]),
        raw(["yesterday"]),
        "W" * 500,
        base64.urlsafe_b64encode(b"\xff\xfe").decode(),
        raw(7),
    ],
)
def test_a_cursor_of_ones_own_making_is_refused(cursor: str) -> None:
    with pytest.raises(BadRequest) as caught:
        decode_cursor(cursor, [datetime])
    assert caught.value.code == "invalid_cursor"


@pytest.mark.parametrize("value", [True, 1.5, "1", 2**63, -(2**63) - 1, None])
def test_an_integer_is_an_integer_that_fits(value: object) -> None:
    with pytest.raises(BadRequest):
        decode_cursor(raw([value]), [int])


def test_a_uuid_must_be_one() -> None:
    row_id = uuid4()
    assert decode_cursor(raw([str(row_id)]), [UUID]) == [row_id]
    with pytest.raises(BadRequest):
        decode_cursor(raw(["not one"]), [UUID])
