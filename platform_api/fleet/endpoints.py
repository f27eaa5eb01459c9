"""/api/v1/fleet/: a carrier's drivers and devices; its vehicles are in `vehicle_endpoints`."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from platform_api.actor import Actor, Role
from platform_api.deps import CurrentActor, NowDep, SessionDep, require_role
from platform_api.fleet import repository, service
from platform_api.fleet.schemas import (
    AssignIn,
    DeviceChange,
    DeviceIn,
    DeviceOut,
    DriverIn,
    DriverOut,
    MqttSecretOut,
    MqttTokenOut,
    UnassignIn,
)
from platform_api.idempotency.once import IDEMPOTENCY_ERRORS, OnceDep
from platform_api.organisations import service as organisations
from platform_api.organisations.rules import JoinsAs
from platform_api.organisations.schemas import InvitationOut
from platform_api.pagination import Page, PageDep, page_of
from platform_api.schemas import errors

router = APIRouter(prefix="/api/v1/fleet", tags=["fleet"])

Carrier = Annotated[Actor, Depends(require_role(Role.CARRIER))]
Viewer = Annotated[Actor, Depends(require_role(Role.CARRIER, Role.ADMINISTRATOR))]
DeviceViewer = Annotated[Actor, Depends(require_role(Role.CARRIER, Role.DRIVER, Role.ADMINISTRATOR))]


@router.post(
    "/drivers/",
    status_code=201,
    responses=errors(
        *IDEMPOTENCY_ERRORS,
        "role_not_allowed",
        "invalid_phone",
        "already_member",
        "invitation_open",
        "organisation_closed",
        "too_many_invitations",
    ),
)
def invite_driver(
    body: DriverIn, session: SessionDep, actor: Carrier, now: NowDep, once: OnceDep
) -> InvitationOut:
    """Ask who has this phone number to drive for you. He is yours once he accepts (`/api/v1/invitations/`)."""

    def make() -> InvitationOut:
        made = organisations.invite(session, actor, phone=body.phone, joins_as=JoinsAs.DRIVER, now=now)
        return InvitationOut.of(made)

    return once.run(InvitationOut, make)


@router.get("/drivers/")
def list_drivers(session: SessionDep, actor: Viewer, page: PageDep) -> Page[DriverOut]:
    """Your drivers, newest first; an administrator sees all."""
    rows, next_cursor = repository.page_drivers(session, actor, page)
    return page_of(rows, next_cursor, DriverOut.of)


@router.delete(
    "/drivers/{driver_id}/",
    status_code=204,
    response_class=Response,
    responses=errors("role_not_allowed", "driver_not_found"),
)
def detach_driver(driver_id: UUID, session: SessionDep, actor: CurrentActor) -> None:
    """For the carrier and for the driver himself."""
    service.detach_driver(session, actor, driver_id)


@router.post(
    "/devices/",
    status_code=201,
    responses=errors(
        "vehicle_not_found",
        "driver_not_found",
        "not_a_phone",
        "gateway_on_no_vehicle",
        "device_uid_taken",
        "credential_exists",
        "device_uid_reserved",
        "device_uid_malformed",
        "not_a_tracker",
        "stock_device_unassigned",
    ),
)
def register_device(body: DeviceIn, session: SessionDep, actor: Viewer, now: NowDep) -> MqttSecretOut:
    """Register a tracker, a phone or a gateway. The MQTT password in the answer is shown this once.

    An administrator registers trackers into stock: they are nobody's until a carrier pairs one by its code.
    """
    issued = service.register_device(
        session,
        actor,
        uid=body.uid,
        kind=body.kind,
        priority=body.priority,
        driver_id=body.driver_id,
        vehicle_id=body.vehicle_id,
        now=now,
    )
    return MqttSecretOut.of(issued)


@router.get("/devices/")
def list_devices(session: SessionDep, actor: DeviceViewer, page: PageDep) -> Page[DeviceOut]:
    """A driver sees his own phones."""
    rows, next_cursor = repository.page_devices(session, actor, page)
    return page_of(rows, next_cursor, DeviceOut.of)


@router.get("/devices/{uid}/", responses=errors("device_not_found"))
def get_device(uid: str, session: SessionDep, actor: DeviceViewer) -> DeviceOut:
    """A device with the vehicles it was in."""
    return DeviceOut.of(service.get_device(session, actor, uid))


@router.patch("/devices/{uid}/", responses=errors("device_not_found", "gateway_on_no_vehicle"))
def change_device(
    uid: str, body: DeviceChange, session: SessionDep, actor: Carrier, now: NowDep
) -> DeviceOut:
    """How good a source it is; which source counts on its vehicle is decided anew from now on."""
    service.change_priority(session, actor, uid, priority=body.priority, now=now)
    return DeviceOut.of(service.get_device(session, actor, uid))


@router.post(
    "/devices/{uid}/assign/",
    responses=errors(
        "device_not_found",
        "vehicle_not_found",
        "gateway_on_no_vehicle",
        "assignment_overlap",
        "invalid_period",
    ),
)
def assign_device(uid: str, body: AssignIn, session: SessionDep, actor: Carrier, now: NowDep) -> DeviceOut:
    """Put the device into a vehicle for a time; visits and trips of that time are worked out again."""
    service.assign_device(
        session,
        actor,
        uid,
        vehicle_id=body.vehicle_id,
        valid_from=body.valid_from,
        valid_to=body.valid_to,
        end_current=body.end_current,
        now=now,
    )
    return DeviceOut.of(service.get_device(session, actor, uid))


@router.post(
    "/devices/{uid}/unassign/", responses=errors("device_not_found", "device_not_assigned", "invalid_period")
)
def unassign_device(
    uid: str, body: UnassignIn, session: SessionDep, actor: Carrier, now: NowDep
) -> DeviceOut:
    """Take the device out of its vehicle."""
    service.unassign_device(session, actor, uid, valid_to=body.valid_to or now)
    return DeviceOut.of(service.get_device(session, actor, uid))


@router.post("/devices/{uid}/rotate/", responses=errors("device_not_found"))
def rotate_secret(uid: str, session: SessionDep, actor: Carrier) -> MqttSecretOut:
    """A new MQTT password; the old one stops working at once, and the connection made with it is ended."""
    return MqttSecretOut.of(service.rotate_secret(session, actor, uid))


@router.post(
    "/devices/{uid}/disable/", status_code=204, response_class=Response, responses=errors("device_not_found")
)
def disable_device(uid: str, session: SessionDep, actor: Carrier) -> None:
    """It cannot connect any more, a phone with a token neither, and an open connection is closed. Again is harmless."""
    service.disable_device(session, actor, uid)


@router.post("/devices/{uid}/enable/", responses=errors("device_not_found"))
def enable_device(uid: str, session: SessionDep, actor: Carrier) -> MqttSecretOut:
    """Let a disabled device in again, with a new MQTT password."""
    return MqttSecretOut.of(service.enable_device(session, actor, uid))


@router.post(
    "/devices/{uid}/token/",
    responses=errors("device_not_found", "not_a_phone", "device_disabled", "device_without_driver"),
)
def issue_phone_token(uid: str, session: SessionDep, actor: DeviceViewer, now: NowDep) -> MqttTokenOut:
    """A short-lived MQTT password for a driver's phone."""
    return MqttTokenOut.of_token(service.issue_phone_token(session, actor, uid, now=now))
