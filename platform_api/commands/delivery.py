"""From the queue to the device, and back: what to hand to the broker, and what came of it.

A command is claimed in one transaction, handed to the broker after its commit, and written down as sent in
another. A task that dies in between leaves a claim that lapses; then it is sent again, and a device knows the
repeat by its id. Network and commits are in `tasks`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, cast
from uuid import UUID

from sqlalchemy.orm import Session

from brokers.topics import Downlink, DownlinkKind, downlink_topic
from config.settings import get_settings
from platform_api.commands import repository, rules
from platform_api.commands.encoders import ability, encode
from platform_api.commands.models import Command
from platform_api.commands.recording import move, note, snapshot, wait
from platform_api.commands.rules import End, Limits, Link, Send, VehicleNow, Wait
from platform_api.commands.service import limits_of
from platform_api.commands.states import CommandState, Kind, Step, Waiting
from platform_api.fleet.models import Device
from platform_api.presence import repository as presence
from platform_api.presence.models import DevicePresence

Outcome = Literal["taken", "not_subscribed", "broker_away"]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A claimed command as it goes to the broker."""

    command_id: UUID
    device_id: int
    topic: str
    payload: bytes
    qos: int


def claim_commands(session: Session, device_id: int, now: datetime) -> list[Outgoing]:
    """Look at the open commands of a device: end those whose time is over, claim those that go out now."""
    device = repository.lock_device(session, device_id)
    commands = repository.open_commands(session, device_id)
    if any(rules.is_claimed(snapshot(command), now) for command in commands):
        return []  # another task is at it; its commands keep their order
    limits, row = limits_of(get_settings()), presence.presence_of(session, device_id)
    vehicle_id = repository.vehicle_of(session, device_id, now)
    vehicle = repository.vehicle_now(session, vehicle_id)
    outgoing = []
    for command in commands:
        _check_approval(session, command, now, limits)
        link = _link(row, command, commands, vehicle_id)
        decision = rules.decide(snapshot(command), link, vehicle, now, limits)
        if isinstance(decision, End):
            move(session, command, decision.state, now, result=decision.result)
        elif isinstance(decision, Wait):
            wait(session, command, decision.reason, now, _evidence(command, row, vehicle))
        elif isinstance(decision, Send):
            command.claimed_at = now
            outgoing.append(_outgoing(device, row, command, now))
    return outgoing


def _check_approval(session: Session, command: Command, now: datetime, limits: Limits) -> None:
    if rules.approval_lapsed(snapshot(command), now, limits):
        note(session, command, Step.APPROVAL_LAPSED, now, details={"approved_by": str(command.approved_by)})
        command.approved_by = command.approved_at = None


def _link(row: DevicePresence, command: Command, commands: Sequence[Command], vehicle_id: int | None) -> Link:
    can = ability(row.downlink, Kind(command.kind))
    answers = can is not None and can.answers
    return Link(
        online=row.state == "online",
        last_seen_at=row.last_seen_at,
        can=can is not None,
        answers=answers,
        vehicle_id=vehicle_id,
        busy=answers and can is not None and not can.numbered and _is_awaited(row, command, commands),
    )


def _is_awaited(row: DevicePresence, command: Command, commands: Sequence[Command]) -> bool:
    """Whether an answer to another command may come, which would be taken for this one's."""
    for other in commands:
        ours = ability(row.downlink, Kind(other.kind))
        on_its_way = other.claimed_at is not None or (
            other.ended_at is None and other.state != CommandState.QUEUED
        )
        if other is not command and on_its_way and ours is not None and ours.answers:
            return True
    return False


def _outgoing(device: Device, row: DevicePresence, command: Command, now: datetime) -> Outgoing:
    downlink = Downlink(cast(DownlinkKind, row.downlink), row.downlink_address)
    encoded = encode(
        downlink.kind,
        command_id=command.id,
        kind=Kind(command.kind),
        parameters=command.parameters,
        now=now,
        expires_at=command.expires_at,
    )
    topic = downlink_topic(device.uid, downlink)
    return Outgoing(command.id, device.id, topic, encoded.payload, encoded.qos)


def _evidence(command: Command, row: DevicePresence, vehicle: VehicleNow | None) -> dict[str, Any]:
    """What a decision about an engine was made on."""
    if command.kind != Kind.ENGINE_STOP:
        return {}
    known = {"presence": row.state, "vehicle_id": command.vehicle_id}
    if vehicle is None:
        return known
    position = None if vehicle.time is None else vehicle.time.isoformat()
    return {
        **known,
        "position_time": position,
        "speed_kmh": vehicle.speed_kmh,
        "motion": vehicle.motion,
        "mock": vehicle.mock,
    }


def confirm_outgoing(session: Session, outgoing: Outgoing, outcome: Outcome, now: datetime) -> None:
    """Write down what came of handing a claimed command to the broker."""
    repository.lock_device(session, outgoing.device_id)
    command = repository.commands_named(session, outgoing.device_id, [outgoing.command_id])[
        outgoing.command_id
    ]
    command.claimed_at = None
    if outcome != "taken":
        command.next_attempt_at = now + rules.BROKER_PAUSE
        if command.ended_at is None:
            reason = Waiting.NOT_SUBSCRIBED if outcome == "not_subscribed" else Waiting.BROKER_AWAY
            wait(session, command, reason, now, {})
        return
    command.attempts += 1
    command.sent_at = now
    details = {"attempt": command.attempts, "topic": outgoing.topic, "qos": outgoing.qos}
    # It may have been answered, or superseded, while it was on its way: then this changes nothing of it.
    if command.state in (CommandState.QUEUED, CommandState.SENT):
        row = presence.presence_of(session, outgoing.device_id)
        details |= _evidence(command, row, repository.vehicle_now(session, command.vehicle_id))
        command.next_attempt_at = rules.answer_due(now, command.attempts, limits_of(get_settings()))
        move(session, command, CommandState.SENT, now, final=False, details=details)
    else:
        note(session, command, Step.SENT, now, details=details)
