"""The first order on the road: arrivals by geofence, what the driver's phone sends, the paper, the waiting."""

import io
import re
from typing import Any
from uuid import uuid4

from pypdf import PdfReader

from tests.e2e.life_cycle.joining import PLATE, Cast
from tests.e2e.life_cycle.market import RATE_XOF, Deal
from tests.e2e.life_cycle.stage import (
    DROP,
    PICKUP,
    STEP_S,
    Json,
    Stage,
    in_,
    ok,
    order_seen,
    refused,
    until,
    upload,
)
from tests.e2e.life_cycle.truck import Truck
from tests.support.waiting import wait_until

SEAL = "SN-004512"
LOADED_KG = 19_900


def drive(stage: Stage, cast: Cast, deal: Deal) -> None:
    """From the way to the pickup to the proof of delivery, and until the truck is gone."""
    _follow(stage, deal, "assigned", shown=False)
    assert _current_step(cast, deal) == "drive_to_pickup"
    truck = Truck(stage, cast.mqtt_password)
    truck.start()
    until(cast.shipper, deal.order_id, "arrived_pickup_at")
    assert order_seen(cast.carrier, deal.order_id)["status"] == "PICKUP_PENDING"
    _load(cast, deal)
    _paper(stage, cast, deal)
    until(cast.shipper, deal.order_id, "departed_pickup_at")
    _on_the_way(stage, cast, deal)
    until(cast.shipper, deal.order_id, "arrived_delivery_at")
    _hand_over(stage, cast, deal)
    truck.arrive()
    until(cast.shipper, deal.order_id, "departed_delivery_at")
    _follow(stage, deal, "delivered", shown=False)
    _waited(cast, deal)


def _follow(stage: Stage, deal: Deal, stage_told: str, *, shown: bool) -> Json:
    """What the consignee sees by his link, without an account."""
    seen: Json = ok(stage.client.get(deal.link))
    assert (seen["reference"], seen["stage"]) == (deal.reference, stage_told)
    assert ((seen["position"] is not None), bool(seen["route"])) == (shown, shown)
    assert "agreed_xof" not in seen
    return seen


def _current_step(cast: Cast, deal: Deal) -> str | None:
    refused(cast.shipper.get("/api/v1/driver/tasks/"), 403, "role_not_allowed")
    orders = ok(cast.driver.get("/api/v1/driver/tasks/"))["orders"]
    (task,) = [order for order in orders if order["order_id"] == deal.order_id]
    return next((step["kind"] for step in task["steps"] if step["state"] == "current"), None)


def _action(deal: Deal, kind: str, spot: tuple[str, float, float], **said: Any) -> Json:
    position = {"lat": spot[1], "lon": spot[2], "accuracy_m": 9}
    return {
        "id": str(uuid4()),
        "order_id": deal.order_id,
        "kind": kind,
        "time": in_(),
        "position": position,
        **said,
    }


def _send(cast: Cast, actions: list[Json]) -> None:
    """What the phone gathered offline, twice: its answer was lost the first time."""
    body = {"actions": actions}
    for again in (False, True):
        results = ok(cast.driver.post("/api/v1/driver/sync/", body))["results"]
        assert [(result["state"], result["repeated"], result["flags"]) for result in results] == [
            ("applied", again, [])
        ] * len(actions), results


def _load(cast: Cast, deal: Deal) -> None:
    assert _current_step(cast, deal) == "load"
    photo = upload(cast.driver, "chargement.jpg", colour="brown")
    loading = _action(
        deal, "loading", PICKUP, photos=[photo], seals=[SEAL], weight_kg=LOADED_KG, packages=400
    )
    _send(cast, [_action(deal, "arrived", PICKUP, place="pickup"), loading])
    order = order_seen(cast.shipper, deal.order_id)
    assert order["status"] == "PICKED_UP"
    path = f"/api/v1/orders/{deal.order_id}/statements/"
    (told,) = [row for row in ok(cast.shipper.get(path))["items"] if row["kind"] == "loading"]
    assert (told["said"]["seals"], told["said"]["weight_kg"]) == ([SEAL], LOADED_KG)
    assert cast.shipper.get(f"{path}files/{photo}/").content[:2] == b"\xff\xd8"
    assert cast.rival.get(f"{path}files/{photo}/").status_code == 404


