"""Trips, stops, parking, gaps, idling and tows as a fleet's owner would tell them, on a straight road."""

import pytest

from ingest.interval import Interval
from telemetry.rules import VehicleRules
from tests.support.drives import Day, Told, at, span, tell

INTERVALS_S = (1, 10, 60, 300)


def driven_m(trip: Interval) -> float:
    return float(trip.values["distance_m"])


def assert_near(
    found: tuple[float, float | None], expected: tuple[float, float | None], within_s: float
) -> None:
    for one, other in zip(found, expected, strict=True):
        if other is None:
            assert one is None
        else:
            assert one == pytest.approx(other, abs=within_s)


class TestTrips:
    @pytest.mark.parametrize("every_s", INTERVALS_S)
    @pytest.mark.parametrize("scatter_m", [0.0, 5.0, 10.0])
    @pytest.mark.parametrize("bus", [True, False])
    def test_a_plain_trip_has_its_times_and_its_distance(
        self, every_s: int, scatter_m: float, bus: bool
    ) -> None:
        day = Day().stand(60)
        begin = day.now_s
        day.drive(20)
        end = day.now_s
        told = tell(day.stand(60).fixes(every_s, scatter_m=scatter_m, bus=bus))
        assert told.story == ["parking", "trip", "parking"]
        (trip,) = told.trips
        assert_near(span(trip), (begin, end), max(every_s, 20))
        assert driven_m(trip) == pytest.approx(20_000, rel=0.01)
        assert trip.values["max_speed_kmh"] == 60.0

    def test_it_is_told_while_it_goes_on_and_has_no_distance_yet(self) -> None:
        told = tell(Day().stand(30).drive(5).fixes(10)[:-20])
        assert told.story == ["parking", "trip"]
        assert span(told.trips[0]) == (1800, None)
        assert "distance_m" not in told.trips[0].values

    def test_a_device_without_speeds_tells_no_top_speed(self) -> None:
        told = tell(Day().stand(30).drive(5).stand(30).fixes(10, speeds=False))
        assert told.story == ["parking", "trip", "parking"]
        assert "max_speed_kmh" not in told.trips[0].values

    def test_odometer_and_fuel_are_read_at_both_ends(self) -> None:
        day = Day().stand(20).drive(5).stand(20)
        fixes = day.fixes(10, odometer_km=1000.5, fuel_pct=40.0)
        (trip,) = tell(fixes).trips
        assert trip.values["start_odometer_km"] == trip.values["end_odometer_km"] == 1000.5
        assert trip.values["start_fuel_pct"] == trip.values["end_fuel_pct"] == 40.0

    def test_two_kilometres_to_the_next_customer_at_a_fix_every_five_minutes_are_a_trip(self) -> None:
        """Only one fix or two lie between the two places, or none."""
        day = Day().stand(62).drive(2, 40).stand(60).drive(3, 40).stand(60)
        told = tell(day.fixes(300))
        assert told.story == ["parking", "trip", "parking", "trip", "parking"]
        assert [driven_m(trip) for trip in told.trips] == pytest.approx([2000, 3000], rel=0.03)

    def test_going_and_coming_back_is_two_trips(self) -> None:
        day = Day().stand(30).drive(10).stand(30).drive(10, back=True).stand(30)
        told = tell(day.fixes(30, scatter_m=5))
        assert told.story == ["parking", "trip", "parking", "trip", "parking"]
        assert [driven_m(trip) for trip in told.trips] == pytest.approx([10_000, 10_000], rel=0.01)

    def test_a_drive_that_the_first_fix_is_in_the_middle_of_is_a_trip_from_there(self) -> None:
        told = tell(
            [c for c in Day().drive(20).stand(30).fixes(10) if c.ping.time_us >= at(300).ping.time_us]
        )
        assert told.story == ["trip", "parking"]
        assert span(told.trips[0])[0] == 300

    def test_a_jam_at_a_fix_a_second_does_not_lengthen_the_way(self) -> None:
        day = Day().stand(20).drive(5)
        for _ in range(40):
            day.drive(0.1, 20).stand(0.3, engine=True)
        told = tell(day.stand(20).fixes(1, scatter_m=5, bus=False))
        assert told.story == ["parking", "trip", "parking"]
        assert driven_m(told.trips[0]) == pytest.approx(9000, rel=0.02)


