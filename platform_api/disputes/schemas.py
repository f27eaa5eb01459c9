"""Bodies of the dispute endpoints."""

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from platform_api.disputes.rules import MAX_FILES_A_MESSAGE, Outcome, Reason, Side, State
from platform_api.disputes.service import Said
from platform_api.orders.bodies import MAX_AMOUNT_XOF, Text
from platform_api.schemas import StrictBody

Words = Annotated[Text, Field(min_length=1)]
Files = Annotated[list[UUID], Field(max_length=MAX_FILES_A_MESSAGE)]
Amount = Annotated[int, Field(ge=1, le=MAX_AMOUNT_XOF, strict=True)]


class DisputeIn(StrictBody):
    """`file_ids`: photos and papers, uploaded before. `claimed_xof`: what you ask for."""

    reason: Reason = Field(examples=["damaged"])
    description: Words = Field(examples=["12 sacs mouillés à l'arrivée, voir photos."])
    claimed_xof: Amount | None = Field(default=None, examples=[150_000])
    file_ids: Files = Field(default_factory=list)


class MessageIn(StrictBody):
    text: Words = Field(examples=["Les sacs étaient secs au chargement : photo du 12."])
    file_ids: Files = Field(default_factory=list)


class VerdictIn(StrictBody):
    """`refund_xof`: the carrier gives back to whoever runs the order; `customer_refund_xof`: a freight broker to
    his customer. `annulled` cancels the whole order."""

    outcome: Literal["upheld", "partly_upheld", "rejected", "annulled"] = Field(examples=["partly_upheld"])
    verdict: Words = Field(examples=["12 sacs sur 400 avariés : remboursement au prorata."])
    refund_xof: Amount | None = Field(default=None, examples=[15_000])
    customer_refund_xof: Amount | None = None


class DisputeOut(BaseModel):
    """What is to be given back is in the order's `fees/`, each to whom it concerns."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    order_id: UUID
    opened_side: Side
    reason: Reason
    description: str
    claimed_xof: int | None
    state: State
    outcome: Outcome | None
    verdict: str
    resolved_at: datetime | None
    version: int
    created_at: datetime
    updated_at: datetime


class MessageOut(BaseModel):
    id: int
    side: Side
    author_id: UUID
    text: str
    file_ids: list[UUID]
    created_at: datetime

    @classmethod
    def of(cls, said: Said) -> Self:
        row = said.message
        return cls(
            id=row.id,
            side=Side(row.side),
            author_id=row.author_id,
            text=row.text,
            file_ids=list(said.file_ids),
            created_at=row.created_at,
        )
