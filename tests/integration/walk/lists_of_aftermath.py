"""Lists of disputes, ratings, incidents and waybills."""

from tests.integration.walk import of_aftermath as after
from tests.integration.walk import of_waybills as waybills
from tests.integration.walk.copies import HASH
from tests.integration.walk.entries import Call
from tests.integration.walk.lists import List
from tests.integration.walk.world import World

# A dispute and a rating are one an order: the copies are of other orders of the shipper.
OTHER_ORDER = {
    "order_id": "(SELECT d.id FROM orders d JOIN orders mine ON mine.id = o.order_id AND d.shipper_id = mine.shipper_id"
    " WHERE d.id <> o.order_id ORDER BY d.id OFFSET n - 1 LIMIT 1)"
}
# One in force an order: the copies are void.
VOIDED = {
    "number": "o.number + 1000000 + n",
    "token": HASH,
    "voided_at": "now()",
    "voided_by": "o.carrier_id",
    "void_reason": "'x'",
}
COPIES = 22


def more_orders(w: World) -> None:
    for _ in range(COPIES):
        w.draft()


def dispute(w: World) -> Call:
    more_orders(w)
    after.disputed(w)
    w.sql("UPDATE disputes SET reason = reason WHERE order_id = %s", w.order_id)
    return Call()


def message(w: World) -> Call:
    call = after.disputed(w)
    w.made(w.carrier, f"/api/v1/orders/{w.order_id}/dispute/messages/", {"text": "Non"})
    return Call(dict(call.path))


def rating(w: World) -> Call:
    more_orders(w)
    after.rated(w)
    w.sql("UPDATE order_ratings SET shown_at = now() WHERE order_id = %s", w.order_id)
    return Call({"party_id": w.carrier.id})


def incident(w: World) -> Call:
    after.photo(w)
    w.sql("UPDATE incidents SET kind = kind WHERE recorded_at = (SELECT max(recorded_at) FROM incidents)")
    return Call()


def waybill(w: World) -> Call:
    call = waybills.waybill(w)
    w.sql("UPDATE waybills SET number = number WHERE id = %s", call.path["waybill_id"])
    return Call()


LISTS = [
    List("GET /api/v1/disputes/", "disputes", dispute, "shipper", OTHER_ORDER),
    List("GET /api/v1/orders/{order_id}/dispute/messages/", "dispute_messages", message, "shipper"),
    List("GET /api/v1/profiles/{party_id}/ratings/", "order_ratings", rating, "shipper", OTHER_ORDER),
    List("GET /api/v1/incidents/", "incidents", incident, "carrier"),
    List("GET /api/v1/waybills/", "waybills", waybill, "carrier", VOIDED),
]