class TestStops:
    @pytest.mark.parametrize("every_s", [1, 10, 60])
    def test_a_stop_of_five_minutes_is_inside_the_trip(self, every_s: int) -> None:
        day = Day().stand(30).drive(20)
        begin = day.now_s
        day.stand(5.5, engine=True)
        end = day.now_s
        told = tell(day.drive(10).stand(30).fixes(every_s, scatter_m=4))
        assert [kind for kind in told.story if kind != "idling"] == ["parking", "trip", "stop", "parking"]
        assert_near(told.spans("stop")[0], (begin, end), max(every_s, 20))
        assert told.trips[0].values["stopped_s"] == pytest.approx(330, abs=2 * max(every_s, 20))
        assert driven_m(told.trips[0]) == pytest.approx(30_000, rel=0.01)

    def test_a_traffic_light_is_no_stop(self) -> None:
        told = tell(Day().stand(30).drive(10).stand(2, engine=True).drive(10).stand(30).fixes(10))
        assert told.story == ["parking", "trip", "parking"]

    def test_the_engine_switched_off_for_a_minute_is_a_stop_at_once(self) -> None:
        day = Day().stand(30).drive(10)
        begin = day.now_s
        told = tell(day.stand(1.5).drive(10).stand(30).fixes(10))
        assert told.story == ["parking", "trip", "stop", "parking"]
        assert_near(told.spans("stop")[0], (begin, begin + 90), 10)

    def test_it_is_not_where_the_fleet_does_not_believe_the_ignition(self) -> None:
        day = Day().stand(30).drive(10).stand(1.5).drive(10).stand(30)
        assert tell(day.fixes(10), VehicleRules(use_ignition=False)).story == ["parking", "trip", "parking"]

    def test_parking_ends_the_trip_where_the_stop_began(self) -> None:
        day = Day().stand(30).drive(10)
        arrived = day.now_s
        before = tell(day.stand(14, engine=True).fixes(10))
        assert before.of("stop")
        assert span(before.trips[0])[1] is None
        after = tell(day.stand(2, engine=True).fixes(10))
        assert span(after.trips[0])[1] == after.spans("parking")[1][0] == pytest.approx(arrived, abs=10)

    def test_shunting_in_the_yard_is_one_parking(self) -> None:
        day = Day().drive(10)
        for _ in range(4):
            day.stand(20).drive(0.3, 10).stand(10, engine=True).drive(0.25, 10, back=True)
        told = tell(day.stand(20).fixes(10, scatter_m=5))
        assert [kind for kind in told.story if kind != "idling"] == ["trip", "parking"]

    def test_a_queue_that_creeps_into_the_port_is_one_parking(self) -> None:
        """Fifty metres every five minutes, for three and a half hours."""
        day = Day().stand(20).drive(10)
        begin = day.now_s
        day.creep(50, 40, 5)
        end = day.now_s
        told = tell(day.drive(10).stand(20).fixes(30, scatter_m=8))
        assert [kind for kind in told.story if kind != "idling"] == [
            "parking",
            "trip",
            "parking",
            "trip",
            "parking",
        ]
        assert_near(told.spans("parking")[1], (begin, end), 330)

    def test_a_night_in_the_yard_leaves_the_odometer_as_it_is(self) -> None:
        arriving = tell(Day().drive(10).stand(5).fixes(10, scatter_m=10))
        night = tell(Day().drive(10).stand(600).fixes(10, scatter_m=10))
        assert night.state.odo_mm == pytest.approx(arriving.state.odo_mm, abs=30_000)
        assert night.state.odo_mm / 1e6 == pytest.approx(10, rel=0.01)


