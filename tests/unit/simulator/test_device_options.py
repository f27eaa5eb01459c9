"""What `mess simulate` and `mess replay` understand, and what they say when they do not."""

from datetime import UTC
from pathlib import Path

import pytest

from cli import device_options as options
from simulator.fix import Fix

HOUR_US = 3_600_000_000


def test_speed_ups() -> None:
    assert options.parse_speed_up("MAX") is None
    assert options.parse_speed_up("2.5") == 2.5
    for text in ("0", "-1", "fast", "inf", "nan"):
        with pytest.raises(ValueError, match="--speed-up"):
            options.parse_speed_up(text)


def test_durations() -> None:
    assert [options.parse_duration_s(t) for t in ("90", "90s", "1.5m", "8h", "2d")] == [
        90,
        90,
        90,
        28800,
        172800,
    ]
    for text in ("", "0", "h", "-3m", "1w"):
        with pytest.raises(ValueError, match="--duration"):
            options.parse_duration_s(text)


def test_no_ping_is_stamped_in_the_future() -> None:
    now = 100 * HOUR_US
    assert options.simulated_start_us(None, 3600, None, now) == now - HOUR_US
    assert options.simulated_start_us(None, 3600, 1.0, now) == now
    assert options.simulated_start_us(None, 3600, 60, now) == now - HOUR_US + HOUR_US // 60
    assert options.simulated_start_us("1970-01-02T00:00:00Z", 3600, 60, now) == 24 * HOUR_US


def test_shifting_to_a_moment_or_to_now() -> None:
    span, now = (10 * HOUR_US, 12 * HOUR_US), 100 * HOUR_US
    assert span[0] + options.shift_us(span, "1970-01-03T00:00:00", UTC, 1.0, now) == 48 * HOUR_US
    assert span[0] + options.shift_us(span, "now", UTC, 1.0, now) == now
    assert span[1] + options.shift_us(span, "now", UTC, None, now) == now
    assert span[1] + options.shift_us(span, "now", UTC, 4.0, now) == now + HOUR_US // 2
    with pytest.raises(ValueError, match="--shift-to"):
        options.shift_us(span, "tomorrow", UTC, 1.0, now)


@pytest.mark.parametrize(
    "text",
    [
        "uid,secret\na,1\nb-phone,2\n",
        '[{"uid":"a","secret":"1"},{"uid":"b-phone","secret":"2"}]',
        '{"a":"1","b-phone":"2"}',
    ],
)
def test_credentials_in_every_spelling(tmp_path: Path, text: str) -> None:
    path = tmp_path / "c"
    path.write_text(text)
    secrets = options.read_credentials(path)
    assert secrets == {"a": "1", "b-phone": "2"}
    assert options.truck_uids(1, "sim-", secrets) == ["a"]
    with pytest.raises(ValueError, match="has 1 trackers"):
        options.truck_uids(2, "sim-", secrets)


@pytest.mark.parametrize("text", ["", "name,word\na,b\n", "[1]", "{", "[]"])
def test_credentials_that_are_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "c"
    path.write_text(text)
    with pytest.raises(ValueError, match=str(path)):
        options.read_credentials(path)


def test_device_names() -> None:
    track = (Fix(time_us=1, lon=0, lat=1),)
    assert options.truck_uids(2, "sim-", {}) == ["sim-0001", "sim-0002"]
    assert options.name_devices({"x": track}, "one", "p-") == {"one": track}
    assert list(options.name_devices({"x": track, "y": track}, None, "p-")) == ["p-x", "p-y"]
    with pytest.raises(ValueError, match="use --device-prefix"):
        options.name_devices({"x": track, "y": track}, "one", "")
    with pytest.raises(ValueError, match="no time zone 'Mars'"):
        options.parse_zone("Mars")
