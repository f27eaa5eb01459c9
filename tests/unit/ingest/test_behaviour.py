"""Speeding and harsh driving, from the speeds that a receiver reports."""

import random
from collections.abc import Sequence

import pytest

from telemetry.rules import VehicleRules
from tests.support.drives import Told, at, tell
from tests.support.law import PHONE, Candidate

RULES = VehicleRules(speed_limit_kmh=90, speeding_min_s=30)


def speeds(kmh: Sequence[float | None], every_s: int = 1, begin_s: int = 0) -> list[Candidate]:
    """Fixes of a truck that goes at these speeds, one each `every_s`."""
    fixes, along_m = [], 1000.0 * begin_s
    for number, each in enumerate(kmh):
        fixes.append(at(begin_s + number * every_s, along_m, speed_kmh=each))
        along_m += (each or 0.0) / 3.6 * every_s
    return fixes


def told(kmh: Sequence[float | None], every_s: int = 1) -> Told:
    return tell(speeds(kmh, every_s), RULES)


def around(kmh: float, sigma: float, count: int, seed: int) -> list[float]:
    dice = random.Random(f"{kmh}/{sigma}/{seed}")
    return [kmh + dice.gauss(0, sigma) for _ in range(count)]


class TestSpeeding:
    def test_half_a_minute_above_the_limit(self) -> None:
        one = told([80] * 20 + [95] * 40 + [110] * 5 + [80] * 20)
        assert one.spans("speeding") == [(20, 64)]
        assert one.of("speeding")[0].values == {"limit_kmh": 90.0, "max_speed_kmh": 110.0}

    def test_it_is_told_as_soon_as_it_lasts(self) -> None:
        assert told([80] * 20 + [95] * 31).spans("speeding") == [(20, None)]
        assert told([80] * 20 + [95] * 30).spans("speeding") == []

    def test_overtaking_is_none(self) -> None:
        assert told([85] * 60 + [100] * 25 + [85] * 60).spans("speeding") == []

    def test_exactly_at_the_limit_is_none(self) -> None:
        assert told([90] * 300).spans("speeding") == []

    @pytest.mark.parametrize("seed", range(20))
    @pytest.mark.parametrize("sigma", [0.5, 1.0, 3.0])
    def test_a_speed_that_scatters_below_the_limit_is_none(self, sigma: float, seed: int) -> None:
        """At 88 with a scatter of 3 every fourth fix is above 90."""
        assert told(around(88, sigma, 1800, seed)).spans("speeding") == []

    @pytest.mark.parametrize("seed", range(20))
    @pytest.mark.parametrize("sigma", [0.5, 1.0, 3.0])
    def test_one_that_scatters_above_it_is_one_or_two_not_many(self, sigma: float, seed: int) -> None:
        found = told([80] * 10 + around(93, sigma, 600, seed) + [80] * 20).spans("speeding")
        assert 1 <= len(found) <= 2
        assert sum((end or 0) - begin for begin, end in found) == pytest.approx(600, rel=0.1)

    def test_a_breath_of_a_few_seconds_does_not_make_two(self) -> None:
        assert told([95] * 60 + [89] * 8 + [95] * 60 + [80] * 20).spans("speeding") == [(0, 127)]

    def test_braking_to_town_speed_ends_it_at_once(self) -> None:
        assert told([95] * 60 + [50] * 5 + [95] * 60 + [80] * 20).spans("speeding") == [(0, 59), (65, 124)]

    def test_two_fixes_a_minute_apart_are_enough(self) -> None:
        assert told([80, 95, 96, 80], every_s=60).spans("speeding") == [(60, 120)]

    def test_between_fixes_ten_minutes_apart_nobody_knows(self) -> None:
        assert told([95, 96, 95], every_s=600).spans("speeding") == []

    def test_an_impossible_speed_is_no_speed(self) -> None:
        assert told([80] * 10 + [400] * 60 + [80] * 10).spans("speeding") == []

    def test_fixes_without_a_speed_neither_end_it_nor_make_it(self) -> None:
        assert told([95, None, 96] * 15 + [80] * 15).spans("speeding") == [(0, 44)]
        assert told([None] * 100).spans("speeding") == []

    def test_each_vehicle_has_its_own_limit(self) -> None:
        assert tell(speeds([65] * 60), VehicleRules(speed_limit_kmh=60)).spans("speeding") == [(0, None)]


class TestHarshDriving:
    def test_full_braking_at_a_fix_a_second(self) -> None:
        one = told([80] * 5 + [64, 48, 32, 16, 0] + [0] * 5)
        assert one.spans("harsh_braking") == [(5, 5)]
        assert one.of("harsh_braking")[0].values == {"mps2": -4.44, "from_kmh": 80.0, "to_kmh": 64.0}

    def test_it_is_not_seen_at_a_fix_every_ten_seconds(self) -> None:
        assert not told([80, 80, 0, 0], every_s=10).of("harsh_braking")

    def test_braking_as_one_does_is_none(self) -> None:
        assert not told([80 - 7 * n for n in range(11)]).of("harsh_braking")

    def test_a_start_like_a_race(self) -> None:
        assert told([0, 0, 12, 24, 36, 48, 48, 48]).spans("harsh_acceleration") == [(2, 2)]

    def test_braking_again_after_a_while_is_another(self) -> None:
        once = [80.0, 80.0, 62.0, 45.0, 45.0]
        gently = [45.0 + 3.0 * n for n in range(12)]
        assert told([*once, *gently, *once]).spans("harsh_braking") == [(2, 2), (19, 19)]

    def test_one_wrong_speed_is_neither(self) -> None:
        wrong = told([60] * 10 + [44] + [60] * 10)
        assert wrong.story == []

    def test_nor_is_what_no_lorry_can_do(self) -> None:
        assert told([60] * 10 + [0] * 10 + [60] * 10).story == []

    def test_the_speeds_of_two_devices_are_not_compared(self) -> None:
        phone = [at(2, 40, device_id=2, priority=PHONE, speed_kmh=40.0)]
        fixes = [*speeds([60, 60]), *phone, *speeds([60, 60, 60], begin_s=3)]
        assert tell(fixes, RULES).of("harsh_braking") == []

    def test_it_is_told_with_the_next_fix_and_dated_to_its_own(self) -> None:
        fixes = speeds([80, 80, 64, 48])
        assert tell(fixes[:3], RULES).story == []
        (one,) = tell(fixes, RULES).of("harsh_braking")
        assert one.seen_us > one.started_us == fixes[2].ping.time_us