class TestWildFixes:
    """The truck has stood for half an hour and stands on."""

    @staticmethod
    def stand_with(*wild: tuple[float, float], bus: bool = True, every_s: int = 30) -> Told:
        day = Day().drive(5).stand(60)
        there, times = day.along_m, {second for second, _ in wild}
        fixes = [c for c in day.fixes(every_s, scatter_m=5, bus=bus) if span_s(c.ping.time_us) not in times]
        values = {"ignition": False} if bus else {}
        return tell(fixes + [at(second, there + metres, speed_kmh=0.0, **values) for second, metres in wild])

    @pytest.mark.parametrize("metres", [250.0, 350.0, 900.0, 2000.0])
    def test_one_wild_fix_is_nothing(self, metres: float) -> None:
        """Not a tow either, though it is 300 m off and the engine is off."""
        assert self.stand_with((1800, metres)).story == ["trip", "parking"]

    @pytest.mark.parametrize("metres", [250.0, 350.0, 900.0, 2000.0])
    def test_nor_are_two_in_a_row(self, metres: float) -> None:
        assert self.stand_with((1800, metres), (1830, metres + 20)).story == ["trip", "parking"]

    def test_nor_two_on_either_side(self) -> None:
        assert self.stand_with((1800, 800.0), (1830, -700.0)).story == ["trip", "parking"]

    def test_nor_from_a_device_that_knows_no_ignition(self) -> None:
        assert self.stand_with((1800, 800.0), (1830, 820.0), bus=False).story == ["trip", "parking"]

    def test_a_wild_fix_on_the_road_cuts_no_trip(self) -> None:
        day = Day().stand(20).drive(20).stand(20)
        fixes = [c for c in day.fixes(30) if span_s(c.ping.time_us) != 1800]
        told = tell([*fixes, at(1800, 11_500.0, speed_kmh=60.0, ignition=True)])
        assert told.story == ["parking", "trip", "parking"]

    def test_the_first_fix_after_sleep_may_be_wild(self) -> None:
        """A receiver that wakes up is often a kilometre off; asleep for two hours, any way is plausible."""
        day = Day().drive(5).stand(600)
        there = day.along_m
        awake = [c for c in day.fixes(10) if span_s(c.ping.time_us) < 900]
        slept = [at(900 + hour * 7200, there, speed_kmh=0.0, ignition=False) for hour in range(1, 5)]
        wild = at(900 + 7200 * 2 - 20, there + 1500, speed_kmh=0.0, ignition=False)
        assert tell([*awake, *slept, wild]).story == ["trip", "parking"]


class TestSilence:
    def test_a_tunnel_is_part_of_the_trip(self) -> None:
        day = Day().stand(20).drive(10).drive(3, silent=True).drive(10).stand(20)
        told = tell(day.fixes(10))
        assert told.story == ["parking", "trip", "parking"]
        assert driven_m(told.trips[0]) == pytest.approx(23_000, rel=0.01)

    def test_a_tracker_that_sleeps_while_parked_makes_no_gap(self) -> None:
        day = Day().drive(10).stand(600)
        fixes = [c for c in day.fixes(10) if (s := span_s(c.ping.time_us)) < 1500 or s % 7200 == 0]
        assert tell(fixes).story == ["trip", "parking"]

    def test_a_tracker_switched_off_with_the_engine_makes_no_gap(self) -> None:
        """Its last fix is on the road, and its ignition is on in every fix it sends."""
        day = Day().stand(10, silent=True).drive(10)
        day.drive(0.4, 30, silent=True).stand(600, silent=True).drive(10).drive(0.4, 30, silent=True)
        told = tell(day.stand(120, silent=True).drive(5).fixes(30, ignition=True))
        assert told.story == ["trip", "parking", "trip", "parking", "trip"]
        assert [round(driven_m(trip) / 1000) for trip in told.trips[:2]] == [10, 10]

    def test_moved_without_a_fix_for_hours_is_a_gap_and_ends_the_trip_where_it_was_last_seen(self) -> None:
        day = Day().stand(20).drive(10)
        lost = day.now_s
        day.drive(80, silent=True).stand(60, silent=True)
        found = day.now_s
        told = tell(day.drive(10).stand(20).fixes(10))
        assert told.story == ["parking", "trip", "gap", "trip", "parking"]
        assert_near(told.spans("gap")[0], (lost, found), 10)
        assert told.of("gap")[0].values["distance_m"] == pytest.approx(80_000, rel=0.01)
        assert span(told.trips[0])[1] == told.spans("gap")[0][0]

    def test_a_parked_truck_that_wakes_up_elsewhere_has_a_gap_once_a_second_fix_says_so(self) -> None:
        day = Day().drive(10).stand(30).drive(40, silent=True).stand(60, silent=True).stand(30)
        fixes = day.fixes(60)
        waking = next(n for n, c in enumerate(fixes) if c.ping.time_us >= at(day.now_s - 1800).ping.time_us)
        assert tell(fixes[: waking + 1]).story == ["trip", "parking"]
        assert tell(fixes[: waking + 2]).story == ["trip", "parking", "gap", "stop"]
        assert tell(fixes).story == ["trip", "parking", "gap", "parking"]

    def test_a_report_every_twenty_minutes_of_a_truck_in_a_queue_is_parking(self) -> None:
        fixes = [at(n * 1200, 100.0 * n, speed_kmh=0.0) for n in range(12)]
        drive = [at(13 * 1200 + n * 60, 1300.0 + 900 * n, speed_kmh=54.0) for n in range(10)]
        assert tell([*fixes, *drive]).story == ["parking", "trip"]


