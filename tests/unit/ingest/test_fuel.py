"""Fuel filled in and taken out, and all that only looks like it."""

import random
from collections.abc import Callable

import msgspec
import pytest

from telemetry.rules import VehicleRules
from tests.support.drives import START_US, Day, Told, tell
from tests.support.law import Candidate

Level = Callable[[float, float], float]  # (seconds, metres driven) -> % of the tank


def with_fuel(
    day: Day, level: Level, *, every_s: int = 60, noise: float = 0.3, seed: int = 0
) -> list[Candidate]:
    """The day's fixes, each with the sensor's reading: the level, and slosh while driving, of `noise` at most."""
    dice, fixes = random.Random(seed), []
    for candidate in day.fixes(every_s):
        second = (candidate.ping.time_us - START_US) // 1_000_000
        truth = day.seconds[second]
        slosh = noise if truth.mps else min(noise, 0.3)
        pct = level(second, truth.along_m) + dice.uniform(-slosh, slosh)
        ping = msgspec.structs.replace(candidate.ping, fuel_pct=min(max(pct, 0.0), 100.0))
        fixes.append(Candidate(ping, candidate.device_id, candidate.priority))
    return fixes


def burning(second: float, metres: float) -> float:
    """36 l per 100 km of a tank of 600 l."""
    return 80.0 - metres / 1000 * 0.06


def kinds(told: Told) -> list[str]:
    return [interval.kind for interval in told.of("fuel_drop", "refuel")]


@pytest.mark.parametrize("every_s", [1, 10, 60, 300])
@pytest.mark.parametrize("seed", range(5))
def test_slosh_of_three_percent_while_driving_is_nothing(every_s: int, seed: int) -> None:
    day = Day().stand(20).drive(200 if every_s > 1 else 60).stand(20, engine=True).drive(50).stand(20)
    assert kinds(tell(with_fuel(day, burning, every_s=every_s, noise=3.0, seed=seed))) == []


@pytest.mark.parametrize("every_s", [1, 10, 60])
def test_a_long_slope_is_nothing(every_s: int) -> None:
    """The fuel stands against one end of the tank for two kilometres: 8 % less."""

    def sloping(second: float, metres: float) -> float:
        return burning(second, metres) - (8.0 if 20_000 < metres < 22_000 else 0.0)

    assert kinds(tell(with_fuel(Day().stand(20).drive(40).stand(20), sloping, every_s=every_s))) == []


@pytest.mark.parametrize("every_s", [10, 60, 300])
def test_filling_up_at_a_station(every_s: int) -> None:
    day = Day().stand(20).drive(50)
    arrived = day.now_s
    day.stand(20)
    left = day.now_s
    day.drive(50).stand(20)

    def level(second: float, metres: float) -> float:
        filled = min(max((second - arrived - 300) / 300, 0.0), 1.0) * 35.0
        return burning(second, metres) - 30.0 + filled

    (refuel,) = tell(with_fuel(day, level, every_s=every_s, noise=1.0)).of("refuel", "fuel_drop")
    assert refuel.kind == "refuel"
    assert arrived - every_s <= (refuel.started_us - START_US) / 1e6 <= left
    assert float(refuel.values["change_pct"]) == pytest.approx(35.0, abs=3)


