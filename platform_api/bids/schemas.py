"""Bodies of the market's endpoints."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from platform_api.bids.models import Bid, BidCounter, BidRevision
from platform_api.bids.rules import BidStatus, CounterStatus
from platform_api.fields import Id, Time
from platform_api.languages import Language
from platform_api.limits.rules import Warning
from platform_api.orders.content import Bidding
from platform_api.orders.schemas import Text
from platform_api.schemas import StrictBody

# A billion XOF is some 1.5 million euros: more is a slip of the keyboard.
MAX_AMOUNT_XOF = 1_000_000_000

# Whole francs.
Amount = Annotated[int, Field(ge=1, le=MAX_AMOUNT_XOF, strict=True, examples=[185_000])]


class BidIn(StrictBody):
    """Without `driver_id` the vehicle's driver at the time of acceptance; without `valid_until` two days."""

    vehicle_id: Id
    amount_xof: Amount
    driver_id: UUID | None = None
    message: Text = ""
    valid_until: Time | None = None


class BidPatch(StrictBody):
    """Fields that are left out stay as they are."""

    vehicle_id: Id | None = None
    amount_xof: Amount | None = None
    driver_id: UUID | None = None
    message: Text | None = None
    valid_until: Time | None = None

    @model_validator(mode="after")
    def _only_the_driver_may_be_left_open(self) -> Self:
        for name in self.model_fields_set - {"driver_id"}:
            if getattr(self, name) is None:
                raise ValueError(f"{name} cannot be null")
        return self

    def changes(self) -> dict[str, Any]:
        """What `bids.service.revise_bid` takes as changes."""
        return self.model_dump(exclude_unset=True, exclude={"valid_until"})


class CounterOut(BaseModel):
    """`status` OPEN: the carrier's yes before `expires_at` is the agreement."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    bid_id: UUID
    amount_xof: int
    message: str
    status: CounterStatus
    expires_at: datetime
    created_at: datetime
    answered_at: datetime | None

    @classmethod
    def of(cls, counter: BidCounter) -> Self:
        return cls.model_validate(counter)


class BidWarningOut(BaseModel):
    """`text` in the reader's language. `fine_xof`: what it may cost on a national journey."""

    code: str
    text: str
    fine_xof: int | None

    @classmethod
    def of(cls, warning: Warning, language: Language) -> Self:
        text = warning.text_fr if language is Language.FRENCH else warning.text_en
        return cls(code=warning.code, text=text, fine_xof=warning.fine_xof)


class BidOut(BaseModel):
    """`counter`: the latest counter-offer, whatever became of it. `warnings`: of a bid that is open; they refuse nothing."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    order_id: UUID
    carrier_id: UUID
    vehicle_id: int
    driver_id: UUID | None
    amount_xof: int
    message: str
    status: BidStatus
    expires_at: datetime
    version: int
    created_at: datetime
    updated_at: datetime
    counter: CounterOut | None = None
    warnings: list[BidWarningOut] = []

    @classmethod
    def of(cls, bid: Bid, counter: BidCounter | None = None, warnings: Sequence[BidWarningOut] = ()) -> Self:
        shown = cls.model_validate(bid)
        shown.warnings = list(warnings)
        return shown if counter is None else shown.model_copy(update={"counter": CounterOut.of(counter)})


class BidRevisionOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    version: int
    amount_xof: int
    vehicle_id: int
    driver_id: UUID | None
    message: str
    expires_at: datetime
    made_by: UUID | None
    made_at: datetime

    @classmethod
    def of(cls, revision: BidRevision) -> Self:
        return cls.model_validate(revision)


class StandingOut(BaseModel):
    """What all bids that stand ask, lowest first, and nobody's name. `own_rank` counts from 1."""

    bidding: Bidding
    count: int
    lowest_xof: int | None
    amounts_xof: list[int]
    own_xof: int | None
    own_rank: int | None

    @classmethod
    def of(cls, bidding: str, amounts: Sequence[tuple[int, bool]]) -> Self:
        own = next(((rank, amount) for rank, (amount, mine) in enumerate(amounts, 1) if mine), None)
        return cls(
            bidding=Bidding(bidding),
            count=len(amounts),
            lowest_xof=amounts[0][0] if amounts else None,
            amounts_xof=[amount for amount, _ in amounts],
            own_xof=own[1] if own else None,
            own_rank=own[0] if own else None,
        )


class AcceptBidIn(StrictBody):
    """`amount_xof` and `version`: as you read them. They must be given once the carrier has revised its bid."""

    bid_id: UUID
    amount_xof: Amount | None = None
    version: int | None = Field(default=None, ge=1, le=2**31 - 1)


class CounterIn(StrictBody):
    """Without `valid_until` as long as a carrier has for a direct offer, and no longer than the bid."""

    amount_xof: Amount
    message: Text = ""
    valid_until: Time | None = None


class CounterAcceptIn(StrictBody):
    """`amount_xof`: as you read it."""

    amount_xof: Amount
