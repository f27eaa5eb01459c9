"""Bodies of the document endpoints."""

from datetime import date, datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from platform_api.fields import LATEST_TIME, Id, Name, OptionalName
from platform_api.fleet_documents.models import FleetDocument
from platform_api.fleet_documents.rules import DocumentState, LicenceClass, Subject, state_of
from platform_api.fleet_documents.service import Upload
from platform_api.schemas import StrictBody

# A licence may be older than any time of telemetry.
EARLIEST_DATE = date(1950, 1, 1)

Day = Annotated[date, Field(ge=EARLIEST_DATE, lt=LATEST_TIME.date())]


class DocumentKindOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    code: str
    subject: Subject
    name_fr: str
    name_en: str
    required: bool
    expires: bool
    is_licence: bool
    version: int


class DocumentKindsOut(BaseModel):
    items: list[DocumentKindOut]


class DocumentKindChange(StrictBody):
    """What is left out stays."""

    name_fr: Name = ""
    name_en: Name = ""
    required: bool = False


class DocumentIn(StrictBody):
    """Of a vehicle or of a driver. `expires_on` is the last day on which it is valid."""

    kind: Annotated[str, Field(min_length=2, max_length=32, examples=["ASSURANCE"])]
    vehicle_id: Id | None = None
    driver_id: UUID | None = None
    number: OptionalName = ""
    issued_on: Day | None = None
    expires_on: Day | None = None
    licence_classes: Annotated[tuple[LicenceClass, ...], Field(max_length=len(LicenceClass))] = ()
    file_id: UUID

    @model_validator(mode="after")
    def _one_subject(self) -> Self:
        if (self.vehicle_id is None) == (self.driver_id is None):
            raise ValueError("name a vehicle_id or a driver_id, and not both")
        return self

    def upload(self) -> Upload:
        classes = tuple(sorted(set(self.licence_classes)))
        return Upload(**{**self.model_dump(), "licence_classes": classes})


class DocumentOut(BaseModel):
    """`state` is as of today. `ended_at`: replaced by a newer one, or taken back. The file is at `.../content/`."""

    id: UUID
    kind: str
    vehicle_id: int | None
    driver_id: UUID | None
    number: str
    issued_on: date | None
    expires_on: date | None
    state: DocumentState
    licence_classes: list[str]
    created_at: datetime
    ended_at: datetime | None
    replaced_by: UUID | None

    @classmethod
    def of(cls, row: FleetDocument, today: date) -> Self:
        return cls(
            id=row.id,
            kind=row.kind,
            vehicle_id=row.vehicle_id,
            driver_id=row.driver_id,
            number=row.number,
            issued_on=row.issued_on,
            expires_on=row.expires_on,
            state=state_of(row.expires_on, today),
            licence_classes=row.licence_classes,
            created_at=row.created_at,
            ended_at=row.ended_at,
            replaced_by=row.replaced_by,
        )
