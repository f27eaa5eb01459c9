"""A driver's record as it is shown."""

from datetime import date
from typing import Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from platform_api.driver_records.service import DriverRecord
from platform_api.fleet.schemas import DriverOut
from platform_api.fleet_documents.rules import DocumentState, state_of
from platform_api.fleet_documents.schemas import DocumentOut
from platform_api.limits.schemas import WarningOut


class LicenceOut(BaseModel):
    """`classes` empty: nobody has said them."""

    document_id: UUID
    number: str
    classes: list[str]
    expires_on: date | None
    state: DocumentState


class DrivenVehicleOut(BaseModel):
    """`warnings`: the driver's licence does not fit it."""

    id: int
    plate: str
    name: str
    warnings: list[WarningOut]


class OrderUnderWayOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    reference: str
    status: str
    vehicle_id: int | None
    pickup_name: str
    delivery_name: str


class DriverRecordOut(DriverOut):
    """`documents` are the current ones, licences among them; states are as of today."""

    licences: list[LicenceOut]
    vehicles: list[DrivenVehicleOut]
    documents: list[DocumentOut]
    orders_under_way: list[OrderUnderWayOut]

    @classmethod
    def of_record(cls, record: DriverRecord, today: date) -> Self:
        return cls(
            **DriverOut.of(record.user).model_dump(),
            licences=[
                LicenceOut(
                    document_id=row.id,
                    number=row.number,
                    classes=row.licence_classes,
                    expires_on=row.expires_on,
                    state=state_of(row.expires_on, today),
                )
                for row in record.licences
            ],
            vehicles=[
                DrivenVehicleOut(
                    id=vehicle.id,
                    plate=vehicle.plate,
                    name=vehicle.name,
                    warnings=[WarningOut.model_validate(one) for one in warnings],
                )
                for vehicle, warnings in record.vehicles
            ],
            documents=[DocumentOut.of(row, today) for row in record.documents],
            orders_under_way=[OrderUnderWayOut.model_validate(order) for order in record.orders],
        )
