"""Bodies of the command endpoints."""

from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints

from brokers.topics import DEVICE_UID_MAX_CHARS
from platform_api.commands.models import Command, CommandStep
from platform_api.commands.rules import EXPIRY_S
from platform_api.commands.states import WAITING_FOR, CommandState, Kind, Waiting
from platform_api.schemas import StrictBody

MAX_KEY_CHARS = 64


class CommandIn(StrictBody):
    """`parameters`: `{"seconds": 30}` for a reporting interval, else none.

    `expires_in_s`: how long it waits for the device; without it 24 h, an engine stop 1 h. `key`: of your choice;
    the same one again gives the same command and not a second one.
    """

    device_uid: Annotated[str, StringConstraints(min_length=1, max_length=DEVICE_UID_MAX_CHARS)]
    kind: Kind
    parameters: dict[str, Any] = Field(default_factory=dict)
    expires_in_s: int | None = Field(default=None, ge=EXPIRY_S[0], le=EXPIRY_S[1], strict=True)
    key: Annotated[str, StringConstraints(min_length=1, max_length=MAX_KEY_CHARS)] | None = None


class CommandOut(BaseModel):
    """`waiting`: why it is not sent (again) yet, for programs, and `waiting_for` for people.

    `automatic`: the platform made it. `ended_at`: since when nothing more is expected of it. `result`: the
    device's words, or ours (`no_answer`).
    """

    id: UUID
    device_uid: str
    vehicle_id: int | None
    kind: Kind
    parameters: dict[str, Any]
    state: CommandState
    waiting: Waiting | None
    waiting_for: str | None
    automatic: bool
    created_by: UUID | None
    approved_by: UUID | None
    supersedes: UUID | None
    attempts: int
    result: str
    created_at: datetime
    expires_at: datetime
    approved_at: datetime | None
    sent_at: datetime | None
    delivered_at: datetime | None
    acknowledged_at: datetime | None
    ended_at: datetime | None

    @classmethod
    def of(cls, row: Command) -> Self:
        waiting = None if row.waiting is None else Waiting(row.waiting)
        return cls(
            id=row.id,
            device_uid=row.device.uid,
            vehicle_id=row.vehicle_id,
            kind=Kind(row.kind),
            parameters=row.parameters,
            state=CommandState(row.state),
            waiting=waiting,
            waiting_for=None if waiting is None else WAITING_FOR[waiting],
            automatic=row.created_by is None,
            created_by=row.created_by,
            approved_by=row.approved_by,
            supersedes=row.supersedes,
            attempts=row.attempts,
            result=row.result,
            created_at=row.created_at,
            expires_at=row.expires_at,
            approved_at=row.approved_at,
            sent_at=row.sent_at,
            delivered_at=row.delivered_at,
            acknowledged_at=row.acknowledged_at,
            ended_at=row.ended_at,
        )


class StepOut(BaseModel):
    """`details`: what it was decided on."""

    id: int
    step: str
    actor_kind: str
    actor_id: UUID | None
    at: datetime
    details: dict[str, Any]

    @classmethod
    def of(cls, row: CommandStep) -> Self:
        return cls(
            id=row.id,
            step=row.step,
            actor_kind=row.actor_kind,
            actor_id=row.actor_id,
            at=row.at,
            details=row.details,
        )
