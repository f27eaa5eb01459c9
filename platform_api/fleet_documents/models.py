"""Rows of the documents of vehicles and drivers."""

from datetime import date, datetime
from uuid import UUID, uuid4

from sqlalchemy import ARRAY, ForeignKey, Integer, SmallInteger, Text, func
from sqlalchemy.orm import Mapped, mapped_column, relationship

from platform_api.fleet.models import Vehicle
from platform_api.models_base import Base


class FleetDocumentKind(Base):
    __tablename__ = "fleet_document_kinds"

    code: Mapped[str] = mapped_column(primary_key=True)
    subject: Mapped[str]
    name_fr: Mapped[str]
    name_en: Mapped[str]
    # a load is not given to a vehicle or driver whose document of this kind has expired
    required: Mapped[bool]
    expires: Mapped[bool]
    # it names the classes of vehicles that the driver may drive
    is_licence: Mapped[bool] = mapped_column(server_default="false")
    position: Mapped[int] = mapped_column(SmallInteger, server_default="100")
    version: Mapped[int] = mapped_column(Integer, default=1, server_default="1")


class FleetDocument(Base):
    """Of a vehicle or of a driver; never changed, but replaced by a newer one."""

    __tablename__ = "fleet_documents"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4, server_default=func.gen_random_uuid())
    kind: Mapped[str] = mapped_column(ForeignKey("fleet_document_kinds.code"))
    vehicle_id: Mapped[int | None] = mapped_column(ForeignKey("vehicles.id"))
    driver_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    number: Mapped[str] = mapped_column(server_default="")
    issued_on: Mapped[date | None]
    # the last day on which it is valid
    expires_on: Mapped[date | None]
    licence_classes: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    file_id: Mapped[UUID] = mapped_column(ForeignKey("files.id"))
    uploaded_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime]
    # replaced by a newer one, or taken back; kept as history
    ended_at: Mapped[datetime | None]
    replaced_by: Mapped[UUID | None] = mapped_column(ForeignKey("fleet_documents.id"))

    vehicle: Mapped[Vehicle | None] = relationship(lazy="raise", viewonly=True)


class FleetDocumentReminder(Base):
    """Told once: `days` before the end, -1 = that it has expired."""

    __tablename__ = "fleet_document_reminders"

    document_id: Mapped[UUID] = mapped_column(ForeignKey("fleet_documents.id"), primary_key=True)
    days: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    at: Mapped[datetime]
