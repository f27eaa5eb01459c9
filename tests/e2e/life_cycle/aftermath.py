"""After the delivery: confirmed and rated, or disputed and decided; and what other systems hear of it."""

import base64
import hashlib
import hmac
import json
import time
from collections import Counter
from dataclasses import dataclass

from httpx import Client

from tests.e2e.life_cycle.joining import Cast
from tests.e2e.life_cycle.market import CUSTOMER_XOF, HAULAGE_XOF, Deal
from tests.e2e.life_cycle.stage import STEP_S, Json, Stage, in_, ok, order_seen, refused, upload
from tests.support.api import PASSWORD, Person
from tests.support.figures import figures
from tests.support.receiver import Call, Receiver
from tests.support.waiting import PAUSE_S, wait_until

REFUND_XOF, CUSTOMER_REFUND_XOF = 20_000, 30_000


@dataclass(frozen=True, slots=True)
class Hook:
    """A shipper's own system that is told of his orders."""

    receiver: Receiver
    secret: str


def listen(cast: Cast, receiver: Receiver) -> Hook:
    body = {"url": f"{receiver.url}/erp", "events": ["order.changed", "bid.changed", "alert.raised"]}
    return Hook(receiver, ok(cast.shipper.post("/api/v1/webhooks/", body))["secret"])


def confirm(cast: Cast, deal: Deal) -> None:
    """The shipper confirms; both rate, and neither reads the other's before it has given its own."""
    path = f"/api/v1/orders/{deal.order_id}"
    assert cast.carrier.post(f"{path}/confirm-delivery/").status_code == 403
    ok(cast.shipper.post(f"{path}/confirm-delivery/"))
    for person in (cast.shipper, cast.carrier, cast.driver):
        assert order_seen(person, deal.order_id)["status"] == "COMPLETED"
    ok(cast.shipper.post(f"{path}/rate/", {"stars": 5, "comment": "À l'heure"}))
    assert ok(cast.carrier.get(f"{path}/ratings/"))["items"] == []
    ok(cast.carrier.post(f"{path}/rate/", {"stars": 4, "comment": "Quai occupé"}))
    for person in (cast.shipper, cast.carrier):
        stars = sorted(rating["stars"] for rating in ok(person.get(f"{path}/ratings/"))["items"])
        assert stars == [4, 5]
    for person in (cast.driver, cast.rival):
        assert not person.post(f"{path}/rate/", {"stars": 1}).is_success
    assert ok(cast.rival.get(f"/api/v1/profiles/{cast.carrier.id}/ratings/summary/")) == {
        "average": 5.0,
        "count": 1,
    }


def dispute(cast: Cast, order_id: str) -> None:
    """The brokered order by words alone, disputed by the customer's side and decided with refunds."""
    path = f"/api/v1/orders/{order_id}"
    ok(cast.driver.post(f"{path}/confirm-loading/", {"weight_kg": 20_000}))
    ok(cast.driver.post(f"{path}/proof-of-delivery/", {"receiver_name": "Ousmane Sarr"}))
    body = {"reason": "damaged", "description": "12 sacs mouillés", "claimed_xof": 50_000}
    refused(cast.rival.post(f"{path}/dispute/", body), 404, "order_not_found")
    evidence = upload(cast.shipper, "sacs.jpg", colour="gray")
    opened = ok(cast.shipper.post(f"{path}/dispute/", body | {"file_ids": [evidence]}))
    assert order_seen(cast.carrier, order_id)["status"] == "DISPUTED"
    ok(cast.carrier.post(f"{path}/dispute/messages/", {"text": "Secs au chargement"}))
    for reader in (cast.broker, cast.carrier, cast.administrator):
        assert reader.get(f"{path}/dispute/files/{evidence}/").content[:2] == b"\xff\xd8"
    queue = ok(cast.administrator.get("/api/v1/disputes/", params={"live": True}))["items"]
    assert [row["id"] for row in queue] == [opened["id"]]
    ok(cast.administrator.post(f"{path}/dispute/claim/"))
    verdict = {
        "outcome": "partly_upheld",
        "verdict": "12 sacs sur 400",
        "refund_xof": REFUND_XOF,
        "customer_refund_xof": CUSTOMER_REFUND_XOF,
    }
    assert cast.shipper.post(f"{path}/dispute/resolve/", verdict).status_code == 403
    ok(cast.administrator.post(f"{path}/dispute/resolve/", verdict))
    for person in (cast.shipper, cast.carrier, cast.broker):
        assert order_seen(person, order_id)["status"] == "RESOLVED"
    owed = {
        "broker": _owed(cast.broker, path),
        "carrier": _owed(cast.carrier, path),
        "shipper": _owed(cast.shipper, path),
    }
    assert owed == {
        "broker": {REFUND_XOF, CUSTOMER_REFUND_XOF},
        "carrier": {REFUND_XOF},
        "shipper": {CUSTOMER_REFUND_XOF},
    }
    for person, secret in ((cast.shipper, HAULAGE_XOF), (cast.carrier, CUSTOMER_XOF)):
        assert str(secret) not in figures(person.get(f"{path}/history/").text)


