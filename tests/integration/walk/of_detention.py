"""Waiting and estimated arrivals."""

from tests.integration.walk.entries import EVERYBODY, Call, Entry, at
from tests.integration.walk.world import World

PARTIES = "shipper carrier driver administrator"
TERMS = {"free_minutes": 60, "rate_xof": 5000, "cap_hours": 5}
CLAIMS = "/api/v1/orders/{order_id}/detention/claims/"
CLAIM = "/api/v1/detention/claims/{claim_id}/"


def waited(w: World) -> str:
    """An order whose truck waited five hours at the pickup and left an hour ago."""
    order_id = w.in_status("IN_TRANSIT")
    w.sql(
        "UPDATE orders SET assigned_at = now() - interval '8 h', arrived_pickup_at = now() - interval '6 h',"
        " picked_up_at = now() - interval '1 h', departed_pickup_at = now() - interval '1 h' WHERE id = %s",
        order_id,
    )
    w.sql(
        "INSERT INTO visits (vehicle_id, geofence_id, entered_at, exited_at, enter_evidence, exit_evidence)"
        " SELECT vehicle_id, pickup_geofence_id, arrived_pickup_at, departed_pickup_at, '{}', '{\"t\": 1}'"
        " FROM orders WHERE id = %s",
        order_id,
    )
    return order_id


def claimed(w: World, body: object = None) -> Call:
    claim_id = w.made(w.carrier, CLAIMS.format(order_id=waited(w)), {"place": "pickup"})
    return Call({"claim_id": claim_id}, body=body)


def contested(w: World) -> Call:
    call = claimed(w, {"amount_xof": 0, "note": "Le camion était en avance."})
    answer = w.shipper.post(CLAIM.format(**call.path) + "contest/", {"note": "Non."})
    assert answer.status_code == 200, answer.text
    return call


def estimated(w: World) -> Call:
    order_id = w.in_status("IN_TRANSIT")
    w.sql(
        "INSERT INTO order_etas (order_id, eta_at, low_at, high_at, method, remaining_m, speed_kmh, stops_left,"
        " position_time, computed_at) VALUES (%s, now(), now(), now(), 'plan', 1, 50, 0, now(), now())",
        order_id,
    )
    return Call({"order_id": order_id})


ENTRIES = [
    Entry("GET /api/v1/orders/{order_id}/eta/", estimated, ok=PARTIES),
    Entry("GET /api/v1/orders/{order_id}/detention/", at("order_id"), ok=PARTIES),
    Entry("GET /api/v1/detention/terms/", ok="shipper broker"),
    Entry("PUT /api/v1/detention/terms/", lambda w: Call(body=TERMS), ok="shipper broker"),
    Entry(
        "PUT /api/v1/orders/{order_id}/detention/terms/",
        lambda w: Call({"order_id": w.draft()}, body=TERMS),
        ok="shipper",
        but={"administrator": "403"},
    ),
    Entry(
        f"POST {CLAIMS}",
        lambda w: Call({"order_id": waited(w)}, body={"place": "pickup"}),
        ok="carrier",
        but={"shipper": "403", "driver": "403", "administrator": "403"},
    ),
    Entry("GET /api/v1/detention/claims/", ok=EVERYBODY),
    Entry(f"GET {CLAIM}", claimed, ok="shipper carrier administrator"),
    Entry(f"POST {CLAIM}accept/", claimed, ok="shipper", but={"carrier": "403", "administrator": "403"}),
    Entry(
        f"POST {CLAIM}contest/",
        lambda w: claimed(w, {"note": "Le quai était libre."}),
        ok="shipper",
        but={"carrier": "403", "administrator": "403"},
    ),
    Entry(f"POST {CLAIM}settle/", contested, ok="administrator", but={"shipper": "403", "carrier": "403"}),
]
