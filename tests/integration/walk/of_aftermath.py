"""Disputes, ratings, reliability, incidents."""

from uuid import uuid4

from tests.integration.walk.entries import ANY_STRANGER, Call, Entry
from tests.integration.walk.world import World

ORDER = "/api/v1/orders/{order_id}/"
DISPUTE = f"{ORDER}dispute/"
ALL, SIDES = "shipper carrier driver broker administrator", "shipper carrier administrator"
NO_ADMIN = "shipper carrier driver broker"
OPEN = {"reason": "damaged", "description": "Sacs mouillés"}
PARTY = "/api/v1/profiles/{party_id}/"
INCIDENTS = "/api/v1/incidents/"


def delivered(w: World) -> None:
    """The standing order as it was after the delivery."""
    w.sql("DELETE FROM disputes WHERE order_id = %s", w.order_id)
    w.sql("DELETE FROM order_ratings WHERE order_id = %s", w.order_id)
    w.sql("UPDATE orders SET status = 'DELIVERED', completed_at = NULL WHERE id = %s", w.order_id)


def to_dispute(w: World) -> Call:
    delivered(w)
    return Call({"order_id": w.order_id}, body=OPEN)


def disputed(w: World, body: object = None, **path: object) -> Call:
    delivered(w)
    w.made(w.shipper, f"/api/v1/orders/{w.order_id}/dispute/", OPEN)
    return Call({"order_id": w.order_id, **path}, body=body)


def shown_file(w: World) -> Call:
    delivered(w)
    file_id = w.file(w.shipper)
    w.made(w.shipper, f"/api/v1/orders/{w.order_id}/dispute/", {**OPEN, "file_ids": [file_id]})
    return Call({"order_id": w.order_id, "file_id": file_id})


def to_rate(w: World) -> Call:
    delivered(w)
    w.sql("UPDATE orders SET status = 'COMPLETED', completed_at = now() WHERE id = %s", w.order_id)
    return Call({"order_id": w.order_id}, body={"stars": 5})


def rated(w: World) -> Call:
    call = to_rate(w)
    w.made(w.shipper, f"/api/v1/orders/{w.order_id}/rate/", {"stars": 4})
    return call


def a_rating(w: World) -> Call:
    to_rate(w)
    return Call({"rating_id": w.made(w.shipper, f"/api/v1/orders/{w.order_id}/rate/", {"stars": 4})})


def waiver(w: World) -> dict[str, str]:
    w.sql("DELETE FROM reliability_waivers")
    return {"carrier_id": str(w.carrier.id), "fault": "late_delivery", "reason": "Bac fermé"}


def waived(w: World) -> Call:
    made = w.made(w.administrator, f"/api/v1/orders/{w.order_id}/waivers/", waiver(w))
    return Call({"order_id": w.order_id, "waiver_id": made})


def report(w: World) -> Call:
    return Call(body={"id": str(uuid4()), "kind": "delay"})


def incident(w: World) -> Call:
    body = {"id": str(uuid4()), "kind": "delay", "order_id": str(w.order_id)}
    return Call({"incident_id": w.made(w.driver, INCIDENTS, body)}, body={})


def photo(w: World) -> Call:
    file_id = w.file(w.driver)
    body = {"id": str(uuid4()), "kind": "delay", "order_id": str(w.order_id), "file_ids": [file_id]}
    return Call({"incident_id": w.made(w.driver, INCIDENTS, body), "file_id": file_id})


def carrier(w: World) -> Call:
    return Call({"party_id": w.carrier.id})


ENTRIES = [
    Entry("GET /api/v1/disputes/", ok=ALL),
    Entry(f"POST {DISPUTE}", to_dispute, ok="shipper carrier", but={"driver": "403", "administrator": "403"}),
    Entry(f"GET {DISPUTE}", disputed, ok=SIDES),
    Entry(f"GET {DISPUTE}messages/", disputed, ok=SIDES),
    Entry(f"POST {DISPUTE}messages/", lambda w: disputed(w, {"text": "Non"}), ok=SIDES),
    Entry(f"GET {DISPUTE}files/{{file_id}}/", shown_file, ok=SIDES),
    Entry(f"POST {DISPUTE}withdraw/", disputed, ok="shipper", but={"carrier": "403", "administrator": "403"}),
    Entry(f"POST {DISPUTE}claim/", disputed, ok="administrator", forbidden=NO_ADMIN),
    Entry(
        f"POST {DISPUTE}resolve/",
        lambda w: disputed(w, {"outcome": "rejected", "verdict": "Non"}),
        ok="administrator",
        forbidden=NO_ADMIN,
    ),
    Entry(f"POST {ORDER}rate/", to_rate, ok="shipper carrier", but={"driver": "403", "administrator": "403"}),
    Entry(f"PATCH {ORDER}rate/", rated, ok="shipper carrier driver administrator", also=(409,)),
    Entry(f"GET {ORDER}ratings/", rated, ok="shipper carrier driver administrator"),
    Entry(
        f"POST {ORDER}waivers/",
        lambda w: Call({"order_id": w.order_id}, body=waiver(w)),
        ok="administrator",
        forbidden=NO_ADMIN,
    ),
    Entry(f"DELETE {ORDER}waivers/{{waiver_id}}/", waived, ok="administrator", forbidden=NO_ADMIN),
    *[
        Entry(f"POST /api/v1/ratings/{{rating_id}}/{verb}/", a_rating, ok="administrator", forbidden=NO_ADMIN)
        for verb in ("hide", "show")
    ],
    *[
        Entry(f"GET {PARTY}{part}/", carrier, ok=ALL, but=ANY_STRANGER, open=True)
        for part in ("ratings", "ratings/summary", "reliability")
    ],
    Entry(f"POST {INCIDENTS}", report, ok="carrier driver", forbidden="shipper broker administrator"),
    Entry(f"GET {INCIDENTS}", ok=ALL),
    Entry(f"GET {INCIDENTS}{{incident_id}}/", incident, ok="shipper carrier driver administrator"),
    Entry(
        f"POST {INCIDENTS}{{incident_id}}/close/",
        incident,
        ok="carrier driver",
        forbidden="shipper broker administrator",
    ),
    Entry(
        f"GET {INCIDENTS}{{incident_id}}/files/{{file_id}}/", photo, ok="shipper carrier driver administrator"
    ),
]
