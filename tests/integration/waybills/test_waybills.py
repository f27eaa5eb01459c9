"""Lettres de voiture over HTTP: issued, printed, added to, voided, verified by whoever holds the paper."""

import io
import re
from typing import Any

from httpx import Response
from pypdf import PdfReader

from platform_api.actor import Role
from platform_api.waybills.verifying import VERIFY
from tests.integration.execution.world import AT_DELIVERY, ExecutionWorld
from tests.integration.orders.world import Assigned
from tests.support.api import Person, code_of, person
from tests.support.queries import count_queries

WAYBILLS = "/api/v1/waybills/"


def loaded(world: ExecutionWorld, **details: Any) -> tuple[Assigned, dict[str, Any]]:
    """An order whose loading was confirmed, and its waybill."""
    order = world.assigned()
    assert order.driver.post(f"{order.path}confirm-loading/", details).status_code == 200
    (waybill,) = order.carrier.get(f"{order.path}waybills/").json()["items"]
    return order, waybill


def words(response: Response) -> str:
    assert (response.status_code, response.headers["content-type"]) == (200, "application/pdf"), response.text
    pages = PdfReader(io.BytesIO(response.content)).pages
    return " ".join(" ".join(page.extract_text().split()) for page in pages).replace("\u00a0", " ")


def pdf(who: Person, waybill: dict[str, Any], query: str = "") -> str:
    return words(who.get(f"{WAYBILLS}{waybill['id']}/pdf/{query}"))


def test_confirming_the_loading_issues_one(world: ExecutionWorld) -> None:
    details = {"weight_kg": 19_840, "packages": 398, "seals": ["SN-1"], "reserves": {"text": "Bâche usée"}}
    order, waybill = loaded(world, **details)
    assert waybill["number"] == "LV-000001"
    goods = waybill["content"]["goods"]
    assert (goods["declared_weight_kg"], goods["loaded_weight_kg"], goods["seals"]) == (
        20_000,
        19_840,
        ["SN-1"],
    )
    body = order.shipper.get(order.path).json()
    assert (body["waybill_number"], body["waybill_missing"]) == (1, False)
    assert "waybill_issued" in world.actions_of(order)
    for party in (order.shipper, order.carrier, order.driver):
        assert party.get(f"{WAYBILLS}{waybill['id']}/").json() == waybill
        text = pdf(party, waybill)
        assert "19 840 kg" in text
        assert "Bâche usée" in text
        assert "Selon la convention" in text


def test_one_over_seven_tonnes_is_missed(world: ExecutionWorld) -> None:
    order = world.assigned()
    assert order.carrier.get(order.path).json()["waybill_missing"]
    first = order.carrier.post(f"{order.path}waybills/")
    assert first.status_code == 201
    assert not order.carrier.get(order.path).json()["waybill_missing"]
    assert code_of(order.carrier.post(f"{order.path}waybills/")) == (409, "waybill_exists")
    assert "Prise en charge à constater" in pdf(order.carrier, first.json())
    order.driver.post(f"{order.path}confirm-loading/", {"weight_kg": 19_000, "seals": ["SN-7"]})
    (same,) = order.carrier.get(f"{order.path}waybills/").json()["items"]
    assert (same["id"], same["content"]) == (first.json()["id"], first.json()["content"])
    text = pdf(order.carrier, same)
    assert "19 000 kg" in text
    assert "SN-7" in text


def test_reserves_and_delivery_are_added(world: ExecutionWorld) -> None:
    order, waybill = loaded(world)
    before = order.shipper.get(f"{WAYBILLS}{waybill['id']}/pdf/")
    reserve = world.action(order, "reserve", 100, stage="pickup", text="Palette humide")
    note = {"text": "Sacs déchirés", "packages_damaged": 2}
    assert world.states(order.driver, reserve) == ["applied"]
    proof = {"receiver_name": "Awa Diop", "position": AT_DELIVERY, "reserves": note}
    assert order.driver.post(f"{order.path}proof-of-delivery/", proof).json()["status"] == "DELIVERED"
    text = pdf(order.shipper, waybill)
    for told in ("Palette humide", "Sacs déchirés — 2 colis abîmé(s)", "Reçu par Awa Diop"):
        assert told in text
    after = order.shipper.get(f"{WAYBILLS}{waybill['id']}/pdf/")
    assert before.headers["etag"] != after.headers["etag"]
    same = order.shipper.get(f"{WAYBILLS}{waybill['id']}/").json()
    assert same["content"] == waybill["content"]


