"""OwnTracks in the words of all formats: bridges, triggers, alarms, and what an app reports of itself."""

from typing import Any

import pytest

from ingest.codecs import owntracks_words
from ingest.ping import Decoded
from telemetry.alarms import ALARMS
from tests.unit.ingest.test_codec_owntracks import LOCATION, decode, only_ping, only_reason


def test_what_the_queclink_bridge_adds() -> None:
    ping = only_ping(LOCATION | {"odometer": 1234.5, "ign": True, "flvl": 61, "t": "h", "rty": 3})
    assert (ping.odometer_km, ping.ignition, ping.fuel_pct) == (1234.5, True, 61.0)
    assert ping.attributes == {"trigger": "h", "rty": 3}
    assert ping.alarms == ("harsh_braking",)


def test_a_queclink_tracker_in_full() -> None:
    told = {"ubatt": 4.1, "uext": 13.8, "aiv": 2.5, "vin": "VF1", "rpm": 850, "hmc": 5400, "fcon": 31.5}
    told |= {"motion": True, "din1": True, "din2": False, "dout1": True, "temp_c-00": -18.5, "temp_c-01": 4}
    told |= {"mcc": 608, "mnc": 1, "lac": "18B4", "don": 720, "trip": 12_500, "count": "00F1", "fake": False}
    ping = only_ping(LOCATION | told)
    assert ping.attributes == {
        "battery_v": 4.1,
        "power_v": 13.8,
        "analog_1_v": 2.5,
        "vin": "VF1",
        "engine_rpm": 850,
        "engine_hours_h": 1.5,
        "fcon": 31.5,
        "motion": True,
        "input_1": True,
        "input_2": False,
        "output_1": True,
        "temperature_c": -18.5,
        "temperature_2_c": 4,
        "operator": "60801",
        "lac": "18B4",
        "don": 720,
        "trip_km": 12.5,
        "count": "00F1",
        "fake": False,
    }


def test_what_the_bridge_adds_in_another_kind_stays_an_attribute() -> None:
    ping = only_ping(LOCATION | {"odometer": "1234", "ign": 1, "flvl": 250})
    assert (ping.odometer_km, ping.ignition, ping.fuel_pct) == (None, None, None)
    assert ping.attributes == {"odometer": "1234", "ign": 1, "flvl": 250}


@pytest.mark.parametrize(
    "odd",
    [
        {"ubatt": "4.1"},
        {"uext": True},
        {"hmc": 10**18},
        {"vac": "3"},
        {"bs": 9},
        {"bs": True},
        {"bs": 2.0},
        {"t": 5},
        {"tow": 1},
        {"din1": 1},
        {"motionactivities": [1]},
        {"motionactivities": {}},
        {"temp_c-00": None},
        {"mcc": 608},
        {"mcc": 608, "mnc": 1000},
        {"mcc": 608.0, "mnc": 1},
        {"mcc": 608, "mnc": 1, "operator": "Orange"},
        # the name is taken
        {"ubatt": 4.1, "battery_v": 4.2},
        {"t": "p", "trigger": "mine"},
    ],
)
def test_what_our_words_do_not_fit_stays_as_it_was_sent(odd: dict[str, Any]) -> None:
    assert only_ping(LOCATION | odd).attributes == odd


def test_two_temperatures_of_one_name_are_both_kept() -> None:
    ping = only_ping(LOCATION | {"temp_c": 3.5, "temp_c-00": 4.5})
    assert ping.attributes == {"temperature_c": 3.5, "temp_c-00": 4.5}


@pytest.mark.parametrize("nothing", [{"bs": 0}, {"vac": 0}, {"vac": -1}, {"t": ""}, {"tow": False}])
def test_what_says_nothing_is_dropped(nothing: dict[str, Any]) -> None:
    ping = only_ping(LOCATION | nothing)
    assert (ping.attributes, ping.alarms) == (None, ())


@pytest.mark.parametrize(("bs", "charging"), [(1, False), (2, True), (3, True)])
def test_the_state_of_the_battery(bs: int, charging: bool) -> None:
    assert only_ping(LOCATION | {"bs": bs}).attributes == {"charging": charging}


@pytest.mark.parametrize(
    ("activities", "activity"),
    [
        (["stationary"], "still"),
        (["automotive"], "in_vehicle"),
        (["stationary", "automotive"], "in_vehicle"),
        (["walking", "unknown"], "walking"),
        (["unknown", "cycling"], "on_bicycle"),
        ("running", "running"),
        (["skating"], "skating"),
    ],
)
def test_activities_are_in_the_words_of_all_formats(activities: Any, activity: str) -> None:
    assert only_ping(LOCATION | {"motionactivities": activities}).attributes == {"activity": activity}


@pytest.mark.parametrize("activities", [["unknown"], [], [""]])
def test_no_activity_is_none(activities: list[str]) -> None:
    assert only_ping(LOCATION | {"motionactivities": activities}).attributes is None


