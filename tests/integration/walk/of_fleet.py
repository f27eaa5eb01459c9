"""Vehicles, drivers, devices, their presence, commands, retention."""

from itertools import count

from platform_api.actor import Role
from tests.integration.walk.entries import ANY_STRANGER, EVERYBODY, Call, Entry, at
from tests.integration.walk.world import World
from tests.support.api import new_phone, person

_numbers = count(1)
OWNERS = "carrier administrator"
NOT_CARRIERS = "shipper driver broker"
NOT_OWNERS = "shipper driver broker administrator"
TYPE = {"code": "WALK", "name_fr": "Fourgon", "name_en": "Van"}


def plate() -> str:
    return f"DK-{next(_numbers):04d}-WA"


def fresh_driver(w: World) -> Call:
    return Call({"driver_id": person(w.client, Role.DRIVER, carrier_id=w.carrier.id).id})


def reachable(w: World) -> str:
    """A device that has told how it is reached."""
    uid = w.device(vehicle_id=w.vehicle())
    w.sql(
        "UPDATE device_presence SET downlink = 'native' WHERE device_id = (SELECT id FROM devices WHERE uid = %s)",
        uid,
    )
    return uid


def command(w: World) -> str:
    return str(w.made(w.carrier, "/api/v1/commands/", {"device_uid": reachable(w), "kind": "position_now"}))


def engine_stop(w: World) -> str:
    body = {"device_uid": reachable(w), "kind": "engine_stop"}
    return str(w.made(w.carrier, "/api/v1/commands/", body))


def paper(w: World) -> dict[str, object]:
    """A document of the standing vehicle, as it is sent."""
    return {
        "kind": "ASSURANCE",
        "vehicle_id": w.vehicle_id,
        "expires_on": "2090-01-01",
        "file_id": w.file(w.carrier),
    }


def document(w: World) -> Call:
    return Call({"document_id": w.made(w.carrier, "/api/v1/fleet/documents/", paper(w))})


