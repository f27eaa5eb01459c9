"""Brokerage. A proposal is between one broker and one shipper; nobody else knows of it."""

from tests.integration.walk.entries import Call, Entry
from tests.integration.walk.world import World

BROKERAGE = "/api/v1/brokerages/{brokerage_id}/"


def to_hand_over(w: World) -> Call:
    return Call({"order_id": w.draft()}, body={"customer_xof": 500_000, "broker_id": str(w.broker.id)})


def proposed(w: World) -> Call:
    """By the shipper, to the broker."""
    call = to_hand_over(w)
    path = "/api/v1/orders/{order_id}/brokerage/".format(**call.path)
    return Call({"brokerage_id": w.made(w.shipper, path, call.body)})


ENTRIES = [
    Entry(
        "POST /api/v1/orders/{order_id}/brokerage/",
        to_hand_over,
        ok="shipper",
        but={"administrator": "403"},
    ),
    Entry("GET /api/v1/brokerages/", ok="shipper broker administrator", forbidden="carrier driver"),
    Entry(f"POST {BROKERAGE}agree/", proposed, ok="broker"),
    Entry(f"POST {BROKERAGE}decline/", proposed, ok="broker"),
    Entry(f"POST {BROKERAGE}withdraw/", proposed, ok="shipper"),
]
