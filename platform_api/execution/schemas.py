"""Bodies of what the crew confirms."""

from pydantic import Field

from platform_api.execution.service import Receipt
from platform_api.fields import Name, OptionalName, Time
from platform_api.orders.schemas import Latitude, Longitude
from platform_api.schemas import StrictBody


class LoadingIn(StrictBody):
    """`time`: when it was loaded, if the phone was offline; without it now."""

    time: Time | None = None


class PositionIn(StrictBody):
    lat: Latitude
    lon: Longitude
    accuracy_m: float | None = Field(default=None, ge=0, allow_inf_nan=False)


class ProofIn(StrictBody):
    """`time` and `position`: as the phone had them when the receiver signed."""

    receiver_name: Name
    time: Time | None = None
    position: PositionIn | None = None
    note: OptionalName = ""

    def receipt(self) -> Receipt:
        if self.position is None:
            return Receipt(self.receiver_name, self.note)
        here = self.position
        return Receipt(self.receiver_name, self.note, here.lat, here.lon, here.accuracy_m)