def _owed(person: Person, path: str) -> set[int]:
    answer = ok(person.get(f"{path}/fees/"))
    return {fee["amount_xof"] for fee in (answer if isinstance(answer, list) else answer["items"])}


def told(cast: Cast, deal: Deal, hook: Hook) -> None:
    """Alerts are in the inboxes they concern; the webhook heard each change of the order, signed."""
    kinds = {row["kind"] for row in ok(cast.carrier.get("/api/v1/alerts/"))["items"]}
    assert {"paper_approved", "counter_made", "detention_accepted", "dispute_resolved"} <= kinds
    (first, *_) = ok(cast.shipper.get("/api/v1/alerts/", params={"order_id": deal.order_id}))["items"]
    assert cast.rival.post(f"/api/v1/alerts/{first['id']}/acknowledge/").status_code == 404
    ok(cast.shipper.post(f"/api/v1/alerts/{first['id']}/acknowledge/"))
    path = f"/api/v1/orders/{deal.order_id}/history/"
    rows = ok(cast.shipper.get(path, params={"limit": 100}))["items"]
    changes = Counter(row["action"] for row in rows)
    deadline = time.monotonic() + STEP_S
    while (heard := _heard(hook, deal)) != changes and time.monotonic() < deadline:
        time.sleep(PAUSE_S)
    assert heard == changes, "each change is told once"
    for call in hook.receiver.calls:
        assert hmac.compare_digest(_signature(hook.secret, call), call.headers["webhook-signature"])


def _heard(hook: Hook, deal: Deal) -> Counter[str]:
    """How often each kind of change of this order was told; an event that came twice counts once."""
    events = {call.headers["webhook-id"]: json.loads(call.body) for call in hook.receiver.calls}
    return Counter(
        event["data"]["action"]
        for event in events.values()
        if event["type"] != "alert.raised" and event["data"]["order_id"] == deal.order_id
    )


def _signature(secret: str, call: Call) -> str:
    """As docs/integrations.md tells a party to compute it."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{call.headers['webhook-id']}.{call.headers['webhook-timestamp']}.".encode() + call.body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def read_by_systems(stage: Stage, cast: Cast, deal: Deal) -> None:
    """An API key reads the order and changes nothing; an export holds it."""
    made = ok(cast.shipper.post("/api/v1/api-keys/", {"name": "ERP", "scopes": ["orders:read"]}))
    headers = {"Authorization": f"Bearer {made['key']}"}
    path = f"/api/v1/orders/{deal.order_id}/"
    assert ok(stage.client.get(path, headers=headers))["reference"] == deal.reference
    assert stage.client.post("/api/v1/orders/", json={}, headers=headers).status_code == 403
    body = {"kind": "orders", "format": "ndjson", "from_time": in_(days=-1), "until_time": in_(days=1)}
    export = ok(cast.shipper.post("/api/v1/exports/", body))["id"]

    def ready() -> Json | None:
        row: Json = ok(cast.shipper.get(f"/api/v1/exports/{export}/"))
        return row if row["state"] == "ready" else None

    wait_until(ready, STEP_S, "the export")
    assert deal.reference in cast.shipper.get(f"/api/v1/exports/{export}/file/").text
    assert cast.carrier.get(f"/api/v1/exports/{export}/file/").status_code == 404


def on_record(stage: Stage, cast: Cast) -> None:
    """What the administrator changed is in the audit log, and the pages let him and nobody else in."""
    root = cast.administrator
    refused(cast.carrier.get("/api/v1/admin/audit/"), 403, "role_not_allowed")
    rows = ok(root.get("/api/v1/admin/audit/", params={"actor_id": str(root.id), "limit": 100}))["items"]
    assert {"kyc_documents", "disputes", "orders"} <= {row["table_name"] for row in rows}
    for person, location in ((cast.carrier, None), (root, "/admin/")):
        with Client(
            base_url=stage.client.base_url, headers={"Sec-Fetch-Site": "same-origin"}, trust_env=False
        ) as page:
            form = {"username": person.phone, "password": PASSWORD}
            answer = page.post("/admin/login", data=form)
            assert answer.headers.get("location", "").removeprefix(str(stage.client.base_url)) == (
                location or ""
            )
            assert page.get("/admin/user/list").is_success is (location is not None)
