"""Which device a vehicle is seen by, when it has several."""

import msgspec
import pytest

from ingest.ping import Ping
from telemetry.rules import VehicleRules
from tests.support.drives import Day, Told, at, tell
from tests.support.law import PHONE, TRACKER, Candidate

SPARE = 3


def changes(told: Told) -> list[tuple[str, float, int, int]]:
    """(kind, second, from device, to device)"""
    return [
        (i.kind, told.spans(i.kind)[told.of(i.kind).index(i)][0], int(i.values["from_device"]), i.device_id)
        for i in told.of("takeover", "handback")
    ]


def source_of(told: Told) -> int:
    assert told.state.source is not None
    return told.state.source.device_id


def every(seconds: range, device_id: int = 1, priority: int = TRACKER, **values: object) -> list[Candidate]:
    return [at(second, second * 10.0, device_id=device_id, priority=priority, **values) for second in seconds]


class TestTakeover:
    def test_the_phone_takes_over_from_a_silent_tracker_and_hands_back_when_it_returns(self) -> None:
        tracker = every(range(0, 600, 10)) + every(range(1800, 2400, 10))
        phone = every(range(5, 2400, 30), 2, PHONE)
        assert changes(tell([*tracker, *phone])) == [("takeover", 905, 1, 2), ("handback", 1800, 2, 1)]

    def test_it_says_how_long_the_other_was_silent(self) -> None:
        told = tell(every(range(0, 600, 10)) + every(range(5, 1200, 30), 2, PHONE))
        assert told.of("takeover")[0].values == {"from_device": 1, "silent_s": 315}

    def test_of_two_trackers_the_one_that_counts_goes_on_counting(self) -> None:
        both = every(range(0, 1200, 10)) + every(range(3, 1200, 10), SPARE)
        told = tell(both)
        assert changes(told) == []
        assert source_of(told) == 1

    def test_and_does_not_get_it_back_from_its_equal(self) -> None:
        first = every(range(0, 300, 10)) + every(range(900, 1500, 10))
        told = tell(first + every(range(3, 1500, 10), SPARE))
        assert changes(told) == [("takeover", 593, 1, SPARE)]
        assert source_of(told) == SPARE

    def test_three_devices(self) -> None:
        """The tracker dies, then the spare; the phone goes on; the spare comes back before the tracker."""
        first = every(range(0, 600, 10)) + every(range(4000, 4300, 10))
        spare = every(range(4, 1500, 10), SPARE) + every(range(3000, 4300, 10), SPARE)
        phone = every(range(7, 4300, 30), 2, PHONE)
        assert changes(tell([*first, *spare, *phone])) == [
            ("takeover", 894, 1, SPARE),
            ("takeover", 1807, SPARE, 2),
            ("handback", 3000, 2, SPARE),
        ]


class TestSleepingTracker:
    """Parked at seven in the evening, the tracker wakes up once an hour; the driver goes home with his phone."""

    @staticmethod
    def evening(
        parked_hours: int, *, ignition: bool | None = False, speed: float | None = 0.0
    ) -> list[Candidate]:
        arriving = [
            at(t, speed_kmh=50.0 if t < 60 else speed, ignition=t < 60 or ignition) for t in range(0, 300, 10)
        ]
        asleep = [at(h * 3600, speed_kmh=speed, ignition=ignition) for h in range(1, parked_hours + 1)]
        home = [at(60 + t, t * 8.0, device_id=2, priority=PHONE, speed_kmh=28.0) for t in range(0, 1800, 30)]
        night = [
            at(1860 + t, 14_400.0, device_id=2, priority=PHONE, speed_kmh=0.0)
            for t in range(0, parked_hours * 3600, 600)
        ]
        return [*arriving, *asleep, *home, *night]

    def test_the_truck_does_not_follow_the_phone_home(self) -> None:
        told = tell(self.evening(10))
        assert source_of(told) == 1
        assert changes(told) == []
        assert told.trips == []

    def test_after_a_night_of_silence_the_phone_counts_all_the_same(self) -> None:
        fixes = [c for c in self.evening(10) if c.device_id == 2 or c.ping.time_us <= at(3600).ping.time_us]
        (takeover,) = tell(fixes).of("takeover")
        assert float(takeover.values["silent_s"]) >= 6 * 3600

    def test_a_tracker_without_ignition_is_replaced_after_five_minutes(self) -> None:
        assert changes(tell(self.evening(3, ignition=None)))[0][:2] == ("takeover", 600)

    def test_so_is_one_whose_wire_is_dead(self) -> None:
        """It said "engine off" at 50 km/h."""
        tracker = [at(t, t * 14.0, speed_kmh=50.0, ignition=False) for t in range(0, 600, 10)]
        phone = [at(t, t * 14.0, device_id=2, priority=PHONE) for t in range(5, 1500, 30)]
        assert changes(tell([*tracker, *phone])) == [("takeover", 905, 1, 2)]

    def test_the_fleet_may_set_how_long(self) -> None:
        assert changes(tell(self.evening(3), VehicleRules(takeover_parked_s=600)))[0][:2] == ("takeover", 900)


class TestOneTruckManyDevices:
    @pytest.mark.parametrize("scatter_m", [0.0, 8.0])
    def test_tracker_and_phone_in_one_cab_do_not_double_the_distance(self, scatter_m: float) -> None:
        day = Day().stand(20).drive(30).stand(20)
        tracker = day.fixes(10, scatter_m=scatter_m)
        phone = [
            Candidate(_shifted(c), 2, PHONE)
            for c in day.fixes(15, scatter_m=scatter_m, seed=7, bus=False, offset_m=30.0)
        ]
        both, alone = tell([*tracker, *phone]), tell(tracker)
        assert both.trips == alone.trips
        assert both.trips[0].values["distance_m"] == pytest.approx(30_000, rel=0.01)

    def test_the_phone_alone_for_a_part_of_the_way_makes_one_trip(self) -> None:
        day = Day().stand(20).drive(60).stand(20)
        dead = range(2000, 4000)
        tracker = [c for c in day.fixes(10) if (c.ping.time_us - at(0).ping.time_us) // 1_000_000 not in dead]
        phone = [Candidate(_shifted(c), 2, PHONE) for c in day.fixes(15, bus=False, offset_m=30.0)]
        told = tell([*tracker, *phone])
        assert [kind for kind in told.story if kind not in ("takeover", "handback")] == [
            "parking",
            "trip",
            "parking",
        ]
        assert told.trips[0].values["distance_m"] == pytest.approx(60_000, rel=0.01)
        assert [kind for kind, *_ in changes(told)] == ["takeover", "handback"]


def _shifted(candidate: Candidate) -> Ping:
    """Three seconds later than the tracker's clock."""
    return msgspec.structs.replace(candidate.ping, time_us=candidate.ping.time_us + 3_000_000)
