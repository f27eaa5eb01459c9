"""/api/v1/telemetry/: where a fleet's vehicles are, what they did, and by what they are judged."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from platform_api.actor import Actor, Role
from platform_api.deps import NowDep, SessionDep, require_role
from platform_api.fields import Id, Time
from platform_api.pagination import Page, PageDep
from platform_api.schemas import errors
from platform_api.telemetry import rules, service
from platform_api.telemetry.rules import Asked
from platform_api.telemetry.schemas import (
    IntervalOut,
    KindOut,
    KindsOut,
    SettingsIn,
    SettingsOut,
    StateOut,
    StopOut,
    TripOut,
)
from telemetry.alarms import ALARMS, Severity
from telemetry.kinds import KINDS, STOPS

router = APIRouter(prefix="/api/v1/telemetry", tags=["telemetry"])

Viewer = Annotated[Actor, Depends(require_role(Role.CARRIER, Role.ADMINISTRATOR))]
From = Annotated[Time | None, Query(alias="from", description="event time; began at or after it")]
To = Annotated[Time | None, Query(alias="to", description="event time; began before it")]
Carrier = Annotated[UUID | None, Query(alias="carrier", description="whose fleet; for administrators")]


async def _wanted(
    now: NowDep,
    kinds: Annotated[list[str] | None, Query(alias="kind", description="may be given several times")] = None,
    severities: Annotated[
        list[Severity] | None, Query(alias="severity", description="may be given several times")
    ] = None,
    from_time: From = None,
    to_time: To = None,
    open_only: Annotated[bool, Query(alias="open", description="only what is not over")] = False,
    retracted: Annotated[bool, Query(description="what was taken back, instead of what stands")] = False,
) -> Asked:
    return rules.asked(
        from_time,
        to_time,
        kinds=kinds or (),
        severities=severities or (),
        open_only=open_only,
        retracted=retracted,
        now=now,
    )


Wanted = Annotated[Asked, Depends(_wanted)]


@router.get("/vehicles/{vehicle_id}/state/", responses=errors("vehicle_not_found"))
def show_state(vehicle_id: Id, session: SessionDep, actor: Viewer) -> StateOut:
    """Last position and its source, motion, and what is going on; a few seconds old at most."""
    return StateOut.of(service.show_state(session, actor, vehicle_id))


@router.get(
    "/vehicles/{vehicle_id}/intervals/",
    responses=errors("vehicle_not_found", "kind_unknown", "invalid_range", "range_too_long"),
)
def list_intervals(
    vehicle_id: Id, session: SessionDep, actor: Viewer, wanted: Wanted, page: PageDep
) -> Page[IntervalOut]:
    """What lasted on the vehicle or happened at one moment, newest beginning first."""
    found = service.list_intervals(session, actor, vehicle_id, wanted, page)
    return Page(items=IntervalOut.all_of(found), next_cursor=found.next_cursor)


@router.get(
    "/vehicles/{vehicle_id}/trips/", responses=errors("vehicle_not_found", "invalid_range", "range_too_long")
)
def list_trips(
    vehicle_id: Id,
    session: SessionDep,
    actor: Viewer,
    now: NowDep,
    page: PageDep,
    from_time: From = None,
    to_time: To = None,
) -> Page[TripOut]:
    """Trips with the stops on the way, newest first."""
    wanted = rules.asked(from_time, to_time, kinds=["trip"], now=now)
    found = service.list_trips(session, actor, vehicle_id, wanted, page)
    return Page(items=TripOut.all_of(found), next_cursor=found.next_cursor)


@router.get(
    "/vehicles/{vehicle_id}/stops/", responses=errors("vehicle_not_found", "invalid_range", "range_too_long")
)
def list_stops(
    vehicle_id: Id,
    session: SessionDep,
    actor: Viewer,
    now: NowDep,
    page: PageDep,
    from_time: From = None,
    to_time: To = None,
) -> Page[StopOut]:
    """Stops and parking, newest first."""
    wanted = rules.asked(from_time, to_time, kinds=STOPS, now=now)
    found = service.list_intervals(session, actor, vehicle_id, wanted, page)
    return Page(items=[StopOut.of(row) for row in found.rows], next_cursor=found.next_cursor)


@router.get(
    "/intervals/",
    responses=errors(
        "carrier_missing", "carrier_not_found", "kind_unknown", "invalid_range", "range_too_long"
    ),
)
def list_fleet_intervals(
    session: SessionDep, actor: Viewer, wanted: Wanted, page: PageDep, carrier: Carrier = None
) -> Page[IntervalOut]:
    """The same for all vehicles of a fleet."""
    found = service.list_fleet_intervals(session, actor, carrier, wanted, page)
    return Page(items=IntervalOut.all_of(found), next_cursor=found.next_cursor)


@router.get("/kinds/")
def list_kinds(actor: Viewer) -> KindsOut:
    """Every kind of interval: parts of a journey, changes of the source, and alarms."""
    return KindsOut(items=[KindOut.of(name, kind) for name, kind in KINDS.items()])


@router.get("/alarms/")
def list_alarms(actor: Viewer) -> KindsOut:
    """The kinds that are alarms, by which name a device, or the platform by itself, raises them."""
    return KindsOut(items=[KindOut.of(name, KINDS[name]) for name in ALARMS])


@router.get("/settings/", responses=errors("carrier_missing", "carrier_not_found"))
def show_settings(session: SessionDep, actor: Viewer, carrier: Carrier = None) -> SettingsOut:
    """How a fleet's vehicles are judged."""
    return SettingsOut.of(service.show_fleet_settings(session, actor, carrier))


