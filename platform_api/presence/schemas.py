"""What the presence endpoints answer."""

from datetime import datetime
from typing import Any, Literal, Self, cast

from pydantic import BaseModel

from platform_api.presence.models import DevicePresence, PresenceChange

State = Literal["unknown", "online", "offline"]


class PresenceOut(BaseModel):
    """Times are arrival times: about the connection, not about the truck.

    `last_seen_at` may lag by MESS_PRESENCE_SEEN_EVERY_S while the device is online. `leaving_since`: it said
    goodbye and is told offline if nothing is heard of it within MESS_PRESENCE_GRACE_S. `report`: what the
    device says of itself, by name. `commands_by`: the format that commands to it are written in; null =
    nobody knows how to reach it.
    """

    uid: str
    state: State
    since: datetime
    last_seen_at: datetime | None
    leaving_since: datetime | None
    commands_by: str | None
    report: dict[str, Any]
    reported_at: datetime | None

    @classmethod
    def of(cls, uid: str, row: DevicePresence) -> Self:
        seen, goodbye = row.last_seen_at, row.goodbye_at
        leaving = row.state != "offline" and goodbye is not None and (seen is None or seen <= goodbye)
        return cls(
            uid=uid,
            state=cast(State, row.state),
            since=row.since,
            last_seen_at=seen,
            leaving_since=goodbye if leaving else None,
            commands_by=row.downlink,
            report=row.report,
            reported_at=row.reported_at,
        )


class PresenceChangeOut(BaseModel):
    """`at`: when it came, or was last heard of; `recorded_at`: when that was told."""

    id: int
    state: State
    at: datetime
    recorded_at: datetime
    vehicle_id: int | None

    @classmethod
    def of(cls, row: PresenceChange) -> Self:
        return cls(
            id=row.id,
            state=cast(State, row.state),
            at=row.at,
            recorded_at=row.recorded_at,
            vehicle_id=row.vehicle_id,
        )
