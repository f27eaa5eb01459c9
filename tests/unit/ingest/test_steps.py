"""Stateless checks: the present, the past, and the sea south of Accra."""

from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.ping import REASONS, Ping, Rejected
from ingest.steps import GPS_WEEKS, STEPS, StepContext, apply_steps, needs_a_look
from ingest.track import from_pings

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


WEEKS_US = GPS_WEEKS * 7 * 86_400 * SECOND
DAY_US = 86_400 * SECOND


class TestRollover:
    """A receiver with old firmware counts its weeks modulo 1024 and says that it is 2006."""

    @pytest.mark.parametrize("late_us", [0, 30 * DAY_US, -300 * SECOND])
    def test_weeks_that_were_lost_are_given_back(self, late_us: int) -> None:
        kept, rejected = apply_steps([ping(NOW_US - late_us - WEEKS_US, seq=3)], CONTEXT)
        assert rejected == []
        assert kept[0].time_us == NOW_US - late_us
        assert kept[0].attributes == {"gps_weeks_added": 1024}
        assert kept[0].seq == 3

    def test_the_attributes_it_had_stay(self) -> None:
        kept, _ = apply_steps([ping(NOW_US - WEEKS_US, attributes={"io": 7})], CONTEXT)
        assert kept[0].attributes == {"io": 7, "gps_weeks_added": 1024}

    def test_twice_over_too(self) -> None:
        kept, _ = apply_steps([ping(NOW_US - 2 * WEEKS_US)], CONTEXT)
        assert (kept[0].time_us, kept[0].attributes) == (NOW_US, {"gps_weeks_added": 2048})

    @pytest.mark.parametrize("late_us", [30 * DAY_US + 1, -300 * SECOND - 1, 365 * DAY_US])
    def test_a_clock_that_is_merely_wrong_is_refused(self, late_us: int) -> None:
        assert reason(ping(NOW_US - late_us - WEEKS_US)) == "time_too_old"

    def test_a_time_that_may_be_true_is_left_alone(self) -> None:
        context = msgspec.structs.replace(CONTEXT, earliest_us=0)
        assert apply_steps([ping(NOW_US - WEEKS_US)], context)[0][0].time_us == NOW_US - WEEKS_US

    def test_mended_it_is_still_looked_at_by_every_step(self) -> None:
        assert reason(ping(NOW_US - WEEKS_US, lat=0.0, lon=0.0)) == "no_fix"


class TestPast:
    LIMITED = msgspec.structs.replace(CONTEXT, max_past_us=7 * DAY_US)

    @pytest.mark.parametrize(("age_us", "refused"), [(7 * DAY_US, 0), (7 * DAY_US + 1, 1)])
    def test_the_limit_is_the_last_that_passes(self, age_us: int, refused: int) -> None:
        _, rejected = apply_steps([ping(NOW_US - age_us)], self.LIMITED)
        assert [each.reason for each in rejected] == ["time_in_past"] * refused

    def test_without_a_limit_ten_years_are_no_matter(self) -> None:
        assert reason(ping(NOW_US - 3650 * DAY_US)) is None

    def test_it_says_how_old(self) -> None:
        _, rejected = apply_steps([ping(NOW_US - 40 * DAY_US)], self.LIMITED)
        assert rejected[0].detail == "2025-12-09T19:57:02Z is 40 days ago, the limit is 7"


@given(
    st.lists(
        st.builds(
            ping,
            st.sampled_from(
                [0, EARLIEST_US - 1, EARLIEST_US, NOW_US - 8 * DAY_US, NOW_US, NOW_US + 301 * SECOND]
            )
            | st.integers(0, 253_402_300_799_999_999),
            st.sampled_from([0.0, -0.0, 14.7]),
            st.sampled_from([0.0, -0.0, -17.4]),
            attributes=st.sampled_from([None, {"fix": 0}, {"valid": False}, {"valid": True}, {"io": 1}]),
        ),
        min_size=1,
    ),
    st.sampled_from([0, 7 * DAY_US]),
)
def test_rows_that_need_no_look_pass_every_step_unchanged(pings: list[Ping], max_past_us: int) -> None:
    context = msgspec.structs.replace(CONTEXT, max_past_us=max_past_us)
    columns = from_pings(pings, np.zeros(len(pings), np.int64), np.full(len(pings), NOW_US))
    looked_at = set(needs_a_look(columns, EARLIEST_US, CONTEXT.max_future_us, max_past_us).tolist())
    for row, each in enumerate(pings):
        if row not in looked_at:
            assert apply_steps([each], context) == ([each], [])
