"""What may be commanded by whom, when a command is sent, and what an answer makes of it: pure decisions.

Every function about people raises a `platform_api.errors` class with a stable code when the answer is no.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from platform_api.actor import Actor, Role
from platform_api.commands.states import CommandState, Kind, Waiting
from platform_api.errors import Conflict, Forbidden, Invalid

S = CommandState

INTERVAL_S = (5, 86_400)
# A vehicle slower than this stands, as far as a receiver can tell.
STANDING_BELOW_KMH = 5.0
STANDING = frozenset({"stopped", "parked"})
EXPIRY_S = (60, 7 * 86_400)
# A task that hands a command to the broker is done or dead by then.
CLAIM = timedelta(seconds=60)
# Between attempts to hand it to the broker.
BROKER_PAUSE = timedelta(seconds=15)
# A device that is heard so long after the broker had a command has been given it.
PRESUMED_AFTER = timedelta(seconds=5)
ENGINE = frozenset({Kind.ENGINE_STOP, Kind.ENGINE_RESUME})

# `result` in our own words, for programs.
NO_ANSWER = "no_answer"
PRESUMED = "presumed: heard of after the broker had it; its format has no answer"
FORMAT_CHANGED = "the device now speaks a format that cannot do this"
VEHICLE_CHANGED = "the device is in another vehicle now"


@dataclass(frozen=True, slots=True)
class Limits:
    answer: timedelta  # of the first attempt; each further one waits twice as long as the one before
    attempts: int
    fresh: timedelta
    approval: timedelta


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What decisions look at of a command."""

    id: UUID
    kind: Kind
    state: CommandState
    created_by: UUID | None
    created_at: datetime
    expires_at: datetime
    vehicle_id: int | None = None
    approved_by: UUID | None = None
    approved_at: datetime | None = None
    claimed_at: datetime | None = None
    next_attempt_at: datetime | None = None
    sent_at: datetime | None = None
    attempts: int = 0
    result: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """How a device can be reached now. `can`: its format knows this kind of command, `answers`: and answers it."""

    online: bool
    last_seen_at: datetime | None
    can: bool
    answers: bool
    vehicle_id: int | None
    busy: bool = False  # an earlier command is unanswered, and answers carry no number


@dataclass(frozen=True, slots=True)
class VehicleNow:
    """The vehicle's last position that counted; `time` is event time."""

    time: datetime | None
    speed_kmh: float | None
    motion: str | None
    mock: bool = False


@dataclass(frozen=True, slots=True)
class Send:
    pass


@dataclass(frozen=True, slots=True)
class Wait:
    reason: Waiting


@dataclass(frozen=True, slots=True)
class End:
    state: CommandState
    result: str


# None = leave it as it is
Decision = Send | Wait | End | None


def check_may_command(actor: Actor) -> None:
    if actor.role is not Role.CARRIER and not actor.is_administrator:
        raise Forbidden("role_not_allowed", "Only the device's carrier and administrators command it.")


