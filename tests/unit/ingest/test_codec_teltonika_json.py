"""Teltonika Codec JSON, the AVL elements and alarms that both codecs share, and the topics."""

import re
from pathlib import Path
from typing import Any

import pytest

from ingest.codecs import teltonika_avl
from ingest.codecs.registry import decode, foreign_filters, route
from telemetry.alarms import ALARMS
from tests.unit.ingest.teltonika_kit import (
    LIMITS,
    TOPIC,
    Avl,
    attributes,
    encode_data,
    encode_json,
    frame,
    json_bytes,
    only,
    read,
    refusal,
    reported,
)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("7", "wrong_type"),
        ("null", "wrong_type"),
        ("{}", "missing_field"),
        ('{"state":{}}', "missing_field"),
        ('{"state":[]}', "wrong_type"),
        ('{"state":{"reported":[{}]}}', "wrong_type"),
        ('{"state":{"reported":{"ts":1}}}', "missing_field"),
        ('{"state":{"reported":{"latlng":"1,2"}}}', "missing_field"),
        ("[]", "payload_empty"),
        ('{"state":', "malformed"),
    ],
)
def test_what_is_no_message(body: str, reason: str) -> None:
    payload = body.encode()
    # A bare value has no first byte of a JSON text that a tracker sends.
    expected = reason if payload[:1] in (b"{", b"[") else "malformed"
    assert refusal(read(payload))[0] == expected
    assert refusal(read(b"\n" + payload))[0] == reason


@pytest.mark.parametrize(
    ("latlng", "reason"),
    [
        ("nan,nan", "wrong_type"),
        ("inf,0", "wrong_type"),
        ("1e999,0", "not_finite"),
        ("14.7", "wrong_type"),
        ("14.7,-17.4,3", "wrong_type"),
        ("14,7,-17,4", "wrong_type"),
        ("", "wrong_type"),
        ([14.7, -17.4], "wrong_type"),
        ({"lat": 1}, "wrong_type"),
        (None, "missing_field"),
        ("90.0000001,0", "latitude_out_of_range"),
        ("0,-180.0000001", "longitude_out_of_range"),
        ("1e308,1", "latitude_out_of_range"),
    ],
)
def test_coordinates_that_are_none(latlng: Any, reason: str) -> None:
    assert refusal(reported(latlng=latlng))[0] == reason


def test_zero_zero_is_left_to_the_steps() -> None:
    for latlng in ("0,0", "0.000000,0.000000", "-0.000000, 0.0"):
        ping = only(reported(latlng=latlng, sat="0"))
        assert (ping.lat, ping.lon) == (0.0, 0.0)
        assert ping.attributes is None


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"ts": "nan"}, "wrong_type"),
        ({"ts": "2026-01-26T15:57:02Z"}, "wrong_type"),
        ({"ts": True}, "wrong_type"),
        ({"ts": -1}, "time_too_old"),
        ({"ts": 10**17}, "value_out_of_range"),
        ({"sp": "inf"}, "wrong_type"),
        ({"sp": -1}, "value_out_of_range"),
        ({"sp": True}, "wrong_type"),
        ({"sp": {}}, "wrong_type"),
        ({"ang": 361}, "value_out_of_range"),
        ({"alt": "high"}, "wrong_type"),
        ({"sat": 3.5}, "wrong_type"),
        ({"sat": -1}, "value_out_of_range"),
    ],
)
def test_a_bad_field_of_the_position_refuses_it(values: dict[str, Any], reason: str) -> None:
    assert refusal(reported(**values))[0] == reason


def test_an_implausible_clock_is_left_to_the_steps() -> None:
    for ts in (0, 1_075_000_000_000, 4_102_444_800_000):
        assert only(reported(ts=ts)).time_us == ts * 1000