def _paper(stage: Stage, cast: Cast, deal: Deal) -> None:
    """The loading has issued the waybill: a PDF for the parties, and anybody with the paper can verify it."""
    (waybill,) = ok(cast.driver.get(f"/api/v1/orders/{deal.order_id}/waybills/"))["items"]
    refused(cast.rival.get(f"/api/v1/waybills/{waybill['id']}/"), 404, "waybill_not_found")
    pdf = cast.shipper.get(f"/api/v1/waybills/{waybill['id']}/pdf/")
    text = "".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf.content)).pages)
    for expected in (waybill["number"], PLATE, SEAL):
        assert expected in text
    assert waybill["verify_url"].startswith(str(stage.client.base_url).rstrip("/"))
    page = stage.client.get(waybill["verify_url"])
    assert (page.status_code, "Authentique" in page.text) == (200, True)
    assert stage.client.get(waybill["verify_url"][:-4] + "xxxx").status_code == 404


def _on_the_way(stage: Stage, cast: Cast, deal: Deal) -> None:
    path = f"/api/v1/orders/{deal.order_id}"
    order = order_seen(cast.driver, deal.order_id)
    assert order["status"] == "IN_TRANSIT"
    plan = ok(cast.shipper.get(f"{path}/plan/"))
    assert (plan["source"], plan["degraded"], plan["corridor_width_m"]) == ("shipper", False, 2000)
    seen = _follow(stage, deal, "in_transit", shown=True)
    assert seen["plate"] == PLATE
    eta = wait_until(lambda: _eta(cast, deal), STEP_S, "an estimated arrival")
    assert eta is not None
    assert eta["low_at"] <= eta["eta_at"] <= eta["high_at"]
    assert ok(cast.carrier.get(f"{path}/route-events/"))["items"] == []  # it keeps to its corridor
    assert cast.rival.get(f"{path}/route-events/").status_code == 404
    assert eta["remaining_m"] < plan["distance_m"] * 1.1
    assert cast.rival.get(f"{path}/eta/").status_code == 404
    assert ok(cast.shipper.get(f"/api/v1/tracking/orders/{deal.order_id}/pings/"))["items"]


def _eta(cast: Cast, deal: Deal) -> Json | None:
    answer = cast.shipper.get(f"/api/v1/orders/{deal.order_id}/eta/")
    return answer.json() if answer.status_code == 200 else None


def _hand_over(stage: Stage, cast: Cast, deal: Deal) -> None:
    """With photo, signature, receiver and the code that was texted to the consignee alone."""
    assert _current_step(cast, deal) == "deliver"
    code = re.search(r"\b\d{6}\b", stage.mess("sms", deal.consignee_phone))
    assert code is not None
    for other in (cast.driver, cast.carrier):
        assert other.get(f"/api/v1/orders/{deal.order_id}/delivery-code/").status_code == 403
    proof = _action(
        deal, "proof", DROP,
        receiver_name="Ousmane Sarr",
        photos=[upload(cast.driver, "remise.jpg", colour="green")],
        signature=upload(cast.driver, "signature.jpg", colour="navy"),
        code=code.group(),
        packages_delivered=400,
    )  # fmt: skip
    _send(cast, [_action(deal, "arrived", DROP, place="delivery"), proof])
    for person in (cast.shipper, cast.carrier, cast.driver):
        assert order_seen(person, deal.order_id)["status"] == "DELIVERED"


def _waited(cast: Cast, deal: Deal) -> None:
    """Longer than was free at the pickup: the carrier claims it, the shipper accepts."""
    path = f"/api/v1/orders/{deal.order_id}/detention"
    places = {place["place"]: place for place in ok(cast.shipper.get(f"{path}/"))["places"]}
    pickup = places["pickup"]
    assert (pickup["running"], pickup["billed_hours"], pickup["amount_xof"]) == (False, 1, RATE_XOF)
    assert ok(cast.carrier.get(f"{path}/"))["places"][0]["amount_xof"] == RATE_XOF
    assert cast.driver.post(f"{path}/claims/", {"place": "pickup"}).status_code == 403
    claim = ok(cast.dispatcher.post(f"{path}/claims/", {"place": "pickup", "note": "Quai occupé"}))
    assert claim["evidence"]
    accepted = ok(cast.shipper.post(f"/api/v1/detention/claims/{claim['id']}/accept/", {"note": "D'accord"}))
    assert (accepted["status"], accepted["amount_xof"]) == ("accepted", RATE_XOF)
