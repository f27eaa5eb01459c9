"""Calling off, papers, and links for consignees."""

from tests.integration.walk.entries import EVERYBODY, Call, Entry, at
from tests.integration.walk.world import World

PARTIES = "shipper carrier driver administrator"
STRANGERS = dict.fromkeys(("other_shipper", "other_carrier", "other_driver", "other_broker"), "ok")
SHIPPERS_SIDE = {"carrier": "403", "driver": "403"}


def link(w: World, order_id: str) -> tuple[str, str]:
    """Id and token."""
    made = w.shipper.post(f"/api/v1/orders/{order_id}/tracking-links/", {})
    assert made.status_code == 201, made.text
    return made.json()["id"], made.json()["token"]


def own_link(w: World) -> Call:
    order_id = w.assigned()
    return Call({"order_id": order_id, "link_id": link(w, order_id)[0]})


def followed(w: World) -> Call:
    return Call({"token": link(w, w.posted())[1]})


def paper(w: World) -> Call:
    order_id = w.assigned()
    body = {"file_id": w.file(w.shipper), "kind": "delivery_note"}
    document_id = w.made(w.shipper, f"/api/v1/orders/{order_id}/documents/", body)
    return Call({"order_id": order_id, "document_id": document_id})


ENTRIES = [
    Entry("GET /api/v1/orders/{order_id}/documents/", at("order_id"), ok=PARTIES),
    Entry(
        "POST /api/v1/orders/{order_id}/documents/",
        lambda w: Call(
            {"order_id": w.assigned()}, body={"file_id": w.file(w.shipper), "kind": "delivery_note"}
        ),
        ok="shipper",
        # The order is theirs to know of; the file is the shipper's.
        but={"carrier": "404", "driver": "404", "administrator": "404"},
        open=True,
    ),
    Entry("GET /api/v1/orders/{order_id}/documents/{document_id}/content/", paper, ok=PARTIES),
    Entry(
        "DELETE /api/v1/orders/{order_id}/documents/{document_id}/",
        paper,
        ok="shipper administrator",
        but={"carrier": "403", "driver": "403"},
    ),
    Entry(
        "GET /api/v1/orders/{order_id}/cancellation/",
        lambda w: Call({"order_id": w.assigned()}),
        ok="shipper administrator",
        but=SHIPPERS_SIDE,
    ),
    Entry(
        "POST /api/v1/orders/{order_id}/withdraw/",
        lambda w: Call({"order_id": w.assigned()}, body={"reason_code": "breakdown"}),
        ok="carrier administrator",
        but={"shipper": "403", "driver": "403"},
    ),
    Entry("GET /api/v1/orders/{order_id}/fees/", at("order_id"), ok=PARTIES),
    Entry(
        "POST /api/v1/orders/{order_id}/tracking-links/",
        lambda w: Call({"order_id": w.assigned()}, body={}),
        ok="shipper administrator",
        but=SHIPPERS_SIDE,
    ),
    Entry(
        "GET /api/v1/orders/{order_id}/tracking-links/",
        at("order_id"),
        ok="shipper administrator",
        but=SHIPPERS_SIDE,
    ),
    Entry(
        "DELETE /api/v1/orders/{order_id}/tracking-links/{link_id}/",
        own_link,
        ok="shipper administrator",
        but=SHIPPERS_SIDE,
    ),
    # Whoever has the link.
    Entry("GET /api/v1/track/{token}/", followed, ok=EVERYBODY, but=STRANGERS, public=True, open=True),
    Entry("GET /track/{token}", followed, ok=EVERYBODY, but=STRANGERS, public=True, open=True),
]
