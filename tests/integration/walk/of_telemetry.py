"""Telemetry, accounts of devices, dead letters, alerts, duty, privacy, health."""

from psycopg.types.json import Jsonb

from platform_api.actor import Role
from tests.integration.walk.entries import EVERYBODY, Call, Entry, at
from tests.integration.walk.world import World
from tests.support.api import person

OWNERS = "carrier administrator"
FACTS = {
    "reference": "MESS-26-1", "plate": "DK-1", "pickup": "Dakar", "delivery": "Kaolack", "stopped_at": "2026-01-26T08:00:00Z", "minutes": 30,
    "lat": 14.7, "lon": -17.4,
}  # fmt: skip
OTHERS = "shipper driver broker"


def of_fleet(w: World) -> Call:
    # A carrier names his own, an administrator any.
    return Call(query={"carrier": str(w.carrier.id)})


def alert(w: World) -> Call:
    (row,) = w.sql(
        "INSERT INTO alerts (party_id, kind, severity, facts, at, recorded_at, updated_at)"
        " VALUES (%s, 'unplanned_stop', 'warning', %s, now(), now(), now()) RETURNING id",
        w.shipper.id,
        Jsonb(FACTS),
    )
    return Call({"alert_id": row["id"]})


def export(w: World) -> Call:
    w.sql("DELETE FROM data_exports")
    return Call({"export_id": w.made(w.driver, "/api/v1/privacy/exports/")})


def fresh_subject(w: World) -> str:
    return str(person(w.client, Role.DRIVER, carrier_id=w.carrier.id).id)


def erasure(w: World) -> dict[str, str]:
    w.sql("UPDATE orders SET status = 'COMPLETED', completed_at = now() WHERE driver_id = %s", w.driver.id)
    w.sql("DELETE FROM erasures")
    answer = w.driver.post("/api/v1/privacy/erasures/")
    assert answer.status_code == 201, answer.text
    made: dict[str, str] = answer.json()
    w.secrets.add(made["id"])
    return made


def confirmed(w: World) -> Call:
    made = erasure(w)
    body = {"code": made["confirmation_code"]}
    answer = w.driver.post(f"/api/v1/privacy/erasures/{made['id']}/confirm/", body)
    assert answer.status_code == 200, answer.text
    return Call({"erasure_id": made["id"]})


def to_confirm(w: World) -> Call:
    made = erasure(w)
    return Call({"erasure_id": made["id"]}, body={"code": made["confirmation_code"]})


ENTRIES = [
    Entry("GET /api/health/", ok=EVERYBODY, public=True),
    *[
        Entry(
            f"GET /api/v1/telemetry/vehicles/{{vehicle_id}}/{part}/",
            at("vehicle_id"),
            ok=OWNERS,
            forbidden=OTHERS,
        )
        for part in ("state", "intervals", "trips", "stops")
    ],
    Entry("GET /api/v1/telemetry/kinds/", ok=OWNERS, forbidden=OTHERS),
    Entry("GET /api/v1/telemetry/alarms/", ok=OWNERS, forbidden=OTHERS),
    *[
        Entry(route, call, ok=OWNERS, forbidden=OTHERS, but={"other_carrier": "404"})
        for route, call in (
            ("GET /api/v1/telemetry/intervals/", of_fleet),
            ("GET /api/v1/telemetry/settings/", of_fleet),
            (
                "PUT /api/v1/telemetry/settings/",
                lambda w: Call(query={"carrier": str(w.carrier.id)}, body={"settings": {}}),
            ),
            ("DELETE /api/v1/telemetry/settings/", of_fleet),
        )
    ],
    Entry("GET /api/v1/telemetry/devices/{uid}/settings/", at("uid"), ok=OWNERS, forbidden=OTHERS),
    Entry(
        "PUT /api/v1/telemetry/devices/{uid}/settings/",
        lambda w: Call({"uid": w.uid}, body={"settings": {}}),
        ok=OWNERS,
        forbidden=OTHERS,
    ),
    Entry("DELETE /api/v1/telemetry/devices/{uid}/settings/", at("uid"), ok=OWNERS, forbidden=OTHERS),
    Entry("GET /api/v1/telemetry/accounts/", ok=OWNERS, forbidden=OTHERS),
    Entry("GET /api/v1/telemetry/dead-letters/", ok=OWNERS, forbidden=OTHERS),
    Entry("GET /api/v1/telemetry/dead-letters/{letter_id}/", at("letter_id"), ok=OWNERS, forbidden=OTHERS),
    Entry(
        "POST /api/v1/telemetry/dead-letters/{letter_id}/replay/",
        at("letter_id"),
        ok="administrator",
        forbidden="shipper carrier driver broker",
    ),
    Entry("GET /api/v1/alerts/", ok=EVERYBODY),
    Entry("GET /api/v1/alerts/count/", ok=EVERYBODY),
    Entry("POST /api/v1/alerts/acknowledge-all/", ok=EVERYBODY),
    Entry("WS /ws/alerts/", ok=EVERYBODY),
    Entry("POST /api/v1/alerts/{alert_id}/acknowledge/", alert, ok="shipper"),
    Entry("GET /api/v1/duty/", ok="driver", forbidden="shipper carrier broker administrator"),
    Entry(
        "POST /api/v1/duty/start/", ok="driver", also=(409,), forbidden="shipper carrier broker administrator"
    ),
    Entry(
        "POST /api/v1/duty/stop/", ok="driver", also=(409,), forbidden="shipper carrier broker administrator"
    ),
    Entry(
        "POST /api/v1/privacy/exports/",
        lambda w: Call(body={"subject_id": fresh_subject(w)}),
        ok="administrator",
        forbidden="shipper carrier driver broker",
    ),
    Entry("GET /api/v1/privacy/exports/", ok=EVERYBODY),
    Entry("GET /api/v1/privacy/exports/{export_id}/", export, ok="driver administrator"),
    Entry("GET /api/v1/privacy/exports/{export_id}/file/", export, ok="driver administrator", also=(409,)),
    Entry(
        "POST /api/v1/privacy/erasures/",
        lambda w: Call(body={"subject_id": fresh_subject(w)}),
        ok="administrator",
        forbidden="shipper carrier driver broker",
    ),
    Entry("GET /api/v1/privacy/erasures/", ok=EVERYBODY),
    Entry(
        "GET /api/v1/privacy/erasures/{erasure_id}/",
        lambda w: Call({"erasure_id": erasure(w)["id"]}),
        ok="driver administrator",
    ),
    Entry("POST /api/v1/privacy/erasures/{erasure_id}/confirm/", to_confirm, ok="driver administrator"),
    Entry("POST /api/v1/privacy/erasures/{erasure_id}/withdraw/", confirmed, ok="driver administrator"),
    Entry("GET /api/v1/privacy/access-log/", ok=EVERYBODY),
]