def test_an_element_never_refuses_a_position() -> None:
    odd = {
        "113": 101,
        "66": "nan",
        "67": "inf",
        "16": "1e999",
        "21": 7,
        "239": 2,
        "240": "on",
        "241": 0,
        "78": -1,
    }
    odd |= {"9": True, "36": [1], "72": 3000, "89": {"a": 1}, "182": None, "256": " ", "249": {}, "84": ""}
    # The number of a SIM card does not fit into 64 bits.
    odd |= {"11": "8922108000012345678901"}
    ping = only(reported(**{f"a{key}": value for key, value in odd.items()}))
    assert ping.attributes == {f"avl_{key}": value for key, value in odd.items()}
    assert ping.alarms == ()


def test_numbers_that_are_text_are_numbers() -> None:
    text = attributes(reported(evt="240", pr="1", a66="12600", a240="1", a17=" -12 ", a600="1.50", a601="x1"))
    assert text == {"trigger": "avl_240", "pr": 1, "power_v": 12.6, "motion": True} | {
        "avl_17": -12,
        "avl_600": 1.5,
        "avl_601": "x1",
    }


def test_a_number_beyond_64_bits_is_refused_as_everywhere() -> None:
    assert refusal(reported(a600=10**30))[0] == "value_out_of_range"
    assert refusal(read(b'{"state":{"reported":{"ts":1,"latlng":"1,2","600":NaN}}}'))[0] == "not_finite"


def test_what_has_a_name_keeps_it_and_no_other_number_is_an_id() -> None:
    assert attributes(reported(x={"y": 1}, a007=3, a65535=4, a65536=5, evt=-1)) == {
        "x": {"y": 1},
        "007": 3,
        "avl_65535": 4,
        "65536": 5,
        "evt": -1,
    }


def test_a_vin_of_digits_stays_text() -> None:
    assert attributes(reported(a256="00345678901234567"))["vin"] == "00345678901234567"


def test_the_first_that_knows_it_counts_and_the_other_stays() -> None:
    both = only(reported(a16=1000, a87=5000))
    assert (both.odometer_km, both.attributes) == (1.0, {"avl_87": 5000})
    assert only(reported(a87=5000)).odometer_km == 5.0
    assert only(reported(a16="?", a389=7)).odometer_km == 7.0
    assert attributes(reported(a83=10, a12=5000)) == {"fuel_used_l": 1.0, "avl_12": 5000}


def test_speed_and_angle_without_a_value() -> None:
    ping = only(reported(sp=65_535, ang="65535"))
    assert (ping.speed_kmh, ping.heading_deg) == (None, None)
    # One byte full is a speed like any other here.
    assert only(reported(sp=255)).speed_kmh == 255.0
    assert only(reported(ang=360)).heading_deg == 0.0


def test_a_record_without_a_fix_keeps_the_last_position_and_says_so() -> None:
    ping = only(reported(sat=0, sp=0, ang=0, alt=21, a249=1))
    assert (ping.lat, ping.lon, ping.altitude_m, ping.satellites) == (14.6937, -17.4441, 21.0, 0)
    assert (ping.speed_kmh, ping.heading_deg) == (None, None)
    assert ping.attributes == {"avl_249": 1, "last_known_position": True}
    assert ping.alarms == ("jamming",)
    assert "last_known_position" not in attributes(reported(sat=1, pr=0))


# --- alarms


