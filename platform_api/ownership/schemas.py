"""Bodies of handing a business over."""

from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import BaseModel

from platform_api.ownership.rules import OfferState
from platform_api.ownership.service import Shown
from platform_api.schemas import StrictBody


class HandoverIn(StrictBody):
    """`user_id`: the member who shall own it."""

    user_id: UUID


class HandoverOut(BaseModel):
    """`owner_id`: the business, as elsewhere."""

    id: UUID
    owner_id: UUID
    business_name: str
    from_user_id: UUID
    from_name: str
    to_user_id: UUID
    to_name: str
    state: OfferState
    created_at: datetime
    expires_at: datetime
    answered_at: datetime | None

    @classmethod
    def of(cls, shown: Shown) -> Self:
        row = shown.row
        return cls(
            id=row.id,
            owner_id=row.owner_id,
            business_name=shown.business_name,
            from_user_id=row.from_user,
            from_name=shown.from_name,
            to_user_id=row.to_user,
            to_name=shown.to_name,
            state=OfferState(row.state),
            created_at=row.created_at,
            expires_at=row.expires_at,
            answered_at=row.answered_at,
        )
