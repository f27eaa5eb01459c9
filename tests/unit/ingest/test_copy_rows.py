"""COPY data by the letter of PostgreSQL's binary format, read back by a reader that shares nothing with the writer."""

import json
import struct
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given

from ingest.copy_rows import COLUMNS, encode, extra_json
from ingest.ping import Ping
from ingest.track import Extra
from tests.support.ping_rows import EXTREME, SET, WILD_TEXT, Row, all_set, columns, row, row_lists

SIGNATURE = b"PGCOPY\n\xff\r\n\0"
POSTGRES_EPOCH_S = 946_684_800  # 2000-01-01
FORMATS = {
    "device_id": "!q", "time": "!q", "received_at": "!q", "lat": "!d", "lon": "!d",
    "speed_kmh": "!f", "heading_deg": "!f", "altitude_m": "!f", "accuracy_m": "!d", "satellites": "!h",
    "hdop": "!f", "ignition": "!?", "battery_pct": "!f", "fuel_pct": "!f", "odometer_km": "!d", "seq": "!q",
    "mock": "!?",
}  # fmt: skip


def records(data: bytes) -> Iterator[dict[str, Any]]:
    """Each tuple by column name; raises when a length, the header or the trailer is wrong."""
    assert data[:11] == SIGNATURE
    flags, extension = struct.unpack_from("!ii", data, 11)
    assert (flags, extension) == (0, 0)
    at = 19
    while (fields := struct.unpack_from("!h", data, at)[0]) != -1:
        assert fields == len(COLUMNS)
        at += 2
        record: dict[str, Any] = {}
        for name in COLUMNS:
            (length,) = struct.unpack_from("!i", data, at)
            at += 4
            body = None if length == -1 else data[at : at + length]
            at += max(length, 0)
            record[name] = None if body is None else _value(name, body)
        yield record
    assert at + 2 == len(data), "nothing may follow the trailer"


def _value(name: str, body: bytes) -> Any:
    if name == "extra":
        assert body[0] == 1, "version of jsonb"
        return json.loads(body[1:])
    assert len(body) == struct.calcsize(FORMATS[name]), name
    (value,) = struct.unpack(FORMATS[name], body)
    return value + POSTGRES_EPOCH_S * 1_000_000 if name in ("time", "received_at") else value


def expected(rows: Sequence[Row]) -> list[dict[str, Any]]:
    made = []
    for device_id, received_us, ping in rows:
        record: dict[str, Any] = {"device_id": device_id, "time": ping.time_us, "received_at": received_us}
        record |= {name: getattr(ping, name) for name in ("lat", "lon", *SET)}
        record["extra"] = None
        if ping.alarms or ping.attributes:
            record["extra"] = {"alarms": list(ping.alarms), "attributes": ping.attributes or {}}
        made.append(record)
    return made


def by_time(found: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows are grouped by their unknown columns, so their order is free."""
    return sorted(found, key=lambda record: record["time"])


def assert_encoded(rows: Sequence[Row]) -> None:
    assert by_time(list(records(encode(columns(rows))))) == by_time(expected(rows))


def test_no_rows_are_a_header_and_a_trailer() -> None:
    assert encode(columns([])) == SIGNATURE + bytes(8) + b"\xff\xff"


def test_a_row_of_unknowns() -> None:
    assert_encoded([row()])


def test_a_row_with_everything() -> None:
    assert_encoded([all_set()])


@pytest.mark.parametrize("name", SET)
def test_each_column_alone(name: str) -> None:
    assert_encoded([row(0, **{name: SET[name]}), row(1)])


@pytest.mark.parametrize("which", [0, 1])
def test_extremes(which: int) -> None:
    assert_encoded([row(0, **{name: pair[which] for name, pair in EXTREME.items()})])


def test_times_around_the_two_epochs() -> None:
    assert_encoded([row(0, time_us=us) for us in (-1, 0, 946_684_799_999_999, 946_684_800_000_000)])


def test_extra_only_where_there_is_some() -> None:
    assert_encoded(
        [
            row(0),
            row(1, alarms=("sos", WILD_TEXT)),
            row(2, attributes={"a": {"b": [1, None, 2.5, WILD_TEXT]}}),
            row(3, attributes={}),
            all_set(4),
        ]
    )


def test_extra_is_an_object_of_two() -> None:
    assert json.loads(extra_json(Extra(("sos",)))) == {"alarms": ["sos"], "attributes": {}}


@given(row_lists())
def test_any_mixture(rows: list[Row]) -> None:
    assert_encoded(rows)


def test_columns_follow_the_fields_of_a_ping() -> None:
    fields = Ping.__struct_fields__
    assert COLUMNS[3:-1] == fields[1:-2]
    assert fields[-2:] == ("alarms", "attributes")


@given(row_lists())
def test_columns_give_back_the_pings_they_were_made_of(rows: list[Row]) -> None:
    made = columns(rows)
    for number, (_, _, ping) in enumerate(rows):
        back = made.ping(number)
        for name in (
            "time_us",
            "lat",
            "lon",
            "accuracy_m",
            "odometer_km",
            "satellites",
            "seq",
            "ignition",
            "mock",
        ):
            assert getattr(back, name) == getattr(ping, name)
        assert back.alarms == ping.alarms
        assert (back.attributes or None) == (ping.attributes or None)


def test_single_precision_is_shown_without_its_noise() -> None:
    assert columns([row(speed_kmh=42.1)]).ping(0).speed_kmh == 42.1


def test_a_value_that_no_column_holds_raises() -> None:
    with pytest.raises(OverflowError):
        columns([row(satellites=70_000)])
