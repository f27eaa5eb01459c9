"""What the crew does on the road, crews, the consignee's code."""

from tests.integration.walk.entries import Call, Entry, at
from tests.integration.walk.world import World

PARTIES = "shipper carrier driver administrator"


def with_consignee(w: World) -> str:
    order_id = w.assigned()
    w.sql("UPDATE orders SET delivery_contact_phone = '+221771230000' WHERE id = %s", order_id)
    return order_id


def with_code(w: World) -> Call:
    order_id = with_consignee(w)
    answer = w.shipper.client.put(
        f"/api/v1/orders/{order_id}/delivery-code/", json={"required": True}, headers=w.shipper.headers
    )
    assert answer.status_code == 200, answer.text
    return Call({"order_id": order_id})


def new_crew(w: World) -> Call:
    order_id = w.assigned()
    return Call({"order_id": order_id}, body={"vehicle_id": w.vehicle(driver_id=w.driver.id)})


def stated_file(w: World) -> Call:
    order_id, file_id = w.assigned(), w.file(w.driver)
    answer = w.driver.post(f"/api/v1/orders/{order_id}/confirm-loading/", {"photos": [file_id]})
    assert answer.status_code == 200, answer.text
    return Call({"order_id": order_id, "file_id": file_id})


def claim(w: World) -> str:
    """Of the carrier against the shipper, for waiting at the pickup of the standing order."""
    w.sql("DELETE FROM detention_claims")
    (row,) = w.sql(
        "INSERT INTO detention_claims (order_id, place, carrier_id, shipper_id, clock_from, clock_to, waited_s,"
        " billed_hours, amount_xof, evidence, evidence_sha256, claimed_by, claimed_at)"
        " VALUES (%s, 'pickup', %s, %s, now() - interval '5 hours', now(), 18000, 3, 15000, '{}', repeat('0', 64), %s,"
        " now()) RETURNING id",
        w.order_id,
        w.carrier.id,
        w.shipper.id,
        w.carrier.id,
    )
    w.secrets.add(str(row["id"]))
    return str(row["id"])


ORDER = "/api/v1/orders/{order_id}/"
ENTRIES = [
    Entry("GET /api/v1/driver/tasks/", ok="driver"),
    Entry("POST /api/v1/driver/sync/", lambda w: Call(body={"actions": [{"id": "x"}]}), ok="driver"),
    Entry(
        f"POST {ORDER}accept-load/",
        lambda w: Call({"order_id": w.assigned()}),
        ok="driver",
        but={"shipper": "403", "carrier": "403", "administrator": "403"},
    ),
    Entry(
        f"POST {ORDER}reject-load/",
        lambda w: Call({"order_id": w.assigned()}, body={"reason": "Panne"}),
        ok="driver",
        but={"shipper": "403", "carrier": "403", "administrator": "403"},
    ),
    Entry(
        f"POST {ORDER}crew/", new_crew, ok="carrier administrator", but={"shipper": "403", "driver": "403"}
    ),
    Entry(
        f"GET {ORDER}crew/",
        lambda w: Call({"order_id": w.assigned()}),
        ok=PARTIES,
    ),
    Entry(f"GET {ORDER}statements/", at("order_id"), ok=PARTIES),
    Entry(f"GET {ORDER}statements/files/{{file_id}}/", stated_file, ok=PARTIES),
    Entry(
        f"GET {ORDER}delivery-code/",
        with_code,
        ok="shipper administrator",
        but={"carrier": "403", "driver": "403"},
    ),
    Entry(
        f"PUT {ORDER}delivery-code/",
        lambda w: Call({"order_id": with_consignee(w)}, body={"required": True}),
        ok="shipper administrator",
        but={"carrier": "403", "driver": "403"},
    ),
    Entry(
        f"POST {ORDER}delivery-code/renew/",
        lambda w: Call({"order_id": with_consignee(w)}),
        ok="shipper administrator",
        but={"carrier": "403", "driver": "403"},
    ),
]
