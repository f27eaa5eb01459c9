"""What is told of a journey's events."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from platform_api.watch.rules import Kind


class RouteEventOut(BaseModel):
    """`deviation`: outside the corridor. `unplanned_stop`: standing at no known place. Event times.

    `ended_at` null: it goes on. `withdrawn_at`: later positions show that it did not happen.
    """

    model_config = ConfigDict(from_attributes=True)

    id: int
    kind: Kind
    started_at: datetime
    ended_at: datetime | None
    evidence: dict[str, Any]
    revision: int
    recorded_at: datetime
    updated_at: datetime
    withdrawn_at: datetime | None
