"""What people do with commands. Everything happens under the lock of the device, so of two at once one comes first."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from config.celery_app import queue_after_commit
from config.settings import Settings, get_settings
from platform_api.actor import Actor
from platform_api.commands import repository, rules
from platform_api.commands.encoders import ability
from platform_api.commands.models import Command
from platform_api.commands.recording import move, note, snapshot
from platform_api.commands.rules import Limits
from platform_api.commands.states import CommandState, Kind, Step, Waiting
from platform_api.errors import Conflict, NotFound
from platform_api.fleet import service as fleet
from platform_api.fleet.models import Device
from platform_api.presence import repository as presence

DELIVER = "commands.deliver"


def limits_of(settings: Settings) -> Limits:
    return Limits(
        answer=timedelta(seconds=settings.command_answer_s),
        attempts=settings.command_attempts,
        fresh=timedelta(seconds=settings.engine_stop_fresh_s),
        approval=timedelta(seconds=settings.engine_stop_approval_s),
    )


def send_command(
    session: Session,
    actor: Actor,
    device_uid: str,
    kind: Kind,
    parameters: Mapping[str, Any],
    *,
    expires_in_s: int | None,
    key: str | None,
    now: datetime,
) -> Command:
    """Queue a command. The same key of the same person gives the same command.

    Raises NotFound `device_not_found`, Invalid `invalid_parameters`, Conflict `key_reused` and what
    `rules.check_new` says.
    """
    rules.check_may_command(actor)
    checked = rules.check_parameters(kind, parameters)
    device = repository.lock_device(session, fleet.get_device(session, actor, device_uid).id)
    earlier = None if key is None else repository.find_by_key(session, actor.user_id, key)
    if earlier is not None:
        if (earlier.device_id, earlier.kind, earlier.parameters) != (device.id, kind, checked):
            raise Conflict("key_reused", "This key was used for another command.")
        return earlier
    return queue_command(
        session, device, kind, checked, actor=actor, expires_in_s=expires_in_s, key=key, now=now
    )


def queue_command(
    session: Session,
    device: Device,
    kind: Kind,
    parameters: dict[str, Any],
    *,
    actor: Actor | None,
    now: datetime,
    expires_in_s: int | None = None,
    key: str | None = None,
) -> Command:
    """Queue a command of a person, or of the platform (no actor), for a device that is locked."""
    open_commands = repository.open_commands(session, device.id)
    link = presence.presence_of(session, device.id)
    vehicle_id = repository.vehicle_of(session, device.id, now)
    rules.check_new(
        kind,
        disabled=device.disabled,
        downlink=link.downlink,
        can=ability(link.downlink, kind) is not None,
        vehicle_id=vehicle_id,
        open_stop=any(
            each.kind == Kind.ENGINE_STOP and each.state in (CommandState.QUEUED, CommandState.SENT)
            for each in open_commands
        ),
    )
    command = Command(
        device=device,
        vehicle_id=vehicle_id,
        kind=kind,
        parameters=parameters,
        state=CommandState.QUEUED,
        created_by=actor.user_id if actor else None,
        request_key=key,
        created_at=now,
        expires_at=now + _lifetime(kind, expires_in_s),
    )
    stop = kind is Kind.ENGINE_STOP
    if not stop:
        _supersede(session, command, now)
    session.add(command)
    session.flush()  # its first step refers to it
    command.waiting = Waiting.APPROVAL if stop else None if link.state == "online" else Waiting.DEVICE_AWAY
    note(session, command, Step.CREATED, now, actor=actor, details={"waiting": command.waiting})
    if command.waiting is None:
        queue_after_commit(session, DELIVER, device_ids=[device.id])
    return command


def _lifetime(kind: Kind, asked_s: int | None) -> timedelta:
    settings = get_settings()
    default_s = settings.engine_stop_expiry_s if kind is Kind.ENGINE_STOP else settings.command_expiry_s
    return timedelta(seconds=default_s if asked_s is None else asked_s)


def _supersede(session: Session, command: Command, now: datetime) -> None:
    """Take the older commands of the locked device back that this one takes the place of."""
    for old in repository.open_commands(session, command.device.id):
        if old.id != command.id and rules.supersedes(Kind(command.kind), snapshot(old)):
            move(session, old, CommandState.SUPERSEDED, now)
            command.supersedes = old.id
    # An update must reach the database before the newer command: one open one is a unique index.
    session.flush()


def approve_command(session: Session, actor: Actor, command_id: UUID, now: datetime) -> Command:
    """A second person's word for an engine stop. The same person's again changes nothing."""
    command = _locked(session, actor, command_id)
    if not rules.approve(snapshot(command), actor, now):
        return command
    command.approved_by, command.approved_at = actor.user_id, now
    command.waiting = None
    note(session, command, Step.APPROVED, now, actor=actor)
    _supersede(session, command, now)
    queue_after_commit(session, DELIVER, device_ids=[command.device_id])
    return command


def cancel_command(session: Session, actor: Actor, command_id: UUID, now: datetime) -> Command:
    """Take a command back that was not sent. Again is harmless."""
    command = _locked(session, actor, command_id)
    if rules.cancel(snapshot(command), actor, now):
        move(session, command, CommandState.CANCELLED, now, actor=actor)
    return command


def get_command(session: Session, actor: Actor, command_id: UUID) -> Command:
    """Raises NotFound `command_not_found`, also for a command to a device of another carrier."""
    command = repository.find_command(session, actor, command_id)
    if command is None:
        raise NotFound("command_not_found", "There is no such command.")
    return command


def _locked(session: Session, actor: Actor, command_id: UUID) -> Command:
    repository.lock_device(session, get_command(session, actor, command_id).device_id)
    # Only behind the lock it is what everybody else has made of it.
    return get_command(session, actor, command_id)
