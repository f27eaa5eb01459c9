"""How each format writes a command, what it can do, and what its answers mean. Pure.

| kind | native | OwnTracks | Teltonika |
|---|---|---|---|
| position_now | `{"kind": "position_now"}` | `reportLocation` | `getgps` |
| reporting_interval | `{"kind": "reporting_interval", "params": {"seconds": n}}` | `setConfiguration` | `setparam`, all three networks |
| engine_stop | `{"kind": "engine_stop"}` | - | `setdigout 1 ? 5` |
| engine_resume | `{"kind": "engine_resume"}` | - | `setdigout 0` |

Facts. OwnTracks: its booklet, tech/json.md, and its Android app (`moveModeLocatorInterval`); the phone must allow
it (`cmd`, `allowRemoteLocation`, on Android `remoteConfiguration`). Teltonika: its wiki, "SMS/GPRS command -
setdigout" and "Codec JSON" (`{"CMD": ...}`); parameter ids from users' code, which agree with each other. Not
confirmed by a device of ours: that `getgps` and `setparam` are taken over MQTT as they are over Codec 12, and
`setdigout` with `?` for the time and a speed, which the wiki shows apart but not together.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any
from uuid import UUID

import msgspec

from platform_api.commands.rules import STANDING_BELOW_KMH, Answer
from platform_api.commands.states import Kind

# An engine stop that comes later than this is not to be done: by then the vehicle may have started.
ENGINE_STOP_VALID = timedelta(seconds=30)

# OwnTracks' modes: 2 follows at an interval, 1 waits for a significant change and saves the battery.
_MOVE, _SIGNIFICANT = 2, 1
_MOVE_BELOW_S = 300
# Teltonika: a parameter for each network that the SIM may be in (home, roaming, unknown), standing or moving:
# how often a record is made, and how often records are sent.
_RECORD_STANDING, _SEND_STANDING = (10000, 10100, 10200), (10005, 10105, 10205)
_RECORD_MOVING, _SEND_MOVING = (10050, 10150, 10250), (10055, 10155, 10255)
# A tracker also makes records by distance and angle. Once it moves they are not kept back until the interval ends.
_MOST_MOVING_SEND_S = 60
TELTONIKA_MAX_CHARS = 160
# What a tracker says when it did not do it; its answers have no other mark.
_REFUSALS = ("disabled from cfg", "error", "fail", "invalid", "unknown command")
_HELD_BACK = "queued"


@dataclass(frozen=True, slots=True)
class Ability:
    """`answers`: the format says when it is done. `numbered`: and which command that was."""

    answers: bool
    numbered: bool


ABILITIES: Mapping[tuple[str, Kind], Ability] = MappingProxyType(
    {("native", kind): Ability(answers=True, numbered=True) for kind in Kind}
    | {("teltonika", kind): Ability(answers=True, numbered=False) for kind in Kind}
    | {
        ("owntracks", Kind.POSITION_NOW): Ability(answers=True, numbered=False),
        ("owntracks", Kind.REPORTING_INTERVAL): Ability(answers=False, numbered=False),
    }
)


@dataclass(frozen=True, slots=True)
class Encoded:
    payload: bytes
    qos: int


def ability(downlink: str | None, kind: Kind) -> Ability | None:
    """None = the format cannot do it."""
    return None if downlink is None else ABILITIES.get((downlink, kind))


def encode(
    downlink: str,
    *,
    command_id: UUID,
    kind: Kind,
    parameters: Mapping[str, Any],
    now: datetime,
    expires_at: datetime,
) -> Encoded:
    """The message of a command. Raises ValueError for one that the format cannot do.

    An engine stop goes at QoS 0: no broker keeps it for a device that is away for a moment, to stop the
    engine of a vehicle that drives again. If it is lost it is sent again, after the vehicle has been looked at.
    """
    if ability(downlink, kind) is None:
        raise ValueError(f"{downlink} knows no {kind}")
    if downlink == "owntracks":
        body: dict[str, Any] = _owntracks(kind, parameters)
    elif downlink == "teltonika":
        body = {"CMD": _teltonika(kind, parameters)}
    else:
        valid_until = min(expires_at, now + ENGINE_STOP_VALID) if kind is Kind.ENGINE_STOP else expires_at
        body = {
            "id": str(command_id),
            "kind": kind.value,
            "params": dict(parameters),
            "expires": _rfc3339(valid_until),
        }
    return Encoded(msgspec.json.encode(body), 0 if kind is Kind.ENGINE_STOP else 1)


def _owntracks(kind: Kind, parameters: Mapping[str, Any]) -> dict[str, Any]:
    if kind is Kind.POSITION_NOW:
        return {"_type": "cmd", "action": "reportLocation"}
    seconds = parameters["seconds"]
    configuration = {
        "_type": "configuration",
        "monitoring": _MOVE if seconds < _MOVE_BELOW_S else _SIGNIFICANT,
        "locatorInterval": seconds,
        "moveModeLocatorInterval": seconds,
    }
    return {"_type": "cmd", "action": "setConfiguration", "configuration": configuration}


def _teltonika(kind: Kind, parameters: Mapping[str, Any]) -> str:
    if kind is Kind.POSITION_NOW:
        return "getgps"
    if kind is Kind.ENGINE_RESUME:
        return "setdigout 0"
    if kind is Kind.ENGINE_STOP:
        # Output 1, for as long as it is not taken back, at this speed or less: above it the tracker waits by itself.
        return f"setdigout 1 ? {STANDING_BELOW_KMH:.0f}"
    seconds = parameters["seconds"]
    values = dict.fromkeys((*_RECORD_STANDING, *_SEND_STANDING, *_RECORD_MOVING), seconds)
    values |= dict.fromkeys(_SEND_MOVING, min(seconds, _MOST_MOVING_SEND_S))
    return "setparam " + ";".join(f"{number}:{value}" for number, value in sorted(values.items()))


def judged(downlink: str | None, kind: Kind, answer: Answer) -> Answer:
    """A tracker's words say whether it went well; other formats say so themselves."""
    if downlink != "teltonika" or not answer.ok:
        return answer
    text = answer.text.lower()
    refused = any(words in text for words in _REFUSALS) or is_held_back(downlink, kind, answer)
    return Answer(answer.receipt, not refused, answer.text)


def is_held_back(downlink: str | None, kind: Kind, answer: Answer) -> bool:
    """The tracker moves, and would stop the engine by itself once it is slow: that must be taken back."""
    return downlink == "teltonika" and kind is Kind.ENGINE_STOP and _HELD_BACK in answer.text.lower()


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