class TestEngine:
    @pytest.mark.parametrize("wire", [True, False])
    def test_a_wire_that_never_changes_tells_no_idling_and_no_tow(self, wire: bool) -> None:
        day = Day().stand(120).drive(10).stand(20).drive(10).stand(120)
        told = tell(day.fixes(30, ignition=wire))
        assert told.story == ["parking", "trip", "parking", "trip", "parking"]

    def test_the_engine_on_at_the_loading_ramp_is_idling(self) -> None:
        day = Day().stand(20).drive(10)
        begin = day.now_s
        day.stand(25, engine=True)
        off = day.now_s
        told = tell(day.stand(30).fixes(10))
        assert_near(told.spans("idling")[0], (begin, off), 10)

    def test_a_short_wait_with_the_engine_on_is_none(self) -> None:
        assert not tell(Day().stand(20).drive(10).stand(4, engine=True).stand(20).fixes(10)).of("idling")

    def test_idling_ends_when_nothing_more_is_heard_of_the_engine(self) -> None:
        """The tracker dies with the engine on; the driver's phone goes on telling where the truck stands."""
        day = Day().stand(20).drive(10).stand(10, engine=True)
        dies = day.now_s
        tracker = day.fixes(10)
        phone = day.stand(300).fixes(60, bus=False, device_id=2, priority=200)
        told = tell([*tracker, *(c for c in phone if c.ping.time_us > tracker[-1].ping.time_us)])
        assert span(told.of("idling")[0])[1] == pytest.approx(dies, abs=20)

    def test_a_truck_on_the_hook_is_towed(self) -> None:
        day = Day().drive(10).stand(60)
        begin = day.now_s
        day.drive(8, 30, engine=False)
        end = day.now_s
        told = tell(day.stand(60).fixes(30, scatter_m=5))
        assert told.story == ["trip", "parking", "tow", "trip", "parking"]
        assert_near(told.spans("tow")[0], (begin, end), 40)

    def test_it_is_told_within_a_kilometre(self) -> None:
        day = Day().drive(10).stand(60).drive(1, 30, engine=False)
        assert span(tell(day.fixes(10)).of("tow")[0])[1] is None

    def test_a_ferry_is_a_tow_until_the_engine_is_started(self) -> None:
        day = Day().drive(10).stand(60)
        begin = day.now_s
        day.drive(180, 25, engine=False)
        told = tell(day.drive(5).stand(30).fixes(60))
        (ferry,) = told.spans("tow")
        assert_near(ferry, (begin, day.now_s - 1800 - 300), 120)

    def test_a_driver_who_starts_the_engine_is_no_tow(self) -> None:
        assert not tell(Day().drive(10).stand(60).drive(10).stand(10).fixes(60)).of("tow")

    def test_the_engine_hours_are_those_with_the_engine_on(self) -> None:
        told = tell(Day().stand(60).drive(30).stand(10, engine=True).stand(60).fixes(10))
        assert told.state.engine_us / 3.6e9 == pytest.approx((1815 + 600) / 3600, rel=0.02)


def span_s(time_us: int) -> int:
    return round((time_us - at(0).ping.time_us) / 1e6)
