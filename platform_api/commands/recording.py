"""Writing down what happens to a command: the row, its times, and a step of the audit."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal

from sqlalchemy.orm import Session

from platform_api.actor import Actor
from platform_api.commands.models import Command, CommandStep
from platform_api.commands.rules import Snapshot
from platform_api.commands.states import CommandState, Kind, Step, Waiting

S = CommandState
_STEP_OF: Mapping[CommandState, Step] = MappingProxyType(
    {
        S.SENT: Step.SENT,
        S.DELIVERED: Step.DELIVERED,
        S.ACKNOWLEDGED: Step.ACKNOWLEDGED,
        S.FAILED: Step.FAILED,
        S.EXPIRED: Step.EXPIRED,
        S.CANCELLED: Step.CANCELLED,
        S.SUPERSEDED: Step.SUPERSEDED,
    }
)


def snapshot(command: Command) -> Snapshot:
    return Snapshot(
        id=command.id,
        kind=Kind(command.kind),
        state=CommandState(command.state),
        created_by=command.created_by,
        created_at=command.created_at,
        expires_at=command.expires_at,
        vehicle_id=command.vehicle_id,
        approved_by=command.approved_by,
        approved_at=command.approved_at,
        claimed_at=command.claimed_at,
        next_attempt_at=command.next_attempt_at,
        sent_at=command.sent_at,
        attempts=command.attempts,
        result=command.result,
    )


def note(
    session: Session,
    command: Command,
    step: Step,
    now: datetime,
    *,
    actor: Actor | None = None,
    by_device: bool = False,
    details: dict[str, Any] | None = None,
) -> None:
    """A step of the audit: by a person if given, else by the device or the platform."""
    kind: Literal["person", "device", "system"] = "person" if actor else "device" if by_device else "system"
    session.add(
        CommandStep(
            command_id=command.id,
            step=step,
            actor_kind=kind,
            actor_id=actor.user_id if actor else None,
            at=now,
            details=details or {},
        )
    )


def move(
    session: Session,
    command: Command,
    state: CommandState,
    now: datetime,
    *,
    result: str | None = None,
    final: bool = True,
    actor: Actor | None = None,
    by_device: bool = False,
    details: dict[str, Any] | None = None,
) -> None:
    """Bring a command into a state; `final`: nothing more is expected of it. `result` None = as it was."""
    command.state = state
    command.waiting = None
    command.result = command.result if result is None else result
    if final:
        command.ended_at = now
        command.claimed_at = command.next_attempt_at = None
    if state in (S.DELIVERED, S.ACKNOWLEDGED):
        command.delivered_at = command.delivered_at or now
    if state is S.ACKNOWLEDGED:
        command.acknowledged_at = now
    told = {"result": result} if result else {}
    note(
        session,
        command,
        _STEP_OF[state],
        now,
        actor=actor,
        by_device=by_device,
        details={**told, **(details or {})},
    )


def wait(session: Session, command: Command, reason: Waiting, now: datetime, details: dict[str, Any]) -> None:
    """Say why a command is not sent; the same reason again is no step."""
    if command.waiting != reason:
        command.waiting = reason
        note(session, command, Step.WAITING, now, details={"reason": reason.value, **details})
