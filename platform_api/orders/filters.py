"""The parameters of a search for orders."""

from typing import Annotated, Any

from fastapi import Depends, Query

from platform_api.errors import BadRequest
from platform_api.fields import Time
from platform_api.orders.bodies import MAX_WEIGHT_KG
from platform_api.orders.rules import OrderStatus
from platform_api.orders.search import Filters, Near

DEFAULT_RADIUS_KM = 100.0
MAX_RADIUS_KM = 1_000.0
MAX_WORDS_CHARS = 200


async def _filters(
    status: Annotated[OrderStatus | None, Query()] = None,
    lat: Annotated[float | None, Query(ge=-90, le=90, allow_inf_nan=False)] = None,
    lng: Annotated[float | None, Query(ge=-180, le=180, allow_inf_nan=False)] = None,
    radius_km: Annotated[
        float | None,
        Query(
            gt=0, le=MAX_RADIUS_KM, allow_inf_nan=False, description=f"{DEFAULT_RADIUS_KM:.0f} unless said"
        ),
    ] = None,
    vehicle_type: Annotated[
        str | None, Query(max_length=40, description="asked for, or none in particular")
    ] = None,
    weight_min_kg: Annotated[int | None, Query(ge=1, le=MAX_WEIGHT_KG)] = None,
    weight_max_kg: Annotated[int | None, Query(ge=1, le=MAX_WEIGHT_KG)] = None,
    pickup_from: Annotated[Time | None, Query(description="the pickup window is not over before")] = None,
    pickup_until: Annotated[Time | None, Query(description="the pickup window has begun by then")] = None,
    q: Annotated[
        str | None,
        Query(
            max_length=MAX_WORDS_CHARS,
            description='words of goods, places and stops; "two words" together, -not',
        ),
    ] = None,
    reference: Annotated[str | None, Query(max_length=40)] = None,
) -> Filters:
    if (lat is None) != (lng is None) or (lat is None and radius_km is not None):
        raise BadRequest("near_incomplete", "A place has lat and lng.")
    _check_range("weight_min_kg", weight_min_kg, "weight_max_kg", weight_max_kg)
    _check_range("pickup_from", pickup_from, "pickup_until", pickup_until)
    return Filters(
        status=status,
        near=None if lat is None or lng is None else Near(lat, lng, radius_km or DEFAULT_RADIUS_KM),
        vehicle_type=vehicle_type,
        weight_min_kg=weight_min_kg,
        weight_max_kg=weight_max_kg,
        pickup_from=pickup_from,
        pickup_until=pickup_until,
        words=q,
        reference=reference,
    )


def _check_range(least_name: str, least: Any, most_name: str, most: Any) -> None:
    if least is not None and most is not None and most < least:
        raise BadRequest(
            "filter_reversed", f"{most_name} is less than {least_name}.", least=least_name, most=most_name
        )


FiltersDep = Annotated[Filters, Depends(_filters)]