@router.put(
    "/settings/",
    responses=errors(
        "carrier_missing", "carrier_not_found", "rule_unknown", "rule_wrong_type", "rule_out_of_range"
    ),
)
def set_settings(
    body: SettingsIn, session: SessionDep, actor: Viewer, now: NowDep, carrier: Carrier = None
) -> SettingsOut:
    """Replaces what was set; in force from each vehicle's next position on."""
    return SettingsOut.of(service.set_fleet_settings(session, actor, carrier, body.settings, now=now))


@router.delete(
    "/settings/",
    status_code=204,
    response_class=Response,
    responses=errors("carrier_missing", "carrier_not_found"),
)
def drop_settings(session: SessionDep, actor: Viewer, carrier: Carrier = None) -> None:
    """Back to the platform's defaults. Again is harmless."""
    service.drop_fleet_settings(session, actor, carrier)


@router.get("/devices/{uid}/settings/", responses=errors("device_not_found", "gateway_on_no_vehicle"))
def show_device_settings(uid: str, session: SessionDep, actor: Viewer) -> SettingsOut:
    """How the vehicle is judged that this device is in."""
    return SettingsOut.of(service.show_device_settings(session, actor, uid))


@router.put(
    "/devices/{uid}/settings/",
    responses=errors(
        "device_not_found", "gateway_on_no_vehicle", "rule_unknown", "rule_wrong_type", "rule_out_of_range"
    ),
)
def set_device_settings(
    uid: str, body: SettingsIn, session: SessionDep, actor: Viewer, now: NowDep
) -> SettingsOut:
    """Replaces what was set; in force from the next position of its vehicle on."""
    return SettingsOut.of(service.set_device_settings(session, actor, uid, body.settings, now=now))


@router.delete(
    "/devices/{uid}/settings/",
    status_code=204,
    response_class=Response,
    responses=errors("device_not_found", "gateway_on_no_vehicle"),
)
def drop_device_settings(uid: str, session: SessionDep, actor: Viewer) -> None:
    """Back to those of the fleet. Again is harmless."""
    service.drop_device_settings(session, actor, uid)
