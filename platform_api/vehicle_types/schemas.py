"""Bodies of the vehicle type endpoints."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from platform_api.fields import Name
from platform_api.schemas import StrictBody

MAX_TYPICAL_KG = 1_000_000
MAX_TYPICAL_M3 = 1_000
MAX_TEU = 10
MAX_POSITION = 10_000

TypeCode = Annotated[
    str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]{1,31}$"), Field(examples=["SEMI_PLATEAU"])
]
TypicalKg = Annotated[int, Field(ge=1, le=MAX_TYPICAL_KG)]
TypicalM3 = Annotated[float, Field(gt=0, le=MAX_TYPICAL_M3, allow_inf_nan=False)]
Teu = Annotated[int, Field(ge=1, le=MAX_TEU)]
Position = Annotated[int, Field(ge=0, le=MAX_POSITION)]


class VehicleTypeIn(StrictBody):
    """Sizes are typical ones; null = nothing is typical."""

    code: TypeCode
    name_fr: Name
    name_en: Name
    min_capacity_kg: TypicalKg | None = None
    max_capacity_kg: TypicalKg | None = None
    min_volume_m3: TypicalM3 | None = None
    max_volume_m3: TypicalM3 | None = None
    max_teu: Teu | None = None
    covered: bool = False
    refrigerated: bool = False
    liquid: bool = False
    bulk: bool = False
    container: bool = False
    abnormal_load: bool = False
    position: Position = 100


class VehicleTypeChange(StrictBody):
    """What is left out stays. `active` false: no new vehicle may have it."""

    name_fr: Name = ""
    name_en: Name = ""
    min_capacity_kg: TypicalKg | None = None
    max_capacity_kg: TypicalKg | None = None
    min_volume_m3: TypicalM3 | None = None
    max_volume_m3: TypicalM3 | None = None
    max_teu: Teu | None = None
    covered: bool = False
    refrigerated: bool = False
    liquid: bool = False
    bulk: bool = False
    container: bool = False
    abnormal_load: bool = False
    position: Position = 100
    active: bool = True


class VehicleTypeOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    code: str
    name_fr: str
    name_en: str
    min_capacity_kg: int | None
    max_capacity_kg: int | None
    min_volume_m3: float | None
    max_volume_m3: float | None
    max_teu: int | None
    covered: bool
    refrigerated: bool
    liquid: bool
    bulk: bool
    container: bool
    abnormal_load: bool
    active: bool
    position: int
    version: int


class VehicleTypesOut(BaseModel):
    items: list[VehicleTypeOut]