@pytest.mark.parametrize(
    ("values", "alarms"),
    [
        ({"pr": 0}, ()),
        ({"pr": 1}, ()),
        ({"pr": 2}, ("sos",)),
        ({"pr": "2", "evt": 1, "a1": 1}, ("sos",)),
        ({"pr": True}, ()),
        ({"pr": [2]}, ()),
        ({"pr": 2, "evt": 249, "a249": 1}, ("jamming",)),
        ({"pr": 2, "evt": 252, "a252": 0}, ()),
        ({"pr": 2, "evt": 239, "a253": 2}, ("sos", "harsh_braking")),
        ({"evt": 236, "a236": 1, "pr": 2}, ("sos",)),
        ({"evt": 236, "a236": 1, "pr": 1}, ("sos",)),
        ({"evt": 236, "a236": 0}, ()),
        ({"evt": 240, "a236": 1}, ()),
        ({"a246": 1}, ("tow",)),
        ({"a246": 0}, ()),
        ({"a247": 1}, ("accident",)),
        ({"a247": 6}, ("accident",)),
        ({"a247": 3}, ()),
        ({"a247": 7}, ()),
        ({"a249": "1"}, ("jamming",)),
        ({"a249": True}, ("jamming",)),
        ({"a251": 1}, ("idling",)),
        ({"a251": 0}, ()),
        ({"a252": 1}, ("power_cut",)),
        ({"a252": 0}, ()),
        ({"a253": 1, "a254": 31}, ("harsh_acceleration",)),
        ({"a253": 2}, ("harsh_braking",)),
        ({"a253": 3}, ("harsh_cornering",)),
        ({"a253": 4}, ()),
        ({"a255": 97}, ("speeding",)),
        ({"a255": 0}, ()),
        ({"a318": 1}, ()),
        ({"a318": 2, "a249": 1}, ("jamming",)),
        ({"a20019": 0}, ("device_removed",)),
        ({"a20019": 2}, ()),
        ({"evt": 155, "a155": 1}, ("device_geofence",)),
        ({"evt": 175, "a175": 0}, ("device_geofence",)),
        ({"evt": 155, "a155": 3}, ()),
        ({"a155": 1}, ()),
        ({"evt": 239, "a216": 1}, ()),
        ({"a249": {}, "a252": [1], "a253": None}, ()),
    ],
)
def test_alarms(values: dict[str, Any], alarms: tuple[str, ...]) -> None:
    assert only(reported(**values)).alarms == alarms


def test_alarms_are_words_of_the_vocabulary() -> None:
    names = {name for values in teltonika_avl.ALARMS.values() for name in values.values()}
    assert names | {"sos", "speeding", "device_geofence"} <= ALARMS.keys()


# --- topics and the page


def test_topics() -> None:
    data = encode_data([Avl()], extended=False)
    for topic in (TOPIC, "master/client-1/teltonika/352093085698206/data"):
        found = route(topic)
        assert found is not None
        assert (found.codec.slug, found.uid) == ("teltonika-json", "352093085698206")
        assert len(decode(topic, data, LIMITS).pings) == len(decode(topic, frame(data), LIMITS).pings) == 1
    assert route("teltonika/352093085698206/commands") is None
    assert {"teltonika/+/data", "+/+/teltonika/+/data"} <= set(foreign_filters())


def test_the_binary_slug_takes_no_json() -> None:
    message = json_bytes(encode_json(Avl()))
    assert refusal(decode("v1/devices/a/formats/teltonika-codec8", message, LIMITS))[0] == "malformed"
    assert len(decode("v1/devices/a/formats/teltonika-json", message, LIMITS).pings) == 1


def _rows(pattern: str) -> list[tuple[str, ...]]:
    page = Path(__file__).parents[3] / "docs" / "codecs.md"
    section = page.read_text(encoding="utf-8").split("\n### AVL elements")[1].split("\n## ")[0]
    return [match.groups() for match in re.finditer(pattern, section, re.MULTILINE)]


def _ids(text: str) -> list[int]:
    return [int(each) for each in re.findall(r"\b\d+\b", text)]


def test_the_page_lists_the_elements_of_the_code() -> None:
    listed = {name: _ids(ids) for name, ids in _rows(r"^\| `(\w+)` \| ([\d, ]+) \|")}
    known = {each.name: [source.id for source in each.sources] for each in teltonika_avl.NUMBERS}
    known |= {name: [number] for name, number in teltonika_avl.FLAGS.items()}
    known |= {"operator": [241], "driver_id": [78], "vin": list(teltonika_avl.VINS)}
    assert listed == known


def test_the_page_lists_the_alarms_of_the_code() -> None:
    listed = {
        (int(number), int(value), alarm)
        for number, values, alarm in _rows(r"^\| (\d+) \| ([\d, ]+) \| `(\w+)` \|")
        for value in _ids(values)
    }
    assert listed == {
        (number, int(value), alarm)
        for number, values in teltonika_avl.ALARMS.items()
        for value, alarm in values.items()
    }
