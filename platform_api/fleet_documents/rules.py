"""Decisions about the documents of vehicles and drivers: their state, when to remind, when they block."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from platform_api.actor import Actor, Role
from platform_api.errors import Conflict, Forbidden, Invalid

EXPIRING_DAYS = 30
EXPIRED = -1
# Days before the end, the widest first; EXPIRED comes on the first day that it is no longer valid.
REMINDERS = (30, 7, 1, EXPIRED)


class Subject(StrEnum):
    VEHICLE = "vehicle"
    DRIVER = "driver"


class DocumentState(StrEnum):
    VALID = "valid"
    EXPIRING = "expiring"
    EXPIRED = "expired"


class LicenceClass(StrEnum):
    """Of Senegalese driving licences; with E a heavy trailer may be drawn."""

    A1 = "A1"
    A = "A"
    B = "B"
    BE = "BE"
    C = "C"
    CE = "CE"
    D = "D"
    DE = "DE"
    F = "F"


# A truck above this needs class C (Vienna Convention on Road Traffic, annex 6: category C).
LIGHT_MAX_KG = 3_500


def state_of(expires_on: date | None, today: date) -> DocumentState:
    """On its last day it is still valid. Without an end it is valid for ever."""
    if expires_on is None:
        return DocumentState.VALID
    days_left = (expires_on - today).days
    if days_left < 0:
        return DocumentState.EXPIRED
    return DocumentState.EXPIRING if days_left <= EXPIRING_DAYS else DocumentState.VALID


def reached(expires_on: date, today: date) -> list[int]:
    """The reminders whose day has come, the most urgent last."""
    days_left = (expires_on - today).days
    return [days for days in REMINDERS if days_left <= days]


@dataclass(frozen=True, slots=True)
class Paper:
    """What a document says, before it is kept."""

    kind: str
    subject: Subject
    expires: bool
    is_licence: bool
    issued_on: date | None
    expires_on: date | None
    licence_classes: Collection[LicenceClass]


def check_paper(paper: Paper, *, about: Subject, today: date) -> None:
    """Raises Conflict `fleet_document_kind_of_other_subject`; Invalid `fleet_document_expiry_missing`,
    `fleet_document_dates_invalid`, `fleet_document_already_expired`, `licence_classes_misplaced`."""
    if paper.subject is not about:
        raise Conflict(
            "fleet_document_kind_of_other_subject", f"A {paper.kind} is a document of a {paper.subject}."
        )
    if paper.expires and paper.expires_on is None:
        raise Invalid("fleet_document_expiry_missing", "Say until when this document is valid.")
    if paper.issued_on is not None and paper.issued_on > today:
        raise Invalid("fleet_document_dates_invalid", "A document is not issued in the future.")
    if paper.expires_on is not None and paper.issued_on is not None and paper.expires_on < paper.issued_on:
        raise Invalid("fleet_document_dates_invalid", "A document does not end before it is issued.")
    if state_of(paper.expires_on, today) is DocumentState.EXPIRED:
        raise Invalid("fleet_document_already_expired", "This document has expired already.")
    if paper.licence_classes and not paper.is_licence:
        raise Invalid("licence_classes_misplaced", "Only a driving licence has classes.")


def check_uploads(actor: Actor, about: Subject) -> None:
    """A carrier keeps its vehicles' and drivers' documents, a driver his own. Raises Forbidden `role_not_allowed`."""
    if actor.role is Role.CARRIER or (actor.role is Role.DRIVER and about is Subject.DRIVER):
        return
    raise Forbidden("role_not_allowed", "Only for the carrier, and for a driver about himself.")


@dataclass(frozen=True, slots=True)
class Required:
    """A kind that is asked for, and the current document of it; `present` False = never uploaded, or taken back."""

    kind: str
    subject: Subject
    is_licence: bool
    present: bool
    expires_on: date | None


def check_assignable(required: Sequence[Required], *, on: date, missing_blocks: bool) -> None:
    """May this vehicle and driver be given a load on that day?

    Raises Conflict `vehicle_documents_expired`, `driver_licence_expired`, `driver_documents_expired`; with
    `missing_blocks` also `vehicle_documents_missing`, `driver_documents_missing`.
    """
    expired = [one for one in required if state_of(one.expires_on, on) is DocumentState.EXPIRED]
    if kinds := _of(Subject.VEHICLE, expired):
        raise Conflict("vehicle_documents_expired", f"Of the vehicle have expired: {kinds}.", kinds=kinds)
    if kinds := _of(Subject.DRIVER, [one for one in expired if one.is_licence]):
        raise Conflict("driver_licence_expired", f"The driver's licence has expired: {kinds}.", kinds=kinds)
    if kinds := _of(Subject.DRIVER, expired):
        raise Conflict("driver_documents_expired", f"Of the driver have expired: {kinds}.", kinds=kinds)
    missing = [one for one in required if not one.present] if missing_blocks else []
    if kinds := _of(Subject.VEHICLE, missing):
        raise Conflict("vehicle_documents_missing", f"Of the vehicle are missing: {kinds}.", kinds=kinds)
    if kinds := _of(Subject.DRIVER, missing):
        raise Conflict("driver_documents_missing", f"Of the driver are missing: {kinds}.", kinds=kinds)


def _of(subject: Subject, found: Sequence[Required]) -> str:
    return ", ".join(one.kind for one in found if one.subject is subject)


@dataclass(frozen=True, slots=True)
class Truck:
    """Of a vehicle what a licence must be good for."""

    gross_kg: int | None
    has_trailer: bool


def class_needed(truck: Truck) -> LicenceClass | None:
    """The least class for this truck; None when nobody knows its weight and it has no trailer."""
    if truck.has_trailer:
        light = truck.gross_kg is not None and truck.gross_kg <= LIGHT_MAX_KG
        return LicenceClass.BE if light else LicenceClass.CE
    if truck.gross_kg is None:
        return None
    return LicenceClass.B if truck.gross_kg <= LIGHT_MAX_KG else LicenceClass.C


# What a class is also good for (Vienna Convention, annex 6: CE includes BE, C is given to holders of B).
_INCLUDES = {
    LicenceClass.B: {LicenceClass.B},
    LicenceClass.BE: {LicenceClass.B, LicenceClass.BE},
    LicenceClass.C: {LicenceClass.B, LicenceClass.C},
    LicenceClass.CE: {LicenceClass.B, LicenceClass.BE, LicenceClass.C, LicenceClass.CE},
}


def may_drive(classes: Collection[LicenceClass], truck: Truck) -> bool:
    """Whether a licence with these classes is good for the truck; True when nothing is known of the truck."""
    needed = class_needed(truck)
    return needed is None or any(needed in _INCLUDES.get(held, set()) for held in classes)
