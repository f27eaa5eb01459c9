"""The words of commands: kinds, states and how they follow each other, reasons to wait, steps of the audit."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class Kind(StrEnum):
    POSITION_NOW = "position_now"
    REPORTING_INTERVAL = "reporting_interval"
    ENGINE_STOP = "engine_stop"
    ENGINE_RESUME = "engine_resume"


class CommandState(StrEnum):
    QUEUED = "queued"  # not handed to the broker yet; `waiting` says why
    SENT = "sent"  # the MQTT broker has it
    DELIVERED = "delivered"  # the device says that it has it
    ACKNOWLEDGED = "acknowledged"  # the device says that it has done it
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"  # by a person, before it was sent
    SUPERSEDED = "superseded"  # a newer one took its place


class Waiting(StrEnum):
    """Why a command is not sent, or not sent again, now."""

    APPROVAL = "approval"
    DEVICE_AWAY = "device_away"
    VEHICLE_MOVING = "vehicle_moving"
    POSITION_UNKNOWN = "position_unknown"
    EARLIER_COMMAND = "earlier_command"
    NOT_SUBSCRIBED = "not_subscribed"
    BROKER_AWAY = "broker_away"


WAITING_FOR: Mapping[Waiting, str] = MappingProxyType(
    {
        Waiting.APPROVAL: "waiting until a second person approves it",
        Waiting.DEVICE_AWAY: "waiting until the device is online",
        Waiting.VEHICLE_MOVING: "waiting until the vehicle stands",
        Waiting.POSITION_UNKNOWN: "waiting until a fresh position shows that the vehicle stands",
        Waiting.EARLIER_COMMAND: "waiting for the answer to an earlier command",
        Waiting.NOT_SUBSCRIBED: "waiting until the device listens for commands",
        Waiting.BROKER_AWAY: "waiting until the MQTT broker can be reached",
    }
)


class Step(StrEnum):
    """`command_steps.step`: what happened to a command."""

    CREATED = "created"
    APPROVED = "approved"
    APPROVAL_LAPSED = "approval_lapsed"
    WAITING = "waiting"
    SENT = "sent"
    DELIVERED = "delivered"
    ACKNOWLEDGED = "acknowledged"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"
    ANSWERED_LATE = "answered_late"  # and it changes nothing any more


S = CommandState

# Every change of state there is, and by what. `docs/commands.md` draws this very dict; a test compares.
TRANSITIONS: Mapping[CommandState, Mapping[CommandState, str]] = MappingProxyType(
    {
        S.QUEUED: {
            S.SENT: "the broker took it",
            S.EXPIRED: "never sent in time",
            S.FAILED: "the device's format or vehicle changed",
            S.CANCELLED: "cancel",
            S.SUPERSEDED: "a newer one",
        },
        S.SENT: {
            S.DELIVERED: "receipt, or a sign of life where the format has no answer",
            S.ACKNOWLEDGED: "answer: done",
            S.FAILED: "answer: not done, or no answer to the last attempt",
            S.EXPIRED: "no answer in time",
            S.SUPERSEDED: "a newer one",
        },
        S.DELIVERED: {
            S.ACKNOWLEDGED: "answer: done",
            S.FAILED: "answer: not done",
            S.EXPIRED: "no answer in time",
        },
        S.EXPIRED: {S.ACKNOWLEDGED: "late answer: done", S.FAILED: "late answer: not done"},
        S.FAILED: {S.ACKNOWLEDGED: "late answer: done"},
        S.ACKNOWLEDGED: {},
        S.CANCELLED: {},
        S.SUPERSEDED: {},
    }
)


def state_diagram() -> str:
    """TRANSITIONS as a Mermaid state diagram, for the docs."""
    lines = ["stateDiagram-v2", "    [*] --> queued"]
    for state, targets in TRANSITIONS.items():
        lines += [f"    {state} --> {target}: {label}" for target, label in targets.items()]
        if not targets:
            lines.append(f"    {state} --> [*]")
    return "\n".join(lines)
