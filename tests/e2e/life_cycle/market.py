"""From a draft to an award: who finds the order, who reads what of it, and what is agreed."""

from dataclasses import dataclass
from typing import Any

from tests.e2e.life_cycle.joining import Cast
from tests.e2e.life_cycle.stage import DROP, PICKUP, RADIUS_M, Json, in_, ok, order_seen, refused, upload
from tests.support.api import Person, new_phone
from tests.support.figures import figures

BID_XOF, REVISED_XOF, AGREED_XOF = 210_000, 195_000, 185_000
CUSTOMER_XOF, HAULAGE_XOF = 260_000, 150_000
FREE_MINUTES, RATE_XOF = 15, 5_000
SAINT_LOUIS = {"lat": 16.03, "lng": -16.5, "radius_km": 50}
# Between the two, as a dispatcher would draw it: with points near enough for a corridor.
WAY = [[PICKUP[2], PICKUP[1]], [-17.3060, 14.7014], [DROP[2], DROP[1]]]


@dataclass(frozen=True, slots=True)
class Deal:
    order_id: str
    reference: str
    consignee_phone: str
    link: str  # the public address of the tracking link, as JSON


def order_body(consignee_phone: str, **more: Any) -> Json:
    name, lat, lon = PICKUP
    to, to_lat, to_lon = DROP
    return {
        "goods": "400 sacs de riz",
        "weight_kg": 20_000,
        "packages": 400,
        "packaging": "bags",
        "value_xof": 9_000_000,
        "needs": ["tarpaulin", "sealed"],
        "pickup": {"name": name, "lat": lat, "lon": lon, "radius_m": RADIUS_M},
        "delivery": {"name": to, "lat": to_lat, "lon": to_lon, "radius_m": RADIUS_M},
        "pickup_window": {"opens_at": in_(), "closes_at": in_(hours=8)},
        "delivery_window": {"opens_at": in_(hours=1), "closes_at": in_(hours=20)},
        "pickup_contact": {"name": "Ibrahima Sow", "phone": new_phone()},
        "delivery_contact": {"name": "Ousmane Sarr", "phone": consignee_phone},
        **more,
    }


def agree(cast: Cast) -> Deal:
    """The first order: drafted, posted, found, bid for, and given for a counter-offer."""
    phone = new_phone()
    order = ok(cast.shipper.post("/api/v1/orders/", order_body(phone, target_xof=180_000, planned_route=WAY)))
    order_id: str = order["id"]
    path = f"/api/v1/orders/{order_id}"
    paper = {"kind": "delivery_note", "file_id": upload(cast.shipper, "BL-4512.jpg")}
    document = ok(cast.shipper.post(f"{path}/documents/", paper))
    terms = {"free_minutes": FREE_MINUTES, "rate_xof": RATE_XOF, "cap_hours": 5}
    ok(cast.shipper.put(f"{path}/detention/terms/", terms))
    link = ok(cast.shipper.post(f"{path}/tracking-links/", {"label": "Magasin", "shows_plate": True}))
    for other in (cast.carrier, cast.driver, cast.broker, cast.rival):
        refused(other.get(f"{path}/"), 404, "order_not_found")
    assert ok(cast.shipper.post(f"{path}/post/"))["status"] == "POSTED"
    _found_on_the_market(cast, order_id)
    _negotiated(cast, order_id)
    content = f"{path}/documents/{document['id']}/content/"
    assert cast.driver.get(content).content[:2] == b"\xff\xd8"
    assert cast.rival.get(content).status_code == 404
    return Deal(order_id, order["reference"], phone, f"/api/v1/track/{link['token']}/")


def _found_on_the_market(cast: Cast, order_id: str) -> None:
    near = {"lat": PICKUP[1], "lng": PICKUP[2], "radius_km": 30}
    (found,) = ok(cast.dispatcher.get("/api/v1/orders/", params=near))["items"]
    assert (found["id"], found["distance_km"] < 1) == (order_id, True)
    hidden = ("pickup_contact", "delivery_contact", "value_xof", "target_xof", "agreed_xof")
    assert [found[name] for name in hidden] == [None] * len(hidden)
    assert ok(cast.rival.get("/api/v1/orders/", params=SAINT_LOUIS))["items"] == []
    for other in (cast.driver, cast.broker):
        refused(other.get(f"/api/v1/orders/{order_id}/"), 404, "order_not_found")