@pytest.mark.parametrize("wakes_every_s", [60, 600, 3600])
def test_a_theft_at_night_from_a_truck_whose_tracker_sleeps(wakes_every_s: int) -> None:
    """60 l of 600 l in ten minutes, the engine off; an engine could burn that in an hour."""
    day = Day().stand(20).drive(20)
    parked = day.now_s
    day.stand(600)
    stolen = parked + 4 * 3600 + 60

    def level(second: float, metres: float) -> float:
        return burning(second, metres) - min(max((second - stolen) / 600, 0.0), 1.0) * 10.0

    fixes = [
        c
        for c in with_fuel(day, level, every_s=60)
        if (s := (c.ping.time_us - START_US) // 1_000_000) < parked + 600 or s % wakes_every_s == 0
    ]
    (drop,) = tell(fixes).of("refuel", "fuel_drop")
    assert drop.kind == "fuel_drop"
    assert drop.started_us - START_US <= (stolen + 600) * 1e6
    assert (drop.ended_us or 0) - START_US >= stolen * 1e6
    assert float(drop.values["change_pct"]) == pytest.approx(-10, abs=1)


def test_a_slow_theft_over_hours_from_a_parked_truck() -> None:
    day = Day().stand(20).drive(20)
    parked = day.now_s
    day.stand(480)

    def level(second: float, metres: float) -> float:
        return burning(second, metres) - max(second - parked, 0.0) / 3600 * 2.0

    drops = tell(with_fuel(day, level, every_s=300)).of("fuel_drop", "refuel")
    assert {drop.kind for drop in drops} == {"fuel_drop"}
    assert sum(float(drop.values["change_pct"]) for drop in drops) == pytest.approx(-15, abs=3.5)


def test_a_pump_that_takes_a_percent_a_minute_is_one_theft() -> None:
    day = Day().stand(20).drive(20)
    parked = day.now_s
    day.stand(240)

    def level(second: float, metres: float) -> float:
        return burning(second, metres) - min(max((second - parked - 3600) / 60, 0.0), 25.0)

    (drop,) = tell(with_fuel(day, level, noise=0.0)).of("fuel_drop", "refuel")
    assert float(drop.values["change_pct"]) == pytest.approx(-25, abs=0.5)
    assert (drop.ended_us or 0) - START_US == pytest.approx((parked + 3600 + 25 * 60) * 1e6, abs=120e6)


def test_ten_hours_on_the_road_are_no_theft() -> None:
    day = Day().stand(20).drive(600, 60).stand(20)
    assert kinds(tell(with_fuel(day, burning, noise=1.5))) == []


def test_ten_hours_with_the_engine_idling_are_no_theft() -> None:
    day = Day().stand(20).drive(5).stand(600, engine=True)
    assert kinds(tell(with_fuel(day, lambda second, _: 80.0 - second / 3600 * 3.0))) == []


def test_a_cold_night_is_no_theft() -> None:
    """Diesel shrinks by 1.3 % from afternoon to dawn."""
    day = Day().drive(5).stand(720)
    assert kinds(tell(with_fuel(day, lambda second, _: 60.0 - second / 43_200 * 0.8, every_s=600))) == []


def test_a_drain_on_the_way_is_ignored_unless_the_fleet_wants_it() -> None:
    day = Day().stand(20).drive(60).stand(20)

    def level(second: float, metres: float) -> float:
        return burning(second, metres) - (15.0 if metres > 30_000 else 0.0)

    fixes = with_fuel(day, level)
    assert kinds(tell(fixes)) == []
    assert kinds(tell(fixes, VehicleRules(fuel_ignore_drains_in_move=False))) == ["fuel_drop"]


@pytest.mark.parametrize("every_s", [1, 60])
def test_a_sensor_that_loses_its_wire_is_neither_theft_nor_refuel(every_s: int) -> None:
    day = Day().stand(20).drive(20).stand(60).drive(20).stand(20)

    def level(second: float, metres: float) -> float:
        return 0.0 if 2700 < second < 4200 else burning(second, metres)

    assert kinds(tell(with_fuel(day, level, every_s=every_s, noise=0.0))) == []


def test_a_tank_that_is_driven_empty_is_believed() -> None:
    day = Day().stand(20).drive(150).stand(60)
    fixes = with_fuel(day, lambda _, metres: max(9.0 - metres / 1000 * 0.06, 0.0))
    assert kinds(tell(fixes)) == []


def test_topping_up_less_than_the_limit_is_not_told() -> None:
    day = Day().drive(5).stand(60)
    assert kinds(tell(with_fuel(day, lambda second, _: 60.0 + (4.0 if second > 2000 else 0.0)))) == []


def test_a_single_wrong_reading_is_nothing() -> None:
    day = Day().drive(5).stand(60)
    assert kinds(tell(with_fuel(day, lambda second, _: 20.0 if 1980 <= second < 2040 else 60.0))) == []


def test_what_is_burnt_after_the_theft_is_not_part_of_it() -> None:
    day = Day().stand(20).drive(20).stand(60).drive(300, 80).stand(20)

    def level(second: float, metres: float) -> float:
        return burning(second, metres) - (15.0 if second > 4200 else 0.0)

    (drop,) = tell(with_fuel(day, level, noise=0.2)).of("fuel_drop", "refuel")
    assert float(drop.values["change_pct"]) == pytest.approx(-15, abs=0.6)


def test_a_refuel_so_small_that_the_old_level_agrees_with_the_new_one_ends_after_it_began() -> None:
    fixes = with_fuel(Day().stand(12), lambda second, _: 60.0 if second < 300 else 61.1, noise=0.0)
    (refuel,) = tell(fixes, VehicleRules(refuel_min_pct=1.0)).of("refuel")
    assert refuel.ended_us is not None
    assert START_US + 240_000_000 <= refuel.started_us < refuel.ended_us <= refuel.seen_us