ENTRIES = [
    Entry("GET /api/v1/fleet/document-kinds/", ok=EVERYBODY),
    Entry(
        "PATCH /api/v1/fleet/document-kinds/{code}/",
        lambda w: Call({"code": "ASSURANCE"}, body={"name_en": "Insurance"}),
        ok="administrator",
        forbidden="shipper carrier driver broker",
    ),
    Entry(
        "POST /api/v1/fleet/documents/",
        lambda w: Call(body=paper(w)),
        ok="carrier",
        forbidden="shipper broker administrator",
        # A driver hands in his own alone; another carrier has neither that truck nor that file.
        but={"driver": "403", "other_carrier": "404", "other_driver": "403"},
    ),
    Entry("GET /api/v1/fleet/documents/", ok="carrier driver administrator", forbidden="shipper broker"),
    *[
        Entry(
            f"GET /api/v1/fleet/documents/{{document_id}}/{part}",
            document,
            ok="carrier driver administrator",
            forbidden="shipper broker",
        )
        for part in ("", "content/")
    ],
    Entry(
        "DELETE /api/v1/fleet/documents/{document_id}/",
        document,
        ok="carrier",
        forbidden="shipper broker administrator",
        but={"driver": "403"},
    ),
    Entry("GET /api/v1/fleet/vehicle-types/", ok=EVERYBODY),
    Entry(
        "GET /api/v1/fleet/vehicle-types/{code}/",
        lambda w: Call({"code": "BENNE"}),
        ok=EVERYBODY,
        but=ANY_STRANGER,
        open=True,
    ),
    Entry(
        "POST /api/v1/fleet/vehicle-types/",
        lambda w: Call(body=TYPE | {"code": f"WALK{next(_numbers)}"}),
        ok="administrator",
    ),
    Entry(
        "PATCH /api/v1/fleet/vehicle-types/{code}/",
        lambda w: Call({"code": "BENNE"}, body={"name_en": "Flatbed"}),
        ok="administrator",
        forbidden="shipper carrier driver broker",
    ),
    Entry(
        "POST /api/v1/fleet/vehicles/",
        lambda w: Call(body={"plate": plate()}),
        ok="carrier",
        forbidden=NOT_OWNERS,
    ),
    Entry("GET /api/v1/fleet/vehicles/", ok=OWNERS, forbidden=NOT_CARRIERS),
    Entry("GET /api/v1/fleet/vehicles/{vehicle_id}/", at("vehicle_id"), ok=OWNERS, forbidden=NOT_CARRIERS),
    Entry(
        "PATCH /api/v1/fleet/vehicles/{vehicle_id}/",
        lambda w: Call({"vehicle_id": w.vehicle_id}, body={"name": "Camion"}),
        ok="carrier",
        forbidden=NOT_OWNERS,
    ),
    Entry(
        "POST /api/v1/fleet/drivers/",
        lambda w: Call(body={"phone": new_phone()}),
        ok="carrier",
        forbidden=NOT_OWNERS,
    ),
    Entry("GET /api/v1/fleet/drivers/", ok=OWNERS, forbidden=NOT_CARRIERS),
    Entry("DELETE /api/v1/fleet/drivers/{driver_id}/", fresh_driver, ok="carrier", forbidden=NOT_OWNERS),
    Entry(
        "POST /api/v1/fleet/devices/",
        lambda w: Call(body={"uid": f"walk-new-{next(_numbers)}", "kind": "tracker"}),
        ok=OWNERS,
        forbidden=NOT_CARRIERS,
    ),
    Entry("GET /api/v1/fleet/devices/", ok="carrier driver administrator", forbidden="shipper broker"),
    Entry(
        "GET /api/v1/fleet/devices/{uid}/",
        lambda w: Call({"uid": w.phone_uid}),
        ok="carrier driver administrator",
        forbidden="shipper broker",
    ),
    Entry(
        "PATCH /api/v1/fleet/devices/{uid}/",
        lambda w: Call({"uid": w.uid}, body={"priority": 90}),
        ok="carrier",
        forbidden=NOT_OWNERS,
    ),
    Entry(
        "POST /api/v1/fleet/devices/{uid}/assign/",
        lambda w: Call({"uid": w.device()}, body={"vehicle_id": w.vehicle()}),
        ok="carrier",
        forbidden=NOT_OWNERS,
    ),
    Entry(
        "POST /api/v1/fleet/devices/{uid}/unassign/",
        lambda w: Call({"uid": w.device(vehicle_id=w.vehicle())}, body={}),
        ok="carrier",
        forbidden=NOT_OWNERS,
    ),
    *[
        Entry(
            f"POST /api/v1/fleet/devices/{{uid}}/{action}/",
            lambda w: Call({"uid": w.device()}),
            ok="carrier",
            forbidden=NOT_OWNERS,
        )
        for action in ("rotate", "disable", "enable")
    ],
    Entry(
        "POST /api/v1/fleet/devices/{uid}/token/",
        lambda w: Call({"uid": w.phone_uid}),
        ok="carrier driver administrator",
        forbidden="shipper broker",
    ),
    Entry(
        "GET /api/v1/fleet/devices/{uid}/presence/",
        lambda w: Call({"uid": w.phone_uid}),
        ok="carrier driver administrator",
        forbidden="shipper broker",
    ),
    Entry(
        "GET /api/v1/fleet/devices/{uid}/presence/changes/",
        lambda w: Call({"uid": w.phone_uid}),
        ok="carrier driver administrator",
        forbidden="shipper broker",
    ),
    Entry(
        "POST /api/v1/commands/",
        lambda w: Call(body={"device_uid": reachable(w), "kind": "position_now"}),
        ok=OWNERS,
        forbidden=NOT_CARRIERS,
        but={"other_carrier": "404"},
    ),
    Entry("GET /api/v1/commands/", ok="carrier driver administrator", forbidden="shipper broker"),
    *[
        Entry(
            f"GET /api/v1/commands/{{command_id}}/{part}",
            lambda w: Call({"command_id": command(w)}),
            ok=OWNERS,
            forbidden="shipper broker",
        )
        for part in ("", "steps/")
    ],
    Entry(
        "POST /api/v1/commands/{command_id}/approve/",
        lambda w: Call({"command_id": engine_stop(w)}),
        # The carrier sent it: 403 `same_person`.
        ok="administrator",
        forbidden="shipper driver broker",
        but={"carrier": "403"},
    ),
    Entry(
        "POST /api/v1/commands/{command_id}/cancel/",
        lambda w: Call({"command_id": command(w)}),
        ok=OWNERS,
        forbidden=NOT_CARRIERS,
    ),
    Entry("GET /api/v1/fleet/retention/", ok="carrier administrator", forbidden=NOT_CARRIERS),
    Entry(
        "PUT /api/v1/fleet/retention/",
        lambda w: Call(body={"ping_days": 400}),
        ok="carrier administrator",
        forbidden=NOT_CARRIERS,
    ),
    Entry("DELETE /api/v1/fleet/retention/", ok="carrier administrator", forbidden=NOT_CARRIERS),
]
