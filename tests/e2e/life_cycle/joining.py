"""Who takes part: accounts by phone, members by invitation, papers reviewed, a truck with its tracker."""

from dataclasses import dataclass
from datetime import timedelta

from config import clock
from platform_api.actor import Role
from tests.e2e.life_cycle.stage import Json, Stage, ok, refused, register, signed_in, upload
from tests.support.api import PASSWORD, Person, new_phone

PLATE = "DK-4821-A"
TRACKER = "tracker-dk-4821-a"
IDENTITY, NINEA = ("identity_card", "1234567890123", 900), ("ninea", "005144788 2G3", None)
# What each kind of business proves itself by: kind, number, days until it ends.
PAPERS = {
    Role.SHIPPER: (IDENTITY,),
    Role.CARRIER: (IDENTITY, NINEA, ("transport_approval", "AGR-2026-117", None)),
    Role.BROKER: (IDENTITY, NINEA, ("rccm", "SN-DKR-2015-B-1234", None)),
}


@dataclass(frozen=True, slots=True)
class Cast:
    shipper: Person
    carrier: Person
    dispatcher: Person
    driver: Person
    broker: Person
    administrator: Person
    rival: Person  # another carrier
    vehicle_id: int
    mqtt_password: str


def assemble(stage: Stage) -> Cast:
    """Everybody registers; the carrier is verified and has a truck that somebody drives."""
    client = stage.client
    shipper = register(client, Role.SHIPPER, "Aïssatou Ndiaye")
    carrier = register(client, Role.CARRIER, "Transports Diop")
    dispatcher = register(client, Role.CARRIER, "Fatou Diop")
    driver = register(client, Role.DRIVER, "Moussa Fall")
    broker = register(client, Role.BROKER, "Sahel Affrètement")
    rival = register(client, Role.CARRIER, "Transports Ba")
    administrator = _administrator(stage)
    _join(carrier, dispatcher, "member")
    _join(carrier, driver, "driver")
    assert dispatcher.get("/api/v1/kyc/documents/").status_code == 403
    refused(shipper.get("/api/v1/kyc/queue/"), 403, "role_not_allowed")
    _verify((shipper, carrier, broker), administrator)
    assert ok(rival.get(f"/api/v1/profiles/{carrier.id}/"))["verified"] is True
    vehicle_id = _vehicle(carrier, driver, rival)
    return Cast(
        shipper,
        carrier,
        dispatcher,
        driver,
        broker,
        administrator,
        rival,
        vehicle_id,
        _tracker((administrator, carrier, driver), vehicle_id),
    )


def _administrator(stage: Stage) -> Person:
    phone = new_phone()
    stage.mess("createsuperuser", "--phone", phone, "--name", "Root", "--password", PASSWORD)
    session = ok(stage.client.post("/api/v1/auth/login/", json={"phone": phone, "password": PASSWORD}))
    return signed_in(stage.client, session)


def _join(owner: Person, joining: Person, joins_as: str) -> None:
    """By invitation; nobody else can accept it."""
    body = {"phone": joining.phone, "joins_as": joins_as}
    invitation = ok(owner.post("/api/v1/organisations/invitations/", body))
    accept = f"/api/v1/invitations/{invitation['id']}/accept/"
    assert owner.post(accept).status_code == 404
    (received,) = ok(joining.get("/api/v1/invitations/"))["items"]
    assert received["organisation"]["owner_id"] == str(owner.id)
    assert ok(joining.post(accept))["state"] == "accepted"


def _verify(businesses: tuple[Person, ...], administrator: Person) -> None:
    """Papers are sent, reviewed one by one, and approved; nobody is verified before."""
    sent = [_paper(business, *paper) for business in businesses for paper in PAPERS[business.role]]
    for business in businesses:
        assert ok(business.get("/api/v1/kyc/status/"))["verified"] is False
    queue = ok(administrator.get("/api/v1/kyc/queue/"))["items"]
    assert [paper["id"] for paper in queue] == [paper["id"] for paper in sent]
    for paper in queue:
        path = f"/api/v1/kyc/documents/{paper['id']}/"
        assert administrator.get(f"{path}pages/1/").content[:2] == b"\xff\xd8"
        ok(administrator.post(f"{path}claim/"))
        ok(administrator.post(f"{path}approve/"))
    for business in businesses:
        assert ok(business.get("/api/v1/kyc/status/"))["verified"] is True


def _paper(business: Person, kind: str, number: str, days: int | None) -> Json:
    body: Json = {"kind": kind, "number": number, "file_ids": [upload(business, f"{kind}.jpg")]}
    if days is not None:
        body["expires_on"] = (clock.now() + timedelta(days=days)).date().isoformat()
    paper: Json = ok(business.post("/api/v1/kyc/documents/", body))
    return paper


def _vehicle(carrier: Person, driver: Person, rival: Person) -> int:
    """With type, sizes, its insurance and its driver's licence; another carrier knows nothing of it."""
    types = ok(carrier.get("/api/v1/fleet/vehicle-types/"))["items"]
    chosen = max((kind for kind in types if kind["covered"]), key=lambda kind: kind["max_capacity_kg"] or 0)
    vehicle = ok(
        carrier.post(
            "/api/v1/fleet/vehicles/",
            {
                "plate": PLATE,
                "name": "Renault Kerax",
                "type_code": chosen["code"],
                "capacity_kg": 25_000,
                "driver_id": str(driver.id),
            },
        )
    )
    expires_on = (clock.now() + timedelta(days=300)).date().isoformat()
    for body in (
        {"kind": "ASSURANCE", "vehicle_id": vehicle["id"], "number": "AX-778", "expires_on": expires_on},
        {
            "kind": "PERMIS",
            "driver_id": str(driver.id),
            "licence_classes": ["C", "CE"],
            "expires_on": expires_on,
        },
    ):
        document = ok(
            carrier.post("/api/v1/fleet/documents/", body | {"file_id": upload(carrier, "scan.jpg")})
        )
        assert document["state"] == "valid"
    refused(rival.get(f"/api/v1/fleet/vehicles/{vehicle['id']}/"), 404, "vehicle_not_found")
    assert ok(rival.get("/api/v1/fleet/vehicles/"))["items"] == []
    return int(vehicle["id"])


def _tracker(cast_of: tuple[Person, Person, Person], vehicle_id: int) -> str:
    """From the administrator's stock, put into the truck by the code on its label; returns its MQTT password."""
    administrator, carrier, driver = cast_of
    body = {"uid": TRACKER, "kind": "tracker"}
    password: str = ok(administrator.post("/api/v1/fleet/devices/", body))["mqtt_password"]
    path = f"/api/v1/fleet/devices/{TRACKER}/"
    refused(carrier.get(path), 404, "device_not_found")
    code: str = ok(administrator.post(f"{path}pairing-code/"))["code"]
    pairing = {"code": code.lower(), "vehicle_id": vehicle_id}
    refused(driver.post("/api/v1/fleet/pair/", pairing), 403, "role_not_allowed")
    paired = ok(carrier.post("/api/v1/fleet/pair/", pairing))
    assert [span["vehicle_id"] for span in paired["assignments"]] == [vehicle_id]
    refused(carrier.post("/api/v1/fleet/pair/", pairing), 404, "pairing_code_unknown")
    return password
