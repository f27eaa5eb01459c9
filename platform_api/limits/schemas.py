"""Bodies of the legal limits, and warnings as they are shown."""

from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from platform_api.fields import LATEST_TIME, Name, OptionalName
from platform_api.fleet.rules import AxleConfiguration
from platform_api.limits.rules import What
from platform_api.schemas import StrictBody

MAX_AMOUNT = 1_000_000_000

Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$"), Field(examples=["SN"])]


class LimitIn(StrictBody):
    """In force from `valid_from` until a newer one is. `axle_configuration` null: whatever stands on the road."""

    country: Country = "SN"
    what: What
    axle_configuration: AxleConfiguration | None = None
    amount: Annotated[float, Field(ge=0, le=MAX_AMOUNT, allow_inf_nan=False)]
    unit: Literal["kg", "m", "%", "XOF", "XOF/t"]
    source: Name
    confirmed: bool
    note: OptionalName = ""
    valid_from: Annotated[date, Field(ge=date(1950, 1, 1), lt=LATEST_TIME.date())]


class LimitOut(BaseModel):
    """`confirmed` false: one source only, or sources that differ."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    country: str
    what: What
    axle_configuration: str | None
    amount: float
    unit: str
    source: str
    confirmed: bool
    note: str
    valid_from: date


class LimitsOut(BaseModel):
    items: list[LimitOut]


class WarningOut(BaseModel):
    """`fine_xof`: what it may cost on a national journey. `confirmed` false: sources of the limit differ.
    `value`, `limit`: null where it is not about a figure.
    """

    model_config = ConfigDict(from_attributes=True)

    code: str
    text_fr: str
    text_en: str
    value: float | None
    limit: float | None
    confirmed: bool
    fine_xof: int | None


class WarningsOut(BaseModel):
    items: list[WarningOut]
