"""Recorded tracks: named columns, guesses, zones, missing values, and errors in plain words."""

from datetime import UTC
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from simulator.tracks import TrackError, parse_columns, parse_time_us, read_recording, shifted, span_us

BUS = """id,vehicle_id,timestamp,latitude,longitude,bearing
1,4716,2026-01-26 15:57:24,53.445,-2.92,53
2,4716,2026-01-26 15:57:02,53.444,-2.925,
3,47 20,2026-01-26 15:57:05,53.4,-2.9,361
4,4716,soon,53.4,-2.9,
5,4716,2026-01-26 15:57:05,91,-2.9,
6,4716,2026-01-26 15:57:05,,-2.9,
7,,2026-01-26 15:57:05,53.4,-2.9,
8,lost,2026-01-26 15:57:05,53.4,west,
"""
T0 = 1_769_443_022_000_000  # 2026-01-26T15:57:02Z


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_csv_with_several_devices_and_bad_rows(tmp_path: Path) -> None:
    recording = read_recording(write(tmp_path, "bus.csv", BUS))
    assert list(recording.tracks) == ["47-20", "4716"]
    track = recording.tracks["4716"]
    assert [fix.time_us for fix in track] == [T0, T0 + 22_000_000]
    assert (track[1].lon, track[1].lat, track[1].heading_deg, track[0].heading_deg) == (
        -2.92,
        53.445,
        53,
        None,
    )
    assert recording.tracks["47-20"][0].heading_deg == 1
    assert [bad.line for bad in recording.bad_rows] == [5, 6, 7, 8, 9]
    reasons = [bad.reason for bad in recording.bad_rows]
    assert "soon" in reasons[0]
    assert reasons[1] == "lat 91 is outside -90..90"
    assert reasons[2:] == ["no lat", "the device column is empty", "lon 'west' is not a number"]


def test_columns_zone_and_speed_unit_are_honoured(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "t.csv",
        "wann;breite;laenge;v\n2026-01-26 16:57:02;53,1;-2;10\n2026-01-26 16:57:02;53;-2;10\n",
    )
    columns = parse_columns("time=wann,lat=breite,lon=laenge,speed=v")
    zone = ZoneInfo("Europe/Paris")
    recording = read_recording(path, columns=columns, time_zone=zone, speed_unit="ms")
    assert recording.tracks["t"][0].time_us == T0
    assert recording.tracks["t"][0].speed_kmh == 36
    assert len(recording.bad_rows) == 1  # "53,1" is no number here


@pytest.mark.parametrize(
    ("text", "offset_us"),
    [
        ("2026-01-26T15:57:02Z", 0),
        ("2026-01-26T15:57:02.250+00:00", 250_000),
        ("2026-01-26T16:57:02+01:00", 0),
        ("1769443022", 0),
        ("1769443022.5", 500_000),
        ("1769443022000", 0),
    ],
)
def test_times_in_every_usual_spelling(text: str, offset_us: int) -> None:
    assert parse_time_us(text, UTC) == T0 + offset_us


@pytest.mark.parametrize("text", ["", "yesterday", "nan", "inf"])
def test_what_is_not_a_time(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        parse_time_us(text)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.csv", "time,lat\n1,2\n", "which column is the lon"),
        ("a.csv", "", "is empty"),
        ("a.csv", "time,lat,lon\n1,x,3\n", "no usable position: line 2: lat 'x' is not a number"),
        ("a.xls", "x", "the format 'xls' is not known"),
        ("a.gpx", "<gpx", "not readable GPX"),
        ("a.gpx", "<gpx version='1.1' creator='x'></gpx>", "no track points"),
        (
            "a.gpx",
            "<gpx version='1.1' creator='x'><trk><trkseg><trkpt lat='1' lon='2'/></trkseg></trk></gpx>",
            "none of the 1 track points has a <time>",
        ),
    ],
)
def test_unusable_files_are_refused_in_plain_words(tmp_path: Path, name: str, text: str, words: str) -> None:
    with pytest.raises(TrackError, match=words):
        read_recording(write(tmp_path, name, text))


def test_a_missing_file_and_a_missing_column(tmp_path: Path) -> None:
    with pytest.raises(TrackError, match="there is no file"):
        read_recording(tmp_path / "no.csv")
    with pytest.raises(TrackError, match=r"no column 'when'.*it has: id, vehicle_id"):
        read_recording(write(tmp_path, "b.csv", BUS), columns={"time": "when"})
    with pytest.raises(TrackError, match="'colour' is not one of"):
        parse_columns("colour=red")


def test_gpx_tracks_are_devices(tmp_path: Path) -> None:
    point = "<trkpt lat='14.5' lon='-17'><ele>{}</ele><time>2026-01-26T15:57:0{}Z</time></trkpt>"
    tracks = "".join(f"<trk><trkseg>{point.format(n, n)}</trkseg></trk>" for n in (2, 3))
    path = write(tmp_path, "my drive.gpx", f"<gpx version='1.1' creator='x'>{tracks}</gpx>")
    recording = read_recording(path)
    assert list(recording.tracks) == ["my-drive-1", "my-drive-2"]
    assert recording.tracks["my-drive-2"][0].altitude_m == 3
    assert span_us(recording.tracks) == (T0, T0 + 1_000_000)
    moved = shifted(recording.tracks, 5_000_000)
    assert span_us(moved) == (T0 + 5_000_000, T0 + 6_000_000)
