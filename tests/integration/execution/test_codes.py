"""The consignee's code: texted, shown to the shipper alone, demanded or merely missed."""

from typing import Any

from platform_api.execution import codes, tasks
from tests.integration.execution.world import AT_DELIVERY, ExecutionWorld
from tests.integration.orders.world import Assigned, Stay
from tests.support.api import code_of
from tests.support.figures import figures

PROOF = {"receiver_name": "Awa Diop", "position": AT_DELIVERY}


def code(order: Assigned) -> dict[str, Any]:
    body: dict[str, Any] = order.shipper.get(f"{order.path}delivery-code/").json()
    return body


def wrong(right: str) -> str:
    return f"{(int(right) + 1) % 10**6:06d}"


def demand(order: Assigned, required: bool = True) -> str:
    response = order.shipper.client.put(
        f"{order.path}delivery-code/", json={"required": required}, headers=order.shipper.headers
    )
    assert response.status_code == 200, response.text
    return str(response.json()["code"])


def test_the_consignee_is_texted_once_the_goods_are_on_the_truck(world: ExecutionWorld) -> None:
    order = world.with_consignee(world.assigned())
    assert code_of(order.shipper.get(f"{order.path}delivery-code/")) == (404, "delivery_code_none")
    tasks.send_codes()
    assert code_of(order.shipper.get(f"{order.path}delivery-code/")) == (404, "delivery_code_none")
    world.drive(order, Stay("pickup", 10, 60))
    tasks.send_codes()
    tasks.send_codes()
    told = code(order)
    assert told["sent_at"] is not None
    texts = world.sql(
        "SELECT phone, text FROM sms_messages WHERE purpose = 'delivery_code' ORDER BY id DESC LIMIT 2"
    )
    assert texts[0]["phone"] == "+221771230000"
    assert told["code"] in texts[0]["text"]
    assert len([text for text in texts if told["code"] in text["text"]]) == 1
    for nosy in (order.driver, order.carrier):
        assert code_of(nosy.get(f"{order.path}delivery-code/")) == (403, "not_your_order")
        assert code_of(nosy.post(f"{order.path}delivery-code/renew/")) == (403, "not_your_order")
    # it stands nowhere in the database but in the text that is on its way
    (row,) = world.sql("SELECT * FROM delivery_codes WHERE order_id = %s", order.id)
    assert told["code"] not in {str(value) for value in row.values()}


def test_right_wrong_and_missing_codes_are_flagged(world: ExecutionWorld) -> None:
    flags = {}
    for given in ("right", "wrong", "none"):
        order = world.with_consignee(world.assigned())
        order.driver.post(f"{order.path}confirm-loading/")
        right = code(order)["code"]
        body = dict(PROOF)
        if given != "none":
            body["code"] = right if given == "right" else wrong(right)
        assert order.driver.post(f"{order.path}proof-of-delivery/", body).json()["status"] == "DELIVERED"
        flags[given] = world.proof_row(order)["evidence"]["flags"]
        kept = str(world.proof_row(order)["evidence"]) + str(world.sql("SELECT body FROM driver_actions"))
        assert right not in figures(kept)
    assert flags == {"right": [], "wrong": ["code_wrong"], "none": ["code_missing"]}


def test_nobody_misses_a_code_that_nobody_was_told(world: ExecutionWorld) -> None:
    order = world.assigned()
    order.driver.post(f"{order.path}confirm-loading/")
    order.driver.post(f"{order.path}proof-of-delivery/", PROOF | {"code": "123456"})
    assert world.proof_row(order)["evidence"]["flags"] == []


def test_a_demanded_code(world: ExecutionWorld) -> None:
    order = world.assigned()
    right = demand(order)
    order.driver.post(f"{order.path}confirm-loading/")
    path = f"{order.path}proof-of-delivery/"
    assert code_of(order.driver.post(path, PROOF)) == (409, "delivery_code_missing")
    for miss in range(1, codes.MAX_MISSES + 1):
        body = PROOF | {"code": wrong(right), "note": f"essai {miss}"}
        assert code_of(order.driver.post(path, body)) == (409, "delivery_code_wrong")
        # the same call again is no other guess
        assert code_of(order.driver.post(path, body))[0] in (200, 409)
        assert code(order)["misses"] >= miss
    assert code(order)["locked"]
    assert code_of(order.driver.post(path, PROOF | {"code": right})) == (409, "delivery_code_locked")
    assert world.state(order)[0] == "PICKED_UP"
    renewed = order.shipper.post(f"{order.path}delivery-code/renew/").json()
    assert (renewed["misses"], renewed["locked"]) == (0, False)
    assert renewed["code"] != right
    assert code_of(order.shipper.post(f"{order.path}delivery-code/renew/")) == (
        429,
        "delivery_code_renewed_often",
    )
    assert code_of(order.driver.post(path, PROOF | {"code": right, "note": "l'ancien"})) == (
        409,
        "delivery_code_wrong",
    )
    assert order.driver.post(path, PROOF | {"code": renewed["code"]}).json()["status"] == "DELIVERED"
    assert code_of(order.shipper.post(f"{order.path}delivery-code/renew/")) == (403, "delivery_code_not_now")


def test_a_code_given_offline_before_it_was_renewed(world: ExecutionWorld) -> None:
    order = world.assigned()
    right = demand(order)
    world.sql("UPDATE delivery_codes SET created_at = %s WHERE order_id = %s", order.at(0), order.id)
    loading = world.action(order, "loading", 60)
    proof = world.action(order, "proof", 400, receiver_name="Awa", position=AT_DELIVERY, code=right)
    order.shipper.post(f"{order.path}delivery-code/renew/")
    assert world.states(order.driver, loading, proof) == ["applied", "applied"]
    assert world.proof_row(order)["evidence"]["flags"] == ["code_renewed_since"]


def test_a_missed_demand_offline_is_told_and_another_proof_counts(world: ExecutionWorld) -> None:
    order = world.assigned()
    right = demand(order)
    world.sql("UPDATE delivery_codes SET created_at = %s WHERE order_id = %s", order.at(0), order.id)
    loading = world.action(order, "loading", 60)
    proof = world.action(order, "proof", 400, receiver_name="Awa", code=wrong(right))
    assert world.states(order.driver, loading, proof) == ["applied", "delivery_code_wrong"]
    assert code(order)["misses"] == 1
    assert world.states(order.driver, proof) == ["delivery_code_wrong"]
    assert code(order)["misses"] == 1
    later = world.action(order, "proof", 410, receiver_name="Awa", code=right)
    assert world.states(order.driver, later) == ["applied"]
    assert world.state(order)[0] == "DELIVERED"


def test_a_demand_can_be_dropped(world: ExecutionWorld) -> None:
    order = world.assigned()
    demand(order)
    order.driver.post(f"{order.path}confirm-loading/")
    demand(order, required=False)
    assert order.driver.post(f"{order.path}proof-of-delivery/", PROOF).json()["status"] == "DELIVERED"
    assert world.proof_row(order)["evidence"]["flags"] == ["code_missing"]


def test_a_delivery_before_anybody_knew_a_code(world: ExecutionWorld) -> None:
    order = world.assigned()
    loading = world.action(order, "loading", 60)
    proof = world.action(order, "proof", 400, receiver_name="Awa", position=AT_DELIVERY)
    demand(order)
    assert world.states(order.driver, loading, proof) == ["applied", "applied"]
    assert world.proof_row(order)["evidence"]["flags"] == []