@pytest.mark.parametrize(
    ("told", "alarms"),
    [
        ({"t": "!"}, ("tow",)),
        ({"t": "!", "tow": True}, ("tow",)),
        ({"t": "!", "tow": True, "fake": True}, ("tow",)),
        ({"t": "!", "tow": False, "fake": True, "sens": False}, ("movement",)),
        ({"t": "!", "tow": False, "fake": False, "sens": True}, ("movement",)),
        ({"t": "!", "fake": True}, ("tow",)),
        ({"t": "t", "tow": True}, ("tow",)),
        ({"t": "e"}, ("power_cut",)),
        ({"t": "E"}, ()),
        ({"t": "9"}, ("low_battery",)),
        ({"t": "1"}, ()),
        ({"t": "s"}, ("speeding",)),
        ({"t": "s", "tow": True}, ("speeding", "tow")),
        ({"t": "h", "rty": 0}, ("harsh_braking",)),
        ({"t": "h", "rty": 1}, ("harsh_acceleration",)),
        ({"t": "h", "rty": 2}, ("harsh_cornering",)),
        ({"t": "h", "rty": 3}, ("harsh_braking",)),
        ({"t": "h", "rty": 4}, ("harsh_acceleration",)),
        ({"t": "h", "rty": 5}, ("harsh_cornering",)),
        ({"t": "h", "rty": 6}, ()),
        ({"t": "h", "rty": -1}, ()),
        ({"t": "h", "rty": True}, ()),
        ({"t": "h"}, ()),
        ({"t": "GTSOS"}, ("sos",)),
        ({"t": "GTFRI"}, ()),
        ({"t": "S"}, ()),
    ],
)
def test_alarms_of_the_triggers(told: dict[str, Any], alarms: tuple[str, ...]) -> None:
    assert only_ping(LOCATION | told).alarms == alarms


def test_the_alarms_are_in_the_vocabulary() -> None:
    assert {*owntracks_words.ALARM_OF_TRIGGER.values(), *owntracks_words.HARSH_ALARMS} <= ALARMS.keys()


@pytest.mark.parametrize(
    ("told", "ignition", "charging"),
    [
        ({"t": "i"}, True, None),
        ({"t": "I"}, False, None),
        ({"t": "I", "ign": True}, True, None),
        ({"t": "3"}, None, True),
        ({"t": "2"}, None, False),
        ({"t": "2", "bs": 3}, None, True),
    ],
)
def test_states_that_a_trigger_tells(told: dict[str, Any], ignition: bool | None, charging: bool) -> None:
    ping = only_ping(LOCATION | told)
    assert ping.ignition is ignition
    assert (ping.attributes or {}).get("charging") is charging


ANDROID = {"bo": 1, "ps": 0, "hib": 1, "loc": -2, "wifi": 1, "version": 420_501_000, "flavour": "gms"}
ANDROID_REPORT = {
    "battery_optimised": True,
    "power_save": False,
    "app_hibernation": True,
    "location_permission": "in_use",
    "wifi_on": True,
    "app_version": "420501000",
    "app_flavour": "gms",
}


@pytest.mark.parametrize(
    ("status", "report"),
    [
        ({"android": ANDROID, "_id": "a1"}, ANDROID_REPORT),
        (ANDROID, ANDROID_REPORT),  # as its first version wrote it
        ({"android": {"loc": 0}}, {"location_permission": "always"}),
        ({"android": {"loc": -1}}, {"location_permission": "always_approximate"}),
        ({"android": {"loc": -3}}, {"location_permission": "in_use_approximate"}),
        ({"android": {"loc": -4}}, {"location_permission": "denied"}),
        ({"android": {"loc": -5, "bo": 2, "ps": True, "hib": "1", "wifi": None, "version": -1}}, None),
        ({"android": {"version": "2.5.1", "flavour": 7, "more": 1}}, {"app_version": "2.5.1"}),
        (
            {
                "iOS": {
                    "version": "18.5.2",
                    "locationManagerAuthorizationStatus": "kCLAuthorizationStatusAuthorizedWhenInUse",
                    "backgroundRefreshStatus": "UIBackgroundRefreshStatusDenied",
                    "deviceSystemVersion": "17.2.1",
                    "deviceModel": "iPhone",
                    "deviceIdentifierForVendor": "12345678-1234",
                }
            },
            {
                "location_permission": "in_use",
                "background_refresh": False,
                "app_version": "18.5.2",
                "os_version": "17.2.1",
                "model": "iPhone",
            },
        ),
        ({"iOS": {"backgroundRefreshStatus": "Other"}, "bo": 1}, None),
        ({}, None),
        ({"android": 5}, None),
    ],
)
def test_a_status_tells_whether_the_phone_lets_the_app_work(
    status: dict[str, Any], report: dict[str, Any] | None
) -> None:
    assert decode({"_type": "status"} | status) == Decoded(pings=[], report=report)


@pytest.mark.parametrize(
    ("card", "report"),
    [
        ({"tid": "dk", "name": "Awa", "face": "A" * 50_000}, {"name": "Awa", "tid": "dk"}),
        ({"name": "", "tid": 5}, None),
    ],
)
def test_a_card_is_a_name(card: dict[str, Any], report: dict[str, Any] | None) -> None:
    assert decode({"_type": "card"} | card) == Decoded(pings=[], report=report)


@pytest.mark.parametrize("name", ["\x00", "\ud800", "A" * 9000])
def test_a_report_that_cannot_be_kept_is_refused(name: str) -> None:
    assert only_reason({"_type": "card", "name": name}) == "value_out_of_range"
