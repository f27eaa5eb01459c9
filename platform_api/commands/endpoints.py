"""/api/v1/commands/: what devices are told to do, and what came of it."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from brokers.topics import DEVICE_UID_MAX_CHARS
from platform_api.actor import Actor, Role
from platform_api.commands import repository, service
from platform_api.commands.schemas import CommandIn, CommandOut, StepOut
from platform_api.commands.states import CommandState
from platform_api.deps import NowDep, SessionDep, require_role
from platform_api.pagination import Page, PageDep, page_of
from platform_api.schemas import errors

router = APIRouter(prefix="/api/v1/commands", tags=["commands"])

Sender = Annotated[Actor, Depends(require_role(Role.CARRIER, Role.ADMINISTRATOR))]
Viewer = Annotated[Actor, Depends(require_role(Role.CARRIER, Role.DRIVER, Role.ADMINISTRATOR))]


@router.post(
    "/",
    status_code=201,
    responses=errors(
        "device_not_found",
        "device_disabled",
        "device_unreachable",
        "command_unsupported",
        "device_not_assigned",
        "engine_stop_open",
        "key_reused",
        "invalid_parameters",
    ),
)
def send(body: CommandIn, session: SessionDep, actor: Sender, now: NowDep) -> CommandOut:
    """Queue a command; it is sent when the device is online. An engine stop also waits for a second person."""
    command = service.send_command(
        session,
        actor,
        body.device_uid,
        body.kind,
        body.parameters,
        expires_in_s=body.expires_in_s,
        key=body.key,
        now=now,
    )
    return CommandOut.of(command)


@router.get("/")
def list_commands(
    session: SessionDep,
    actor: Viewer,
    page: PageDep,
    device_uid: Annotated[str | None, Query(max_length=DEVICE_UID_MAX_CHARS)] = None,
    state: Annotated[CommandState | None, Query()] = None,
) -> Page[CommandOut]:
    """Newest first. A driver sees those of his own phones."""
    rows, cursor = repository.page_commands(session, actor, page, device_uid=device_uid, state=state)
    return page_of(rows, cursor, CommandOut.of)


@router.get("/{command_id}/", responses=errors("command_not_found"))
def read(command_id: UUID, session: SessionDep, actor: Viewer) -> CommandOut:
    """A command and what has come of it so far."""
    return CommandOut.of(service.get_command(session, actor, command_id))


@router.get("/{command_id}/steps/", responses=errors("command_not_found"))
def list_steps(command_id: UUID, session: SessionDep, actor: Viewer, page: PageDep) -> Page[StepOut]:
    """The audit, oldest first."""
    command = service.get_command(session, actor, command_id)
    rows, cursor = repository.page_steps(session, command.id, page)
    return page_of(rows, cursor, StepOut.of)


@router.post(
    "/{command_id}/approve/",
    responses=errors(
        "command_not_found", "approval_not_needed", "same_person", "already_approved", "command_not_open"
    ),
)
def approve(command_id: UUID, session: SessionDep, actor: Sender, now: NowDep) -> CommandOut:
    """By somebody else than its sender. The approval holds for MESS_ENGINE_STOP_APPROVAL_S."""
    return CommandOut.of(service.approve_command(session, actor, command_id, now))


@router.post("/{command_id}/cancel/", responses=errors("command_not_found", "command_not_queued"))
def cancel(command_id: UUID, session: SessionDep, actor: Sender, now: NowDep) -> CommandOut:
    """While it is queued."""
    return CommandOut.of(service.cancel_command(session, actor, command_id, now))
