"""Orders, execution, tracking, geofences, files."""

from platform_api.routing import tasks as routing
from tests.integration.walk.entries import EVERYBODY, Call, Entry, at
from tests.integration.walk.world import ORDER, World, picture

PARTIES = "shipper carrier driver administrator"
CREATE = "shipper broker administrator"
CREW = "carrier driver administrator"
CIRCLE = {
    "type": "Feature",
    "geometry": {"type": "Point", "coordinates": [-17.4281, 14.6797]},
    "properties": {"radius_m": 300},
}


def fence(w: World) -> Call:
    return Call({"geofence_id": w.made(w.carrier, "/api/v1/geofences/", {"name": "Dépôt", "shape": CIRCLE})})


def file_of_shipper(w: World) -> Call:
    return Call({"file_id": w.file(w.shipper)})


def planned(w: World) -> Call:
    order_id = w.assigned()
    routing.plan(order_id)
    return Call({"order_id": order_id})


ENTRIES = [
    Entry("POST /api/v1/orders/", lambda w: Call(body=ORDER), ok=CREATE, forbidden="carrier driver"),
    # Carriers see the market.
    Entry("GET /api/v1/orders/", ok=EVERYBODY, open="other_carrier"),
    Entry("GET /api/v1/orders/{order_id}/", at("order_id"), ok=PARTIES),
    Entry(
        "PATCH /api/v1/orders/{order_id}/",
        lambda w: Call({"order_id": w.draft()}, body={"goods": "Mil"}),
        ok="shipper administrator",
    ),
    Entry(
        "DELETE /api/v1/orders/{order_id}/",
        lambda w: Call({"order_id": w.draft()}),
        ok="shipper administrator",
    ),
    Entry(
        "POST /api/v1/orders/{order_id}/post/",
        lambda w: Call({"order_id": w.draft()}),
        ok="shipper administrator",
    ),
    Entry(
        "POST /api/v1/orders/{order_id}/cancel/",
        lambda w: Call({"order_id": w.assigned()}, body={"reason": "Client absent"}),
        ok="shipper administrator",
        but={"carrier": "403", "driver": "403"},
    ),
    Entry(
        "POST /api/v1/orders/{order_id}/confirm-delivery/",
        lambda w: Call({"order_id": w.in_status("DELIVERED")}),
        ok="shipper administrator",
        but={"carrier": "403", "driver": "403"},
    ),
    Entry("GET /api/v1/orders/{order_id}/history/", at("order_id"), ok=PARTIES),
    Entry(
        "POST /api/v1/orders/{order_id}/confirm-loading/",
        lambda w: Call({"order_id": w.assigned()}),
        ok=CREW,
        but={"shipper": "403"},
    ),
    Entry(
        "POST /api/v1/orders/{order_id}/proof-of-delivery/",
        lambda w: Call({"order_id": w.loaded()}, body={"receiver_name": "Fatou"}),
        ok=CREW,
        but={"shipper": "403"},
    ),
    Entry("GET /api/v1/orders/{order_id}/plan/", planned, ok=PARTIES),
    Entry("GET /api/v1/orders/{order_id}/route-events/", at("order_id"), ok=PARTIES),
    Entry("GET /api/v1/tracking/orders/{order_id}/pings/", at("order_id"), ok=PARTIES),
    Entry("GET /api/v1/tracking/orders/{order_id}/route/", at("order_id"), ok=PARTIES),
    Entry(
        "GET /api/v1/tracking/available-drivers/",
        lambda w: Call(query={"lat": 14.7, "lng": -17.4}),
        ok="shipper carrier broker administrator",
    ),
    Entry("WS /ws/tracking/order/{order_id}/", at("order_id"), ok=PARTIES),
    Entry(
        "WS /ws/tracking/driver/",
        lambda w: Call(query={"uid": w.phone_uid}),
        ok="driver",
        but={"other_driver": "404"},
    ),
    Entry(
        "POST /api/v1/geofences/",
        lambda w: Call(body={"name": "Dépôt", "shape": CIRCLE}),
        ok="carrier administrator",
        # A shipper's fence watches the vehicle of an order of his, and this one names none.
        forbidden="shipper driver broker",
    ),
    Entry("GET /api/v1/geofences/", ok="shipper carrier administrator", forbidden="driver broker"),
    Entry(
        "GET /api/v1/geofences/{geofence_id}/", fence, ok="carrier administrator", forbidden="driver broker"
    ),
    Entry(
        "DELETE /api/v1/geofences/{geofence_id}/",
        fence,
        ok="carrier administrator",
        forbidden="driver broker",
    ),
    Entry("POST /api/v1/files/", lambda w: Call(content=picture()), ok=EVERYBODY),
    Entry("GET /api/v1/files/{file_id}/", file_of_shipper, ok="shipper"),
    Entry("GET /api/v1/files/{file_id}/content/", file_of_shipper, ok="shipper"),
]
