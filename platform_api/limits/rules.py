"""Soft warnings about weights and sizes: what the law of a country says of a vehicle and its load.

Nothing here refuses anything: figures of vehicles are often wrong, and who loads is answerable.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class What(StrEnum):
    GROSS_WEIGHT = "gross_weight"
    STEERING_AXLE = "steering_axle"
    SINGLE_AXLE = "single_axle"
    TANDEM = "tandem"
    TRIDEM = "tridem"
    WIDTH = "width"
    WIDTH_REFRIGERATED = "width_refrigerated"
    HEIGHT = "height"
    LENGTH = "length"
    TOLERANCE = "tolerance"
    FINE_OVERLOAD_NATIONAL = "fine_overload_national"
    FINE_OVERLOAD_INTERNATIONAL = "fine_overload_international"
    FINE_SIZE = "fine_size"
    FINE_LOADING_SITE = "fine_loading_site"
    WAYBILL_FROM = "waybill_from"


UNITS = {
    What.WIDTH: "m", What.WIDTH_REFRIGERATED: "m", What.HEIGHT: "m", What.LENGTH: "m", What.TOLERANCE: "%",
    What.FINE_OVERLOAD_NATIONAL: "XOF/t", What.FINE_OVERLOAD_INTERNATIONAL: "XOF/t", What.FINE_SIZE: "XOF",
    What.FINE_LOADING_SITE: "XOF",
}  # fmt: skip


def unit_of(what: What) -> str:
    return UNITS.get(what, "kg")


@dataclass(frozen=True, slots=True)
class Limit:
    what: What
    axle_configuration: str | None
    amount: float
    confirmed: bool
    valid_from: date


@dataclass(frozen=True, slots=True)
class Truck:
    """What a vehicle says of itself; None = nobody has said it. Kilograms and metres."""

    axle_configuration: str | None = None
    refrigerated: bool = False
    capacity_kg: int | None = None
    tare_kg: int | None = None
    ptac_kg: int | None = None
    length_m: float | None = None
    width_m: float | None = None
    height_m: float | None = None


@dataclass(frozen=True, slots=True)
class Warning:
    """`code` is stable. `fine_xof`: what it may cost on a national journey; None = nothing is known."""

    code: str
    text_fr: str
    text_en: str
    # None: it is not about a figure
    value: float | None
    limit: float | None
    # whether the sources of the limit agree; the vehicle's own figures are the owner's word
    confirmed: bool = True
    fine_xof: int | None = None


@dataclass(frozen=True, slots=True)
class Law:
    """The limits that are in force on a day."""

    limits: tuple[Limit, ...]

    def of(self, what: What, axle_configuration: str | None = None) -> Limit | None:
        """The one of this axle configuration before the one of all."""
        found = [one for one in self.limits if one.what is what]
        for wanted in (axle_configuration, None):
            match = next((one for one in found if one.axle_configuration == wanted), None)
            if match is not None:
                return match
        return None


def in_force(limits: Iterable[Limit], on: date) -> Law:
    """Of each kind and axle configuration the newest whose day has come."""
    newest: dict[tuple[What, str | None], Limit] = {}
    for one in limits:
        key = (one.what, one.axle_configuration)
        if one.valid_from <= on and (key not in newest or newest[key].valid_from < one.valid_from):
            newest[key] = one
    return Law(tuple(newest.values()))


def warnings(truck: Truck, cargo_kg: int | None, law: Law) -> list[Warning]:
    """About the vehicle alone, and about this load on it (None = no load in mind)."""
    return [*_of_figures(truck), *_of_sizes(truck, law), *_of_weight(truck, cargo_kg, law)]


def _of_figures(truck: Truck) -> list[Warning]:
    """Figures that cannot be right together."""
    tare, gross, capacity = truck.tare_kg, truck.ptac_kg, truck.capacity_kg
    if tare is None or gross is None:
        return []
    if tare >= gross:
        return [
            Warning(
                "tare_above_gross",
                f"Le poids à vide ({_kg(tare)}) atteint ou dépasse le PTAC ({_kg(gross)}).",
                f"The tare ({_kg(tare)}) reaches or exceeds the gross weight ({_kg(gross)}).",
                tare,
                gross,
            )
        ]
    if capacity is not None and tare + capacity > gross:
        return [
            Warning(
                "capacity_above_payload",
                f"La charge annoncée ({_kg(capacity)}) dépasse la charge utile ({_kg(gross - tare)}).",
                f"The stated capacity ({_kg(capacity)}) exceeds the payload ({_kg(gross - tare)}).",
                capacity,
                gross - tare,
            )
        ]
    return []


def _of_sizes(truck: Truck, law: Law) -> list[Warning]:
    width = What.WIDTH_REFRIGERATED if truck.refrigerated else What.WIDTH
    fine = law.of(What.FINE_SIZE)
    found = []
    for what, value, fr, en in (
        (width, truck.width_m, "La largeur", "The width"),
        (What.HEIGHT, truck.height_m, "La hauteur", "The height"),
        (What.LENGTH, truck.length_m, "La longueur", "The length"),
    ):
        limit = law.of(what, truck.axle_configuration)
        if value is None or limit is None or value <= limit.amount:
            continue
        found.append(
            Warning(
                f"{'width' if what is width else what.value}_above_limit",
                f"{fr} ({_m(value)}) dépasse la limite légale ({_m(limit.amount)}).",
                f"{en} ({value:g} m) exceeds the legal limit ({limit.amount:g} m).",
                value,
                limit.amount,
                limit.confirmed,
                None if fine is None else round(fine.amount),
            )
        )
    return found


def _of_weight(truck: Truck, cargo_kg: int | None, law: Law) -> list[Warning]:
    legal = law.of(What.GROSS_WEIGHT, truck.axle_configuration)
    found = []
    if legal is not None and truck.ptac_kg is not None and truck.ptac_kg > legal.amount:
        found.append(
            Warning(
                "gross_above_limit",
                f"Le PTAC ({_kg(truck.ptac_kg)}) dépasse la limite légale de cette configuration d'essieux"
                f" ({_kg(legal.amount)}).",
                f"The gross weight ({_kg(truck.ptac_kg)}) exceeds the legal limit of these axles ({_kg(legal.amount)}).",
                truck.ptac_kg,
                legal.amount,
                legal.confirmed,
            )
        )
    if cargo_kg is None:
        return found
    if truck.capacity_kg is not None and cargo_kg > truck.capacity_kg:
        found.append(
            Warning(
                "cargo_above_capacity",
                f"Le chargement ({_kg(cargo_kg)}) dépasse la charge annoncée du véhicule ({_kg(truck.capacity_kg)}).",
                f"The load ({_kg(cargo_kg)}) exceeds the vehicle's stated capacity ({_kg(truck.capacity_kg)}).",
                cargo_kg,
                truck.capacity_kg,
            )
        )
    overload = _overload(truck, cargo_kg, legal, law)
    return found if overload is None else [*found, overload]


def _overload(truck: Truck, cargo_kg: int, legal: Limit | None, law: Law) -> Warning | None:
    """Load and tare against the lower of PTAC and legal limit."""
    if truck.tare_kg is None:
        return None
    bounds = [(float(truck.ptac_kg), True)] if truck.ptac_kg is not None else []
    bounds += [(legal.amount, legal.confirmed)] if legal is not None else []
    if not bounds:
        return None
    limit, confirmed = min(bounds)
    laden_kg = truck.tare_kg + cargo_kg
    if laden_kg <= limit:
        return None
    fine = law.of(What.FINE_OVERLOAD_NATIONAL)
    # Each tonne that is begun.
    fine_xof = None if fine is None else round(math.ceil((laden_kg - limit) / 1000) * fine.amount)
    return Warning(
        "overloaded",
        f"En charge, le véhicule pèserait {_kg(laden_kg)} pour {_kg(limit)} autorisés.",
        f"Laden, the vehicle would weigh {_kg(laden_kg)}, and {_kg(limit)} are allowed.",
        laden_kg,
        limit,
        confirmed,
        fine_xof,
    )


def _kg(value: float) -> str:
    return f"{round(value):,} kg".replace(",", "\u202f")


def _m(value: float) -> str:
    return f"{value:g} m".replace(".", ",")
