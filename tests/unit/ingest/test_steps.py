"""Stateless checks: the present, the past, and the sea south of Accra."""

from typing import Any

import pytest

from ingest.ping import REASONS, Ping, Rejected
from ingest.steps import STEPS, StepContext, apply_steps

SECOND = 1_000_000
NOW_US = 1_768_766_222 * SECOND
EARLIEST_US = 1_420_070_400 * SECOND  # 2015
CONTEXT = StepContext(received_us=NOW_US, earliest_us=EARLIEST_US, max_future_us=300 * SECOND)


def ping(time_us: int = NOW_US, lat: float = 14.7, lon: float = -17.4, **rest: Any) -> Ping:
    return Ping(time_us=time_us, lat=lat, lon=lon, **rest)


def reason(candidate: Ping) -> str | None:
    kept, rejected = apply_steps([candidate], CONTEXT)
    assert len(kept) + len(rejected) == 1
    return rejected[0].reason if rejected else None


@pytest.mark.parametrize(
    ("time_us", "expected"),
    [
        (NOW_US, None),
        (NOW_US + 300 * SECOND, None),
        (NOW_US + 300 * SECOND + 1, "time_in_future"),
        (2_208_988_800 * SECOND, "time_in_future"),  # 2040
        (253_402_300_799 * SECOND, "time_in_future"),
        (EARLIEST_US, None),
        (EARLIEST_US - 1, "time_too_old"),
        (0, "time_too_old"),
        (1_768_766_222_000, "time_too_old"),  # seconds sent where milliseconds are due: January 1970
    ],
)
def test_clocks(time_us: int, expected: str | None) -> None:
    assert reason(ping(time_us)) == expected


@pytest.mark.parametrize(
    ("candidate", "expected"),
    [
        (ping(lat=0.0, lon=0.0), "no_fix"),
        (ping(lat=-0.0, lon=0.0), "no_fix"),
        (ping(lat=0.0), None),
        (ping(lon=0.0), None),
        (ping(attributes={"fix": False}), "no_fix"),
        (ping(attributes={"fix": 0}), "no_fix"),
        (ping(attributes={"fix": 0.0}), "no_fix"),
        (ping(attributes={"fix": 3}), None),
        (ping(attributes={"fix": True}), None),
        (ping(attributes={"fix": None}), None),
        (ping(attributes={"fix": "0"}), None),
        (ping(attributes={"fix": [0]}), None),
        (ping(attributes={"valid": False}), "no_fix"),
        (ping(attributes={"valid": True, "gsm": 4}), None),
        (ping(satellites=0, hdop=99.9), None),
    ],
)
def test_fixes(candidate: Ping, expected: str | None) -> None:
    assert reason(candidate) == expected


def test_a_ping_is_refused_once_by_the_first_step_that_objects() -> None:
    _, rejected = apply_steps([ping(time_us=0, lat=0.0, lon=0.0, seq=9)], CONTEXT)
    assert rejected == [Rejected("no_fix", "latitude and longitude are both 0", 9)]


def test_order_is_kept_and_numbers_are_told() -> None:
    sent = [ping(seq=1), ping(0, seq=2), ping(seq=3), ping(lat=0.0, lon=0.0, seq=4), ping(seq=5)]
    kept, rejected = apply_steps(sent, CONTEXT)
    assert [each.seq for each in kept] == [1, 3, 5]
    assert [(each.reason, each.seq) for each in rejected] == [("time_too_old", 2), ("no_fix", 4)]


def test_nothing_in_nothing_out() -> None:
    assert apply_steps([], CONTEXT) == ([], [])


def test_steps_are_named_after_their_reasons() -> None:
    assert all(step.__name__ in REASONS for step in STEPS)


def test_details_say_the_times() -> None:
    _, rejected = apply_steps([ping(NOW_US + 3600 * SECOND), ping(0)], CONTEXT)
    assert rejected[0].detail == "2026-01-18T20:57:02Z is 3600 s ahead, the limit is 300 s"
    assert rejected[1].detail == "1970-01-01T00:00:00Z is before 2015-01-01T00:00:00Z"
