"""Legal limits: what is in force, its history, and warnings about a vehicle and its load."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from platform_api.actor import Actor
from platform_api.errors import Forbidden, Invalid
from platform_api.fleet.models import Vehicle
from platform_api.limits import rules
from platform_api.limits.models import LegalLimit
from platform_api.limits.rules import Law, Limit, Truck, Warning, What
from platform_api.vehicle_types.models import VehicleType

COUNTRY = "SN"


def list_limits(session: Session, *, country: str, on: date | None) -> Sequence[LegalLimit]:
    """Those in force on a day; None = all there ever were, the newest of each kind first."""
    statement = (
        select(LegalLimit)
        .where(LegalLimit.country == country)
        .order_by(
            LegalLimit.what,
            LegalLimit.axle_configuration.nulls_first(),
            LegalLimit.valid_from.desc(),
            LegalLimit.id,
        )
    )
    if on is not None:
        newest = (
            select(LegalLimit.id)
            .where(LegalLimit.country == country, LegalLimit.valid_from <= on)
            .ext(distinct_on(LegalLimit.what, LegalLimit.axle_configuration))
            .order_by(LegalLimit.what, LegalLimit.axle_configuration, LegalLimit.valid_from.desc())
        )
        statement = statement.where(LegalLimit.id.in_(newest))
    return session.scalars(statement).all()


def add_limit(session: Session, actor: Actor, values: dict[str, Any]) -> LegalLimit:
    """For administrators; it is in force from its `valid_from` until a newer one is. History is never rewritten.

    The same limit for the same day twice ends in the unique index: Conflict `limit_exists`.
    Raises Forbidden `role_not_allowed`, Invalid `limit_unit_wrong`.
    """
    if not actor.is_administrator:
        raise Forbidden("role_not_allowed", "Only administrators add limits.")
    unit = rules.unit_of(What(values["what"]))
    if values["unit"] != unit:
        raise Invalid("limit_unit_wrong", f"{values['what']} is counted in {unit}.", unit=unit)
    row = LegalLimit(**values, created_by=actor.user_id)
    session.add(row)
    session.flush()
    return row


def law_on(session: Session, on: date, *, country: str = COUNTRY) -> Law:
    rows = session.scalars(
        select(LegalLimit).where(LegalLimit.country == country, LegalLimit.valid_from <= on)
    )
    return rules.in_force(
        [
            Limit(What(row.what), row.axle_configuration, row.amount, row.confirmed, row.valid_from)
            for row in rows
        ],
        on,
    )


def warnings_for(
    session: Session, vehicle: Vehicle, cargo_kg: int | None, *, on: date, country: str = COUNTRY
) -> list[Warning]:
    """Soft warnings about a vehicle with a load (None = without one) by the law of a country on a day.

    Weights in kilograms. Nothing is refused for them: whoever shows them lets people decide.
    """
    kind = None if vehicle.type_code is None else session.get(VehicleType, vehicle.type_code)
    truck = truck_of(vehicle, refrigerated=kind is not None and kind.refrigerated)
    return rules.warnings(truck, cargo_kg, law_on(session, on, country=country))


def truck_of(vehicle: Vehicle, *, refrigerated: bool) -> Truck:
    return Truck(
        axle_configuration=vehicle.axle_configuration,
        refrigerated=refrigerated,
        capacity_kg=vehicle.capacity_kg,
        tare_kg=vehicle.tare_kg,
        ptac_kg=vehicle.ptac_kg,
        length_m=vehicle.length_m,
        width_m=vehicle.width_m,
        height_m=vehicle.height_m,
    )