def test_the_pdf_is_cached_by_its_content(world: ExecutionWorld) -> None:
    order, waybill = loaded(world)
    path = f"{WAYBILLS}{waybill['id']}/pdf/"
    first = order.shipper.get(path)
    client, headers = order.shipper.client, order.shipper.headers
    again = client.get(path, headers={**headers, "If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert client.get(path, headers={**headers, "If-None-Match": '"other"'}).content == first.content
    assert first.headers["cache-control"] == "private, no-cache"


def test_the_freight_is_for_who_pays_and_who_is_paid(world: ExecutionWorld) -> None:
    order, waybill = loaded(world)
    for party in (order.carrier, order.shipper):
        assert "500 000 F CFA" in pdf(party, waybill, "?freight=true")
    assert code_of(order.driver.get(f"{WAYBILLS}{waybill['id']}/pdf/?freight=true")) == (
        403,
        "freight_not_shown",
    )
    # a freight broker buys from the carrier and sells to his customer, who must not learn for how much
    broker = person(world.client, Role.BROKER)
    world.sql("UPDATE orders SET broker_id = %s, customer_xof = 600000 WHERE id = %s", broker.id, order.id)
    assert code_of(order.shipper.get(f"{WAYBILLS}{waybill['id']}/pdf/?freight=true")) == (
        403,
        "freight_not_shown",
    )
    assert "500 000" not in pdf(order.shipper, waybill)
    assert "600 000" not in pdf(order.carrier, waybill, "?freight=true")
    assert "500 000 F CFA" in pdf(broker, waybill, "?freight=true")
    for party in (order.shipper, order.driver, order.carrier):
        assert "500000" not in party.get(f"{WAYBILLS}{waybill['id']}/").text


def test_a_void_one_stays_in_the_series(world: ExecutionWorld) -> None:
    order, waybill = loaded(world)
    path = f"{WAYBILLS}{waybill['id']}/void/"
    why = {"reason": "Erreur de poids"}
    assert code_of(order.shipper.post(path, why)) == (403, "not_your_load")
    assert code_of(order.driver.post(path, why)) == (403, "not_your_load")
    voided = order.carrier.post(path, why).json()
    assert (voided["void_reason"], voided["number"]) == ("Erreur de poids", "LV-000001")
    assert order.carrier.post(path, {"reason": "encore"}).json()["void_reason"] == "Erreur de poids"
    assert order.carrier.get(order.path).json()["waybill_missing"]
    assert "ANNULÉE" in pdf(order.carrier, waybill)
    second = order.carrier.post(f"{order.path}waybills/").json()
    assert second["number"] == "LV-000002"
    series = order.carrier.get(WAYBILLS).json()["items"]
    assert [(each["number"], each["voided_at"] is None) for each in series] == [
        ("LV-000002", True),
        ("LV-000001", False),
    ]
    assert world.actions_of(order).count("waybill_voided") == 1
    assert order.shipper.get(WAYBILLS).json()["items"] == []


def test_another_truck_voids_it(world: ExecutionWorld) -> None:
    order = world.assigned()
    waybill = order.carrier.post(f"{order.path}waybills/").json()
    driver = person(world.client, Role.DRIVER, carrier_id=order.carrier.id)
    body = {"vehicle_id": order.vehicle_id, "driver_id": str(driver.id)}
    assert order.carrier.post(f"{order.path}crew/", body).status_code == 200
    assert order.carrier.get(f"{WAYBILLS}{waybill['id']}/").json()["voided_at"] is not None
    driver.post(f"{order.path}confirm-loading/")
    numbers = [each["number"] for each in order.carrier.get(f"{order.path}waybills/").json()["items"]]
    assert numbers == ["LV-000001", "LV-000002"]


def test_given_back_the_order_keeps_no_waybill_of_the_first_carrier(world: ExecutionWorld) -> None:
    order = world.assigned()
    issued = order.carrier.post(f"{order.path}waybills/")
    assert issued.status_code == 201, issued.text
    assert order.carrier.post(f"{order.path}withdraw/", {"reason_code": "breakdown"}).status_code == 200
    assert order.shipper.get(order.path).json()["waybill_number"] is None
    (kept,) = order.carrier.get(WAYBILLS).json()["items"]
    assert (kept["number"], kept["void_reason"]) == (issued.json()["number"], "Transporteur désisté")
    # the same carrier may take it again, and writes another one
    bid_id = world.bid(order.path, order.carrier, order.vehicle_id)
    assert order.shipper.post(f"{order.path}accept-bid/", {"bid_id": bid_id}).status_code == 200
    assert order.shipper.get(order.path).json()["waybill_missing"] is True
    again = order.carrier.post(f"{order.path}waybills/")
    assert (again.status_code, again.json()["number"]) == (201, "LV-000002")


def test_who_may_issue_and_read(world: ExecutionWorld) -> None:
    order = world.assigned()
    path = f"{order.path}waybills/"
    assert code_of(order.shipper.post(path)) == (403, "not_your_load")
    assert code_of(order.driver.post(path)) == (403, "not_your_load")
    stranger = person(world.client, Role.CARRIER)
    assert code_of(stranger.post(path)) == (404, "order_not_found")
    key = {"Idempotency-Key": "once"}
    one, two = (order.carrier.client.post(path, headers=order.carrier.headers | key) for _ in range(2))
    assert (one.status_code, two.status_code, one.json()) == (201, 201, two.json())
    waybill_id = one.json()["id"]
    for nosy in (stranger, person(world.client, Role.SHIPPER), person(world.client, Role.DRIVER)):
        for what in ("", "pdf/"):
            assert code_of(nosy.get(f"{WAYBILLS}{waybill_id}/{what}")) == (404, "waybill_not_found")
        assert code_of(nosy.post(f"{WAYBILLS}{waybill_id}/void/", {"reason": "x"})) == (
            404,
            "waybill_not_found",
        )
        assert code_of(nosy.get(path)) == (404, "order_not_found")
    open_path = world.posted()
    world.bid(open_path, stranger, _truck_of(world, stranger))
    assert stranger.get(f"{open_path}waybills/").json() == {"items": []}


def _truck_of(world: ExecutionWorld, carrier: Person) -> int:
    (row,) = world.sql(
        "INSERT INTO vehicles (carrier_id, plate) VALUES (%s, %s) RETURNING id",
        carrier.id,
        f"KL-{carrier.id.hex[:6]}",
    )
    return int(row["id"])


def token_of(waybill: dict[str, Any]) -> str:
    found = re.search(r"/verify/([\w-]{32})$", waybill["verify_url"])
    assert found is not None
    return found.group(1)


def test_whoever_holds_the_paper_verifies_it(world: ExecutionWorld) -> None:
    order, waybill = loaded(world, weight_kg=19_840)
    token = token_of(waybill)
    path = f"{WAYBILLS}verify/{token}/"
    told = world.client.get(path).json()
    assert (told["number"], told["void"], told["genuine"], told["weight_kg"]) == (
        "LV-000001",
        False,
        True,
        19_840,
    )
    assert told["content_sha256"] == waybill["content_sha256"]
    assert told["content_sha256"] in pdf(order.carrier, waybill)
    page = world.client.get(f"/verify/{token}")
    assert page.status_code == 200
    assert "Authentique et en vigueur" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert page.headers["referrer-policy"] == "no-referrer"
    for text in (world.client.get(path).text, page.text):
        for secret in (
            *(party.phone for party in (order.shipper, order.carrier, order.driver)),
            "500000",
            "500 000",
        ):
            assert secret not in text
        assert str(order.id) not in text
        assert "Test driver" not in text
    assert code_of(world.client.get(f"{WAYBILLS}verify/{token[:-1]}x/")) == (404, "waybill_not_found")
    assert world.client.get("/verify/unknown").status_code == 404


def test_a_tampered_one_is_not_genuine(world: ExecutionWorld) -> None:
    order, waybill = loaded(world)
    token = token_of(waybill)
    world.sql(
        'UPDATE waybills SET content = content || \'{"plate": "<b>X</b>"}\' WHERE id = %s', waybill["id"]
    )
    assert world.client.get(f"{WAYBILLS}verify/{token}/").json()["genuine"] is False
    page = world.client.get(f"/verify/{token}").text
    assert "ne correspond pas" in page
    assert "<b>X</b>" not in page
    order.carrier.post(f"{WAYBILLS}{waybill['id']}/void/", {"reason": "Faux"})
    assert world.client.get(f"{WAYBILLS}verify/{token}/").json()["void_reason"] == "Faux"


def test_a_cancelled_order_voids_its_waybill(world: ExecutionWorld) -> None:
    order = world.assigned()
    waybill = order.carrier.post(f"{order.path}waybills/").json()
    assert order.shipper.post(f"{order.path}cancel/", {"reason": "x"}).status_code == 200
    told = world.client.get(f"{WAYBILLS}verify/{token_of(waybill)}/").json()
    assert (told["void"], told["void_reason"]) == (True, "Commande annulée")
    assert "ANNULÉE" in pdf(order.carrier, waybill)
    assert code_of(order.carrier.post(f"{order.path}waybills/")) == (409, "waybill_not_now")


def test_a_page_of_the_series_is_a_constant_number_of_queries(world: ExecutionWorld) -> None:
    order, waybill = loaded(world)
    counts = []
    for number in range(3):
        with count_queries() as statements:
            page = order.carrier.get(WAYBILLS).json()
        assert len(page["items"]) == number + 1
        counts.append(len(statements))
        order.carrier.post(f"{WAYBILLS}{waybill['id']}/void/", {"reason": "x"})
        waybill = order.carrier.post(f"{order.path}waybills/").json()
    assert len(set(counts)) == 1
    first = order.carrier.get(f"{WAYBILLS}?limit=2").json()
    second = order.carrier.get(f"{WAYBILLS}?limit=2&cursor={first['next_cursor']}").json()
    numbers = [each["number"] for each in first["items"] + second["items"]]
    assert numbers == ["LV-000004", "LV-000003", "LV-000002", "LV-000001"]


def test_verifying_is_limited(world: ExecutionWorld) -> None:
    world.sql("DELETE FROM rate_limits WHERE key LIKE 'waybill_verify%%'")
    # It is given back evenly, so a slow machine gets a few more.
    answers = []
    while len(answers) < 2 * VERIFY.times and (not answers or answers[-1].status_code == 404):
        answers.append(world.client.get(f"{WAYBILLS}verify/unknown/"))
    refused = answers[-1]
    assert len(answers) > VERIFY.times
    assert code_of(refused) == (429, "too_many_requests")
    assert int(refused.headers["retry-after"]) >= 1
    world.sql("DELETE FROM rate_limits WHERE key LIKE 'waybill_verify%%'")
