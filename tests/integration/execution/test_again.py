"""The same thing said once more over the endpoints, at another moment: an answer, and no quarrel."""

from tests.integration.execution.world import AT_DELIVERY, ExecutionWorld
from tests.support.api import code_of

LOADING = {"weight_kg": 19_840, "packages": 398}


def test_a_loading_confirmed_twice_is_confirmed_once(world: ExecutionWorld) -> None:
    order = world.assigned()
    first = order.driver.post(f"{order.path}confirm-loading/", LOADING)
    again = order.driver.post(f"{order.path}confirm-loading/", LOADING)
    assert (code_of(first), code_of(again)) == ((200, ""), (200, ""))
    assert again.json()["picked_up_at"] == first.json()["picked_up_at"]
    assert world.actions_of(order).count("loading_confirmed") == 1


def test_an_answer_given_twice_is_given_once(world: ExecutionWorld) -> None:
    order = world.just_assigned()
    for _ in range(2):
        assert order.driver.post(f"{order.path}accept-load/").status_code == 200
    assert world.actions_of(order).count("load_accepted") == 1


def test_a_wrong_code_typed_again_is_wrong_again(world: ExecutionWorld) -> None:
    order = world.with_consignee(world.assigned())
    order.driver.post(f"{order.path}confirm-loading/")
    demanded = order.shipper.client.put(
        f"{order.path}delivery-code/", json={"required": True}, headers=order.shipper.headers
    )
    assert demanded.status_code == 200
    right = demanded.json()["code"]
    wrong = "000000" if right != "000000" else "111111"
    proof = {"receiver_name": "Awa Diop", "position": AT_DELIVERY, "code": wrong}
    for _ in range(2):
        refused = order.driver.post(f"{order.path}proof-of-delivery/", proof)
        assert code_of(refused) == (409, "delivery_code_wrong")
    assert order.shipper.get(f"{order.path}delivery-code/").json()["misses"] == 1, "one guess, told twice"
    others = [f"{number:06d}" for number in range(1, 10) if f"{number:06d}" != right][:4]
    for other in others:
        refused = order.driver.post(f"{order.path}proof-of-delivery/", proof | {"code": other})
        assert code_of(refused) == (409, "delivery_code_wrong")
    told = order.shipper.get(f"{order.path}delivery-code/").json()
    assert (told["misses"], told["locked"]) == (5, True)
    locked = order.driver.post(f"{order.path}proof-of-delivery/", proof | {"code": right})
    assert code_of(locked)[1] == "delivery_code_locked"
    # The lock is undone, and what was refused is not remembered against him.
    renewed = order.shipper.post(f"{order.path}delivery-code/renew/").json()["code"]
    done = order.driver.post(f"{order.path}proof-of-delivery/", proof | {"code": renewed})
    assert (done.status_code, done.json()["status"]) == (200, "DELIVERED")
