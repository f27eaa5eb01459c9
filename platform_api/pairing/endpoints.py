"""/api/v1/fleet/pair/: a tracker and a vehicle are put together by the code on the tracker's label."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from platform_api.actor import Actor, Role
from platform_api.deps import NowDep, SessionDep, require_role
from platform_api.error_handlers import error_response
from platform_api.errors import PlatformError
from platform_api.fleet.schemas import DeviceOut
from platform_api.pairing import service
from platform_api.pairing.schemas import PairIn, PairingCodeOut
from platform_api.schemas import errors
from platform_api.throttle.edge import LIMIT_ERRORS, NetworkDep

router = APIRouter(
    prefix="/api/v1/fleet", tags=["fleet"], responses=errors("not_authenticated", "role_not_allowed")
)

Carrier = Annotated[Actor, Depends(require_role(Role.CARRIER))]
Owner = Annotated[Actor, Depends(require_role(Role.CARRIER, Role.ADMINISTRATOR))]


@router.post(
    "/pair/",
    response_model=DeviceOut,
    responses=errors(
        "invalid_pairing_code", "pairing_code_unknown", "vehicle_not_found", "device_disabled", *LIMIT_ERRORS
    ),
)
def pair(
    body: PairIn, request: Request, session: SessionDep, actor: Carrier, network: NetworkDep, now: NowDep
) -> Any:
    """The tracker is yours and in this vehicle from now on; out of another one of yours if it was there. Spends the code."""
    outcome = service.pair(
        session, actor, typed=body.code, vehicle_id=body.vehicle_id, network=network, now=now
    )
    if isinstance(outcome, PlatformError):
        return error_response(request, outcome)
    return DeviceOut.of(outcome)


@router.post("/devices/{uid}/pairing-code/", responses=errors("device_not_found", "not_a_tracker"))
def make_pairing_code(uid: str, session: SessionDep, actor: Owner, now: NowDep) -> PairingCodeOut:
    """A new code for the tracker's label, shown this once; the one before it is dead."""
    return PairingCodeOut.of(service.make_code(session, actor, uid, now=now))
