"""Waybills: for the parties of the order; whoever holds the paper may verify it."""

from tests.integration.walk.entries import ANY_STRANGER, EVERYBODY, Call, Entry
from tests.integration.walk.world import World

PARTIES = "shipper carrier driver administrator"


def waybill(w: World) -> Call:
    order_id = w.assigned()
    return Call({"waybill_id": w.made(w.carrier, f"/api/v1/orders/{order_id}/waybills/")})


def voiding(w: World) -> Call:
    return Call(waybill(w).path, body={"reason": "Erreur de poids"})


def token(w: World) -> Call:
    url = w.made(w.carrier, f"/api/v1/orders/{w.assigned()}/waybills/", name="verify_url")
    return Call({"token": url.rsplit("/", 1)[1]})


ENTRIES = [
    Entry(
        "POST /api/v1/orders/{order_id}/waybills/",
        lambda w: Call({"order_id": w.assigned()}),
        ok="carrier administrator",
        but={"shipper": "403", "driver": "403"},
    ),
    Entry("GET /api/v1/orders/{order_id}/waybills/", lambda w: Call({"order_id": w.assigned()}), ok=PARTIES),
    Entry("GET /api/v1/waybills/", ok=EVERYBODY),
    Entry("GET /api/v1/waybills/{waybill_id}/", waybill, ok=PARTIES),
    Entry("GET /api/v1/waybills/{waybill_id}/pdf/", waybill, ok=PARTIES),
    Entry(
        "POST /api/v1/waybills/{waybill_id}/void/",
        voiding,
        ok="carrier administrator",
        but={"shipper": "403", "driver": "403"},
    ),
    Entry(
        "GET /api/v1/waybills/verify/{token}/", token, ok=EVERYBODY, but=ANY_STRANGER, public=True, open=True
    ),
    Entry("GET /verify/{token}", token, ok=EVERYBODY, but=ANY_STRANGER, public=True, open=True),
]
