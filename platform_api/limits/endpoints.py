"""/api/v1/fleet/limits/: legal limits of weights and sizes; and what they say of a vehicle and its load."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Query

from platform_api.actor import Actor, Role
from platform_api.deps import CurrentActor, NowDep, SessionDep, require_role
from platform_api.fields import Id
from platform_api.fleet import service as fleet
from platform_api.fleet.vehicle_schemas import MAX_WEIGHT_KG
from platform_api.idempotency.once import IDEMPOTENCY_ERRORS, OnceDep
from platform_api.limits import service
from platform_api.limits.schemas import LimitIn, LimitOut, LimitsOut, WarningOut, WarningsOut
from platform_api.schemas import errors

router = APIRouter(prefix="/api/v1/fleet", tags=["fleet"], responses=errors("not_authenticated"))

Viewer = Annotated[Actor, Depends(require_role(Role.CARRIER, Role.ADMINISTRATOR))]
CountryQuery = Annotated[str, Query(pattern=r"^[A-Z]{2}$", description="ISO 3166-1 alpha-2")]


@router.get("/limits/", responses=errors("invalid_parameter"))
def list_limits(
    session: SessionDep,
    _actor: CurrentActor,
    now: NowDep,
    country: CountryQuery = service.COUNTRY,
    on: Annotated[date | None, Query(description="in force on that day; today when left out")] = None,
    history: Annotated[bool, Query(description="all there ever were and will be")] = False,
) -> LimitsOut:
    """What a truck may weigh and measure, by country, with the source of each."""
    rows = service.list_limits(session, country=country, on=None if history else on or now.date())
    return LimitsOut(items=[LimitOut.model_validate(row) for row in rows])


@router.post(
    "/limits/",
    status_code=201,
    responses=errors(*IDEMPOTENCY_ERRORS, "role_not_allowed", "limit_exists", "limit_unit_wrong"),
)
def add_limit(body: LimitIn, session: SessionDep, actor: CurrentActor, once: OnceDep) -> LimitOut:
    """For administrators. A limit is never changed: a newer one takes over at its `valid_from`."""
    return once.run(
        LimitOut, lambda: LimitOut.model_validate(service.add_limit(session, actor, body.model_dump()))
    )


@router.get(
    "/vehicles/{vehicle_id}/warnings/",
    responses=errors("role_not_allowed", "vehicle_not_found", "invalid_parameter"),
)
def list_warnings(
    vehicle_id: Id,
    session: SessionDep,
    actor: Viewer,
    now: NowDep,
    cargo_kg: Annotated[int | None, Query(ge=1, le=MAX_WEIGHT_KG, description="the load in mind")] = None,
    country: CountryQuery = service.COUNTRY,
) -> WarningsOut:
    """What the law says of this vehicle, and of this load on it. Nothing is refused for it."""
    vehicle = fleet.get_vehicle(session, actor, vehicle_id)
    found = service.warnings_for(session, vehicle, cargo_kg, on=now.date(), country=country)
    return WarningsOut(items=[WarningOut.model_validate(one) for one in found])
