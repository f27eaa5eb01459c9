"""Which letters may be played again, what ranges may be asked for, and what a person can read."""

from datetime import UTC, date, datetime

import pytest

from platform_api.accounting.rules import check_days, check_playable, check_times, readable
from platform_api.errors import BadRequest, Conflict

T = datetime(2026, 3, 2, 12, tzinfo=UTC)


def test_a_waiting_whole_letter_may_be_played() -> None:
    check_playable(replayed_at=None, payload_bytes=5, kept_bytes=5)


@pytest.mark.parametrize(
    ("replayed_at", "kept_bytes", "code"),
    [(T, 5, "letter_played"), (None, 4, "letter_cut"), (T, 4, "letter_played")],
)
def test_another_may_not(replayed_at: datetime | None, kept_bytes: int, code: str) -> None:
    with pytest.raises(Conflict, match=code):
        check_playable(replayed_at=replayed_at, payload_bytes=5, kept_bytes=kept_bytes)


def test_one_day_is_a_range_and_one_moment_is_none() -> None:
    check_days(date(2026, 3, 2), date(2026, 3, 2))
    check_days(None, date(2026, 3, 2))
    check_times(T, None)
    with pytest.raises(BadRequest, match="invalid_range"):
        check_days(date(2026, 3, 2), date(2026, 3, 1))
    with pytest.raises(BadRequest, match="invalid_range"):
        check_times(T, T)


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        (b'{"lat": 1}\r\n\t', '{"lat": 1}\r\n\t'),
        ("Thiès".encode(), "Thiès"),
        (b"", ""),
        (b"\xff", None),
        (b"a\x00b", None),
        (b"\x1b[2J", None),
    ],
)
def test_readable(payload: bytes, text: str | None) -> None:
    assert readable(payload) == text
