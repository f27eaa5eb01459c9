"""What is told of an estimated arrival."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel


class EtaOut(BaseModel):
    """Arrival at the last delivery, most likely between `low_at` and `high_at`.

    It follows from the position of `position_time`; `method` `straight_line` is rough. `arrived_at`: the truck is
    there, and the rest is what was thought last.
    """

    order_id: UUID
    eta_at: datetime
    low_at: datetime
    high_at: datetime
    method: Literal["plan", "straight_line"]
    remaining_m: float
    speed_kmh: float
    stops_left: int
    position_time: datetime
    computed_at: datetime
    late: bool
    arrived_at: datetime | None
