"""Bodies of the administration endpoints."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from platform_api.admin.impersonation import Begun
from platform_api.admin.rules import MAX_IMPERSONATION_MINUTES
from platform_api.schemas import StrictBody

Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=10, max_length=500)]


class ImpersonationIn(StrictBody):
    """`reason`: is shown to the person. `may_change`: not only to look."""

    user_id: UUID
    reason: Reason = Field(examples=["Ticket 4711: the shipper cannot find his order of Tuesday"])
    minutes: int = Field(default=15, ge=1, le=MAX_IMPERSONATION_MINUTES)
    may_change: bool = False


class ImpersonationOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    administrator_id: UUID
    user_id: UUID
    reason: str
    may_change: bool
    started_at: datetime
    ends_at: datetime
    ended_at: datetime | None


class BegunImpersonationOut(ImpersonationOut):
    """`token` is shown this one time; send it as the access token."""

    token: str = Field(examples=["mess_imp_f2Nq..."])

    @classmethod
    def of(cls, begun: Begun) -> "BegunImpersonationOut":
        return cls(**ImpersonationOut.model_validate(begun.row).model_dump(), token=begun.token)


class ImpersonatedRequestOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int
    at: datetime
    method: str
    path: str
    request_id: str | None


class AuditOut(BaseModel):
    """`before` and `after`: the changed columns, secrets left out."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    recorded_at: datetime
    actor_id: UUID | None
    acting_as: UUID | None
    channel: str
    request_id: str | None
    action: str
    table_name: str | None
    row_key: dict[str, Any] | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None