def _negotiated(cast: Cast, order_id: str) -> None:
    path = f"/api/v1/orders/{order_id}"
    body = {"vehicle_id": cast.vehicle_id, "amount_xof": BID_XOF}
    refused(cast.rival.post(f"{path}/bids/", body), 404, "vehicle_not_found")
    theirs = ok(cast.rival.post("/api/v1/fleet/vehicles/", {"plate": "TH-1187-B"}))["id"]
    refused(cast.rival.post(f"{path}/bids/", body | {"vehicle_id": theirs}), 403, "not_verified")
    refused(cast.driver.post(f"{path}/bids/", body), 404, "order_not_found")
    bid = ok(cast.dispatcher.post(f"{path}/bids/", body))
    assert bid["carrier_id"] == str(cast.carrier.id)  # it is the business that bids
    own = f"{path}/bids/{bid['id']}"
    ok(cast.carrier.patch(f"{own}/", {"amount_xof": REVISED_XOF}))
    revisions = ok(cast.shipper.get(f"{own}/revisions/"))["items"]
    assert [revision["amount_xof"] for revision in revisions] == [REVISED_XOF, BID_XOF]
    assert cast.rival.get(f"{own}/").status_code == 404
    refused(cast.shipper.post(f"{path}/accept-bid/", {"bid_id": bid["id"]}), 409, "bid_changed")
    ok(cast.shipper.post(f"{own}/counter/", {"amount_xof": AGREED_XOF, "message": "Retour à vide compris"}))
    assert cast.rival.post(f"{own}/counter/accept/", {"amount_xof": AGREED_XOF}).status_code == 404
    ok(cast.dispatcher.post(f"{own}/counter/accept/", {"amount_xof": AGREED_XOF}))
    for party in (cast.shipper, cast.carrier, cast.dispatcher, cast.driver):
        order = order_seen(party, order_id)
        assert (order["status"], order["agreed_xof"]) == ("ASSIGNED", AGREED_XOF)
        assert order["delivery_contact"]["name"] == "Ousmane Sarr"
    refused(cast.rival.get(f"{path}/"), 404, "order_not_found")
    ok(cast.driver.post(f"{path}/accept-load/"))


def agree_by_broker(cast: Cast) -> str:
    """The second order: a freight broker sells it to the shipper and has the carrier drive it for less."""
    phone = new_phone()
    order_id: str = ok(cast.broker.post("/api/v1/orders/", order_body(phone, goods="Ciment en sacs")))["id"]
    path = f"/api/v1/orders/{order_id}"
    refused(cast.shipper.get(f"{path}/"), 404, "order_not_found")
    ok(
        cast.broker.post(
            f"{path}/brokerage/", {"customer_phone": cast.shipper.phone, "customer_xof": CUSTOMER_XOF}
        )
    )
    asked = [
        row for row in ok(cast.shipper.get("/api/v1/brokerages/"))["items"] if row["order_id"] == order_id
    ]
    ok(cast.shipper.post(f"/api/v1/brokerages/{asked[0]['id']}/agree/"))
    ok(cast.broker.post(f"{path}/post/"))
    bid = ok(cast.carrier.post(f"{path}/bids/", {"vehicle_id": cast.vehicle_id, "amount_xof": HAULAGE_XOF}))
    assert cast.shipper.get(f"{path}/bids/").status_code in (403, 404)
    ok(cast.broker.post(f"{path}/accept-bid/", {"bid_id": bid["id"], "amount_xof": HAULAGE_XOF}))
    _each_reads_his_own_price(cast, order_id)
    return order_id


def _each_reads_his_own_price(cast: Cast, order_id: str) -> None:
    def prices(person: Person) -> tuple[int | None, int | None, int | None]:
        order = order_seen(person, order_id)
        return order["agreed_xof"], order["customer_xof"], order["margin_xof"]

    margin = CUSTOMER_XOF - HAULAGE_XOF
    assert prices(cast.broker) == (HAULAGE_XOF, CUSTOMER_XOF, margin)
    assert prices(cast.shipper) == (CUSTOMER_XOF, CUSTOMER_XOF, None)
    assert prices(cast.carrier) == prices(cast.driver) == (HAULAGE_XOF, None, None)
    for person, secret in (
        (cast.shipper, HAULAGE_XOF),
        (cast.carrier, CUSTOMER_XOF),
        (cast.driver, CUSTOMER_XOF),
    ):
        for page in ("", "history/", "fees/"):
            told = figures(person.get(f"/api/v1/orders/{order_id}/{page}").text)
            assert not {str(secret), str(margin)} & told