def check_parameters(kind: Kind, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters as they are kept. Raises Invalid `invalid_parameters`."""
    expected = {"seconds"} if kind is Kind.REPORTING_INTERVAL else set()
    if set(parameters) != expected:
        names = ", ".join(sorted(expected)) or "none"
        raise Invalid("invalid_parameters", f"The parameters of {kind} are: {names}.")
    if kind is not Kind.REPORTING_INTERVAL:
        return {}
    seconds, (low, high) = parameters["seconds"], INTERVAL_S
    if type(seconds) is not int or not low <= seconds <= high:
        raise Invalid("invalid_parameters", f"seconds is a whole number from {low} to {high}.")
    return {"seconds": seconds}


def check_new(
    kind: Kind, *, disabled: bool, downlink: str | None, can: bool, vehicle_id: int | None, open_stop: bool
) -> None:
    """May this be commanded of this device at all? `open_stop`: an engine stop is on its way already."""
    if disabled:
        raise Conflict("device_disabled", "This device is disabled.")
    if downlink is None:
        raise Conflict(
            "device_unreachable", "Nobody knows how to reach this device: it has not sent anything yet."
        )
    if not can:
        raise Conflict("command_unsupported", f"The device's format, {downlink}, knows no {kind}.")
    if kind in ENGINE and vehicle_id is None:
        raise Conflict("device_not_assigned", "The device is in no vehicle.")
    if kind is Kind.ENGINE_STOP and open_stop:
        raise Conflict("engine_stop_open", "An engine stop of this device is on its way.")


def approve(command: Snapshot, actor: Actor, now: datetime) -> bool:
    """True = it is approved by this; False = the same person approved it before."""
    check_may_command(actor)
    if command.kind is not Kind.ENGINE_STOP:
        raise Conflict("approval_not_needed", f"{command.kind} needs no approval.")
    if command.created_by == actor.user_id:
        raise Forbidden("same_person", "An engine stop is approved by somebody else than its sender.")
    if command.approved_by == actor.user_id and command.state in (S.QUEUED, S.SENT):
        return False
    if command.approved_by is not None:
        raise Conflict("already_approved", "Somebody else approved it first.")
    if command.state not in (S.QUEUED, S.SENT) or command.expires_at <= now:
        raise Conflict(
            "command_not_open", f"A command that is {_shown(command, now)} cannot be approved any more."
        )
    return True


def cancel(command: Snapshot, actor: Actor, now: datetime) -> bool:
    """True = cancel it now; False = it was cancelled before."""
    check_may_command(actor)
    if command.state is S.CANCELLED:
        return False
    if command.state is not S.QUEUED:
        raise Conflict("command_not_queued", f"A command that is {command.state} cannot be cancelled.")
    if is_claimed(command, now):
        raise Conflict("command_not_queued", "The command is being sent at this moment.")
    return True


def is_claimed(command: Snapshot, now: datetime) -> bool:
    return command.claimed_at is not None and now < command.claimed_at + CLAIM


def approval_lapsed(command: Snapshot, now: datetime, limits: Limits) -> bool:
    return command.approved_at is not None and command.approved_at + limits.approval <= now


def decide(
    command: Snapshot, link: Link, vehicle: VehicleNow | None, now: datetime, limits: Limits
) -> Decision:
    """What to do with an open command now. The caller holds the lock of its device.

    An approval that lapsed has been taken off by the caller.
    """
    if command.state not in (S.QUEUED, S.SENT, S.DELIVERED) or is_claimed(command, now):
        return None
    over = _over(command, link, now, limits)
    if over is not None or not _is_due(command, link, now):
        return over
    reason = _obstacle(command, link, vehicle, now, limits)
    return Send() if reason is None else Wait(reason)


def _is_due(command: Snapshot, link: Link, now: datetime) -> bool:
    """Whether it is to be handed to the broker, for the first time or again."""
    repeatable = command.state is S.SENT and link.answers
    paused = command.next_attempt_at is not None and now < command.next_attempt_at
    return (command.state is S.QUEUED or repeatable) and not paused


def _over(command: Snapshot, link: Link, now: datetime, limits: Limits) -> End | None:
    if command.state is S.SENT and _presumed(command, link):
        return End(S.DELIVERED, PRESUMED)
    if command.expires_at <= now:
        return End(S.EXPIRED, "" if command.state is S.QUEUED else NO_ANSWER)
    if not _is_due(command, link, now):
        return None
    if command.state is S.SENT and command.attempts >= limits.attempts:
        return End(S.FAILED, NO_ANSWER)
    if not link.can:
        return End(S.FAILED, FORMAT_CHANGED)
    moved = command.kind in ENGINE and link.vehicle_id != command.vehicle_id
    return End(S.FAILED, VEHICLE_CHANGED) if moved else None


def _presumed(command: Snapshot, link: Link) -> bool:
    return (
        not link.answers
        and link.last_seen_at is not None
        and command.sent_at is not None
        and link.last_seen_at >= command.sent_at + PRESUMED_AFTER
    )


def _obstacle(
    command: Snapshot, link: Link, vehicle: VehicleNow | None, now: datetime, limits: Limits
) -> Waiting | None:
    if command.kind is Kind.ENGINE_STOP and command.approved_by is None:
        return Waiting.APPROVAL
    if not link.online:
        return Waiting.DEVICE_AWAY
    if link.busy:
        return Waiting.EARLIER_COMMAND
    return not_standing(vehicle, now, limits.fresh) if command.kind is Kind.ENGINE_STOP else None


def not_standing(vehicle: VehicleNow | None, now: datetime, fresh: timedelta) -> Waiting | None:
    """None = the vehicle is known to stand. What is not known is not taken for standing."""
    if vehicle is None or vehicle.time is None or vehicle.mock or abs(now - vehicle.time) > fresh:
        return Waiting.POSITION_UNKNOWN
    if vehicle.speed_kmh is None or vehicle.motion is None:
        return Waiting.POSITION_UNKNOWN
    if vehicle.speed_kmh >= STANDING_BELOW_KMH or vehicle.motion not in STANDING:
        return Waiting.VEHICLE_MOVING
    return None


def answer_due(now: datetime, attempts: int, limits: Limits) -> datetime:
    """When a command that was handed over for the `attempts`th time has to be answered."""
    return now + limits.answer * float(2 ** (attempts - 1))


@dataclass(frozen=True, slots=True)
class Answer:
    receipt: bool
    ok: bool
    text: str


def on_answer(command: Snapshot, answer: Answer) -> CommandState | None:
    """The state that an answer brings; None = none: it is noted and changes nothing.

    It may come before the task that sent the command has written that down, and after we gave it up.
    """
    handed_over = command.attempts > 0 or command.claimed_at is not None
    if command.state in (S.QUEUED, S.SENT):
        if not handed_over:
            return None
        if answer.receipt:
            return S.DELIVERED
        return S.ACKNOWLEDGED if answer.ok else S.FAILED
    if answer.receipt:
        return None
    given_up = handed_over and (command.state is S.EXPIRED or command.result == NO_ANSWER)
    if command.state is S.DELIVERED or given_up:
        return S.ACKNOWLEDGED if answer.ok else S.FAILED
    return None


def supersedes(new: Kind, old: Snapshot) -> bool:
    """Whether a new command takes the place of an open one: the device shall do what was wished last."""
    if old.state not in (S.QUEUED, S.SENT):
        return False
    return (new, old.kind) in (
        (Kind.POSITION_NOW, Kind.POSITION_NOW),
        (Kind.REPORTING_INTERVAL, Kind.REPORTING_INTERVAL),
        (Kind.ENGINE_RESUME, Kind.ENGINE_STOP),
        (Kind.ENGINE_RESUME, Kind.ENGINE_RESUME),
        # Once it is approved: a mere request must not keep an engine stopped.
        (Kind.ENGINE_STOP, Kind.ENGINE_RESUME),
    )


def _shown(command: Snapshot, now: datetime) -> str:
    over = command.state in (S.QUEUED, S.SENT) and command.expires_at <= now
    return S.EXPIRED if over else command.state
