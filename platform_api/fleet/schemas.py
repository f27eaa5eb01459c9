"""Bodies of the fleet endpoints."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints

from brokers.topics import DEVICE_UID_MAX_CHARS
from platform_api.accounts.models import User
from platform_api.accounts.schemas import Phone
from platform_api.fields import Id, Time
from platform_api.fleet.models import Device, DeviceAssignment
from platform_api.fleet.rules import MAX_PRIORITY, DeviceKind
from platform_api.fleet.service import DeviceSecret, DeviceToken
from platform_api.schemas import StrictBody

Priority = Annotated[int, Field(ge=0, le=MAX_PRIORITY)]


class DriverIn(StrictBody):
    phone: Phone


class DriverOut(BaseModel):
    id: UUID
    phone: str
    name: str

    @classmethod
    def of(cls, user: User) -> Self:
        return cls(id=user.id, phone=user.phone, name=user.name)


class DeviceIn(StrictBody):
    """`driver_id`: the driver whose phone this is.

    `priority`: of a vehicle's devices the one with the lowest number is the best source; 100 for a tracker and
    200 for a phone when left out. A `gateway` sends for other devices and is in no vehicle.
    """

    uid: Annotated[str, StringConstraints(min_length=1, max_length=DEVICE_UID_MAX_CHARS)]
    kind: DeviceKind
    priority: Priority | None = None
    vehicle_id: Id | None = None
    driver_id: UUID | None = None


class DeviceChange(StrictBody):
    priority: Priority


class AssignIn(StrictBody):
    """Event time, half-open [valid_from, valid_to).

    Without `valid_from` it begins now, and a device's first assignment has no beginning.
    `end_current` ends the open assignment where this one begins.
    """

    vehicle_id: Id
    valid_from: Time | None = None
    valid_to: Time | None = None
    end_current: bool = False


class UnassignIn(StrictBody):
    """Event time; now when left out."""

    valid_to: Time | None = None


class AssignmentOut(BaseModel):
    vehicle_id: int
    valid_from: datetime | None
    valid_to: datetime | None

    @classmethod
    def of(cls, row: DeviceAssignment) -> Self:
        return cls(vehicle_id=row.vehicle_id, valid_from=row.valid_from, valid_to=row.valid_to)


class DeviceOut(BaseModel):
    """`priority`: the lower, the better a source; null for a gateway, which is none."""

    uid: str
    kind: DeviceKind
    priority: int | None
    driver_id: UUID | None
    disabled: bool
    created_at: datetime
    assignments: list[AssignmentOut]

    @classmethod
    def of(cls, device: Device) -> Self:
        spans = sorted(device.assignments, key=lambda row: row.id)
        kind = DeviceKind(device.kind)
        return cls(
            uid=device.uid,
            kind=kind,
            priority=None if kind is DeviceKind.GATEWAY else device.priority,
            driver_id=device.user_id,
            disabled=device.disabled,
            created_at=device.created_at,
            assignments=[AssignmentOut.of(row) for row in spans],
        )


class MqttSecretOut(BaseModel):
    """How this device signs in to MQTT. The password is shown this once."""

    uid: str
    mqtt_client_id: str
    mqtt_username: str
    mqtt_password: str

    @classmethod
    def of(cls, issued: DeviceSecret) -> Self:
        uid = issued.device.uid
        return cls(uid=uid, mqtt_client_id=uid, mqtt_username=uid, mqtt_password=issued.secret)


class MqttTokenOut(MqttSecretOut):
    expires_at: datetime

    @classmethod
    def of_token(cls, issued: DeviceToken) -> Self:
        uid = issued.device.uid
        return cls(
            uid=uid,
            mqtt_client_id=uid,
            mqtt_username=uid,
            mqtt_password=issued.token,
            expires_at=issued.expires_at,
        )
