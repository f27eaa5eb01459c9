"""Bodies of the vehicle endpoints."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from platform_api.fields import OptionalName
from platform_api.fleet.rules import AxleConfiguration
from platform_api.limits.schemas import WarningOut
from platform_api.schemas import StrictBody
from platform_api.vehicle_types.schemas import TypeCode

MAX_WEIGHT_KG = 1_000_000
MAX_VOLUME_M3 = 1_000
MAX_SIZE_M = 100
MAX_PLATE_INPUT_CHARS = 40

WeightKg = Annotated[int, Field(ge=1, le=MAX_WEIGHT_KG)]
VolumeM3 = Annotated[float, Field(gt=0, le=MAX_VOLUME_M3, allow_inf_nan=False)]
SizeM = Annotated[float, Field(gt=0, le=MAX_SIZE_M, allow_inf_nan=False)]


class _Specs(StrictBody):
    type_code: TypeCode | None = None
    capacity_kg: WeightKg | None = None
    volume_m3: VolumeM3 | None = None
    tare_kg: WeightKg | None = Field(default=None, description="empty (PV)")
    ptac_kg: WeightKg | None = Field(default=None, description="laden at most (PTAC, or PTRA with a trailer)")
    axle_configuration: AxleConfiguration | None = None
    length_m: SizeM | None = None
    width_m: SizeM | None = None
    height_m: SizeM | None = None
    driver_id: UUID | None = None


class VehicleIn(_Specs):
    plate: Annotated[str, StringConstraints(min_length=1, max_length=MAX_PLATE_INPUT_CHARS)]
    name: OptionalName = ""

    def values(self) -> dict[str, Any]:
        """By column, without the plate."""
        return self.model_dump(exclude={"plate"})


class VehicleChange(_Specs):
    """What is left out stays, null takes a value away; `"driver_id": null` takes the driver off."""

    name: OptionalName | None = None
    available: bool | None = None

    def changes(self) -> dict[str, Any]:
        """By column: what the body names."""
        named = self.model_dump(exclude_unset=True)
        # These two always have a value: null says nothing.
        return {
            name: value
            for name, value in named.items()
            if value is not None or name not in ("name", "available")
        }


class VehicleOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int
    plate: str
    name: str
    type_code: str | None
    capacity_kg: int | None
    volume_m3: float | None
    tare_kg: int | None
    ptac_kg: int | None
    axle_configuration: AxleConfiguration | None
    length_m: float | None
    width_m: float | None
    height_m: float | None
    available: bool
    driver_id: UUID | None
    version: int
    created_at: datetime


class VehicleDetailOut(VehicleOut):
    """With what the law says of the vehicle alone, and of its driver's licence."""

    warnings: list[WarningOut]
