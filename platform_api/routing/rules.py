"""What is planned for an order, and when it is to be planned anew: pure decisions."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from uuid import UUID

from platform_api.orders.rules import OPEN, UNDERWAY
from platform_api.routing.plan import Point, TruckSize

# On the market too: carriers want to know how far it is.
PLANNED = OPEN | UNDERWAY

_KG_PER_T = 1000


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked for one order. `drawn`: the way that the shipper gave."""

    order_id: UUID
    stops: tuple[Point, ...]
    truck: TruckSize
    drawn: tuple[Point, ...] | None
    vehicle_id: int | None
    engine: str

    @property
    def fingerprint(self) -> str:
        """Hex sha256: another one = the plan in hand answers another question."""
        asked = [
            self.engine, self.vehicle_id, self.stops, self.drawn,
            asdict(self.truck) if self.engine == "valhalla" else None,
        ]  # fmt: skip
        return hashlib.sha256(json.dumps(asked).encode()).hexdigest()


def truck_size(
    *,
    height_m: float | None,
    width_m: float | None,
    length_m: float | None,
    ptac_kg: int | None,
    axle_configuration: str | None,
) -> TruckSize:
    """Of a vehicle what its owner told, else the largest that drives without a permit.

    `axle_configuration` ends in the number of axles (RIGID_3, ARTICULATED_5).
    """
    largest = TruckSize()
    return TruckSize(
        height_m=height_m or largest.height_m,
        width_m=width_m or largest.width_m,
        length_m=length_m or largest.length_m,
        weight_t=ptac_kg / _KG_PER_T if ptac_kg else largest.weight_t,
        axle_count=int(axle_configuration.rpartition("_")[2]) if axle_configuration else largest.axle_count,
    )


def line_of(points: Sequence[Sequence[float]] | None) -> tuple[Point, ...] | None:
    return None if points is None else tuple((float(lon), float(lat)) for lon, lat in points)
