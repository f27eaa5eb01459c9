"""Direct offers. Of a draft only its shipper and the carrier that is offered it know."""

from tests.integration.walk.entries import Call, Entry, at
from tests.integration.walk.world import World

OFFERS = "/api/v1/orders/{order_id}/offers/"
OFFER = OFFERS + "{offer_id}/"


def asked(w: World) -> dict[str, object]:
    return {"carrier_id": str(w.carrier.id), "amount_xof": 430_000}


def open_offer(w: World, body: object = None) -> Call:
    order_id = w.draft()
    offer_id = w.made(w.shipper, f"/api/v1/orders/{order_id}/offers/", asked(w))
    return Call({"order_id": order_id, "offer_id": offer_id}, body=body)


ENTRIES = [
    Entry(
        f"POST {OFFERS}", lambda w: Call({"order_id": w.draft()}, body=asked(w)), ok="shipper administrator"
    ),
    Entry(f"GET {OFFERS}", at("order_id"), ok="shipper carrier driver administrator"),
    Entry("GET /api/v1/offers/", ok="shipper carrier broker administrator", forbidden="driver"),
    Entry(f"POST {OFFER}accept/", lambda w: open_offer(w, {"vehicle_id": w.free_vehicle()}), ok="carrier"),
    Entry(f"POST {OFFER}decline/", open_offer, ok="carrier"),
    Entry(f"POST {OFFER}withdraw/", open_offer, ok="shipper administrator", but={"carrier": "403"}),
]
