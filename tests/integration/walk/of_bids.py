"""Bids and counter-offers. An order on the market is known to every carrier; a bid is not."""

from tests.integration.walk.entries import Call, Entry, at
from tests.integration.walk.world import World

BIDS = "/api/v1/orders/{order_id}/bids/"
BID = BIDS + "{bid_id}/"
CARRIERS_SEE_THE_ORDER = {"carrier": "403", "other_carrier": "403"}
ASKED = {"amount_xof": 440_000}


def new_bid(w: World) -> Call:
    return Call({"order_id": w.posted()}, body={"vehicle_id": w.vehicle_id, "amount_xof": 400_000})


def open_bid(w: World, body: object = None) -> Call:
    order_id = w.posted()
    return Call({"order_id": order_id, "bid_id": w.bid(order_id, w.free_vehicle())}, body=body)


def countered(w: World, body: object = None) -> Call:
    call = open_bid(w, body)
    path = "/api/v1/orders/{order_id}/bids/{bid_id}/counter/".format(**call.path)
    answer = w.shipper.post(path, ASKED)
    assert answer.status_code == 201, answer.text
    return call


def acceptance(w: World) -> Call:
    call = open_bid(w)
    return Call({"order_id": call.path["order_id"]}, body={"bid_id": call.path["bid_id"]})


ENTRIES = [
    Entry(f"GET {BIDS}", at("order_id"), ok="shipper carrier driver administrator"),
    Entry(
        f"POST {BIDS}",
        new_bid,
        ok="carrier",
        # The vehicle is not the other carrier's.
        but={"shipper": "403", "administrator": "403", "other_carrier": "404"},
        open=True,
    ),
    Entry(
        f"GET {BIDS}standing/",
        lambda w: Call({"order_id": open_bid(w).path["order_id"]}),
        ok="shipper administrator",
        # Sealed.
        but=CARRIERS_SEE_THE_ORDER,
        open=True,
    ),
    Entry(f"GET {BID}", open_bid, ok="shipper carrier administrator"),
    Entry(f"GET {BID}revisions/", open_bid, ok="shipper carrier administrator"),
    Entry(f"PATCH {BID}", lambda w: open_bid(w, ASKED), ok="carrier"),
    Entry(f"POST {BID}withdraw/", open_bid, ok="carrier"),
    Entry(
        "POST /api/v1/orders/{order_id}/accept-bid/",
        acceptance,
        ok="shipper administrator",
        but=CARRIERS_SEE_THE_ORDER,
        open=True,
    ),
    Entry(
        f"POST {BID}counter/",
        lambda w: open_bid(w, ASKED),
        ok="shipper administrator",
        but=CARRIERS_SEE_THE_ORDER,
        open=True,
    ),
    Entry(f"POST {BID}counter/accept/", lambda w: countered(w, ASKED), ok="carrier"),
    Entry(f"POST {BID}counter/decline/", countered, ok="carrier"),
    Entry(
        f"POST {BID}counter/withdraw/",
        countered,
        ok="shipper administrator",
        but=CARRIERS_SEE_THE_ORDER,
        open=True,
    ),
]
