"""Bodies of pairing."""

from typing import Annotated, Self

from pydantic import BaseModel, StringConstraints

from platform_api.fields import Id
from platform_api.pairing import codes
from platform_api.schemas import StrictBody


class PairIn(StrictBody):
    """`code`: as it stands on the label; capitals, spaces and hyphens do not matter."""

    code: Annotated[str, StringConstraints(min_length=1, max_length=codes.MAX_TYPED_CHARS)]
    vehicle_id: Id


class PairingCodeOut(BaseModel):
    """Shown this once."""

    code: str

    @classmethod
    def of(cls, code: str) -> Self:
        return cls(code=codes.shown(code))
