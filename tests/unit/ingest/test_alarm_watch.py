"""Alarms that devices raise, and those that the platform concludes from their pings."""

from typing import Any

import pytest

from ingest import alarm_watch
from ingest.arbitration import VehicleInput
from ingest.interval import WHOLE_VEHICLE
from ingest.state import VehicleState
from telemetry.rules import VehicleRules
from tests.support.drives import Told, at, span, tell
from tests.support.law import PHONE, Candidate, track_of


def tracker(second: float, *alarms: str, **values: Any) -> Candidate:
    return at(second, alarms=alarms, **values)


def phone(second: float, *alarms: str, **values: Any) -> Candidate:
    return at(second, device_id=2, priority=PHONE, alarms=alarms, **values)


def powered(second: float, volts: object) -> Candidate:
    return at(second, attributes={"power_v": volts})


class TestLasting:
    def test_jamming_lasts_from_the_first_ping_that_says_so_to_the_first_that_does_not(self) -> None:
        fixes = [tracker(0), tracker(10, "jamming"), tracker(20, "jamming"), tracker(30), tracker(40)]
        told = tell(fixes)
        assert told.spans("jamming") == [(10, 30)]
        assert told.of("jamming")[0].device_id == 1
        assert told.of("jamming")[0].origin == "device"

    def test_it_is_told_when_it_begins(self) -> None:
        assert tell([tracker(0), tracker(10, "jamming")]).spans("jamming") == [(10, None)]

    def test_the_silence_of_another_device_ends_nothing(self) -> None:
        assert tell([tracker(0, "jamming"), phone(10), phone(400), tracker(500)]).spans("jamming") == [
            (0, 500)
        ]

    def test_both_devices_may_have_a_low_battery(self) -> None:
        told = tell([tracker(0, "low_battery"), phone(5, "low_battery"), tracker(10), phone(15)])
        assert sorted((i.device_id, *span(i)) for i in told.of("low_battery")) == [(1, 0, 10), (2, 5, 15)]

    def test_several_at_once_each_have_their_own_end(self) -> None:
        told = tell([tracker(0, "jamming", "tampering"), tracker(10, "tampering"), tracker(20)])
        assert told.spans("jamming") == [(0, 10)]
        assert told.spans("tampering") == [(0, 20)]

    def test_a_word_of_no_vocabulary_is_kept_on_the_ping_and_is_no_alarm(self) -> None:
        assert tell([tracker(0, "unheard_of"), tracker(10)]).story == []


class TestMoments:
    def test_sos_repeated_within_a_minute_is_one(self) -> None:
        assert tell([tracker(t, "sos") for t in (0, 10, 20, 75, 130)]).spans("sos") == [(0, 0)]

    def test_sos_after_more_than_a_minute_is_another(self) -> None:
        assert tell([tracker(0, "sos"), tracker(30), tracker(61, "sos")]).spans("sos") == [(0, 0), (61, 61)]

    def test_sos_from_the_phone_counts_while_the_tracker_is_the_source(self) -> None:
        fixes = [tracker(0), tracker(10), phone(15, "sos"), tracker(20)]
        told = tell(fixes)
        assert told.spans("sos") == [(15, 15)]
        assert told.of("sos")[0].device_id == 2
        assert told.state.last is not None
        assert told.state.last.device_id == 1

    def test_and_from_a_fix_too_poor_to_move_the_truck(self) -> None:
        assert tell([tracker(0), tracker(10, "sos", accuracy_m=5000.0)]).spans("sos") == [(10, 10)]

    def test_each_device_has_its_own_minute(self) -> None:
        assert len(tell([tracker(0, "sos"), phone(5, "sos")]).of("sos")) == 2

    def test_a_harsh_braking_of_the_device_stands_beside_that_of_the_platform(self) -> None:
        fixes = [
            at(t, speed_kmh=v, alarms=a)
            for t, v, a in ((0, 80.0, ()), (1, 60.0, ("harsh_braking",)), (2, 45.0, ()))
        ]
        told = tell(fixes).of("harsh_braking")
        assert sorted((i.origin, i.device_id) for i in told) == [("device", 1), ("platform", WHOLE_VEHICLE)]


class TestPowerCut:
    def test_a_supply_of_nothing_is_cut_until_it_is_back(self) -> None:
        told = tell([powered(0, 27.5), powered(10, 0.0), powered(20, 0), powered(30, 27.4)])
        assert told.spans("power_cut") == [(10, 30)]
        assert told.of("power_cut")[0].origin == "platform"

    def test_pings_that_do_not_speak_of_the_supply_change_nothing(self) -> None:
        assert tell([powered(0, 0.5), tracker(10), tracker(20), powered(30, 12.1)]).spans("power_cut") == [
            (0, 30)
        ]

    @pytest.mark.parametrize("volts", ["0", None, True, [0]])
    def test_what_is_no_number_says_nothing(self, volts: object) -> None:
        assert tell([powered(0, volts)]).story == []

    def test_a_weak_battery_is_not_a_cut(self) -> None:
        assert tell([powered(0, 10.9)]).story == []
        assert tell([powered(0, 10.9)], VehicleRules(power_cut_v=11)).spans("power_cut") == [(0, None)]

    def test_cut_by_the_devices_own_word(self) -> None:
        told = tell([tracker(0, "power_cut"), tracker(10)])
        assert told.spans("power_cut") == [(0, 10)]
        assert told.of("power_cut")[0].origin == "device"


class TestMock:
    def test_positions_made_up_by_software_are_flagged_while_they_last(self) -> None:
        told = tell([phone(0), phone(10, mock=True), phone(20, mock=True), phone(30, mock=False)])
        assert told.spans("mock_location") == [(10, 30)]
        assert told.of("mock_location")[0].origin == "platform"

    def test_flagged_they_move_the_vehicle_ignored_they_do_not(self) -> None:
        fixes = [phone(0), at(60, 900, device_id=2, priority=PHONE, mock=True)]
        flagged, ignored = tell(fixes), tell(fixes, VehicleRules(mock="ignore"))
        assert flagged.state.last is not None
        assert ignored.state.last is not None
        assert flagged.state.last.time_us > ignored.state.last.time_us
        assert flagged.spans("mock_location") == ignored.spans("mock_location") == [(60, None)]


class TestWhoIsLookedAt:
    def test_attributes_alone_make_nobody_look(self) -> None:
        """Nearly every tracker sends attributes with each ping."""
        track, _ = track_of([powered(t, 27.5) for t in range(3)] + [at(5, attributes={"io": 1})])
        assert alarm_watch.rows_of_interest(track, [vehicle_of(4)]) == [False]

    @pytest.mark.parametrize("one", [powered(3, 3.0), tracker(3, "sos"), at(3, mock=True)])
    def test_what_raises_an_alarm_does(self, one: Candidate) -> None:
        track, _ = track_of([at(1), at(2), one])
        assert alarm_watch.rows_of_interest(track, [vehicle_of(3)]) == [True]


def vehicle_of(rows: int) -> VehicleInput:
    return VehicleInput(1, -1, VehicleState(), VehicleRules(), 0, rows)


def test_what_is_remembered_of_a_device_has_a_bound() -> None:
    """Whatever a hostile device sends: one entry for each word of the vocabulary."""
    everything = tuple(alarm_watch.ALARMS)
    hostile = [tracker(t, *everything, *(f"made-up-{t}-{n}" for n in range(50))) for t in range(0, 6000, 61)]
    state: Told = tell(hostile)
    (device,) = state.state.alarms.values()
    assert len(device.lasting) + len(device.moments) == len(alarm_watch.ALARMS)
