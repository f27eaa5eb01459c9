"""Bodies of the endpoints of papers."""

from datetime import date, datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints

from platform_api.actor import Role
from platform_api.fields import Name
from platform_api.kyc.models import KycEvent
from platform_api.kyc.rules import MAX_PAGES, Action, Kind, State
from platform_api.kyc.service import Shown, Status
from platform_api.schemas import StrictBody

MAX_NUMBER_CHARS = 60

FileIds = Annotated[list[UUID], Field(min_length=1, max_length=MAX_PAGES)]


class DocumentIn(StrictBody):
    """`file_ids`: its pages in order, of `/api/v1/files/`. `expires_on`: the last day on which it is valid."""

    kind: Kind
    number: Annotated[str, StringConstraints(min_length=1, max_length=MAX_NUMBER_CHARS)]
    expires_on: date | None = None
    file_ids: FileIds


class RejectIn(StrictBody):
    """`reason` is read by its sender."""

    reason: Name


class EventOut(BaseModel):
    action: Action
    actor_id: UUID | None
    at: datetime
    reason: str

    @classmethod
    def of(cls, row: KycEvent) -> Self:
        return cls(action=Action(row.action), actor_id=row.actor_id, at=row.at, reason=row.reason)


class DocumentOut(BaseModel):
    """`pages`: how many; read them at `pages/<number>/`, from 1. `claimed_by`: the reviewer who has it in hand."""

    id: UUID
    party_id: UUID
    kind: Kind
    number: str
    expires_on: date | None
    state: State
    reason: str
    pages: int
    submitted_at: datetime
    claimed_by: UUID | None
    claimed_until: datetime | None
    decided_at: datetime | None

    @classmethod
    def of(cls, shown: Shown) -> Self:
        return cls.model_validate(cls._values(shown))

    @staticmethod
    def _values(shown: Shown) -> dict[str, object]:
        row = shown.row
        names = ("id", "party_id", "kind", "number", "expires_on", "state", "reason", "submitted_at")
        more = ("claimed_by", "claimed_until", "decided_at")
        return {name: getattr(row, name) for name in names + more} | {"pages": shown.pages}


class DocumentWithHistoryOut(DocumentOut):
    history: list[EventOut]

    @classmethod
    def of(cls, shown: Shown) -> Self:
        history = [EventOut.of(event) for event in shown.events]
        return cls.model_validate(cls._values(shown) | {"history": history})


class QueuedOut(BaseModel):
    """What waits for a reviewer; its number and pages are read by taking it in hand."""

    id: UUID
    party_id: UUID
    kind: Kind
    pages: int
    submitted_at: datetime
    claimed_by: UUID | None
    claimed_until: datetime | None

    @classmethod
    def of(cls, shown: Shown) -> Self:
        row = shown.row
        return cls(
            id=row.id,
            party_id=row.party_id,
            kind=Kind(row.kind),
            pages=shown.pages,
            submitted_at=row.submitted_at,
            claimed_by=row.claimed_by,
            claimed_until=row.claimed_until,
        )


class StatusOut(BaseModel):
    """`missing`: what is still to be approved, one of each list."""

    role: Role
    verified: bool
    missing: list[list[Kind]]

    @classmethod
    def of(cls, status: Status) -> Self:
        return cls(role=status.role, verified=status.verified, missing=status.missing)
