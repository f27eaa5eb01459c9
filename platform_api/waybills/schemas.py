"""Bodies of the waybill endpoints."""

from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import BaseModel, Field

from platform_api.orders.bodies import Text
from platform_api.schemas import StrictBody
from platform_api.waybills.models import Waybill
from platform_api.waybills.rules import shown_number
from platform_api.waybills.service import Verified


class VoidIn(StrictBody):
    reason: Annotated[Text, Field(min_length=1)]


class WaybillOut(BaseModel):
    """`content`: as it was at issue, for good; `content_sha256` of its canonical JSON (sorted keys, no spaces)."""

    id: UUID
    order_id: UUID
    carrier_id: UUID
    number: str
    issued_at: datetime
    issued_by: UUID
    content: dict[str, Any]
    content_sha256: str
    verify_url: str
    voided_at: datetime | None
    void_reason: str | None

    @classmethod
    def of(cls, waybill: Waybill, verify_url: str) -> Self:
        return cls(
            id=waybill.id,
            order_id=waybill.order_id,
            carrier_id=waybill.carrier_id,
            number=shown_number(waybill.number),
            issued_at=waybill.issued_at,
            issued_by=waybill.issued_by,
            content=waybill.content,
            content_sha256=waybill.content_sha256,
            verify_url=verify_url,
            voided_at=waybill.voided_at,
            void_reason=waybill.void_reason,
        )


class WaybillList(BaseModel):
    """All of one order, oldest first."""

    items: list[WaybillOut]


class AmendedOut(BaseModel):
    """`kind`: loading, reserves or delivery."""

    kind: str
    at: datetime


class VerifiedOut(BaseModel):
    """What whoever holds the paper may know: no price, no phone number, nobody's name but the carrier's.

    `genuine`: what is stored is what was issued; compare `content_sha256` with the paper.
    """

    number: str
    issued_at: datetime
    issued_in: str
    carrier: str
    plate: str
    goods: str
    packages: int | None
    weight_kg: int | None
    pickup: str
    delivery: str
    void: bool
    void_reason: str | None
    genuine: bool
    content_sha256: str
    amended: list[AmendedOut]

    @classmethod
    def of(cls, verified: Verified) -> Self:
        waybill, content = verified.waybill, verified.waybill.content
        goods = content["goods"]
        return cls(
            number=shown_number(waybill.number),
            issued_at=waybill.issued_at,
            issued_in=content["issued_in"],
            carrier=content["carrier"]["name"],
            plate=content["plate"],
            goods=goods["description"],
            packages=_first(goods["loaded_packages"], goods["packages"]),
            weight_kg=_first(goods["loaded_weight_kg"], goods["declared_weight_kg"]),
            pickup=content["taking_over"]["name"],
            delivery=content["delivery"]["name"],
            void=verified.void,
            void_reason=verified.void_reason,
            genuine=verified.genuine,
            content_sha256=waybill.content_sha256,
            amended=[AmendedOut(kind=each.kind, at=each.at) for each in verified.amended],
        )


def _first(*values: int | None) -> int | None:
    return next((value for value in values if value is not None), None)
