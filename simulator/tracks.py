"""Recorded tracks from files: GPX, or CSV with named columns. Bad rows are reported, not fatal."""

import csv
import io
import math
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from pathlib import Path

import gpxpy
import gpxpy.gpx
import msgspec

from .fix import Fix

COLUMN_GUESSES: dict[str, tuple[str, ...]] = {
    "time": ("time", "timestamp", "datetime", "date_time", "t", "gps_time", "recorded_at"),
    "lat": ("lat", "latitude", "y"),
    "lon": ("lon", "lng", "long", "longitude", "x"),
    "device": ("device", "device_id", "vehicle_id", "vehicle", "imei", "tracker_id"),
    "heading": ("heading", "bearing", "course", "cog", "direction_deg"),
    "speed": ("speed", "speed_kmh", "velocity", "spd", "vel"),
    "altitude": ("altitude", "alt", "ele", "elevation"),
    "accuracy": ("accuracy", "acc", "accuracy_m"),
}
REQUIRED = ("time", "lat", "lon")
SPEED_UNITS = {"kmh": 1.0, "ms": 3.6, "knots": 1.852, "mph": 1.609344}
# Seconds since 1970 stay below this until the year 5138; milliseconds have been above it since 1973.
MILLISECONDS_FROM = 1e11
SAFE_UID = re.compile(r"[^A-Za-z0-9._:-]+")


class TrackError(Exception):
    """The file as a whole cannot be used; the message says why in plain words."""


@dataclass(frozen=True, slots=True)
class BadRow:
    line: int  # as an editor counts, from 1
    reason: str


@dataclass(frozen=True, slots=True)
class Recording:
    """Fixes by device name, each sorted by time (equal times in file order); unnumbered."""

    tracks: dict[str, tuple[Fix, ...]]
    bad_rows: tuple[BadRow, ...] = ()
    columns: tuple[tuple[str, str], ...] = ()  # (our name, the file's), CSV only


def read_recording(
    path: Path,
    *,
    file_format: str = "auto",
    columns: Mapping[str, str] | None = None,
    time_zone: tzinfo = UTC,
    speed_unit: str = "kmh",
) -> Recording:
    """Read a track file. TrackError when it is missing, unreadable or holds nothing usable.

    `time_zone` is for times that carry none. `columns` maps our names to the file's headings; what it
    leaves out is guessed from common headings.
    """
    if not path.is_file():
        raise TrackError(f"there is no file {path}")
    if speed_unit not in SPEED_UNITS:
        raise TrackError(f"unknown speed unit {speed_unit!r}; known are {', '.join(SPEED_UNITS)}")
    chosen = path.suffix.lower().lstrip(".") if file_format == "auto" else file_format
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise TrackError(f"{path} cannot be read as text: {error}") from error
    if chosen == "gpx":
        recording = _read_gpx(text, path, time_zone)
    elif chosen in ("csv", "txt"):
        recording = _read_csv(text, path, dict(columns or {}), time_zone, SPEED_UNITS[speed_unit])
    else:
        raise TrackError(f"{path}: the format {chosen!r} is not known; name it with --format gpx or csv")
    if not recording.tracks:
        first = recording.bad_rows[0] if recording.bad_rows else None
        why = f": line {first.line}: {first.reason}" if first else ""
        raise TrackError(f"{path} holds no usable position{why}")
    return recording


def parse_columns(text: str) -> dict[str, str]:
    """`"time=timestamp,lat=latitude"` to a mapping. TrackError for what is not of that form."""
    pairs = [part.partition("=") for part in text.split(",") if part.strip()]
    mapping = {name.strip(): heading.strip() for name, _, heading in pairs}
    for name, heading in mapping.items():
        if name not in COLUMN_GUESSES:
            raise TrackError(f"--columns: {name!r} is not one of {', '.join(COLUMN_GUESSES)}")
        if not heading:
            raise TrackError(f"--columns: no heading given for {name!r}")
    return mapping


def shifted(tracks: Mapping[str, Sequence[Fix]], offset_us: int) -> dict[str, tuple[Fix, ...]]:
    """Every fix later by the same offset, so that tracks stay beside each other."""
    return {
        name: tuple(msgspec.structs.replace(fix, time_us=fix.time_us + offset_us) for fix in fixes)
        for name, fixes in tracks.items()
    }


def span_us(tracks: Mapping[str, Sequence[Fix]]) -> tuple[int, int]:
    """First and last time over all tracks; each track holds at least one fix."""
    times = [fix.time_us for fixes in tracks.values() for fix in (fixes[0], fixes[-1])]
    return min(times), max(times)


def parse_time_us(text: str, time_zone: tzinfo = UTC) -> int:
    """ISO 8601, `YYYY-MM-DD HH:MM:SS`, or epoch seconds or milliseconds. ValueError otherwise."""
    text = text.strip()
    try:
        number = float(text)
    except ValueError:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=time_zone)
        return _time_us(moment)
    if not math.isfinite(number):
        raise ValueError(f"{text!r} is not a time")
    return round(number * 1e3) if abs(number) >= MILLISECONDS_FROM else round(number * 1e6)


def _time_us(moment: datetime) -> int:
    whole = int(moment.astimezone(UTC).replace(microsecond=0).timestamp())
    return whole * 1_000_000 + moment.microsecond


