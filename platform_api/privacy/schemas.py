"""Bodies of the privacy endpoints."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, StringConstraints

from platform_api.privacy.access import Access
from platform_api.privacy.models import AccessEntry, DataExport, Erasure
from platform_api.privacy.rules import ErasureState, ErasureStep, ExportState
from platform_api.privacy.service import AskedErasure
from platform_api.schemas import StrictBody

MAX_CODE_CHARS = 64


class SubjectIn(StrictBody):
    """`subject_id`: for administrators; everybody else asks for himself."""

    subject_id: UUID | None = None


class ExportOut(BaseModel):
    """`part` and `rows_written` show how far it is; the file can be had while `state` is ready."""

    id: UUID
    subject_id: UUID
    asked_by: UUID
    state: ExportState
    part: str | None
    rows_written: int
    file_bytes: int | None
    created_at: datetime
    finished_at: datetime | None
    expires_at: datetime | None

    @classmethod
    def of(cls, row: DataExport) -> Self:
        return cls(
            id=row.id,
            subject_id=row.subject_id,
            asked_by=row.asked_by,
            state=ExportState(row.state),
            part=row.part,
            rows_written=row.rows_written or 0,
            file_bytes=row.file_bytes,
            created_at=row.created_at,
            finished_at=row.finished_at,
            expires_at=row.expires_at,
        )


class ErasureOut(BaseModel):
    """`due_at`: until then it can be withdrawn. `held_by`: why a due one has not begun. `counts`: rows erased, by kind."""

    id: UUID
    subject_id: UUID
    asked_by: UUID
    state: ErasureState
    created_at: datetime
    confirmed_at: datetime | None
    due_at: datetime | None
    held_by: str | None
    started_at: datetime | None
    step: ErasureStep | None
    counts: dict[str, int]
    finished_at: datetime | None

    @classmethod
    def of(cls, row: Erasure) -> Self:
        return cls(
            id=row.id,
            subject_id=row.subject_id,
            asked_by=row.asked_by,
            state=ErasureState(row.state),
            created_at=row.created_at,
            confirmed_at=row.confirmed_at,
            due_at=row.due_at,
            held_by=row.held_by,
            started_at=row.started_at,
            step=None if row.step is None else ErasureStep(row.step),
            counts=row.counts or {},
            finished_at=row.finished_at,
        )


class AskedErasureOut(ErasureOut):
    """Nothing happens before it is confirmed with `confirmation_code`, which is shown this once."""

    confirmation_code: str

    @classmethod
    def of_asked(cls, asked: AskedErasure) -> Self:
        shown = ErasureOut.of(asked.erasure).model_dump()
        return cls(**shown, confirmation_code=asked.code)


class ConfirmIn(StrictBody):
    code: Annotated[str, StringConstraints(min_length=1, max_length=MAX_CODE_CHARS)]


class AccessOut(BaseModel):
    """`actor_id` null = the platform by itself. Reads of one order by one person within an hour are one row."""

    subject_id: UUID
    actor_id: UUID | None
    actor_role: str
    action: Access
    order_id: UUID | None
    at: datetime
    last_at: datetime
    times: int

    @classmethod
    def of(cls, row: AccessEntry) -> Self:
        return cls(
            subject_id=row.subject_id,
            actor_id=row.actor_id,
            actor_role=row.actor_role,
            action=Access(row.action),
            order_id=row.order_id,
            at=row.at,
            last_at=row.last_at,
            times=row.times,
        )
