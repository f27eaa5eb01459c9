"""Bodies of detention."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from platform_api.detention.models import DetentionClaim
from platform_api.detention.rules import ClaimStatus, Terms, Waiting
from platform_api.detention.service import OrderView, PlaceView
from platform_api.fields import MAX_TEXT_CHARS
from platform_api.schemas import StrictBody

# As the settings have it.
MAX_FREE_MINUTES = 7 * 24 * 60
MAX_RATE_XOF = 10_000_000
MAX_CAP_HOURS = 240
MAX_AMOUNT_XOF = MAX_RATE_XOF * MAX_CAP_HOURS

Note = Annotated[str, StringConstraints(strip_whitespace=True, max_length=MAX_TEXT_CHARS)]
Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_TEXT_CHARS)]
PLACE = r"^(pickup|delivery|stop/[1-9][0-9]?)$"


class TermsIn(StrictBody):
    """What waiting costs: nothing for `free_minutes`, then `rate_xof` for each started hour, `cap_hours` at most."""

    free_minutes: int = Field(ge=0, le=MAX_FREE_MINUTES, examples=[120])
    rate_xof: int = Field(ge=0, le=MAX_RATE_XOF, examples=[5000])
    cap_hours: int = Field(ge=0, le=MAX_CAP_HOURS, examples=[5])


class TermsOut(BaseModel):
    """`claim_hours`: for so long after the departure it can be claimed."""

    model_config = ConfigDict(from_attributes=True)

    free_minutes: int
    rate_xof: int
    cap_hours: int
    claim_hours: int

    @classmethod
    def of(cls, terms: Terms) -> Self:
        return cls.model_validate(terms)


class ClaimIn(StrictBody):
    """`place`: `pickup`, `delivery`, or `stop/` and its sequence."""

    place: str = Field(pattern=PLACE, examples=["pickup"])
    note: Note = ""


class AnswerIn(StrictBody):
    note: Note = ""


class ContestIn(StrictBody):
    note: Reason = Field(examples=["Le quai était libre dès 9 h, le chauffeur est arrivé sans documents."])


class SettleIn(StrictBody):
    amount_xof: int = Field(ge=0, le=MAX_AMOUNT_XOF)
    note: Reason


class ClaimOut(BaseModel):
    """What was claimed stays as it was. `evidence_sha256`: of `evidence` as JSON with sorted keys and no spaces."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    order_id: UUID
    place: str
    carrier_id: UUID
    shipper_id: UUID
    status: ClaimStatus
    version: int
    clock_from: datetime
    clock_to: datetime
    waited_s: int
    billed_hours: int
    amount_xof: int
    note: str
    claimed_at: datetime
    answered_at: datetime | None
    answer_note: str
    settled_at: datetime | None
    settled_xof: int | None
    settlement_note: str
    evidence: dict[str, Any]
    evidence_sha256: str

    @classmethod
    def of(cls, row: DetentionClaim) -> Self:
        return cls.model_validate(row)


class TruckOut(BaseModel):
    """What one of the order's trucks waited there. Those of a place add up to its `waited_s`."""

    vehicle_id: int
    waited_s: int
    visit_ids: list[int]

    @classmethod
    def all_of(cls, seen: Waiting) -> list[Self]:
        """The seconds are rounded so that their sum is that of the whole."""
        found, before, total = [], 0, timedelta(0)
        for vehicle_id, spans in seen.by_truck.items():
            total += sum((span.waited for span in spans), timedelta(0))
            until = round(total.total_seconds())
            visit_ids = [span.visit_id for span in spans]
            found.append(cls(vehicle_id=vehicle_id, waited_s=until - before, visit_ids=visit_ids))
            before = until
        return found


class PlaceOut(BaseModel):
    """The waiting clock of one place, as the visits show it now; it changes with late positions.

    `clock_from`: the window's beginning, or the arrival if later. `running`: the truck has not left.
    `trucks`: all that waited there for this order, the present one and those before it.
    `revised`: the claim was made by another story, which it keeps. What is billed is null to a broker's customer.
    """

    place: str
    name: str
    window_opens_at: datetime | None
    arrived_at: datetime | None
    departed_at: datetime | None
    clock_from: datetime | None
    clock_to: datetime | None
    running: bool
    waited_s: int
    billed_hours: int | None
    amount_xof: int | None
    visit_ids: list[int]
    trucks: list[TruckOut]
    claim_until: datetime | None
    claim: ClaimOut | None
    revised: bool

    @classmethod
    def of(cls, view: PlaceView) -> Self:
        call, seen = view.call, view.seen
        return cls(
            place=call.place,
            name=view.name,
            window_opens_at=call.opens_at,
            arrived_at=call.arrived_at,
            departed_at=call.departed_at,
            clock_from=seen.clock_from if seen else None,
            clock_to=seen.clock_to if seen else None,
            running=seen is not None and seen.running,
            waited_s=round(seen.waited.total_seconds()) if seen else 0,
            billed_hours=view.bill.billed_hours,
            amount_xof=view.bill.amount_xof,
            visit_ids=list(seen.visit_ids) if seen else [],
            trucks=TruckOut.all_of(seen) if seen else [],
            claim_until=view.claim_until,
            claim=None if view.claim is None else ClaimOut.of(view.claim),
            revised=view.revised,
        )


class DetentionOut(BaseModel):
    """`places` is empty for those who are no party of the order: they see the terms that are offered.

    `terms` are null to the customer of a freight broker.
    """

    terms: TermsOut | None
    places: list[PlaceOut]

    @classmethod
    def of(cls, view: OrderView) -> Self:
        return cls(terms=TermsOut.of(view.terms), places=[PlaceOut.of(place) for place in view.places])

    @classmethod
    def without_prices(cls, view: OrderView) -> Self:
        """How long the truck waited; nothing of what carrier and freight broker agreed on, nor of their claims."""
        hidden: dict[str, Any] = dict.fromkeys(("billed_hours", "amount_xof", "claim_until", "claim"))
        hidden["revised"] = False
        places = [PlaceOut.of(place).model_copy(update=hidden) for place in view.places]
        return cls(terms=None, places=places)
