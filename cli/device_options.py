"""What the options of `mess simulate` and `mess replay` mean. Every ValueError is for the user's eyes."""

import csv
import io
import json
import re
from collections.abc import Mapping
from datetime import tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from simulator.fix import Fix
from simulator.tracks import parse_time_us

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd]?)")
_UNIT_S = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def parse_speed_up(text: str) -> float | None:
    """A factor above 0, or None for `max`."""
    if text.strip().lower() == "max":
        return None
    try:
        factor = float(text)
    except ValueError:
        factor = 0.0
    if not 0 < factor < float("inf"):
        raise ValueError(f"--speed-up takes a number above 0, or max, not {text!r}")
    return factor


def parse_duration_s(text: str) -> float:
    """`90`, `90s`, `30m`, `8h`, `2d`; above 0."""
    match = _DURATION.fullmatch(text.strip())
    seconds = float(match[1]) * _UNIT_S[match[2]] if match else 0.0
    if seconds <= 0:
        raise ValueError(f"--duration takes e.g. 90s, 30m, 8h or 2d, not {text!r}")
    return seconds


def parse_zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, IsADirectoryError):
        raise ValueError(
            f"there is no time zone {name!r}; examples: UTC, Africa/Dakar, Europe/London"
        ) from None


def read_credentials(path: Path) -> dict[str, str]:
    """Secrets by uid from JSON (`[{"uid","secret"}]` or `{uid: secret}`) or CSV with a heading `uid,secret`."""
    if not path.is_file():
        raise ValueError(f"there is no credentials file {path}")
    text = path.read_text(encoding="utf-8-sig")
    if text.lstrip()[:1] in ("{", "["):
        try:
            found = json.loads(text)
        except ValueError as error:
            raise ValueError(f"{path} is not readable JSON: {error}") from None
        if isinstance(found, dict):
            found = [{"uid": uid, "secret": secret} for uid, secret in found.items()]
    else:
        found = list(csv.DictReader(io.StringIO(text, newline="")))
    try:
        secrets = {str(row["uid"]).strip(): str(row["secret"]).strip() for row in found}
    except (KeyError, TypeError):
        raise ValueError(f"{path}: each entry needs a uid and a secret") from None
    if not secrets:
        raise ValueError(f"{path} holds no credentials")
    return secrets


def truck_uids(count: int, prefix: str, secrets: Mapping[str, str]) -> list[str]:
    """From the credentials when there are any, else PREFIX0001 and so on."""
    if not secrets:
        return [f"{prefix}{number:04d}" for number in range(1, count + 1)]
    uids = [uid for uid in secrets if not uid.endswith("-phone")]
    if len(uids) < count:
        raise ValueError(f"--trucks {count}, but the credentials file has {len(uids)} trackers")
    return uids[:count]


def simulated_start_us(start: str | None, duration_s: float, speed_up: float | None, now_us: int) -> int:
    """Asked for, or such that no ping is stamped later than the moment it is sent."""
    if start is not None:
        return _moment_us("--start", start, parse_zone("UTC"))
    return now_us - round(duration_s * (1 - (1 / speed_up if speed_up else 0.0)) * 1e6)


def shift_us(span: tuple[int, int], to: str, zone: tzinfo, speed_up: float | None, now_us: int) -> int:
    """How far to move a track of `span` (first, last) so that it begins at `to`.

    `now`: each ping is stamped with the moment it is sent when speed_up is 1; faster, the last one is.
    """
    first, last = span
    if to.strip().lower() != "now":
        return _moment_us("--shift-to", to, zone) - first
    played = (last - first) / speed_up if speed_up else 0.0
    return now_us + round(played) - last


def name_devices(
    tracks: Mapping[str, tuple[Fix, ...]], device: str | None, prefix: str
) -> dict[str, tuple[Fix, ...]]:
    """Uids for the tracks of a file: `device` for the only one, else `prefix` + its name."""
    if device is None:
        return {prefix + name: fixes for name, fixes in tracks.items()}
    if len(tracks) > 1:
        raise ValueError(
            f"--device names one device, but the file has {len(tracks)} ({', '.join(tracks)}); use --device-prefix"
        )
    return {device: next(iter(tracks.values()))}


def _moment_us(option: str, text: str, zone: tzinfo) -> int:
    try:
        return parse_time_us(text, zone)
    except ValueError:
        raise ValueError(f"{option} takes a time such as 2026-01-26T15:00:00Z, not {text!r}") from None
