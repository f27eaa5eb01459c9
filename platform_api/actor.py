"""Who acts: the value that every rule and query takes instead of a user row."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID


class Role(StrEnum):
    SHIPPER = "shipper"
    CARRIER = "carrier"
    DRIVER = "driver"
    # Of freight; MQTT brokers live in the package `brokers`.
    BROKER = "broker"
    ADMINISTRATOR = "administrator"


@dataclass(frozen=True, slots=True)
class Actor:
    """`carrier_id` is the fleet the actor belongs to: a carrier's own id, a driver's carrier, else None."""

    user_id: UUID
    role: Role
    is_superuser: bool = False
    carrier_id: UUID | None = None

    @property
    def is_administrator(self) -> bool:
        return self.is_superuser or self.role is Role.ADMINISTRATOR