def _read_gpx(text: str, path: Path, time_zone: tzinfo) -> Recording:
    try:
        gpx = gpxpy.parse(text)
    except gpxpy.gpx.GPXException as error:
        raise TrackError(f"{path} is not readable GPX: {error}") from error
    tracks: dict[str, tuple[Fix, ...]] = {}
    points, timeless = 0, 0
    for number, track in enumerate(gpx.tracks, 1):
        fixes = []
        for point in (p for segment in track.segments for p in segment.points):
            points += 1
            if point.time is None:
                timeless += 1
                continue
            moment = point.time if point.time.tzinfo else point.time.replace(tzinfo=time_zone)
            fixes.append(_gpx_fix(point, _time_us(moment)))
        if fixes:
            name = path.stem if len(gpx.tracks) == 1 else f"{path.stem}-{number}"
            tracks[SAFE_UID.sub("-", name)] = tuple(sorted(fixes, key=lambda f: f.time_us))
    if not points:
        raise TrackError(f"{path} has no track points (routes and waypoints have no times to replay)")
    if not tracks:
        raise TrackError(f"{path}: none of the {points} track points has a <time>, so it cannot be replayed")
    missing = (BadRow(0, f"{timeless} track points without <time> left out"),) if timeless else ()
    return Recording(tracks, missing)


def _gpx_fix(point: gpxpy.gpx.GPXTrackPoint, time_us: int) -> Fix:
    return Fix(
        time_us=time_us,
        lon=point.longitude,
        lat=point.latitude,
        altitude_m=point.elevation,
        speed_kmh=None if point.speed is None else point.speed * 3.6,  # GPX 1.0 has m/s
        heading_deg=None if point.course is None else point.course % 360.0,
        hdop=point.horizontal_dilution,
        satellites=None if point.satellites is None else int(point.satellites),
    )


def _read_csv(text: str, path: Path, columns: dict[str, str], time_zone: tzinfo, to_kmh: float) -> Recording:
    sample = text[:4096].split("\n", 1)[0]
    delimiter = max(",;\t", key=sample.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    headings = [heading.strip() for heading in next(reader, [])]
    if not headings:
        raise TrackError(f"{path} is empty")
    place = _places(path, headings, columns)
    tracks: defaultdict[str, list[Fix]] = defaultdict(list)
    bad: list[BadRow] = []
    for row in reader:
        if not any(cell.strip() for cell in row):
            continue
        try:
            cells = {name: row[index].strip() for name, index in place.items() if index < len(row)}
            device = SAFE_UID.sub("-", cells.get("device", "")) if "device" in place else path.stem
            if not device:
                raise ValueError("the device column is empty")
            fix = _csv_fix(cells, time_zone, to_kmh)
            tracks[SAFE_UID.sub("-", device)].append(fix)
        except ValueError as error:
            bad.append(BadRow(reader.line_num, str(error)))
    ordered = {name: tuple(sorted(fixes, key=lambda f: f.time_us)) for name, fixes in sorted(tracks.items())}
    return Recording(ordered, tuple(bad), tuple((name, headings[i]) for name, i in place.items()))


def _places(path: Path, headings: list[str], columns: dict[str, str]) -> dict[str, int]:
    """Index of each column we use. TrackError names the headings there are."""
    for name, heading in columns.items():
        if heading not in headings:
            raise TrackError(f"{path} has no column {heading!r} (for {name}); it has: {', '.join(headings)}")
    place = {name: headings.index(heading) for name, heading in columns.items()}
    lowered = [heading.lower() for heading in headings]
    for name, guesses in COLUMN_GUESSES.items():
        found = next((guess for guess in guesses if guess in lowered), None)
        if name not in place and found is not None:
            place[name] = lowered.index(found)
    for name in REQUIRED:
        if name not in place:
            raise TrackError(
                f"{path}: which column is the {name}? Say --columns {name}=HEADING; it has: {', '.join(headings)}"
            )
    return place


def _csv_fix(cells: dict[str, str], time_zone: tzinfo, to_kmh: float) -> Fix:
    def number(name: str) -> float | None:
        return _number(name, cells.get(name, ""))

    def required(name: str, parse: Callable[[str], float]) -> float:
        if not cells.get(name):
            raise ValueError(f"no {name}")
        return parse(cells[name])

    lat = required("lat", lambda text: _bounded("lat", text, 90.0))
    lon = required("lon", lambda text: _bounded("lon", text, 180.0))
    try:
        time_us = int(required("time", lambda text: parse_time_us(text, time_zone)))
    except ValueError as error:
        raise ValueError(f"time: {error}") from None
    speed, heading = number("speed"), number("heading")
    return Fix(
        time_us=time_us,
        lat=lat,
        lon=lon,
        speed_kmh=None if speed is None or speed < 0 else speed * to_kmh,
        heading_deg=None if heading is None or heading < 0 else heading % 360.0,
        altitude_m=number("altitude"),
        accuracy_m=number("accuracy"),
    )


def _number(name: str, text: str) -> float | None:
    """None where the cell is empty or says so in the usual words."""
    if text.lower() in ("", "na", "nan", "null", "none", "-"):
        return None
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"{name} {text!r} is not a number") from None
    return value if math.isfinite(value) else None


def _bounded(name: str, text: str, limit: float) -> float:
    value = _number(name, text)
    if value is None:
        raise ValueError(f"no {name}")
    if abs(value) > limit:
        raise ValueError(f"{name} {text} is outside -{limit:g}..{limit:g}")
    return value
