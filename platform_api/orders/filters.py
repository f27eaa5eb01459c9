"""The parameters of a search for orders."""

from typing import Annotated

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
    radius_km: Annotated[float, Query(gt=0, le=MAX_RADIUS_KM, allow_inf_nan=False)] = DEFAULT_RADIUS_KM,
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
            max_length=MAX_WORDS_CHARS, description='words of goods and places; "two words" together, -not'
        ),
    ] = None,
    reference: Annotated[str | None, Query(max_length=40)] = None,
) -> Filters:
    if (lat is None) != (lng is None):
        raise BadRequest("near_incomplete", "A place has lat and lng.")
    return Filters(
        status=status,
        near=None if lat is None or lng is None else Near(lat, lng, radius_km),
        vehicle_type=vehicle_type,
        weight_min_kg=weight_min_kg,
        weight_max_kg=weight_max_kg,
        pickup_from=pickup_from,
        pickup_until=pickup_until,
        words=q,
        reference=reference,
    )


FiltersDep = Annotated[Filters, Depends(_filters)]
