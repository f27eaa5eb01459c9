"""What each format is told, byte for byte where it matters, and what its answers mean."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from brokers.topics import Downlink
from platform_api.commands.encoders import (
    ABILITIES,
    TELTONIKA_MAX_CHARS,
    ability,
    encode,
    is_held_back,
    judged,
)
from platform_api.commands.rules import Answer
from platform_api.commands.states import Kind

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ID = UUID("0b8f5a3e-6f0f-4a6c-9a53-0d9b1a6c2e11")


def told(downlink: str, kind: Kind, expires_in_s: int = 3600, **parameters: Any) -> tuple[Any, int]:
    encoded = encode(
        downlink,
        command_id=ID,
        kind=kind,
        parameters=parameters,
        now=NOW,
        expires_at=NOW + timedelta(seconds=expires_in_s),
    )
    return json.loads(encoded.payload), encoded.qos


def test_native() -> None:
    assert told("native", Kind.REPORTING_INTERVAL, seconds=30) == (
        {
            "id": str(ID),
            "kind": "reporting_interval",
            "params": {"seconds": 30},
            "expires": "2026-03-01T13:00:00Z",
        },
        1,
    )
    assert told("native", Kind.POSITION_NOW)[0]["params"] == {}


@pytest.mark.parametrize(
    ("expires_in_s", "expires"), [(3600, "2026-03-01T12:00:30Z"), (10, "2026-03-01T12:00:10Z")]
)
def test_an_engine_stop_is_good_for_a_moment_and_no_broker_keeps_it(expires_in_s: int, expires: str) -> None:
    body, qos = told("native", Kind.ENGINE_STOP, expires_in_s)
    assert (body["kind"], body["expires"], qos) == ("engine_stop", expires, 0)
    assert told("teltonika", Kind.ENGINE_STOP) == ({"CMD": "setdigout 1 ? 5"}, 0)
    assert told("native", Kind.ENGINE_RESUME)[1] == 1


def test_owntracks() -> None:
    assert told("owntracks", Kind.POSITION_NOW) == ({"_type": "cmd", "action": "reportLocation"}, 1)
    body, _ = told("owntracks", Kind.REPORTING_INTERVAL, seconds=10)
    assert body == {
        "_type": "cmd",
        "action": "setConfiguration",
        "configuration": {
            "_type": "configuration",
            "monitoring": 2,
            "locatorInterval": 10,
            "moveModeLocatorInterval": 10,
        },
    }
    slow, _ = told("owntracks", Kind.REPORTING_INTERVAL, seconds=900)
    assert slow["configuration"]["monitoring"] == 1


def test_teltonika() -> None:
    assert told("teltonika", Kind.POSITION_NOW) == ({"CMD": "getgps"}, 1)
    assert told("teltonika", Kind.ENGINE_RESUME) == ({"CMD": "setdigout 0"}, 1)
    body, _ = told("teltonika", Kind.REPORTING_INTERVAL, seconds=900)
    assert body["CMD"] == (
        "setparam 10000:900;10005:900;10050:900;10055:60;10100:900;10105:900;10150:900;10155:60;"
        "10200:900;10205:900;10250:900;10255:60"
    )
    for seconds in (5, 30, 86_400):
        body, _ = told("teltonika", Kind.REPORTING_INTERVAL, seconds=seconds)
        assert len(body["CMD"]) <= TELTONIKA_MAX_CHARS
        assert f"10055:{min(seconds, 60)}" in body["CMD"]


@pytest.mark.parametrize("kind", [Kind.ENGINE_STOP, Kind.ENGINE_RESUME])
def test_what_a_format_cannot_do(kind: Kind) -> None:
    assert ability("owntracks", kind) is None
    assert ability(None, kind) is None
    with pytest.raises(ValueError, match="owntracks knows no"):
        told("owntracks", kind)


def test_every_ability_can_be_written_and_every_way_down_has_some() -> None:
    kinds = {"native", "owntracks", "teltonika"}
    assert {downlink for downlink, _ in ABILITIES} == kinds == set(Downlink.__annotations__["kind"].__args__)
    for downlink, kind in ABILITIES:
        parameters = {"seconds": 60} if kind is Kind.REPORTING_INTERVAL else {}
        assert told(downlink, kind, **parameters)[0]


@pytest.mark.parametrize(
    ("text", "ok"),
    [
        ("DOUT1:ON Timeout:INFINITY Speed threshold:5km/h", True),
        ("DOUT1 Is disabled from CFG", False),
        ("Unknown command", False),
        ("DOUT1:ON Timeout:INFINITY Speed threshold:5km/h Speed is above threshold, queued", False),
    ],
)
def test_a_trackers_words_say_whether_it_went_well(text: str, ok: bool) -> None:
    assert judged("teltonika", Kind.ENGINE_STOP, Answer(False, True, text)).ok is ok
    assert judged("native", Kind.ENGINE_STOP, Answer(False, True, text)).ok  # others say so themselves
    assert not judged("teltonika", Kind.ENGINE_STOP, Answer(False, False, "")).ok


def test_a_stop_that_the_tracker_keeps_for_later() -> None:
    kept = Answer(False, True, "Speed is above threshold, queued")
    assert is_held_back("teltonika", Kind.ENGINE_STOP, kept)
    assert not is_held_back("teltonika", Kind.REPORTING_INTERVAL, kept)
    assert not is_held_back("native", Kind.ENGINE_STOP, kept)
    assert not is_held_back("teltonika", Kind.ENGINE_STOP, Answer(False, True, "DOUT1:ON"))
