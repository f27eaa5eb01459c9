"""What devices answered: from the inbox that ingest fills to the commands."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from config.logging import get_logger
from platform_api.commands import repository, rules
from platform_api.commands.encoders import ability, is_held_back, judged
from platform_api.commands.models import Command
from platform_api.commands.recording import move, note, snapshot
from platform_api.commands.repository import Result
from platform_api.commands.rules import Answer
from platform_api.commands.service import queue_command
from platform_api.commands.states import CommandState, Kind, Step
from platform_api.errors import PlatformError
from platform_api.presence import repository as presence

log = get_logger(__name__)


@dataclass(slots=True)
class _Desk:
    """The answers of one locked device, one after the other."""

    session: Session
    device_id: int
    downlink: str | None
    named: dict[UUID, Command]
    now: datetime

    def take(self, result: Result) -> None:
        command = self._answered(result)
        if command is None:
            log.info("an answer to no command", device_id=self.device_id, command_id=result.command_id)
            return
        answer = judged(self.downlink, Kind(command.kind), Answer(result.receipt, result.ok, result.text))
        state = rules.on_answer(snapshot(command), answer)
        details = {"received_at": result.received_at.isoformat(), "ok": answer.ok, "text": answer.text}
        if state is None:
            note(self.session, command, Step.ANSWERED_LATE, self.now, by_device=True, details=details)
            return
        move(
            self.session,
            command,
            state,
            self.now,
            result=answer.text,
            final=state is not CommandState.DELIVERED,
            by_device=True,
            details=details,
        )
        if is_held_back(self.downlink, Kind(command.kind), answer):
            self._take_back(command)

    def _answered(self, result: Result) -> Command | None:
        if result.command_id is not None:
            return self.named.get(_uuid(result.command_id) or UUID(int=0))
        return _oldest_awaited(repository.open_commands(self.session, self.device_id), self.downlink, result)

    def _take_back(self, command: Command) -> None:
        """The tracker keeps the stop until it is slow, unsupervised: have it forget that."""
        device = repository.lock_device(self.session, self.device_id)
        try:
            queue_command(self.session, device, Kind.ENGINE_RESUME, {}, actor=None, now=self.now)
        except PlatformError as error:
            log.error("an engine stop is not taken back", command_id=str(command.id), code=error.code)


def handle_results(session: Session, device_id: int, now: datetime) -> int:
    """Give the device's unread answers to its commands; how many. Idempotent; two at once wait for each other."""
    repository.lock_device(session, device_id)
    results = repository.unread_results(session, device_id)
    ids = {found for result in results if (found := _uuid(result.command_id)) is not None}
    row = presence.presence_of(session, device_id)
    desk = _Desk(session, device_id, row.downlink, repository.commands_named(session, device_id, ids), now)
    for result in results:
        desk.take(result)
        session.flush()  # the next one is judged by what this one has changed
    repository.mark_read(session, results, now)
    return len(results)


def _oldest_awaited(commands: Sequence[Command], downlink: str | None, result: Result) -> Command | None:
    """An answer without a number is to the oldest command that this format answers, and that was sent before it."""
    for command in commands:
        can = ability(downlink, Kind(command.kind))
        sent_at = command.sent_at or command.claimed_at
        if can is not None and can.answers and sent_at is not None and sent_at <= result.received_at:
            return command
    return None


def _uuid(text: str | None) -> UUID | None:
    try:
        return None if text is None else UUID(text)
    except ValueError:
        return None
