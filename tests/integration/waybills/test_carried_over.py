"""What was said of the goods before a waybill was issued stands on it, whichever it is."""

from typing import Any

from tests.integration.execution.world import AT_DELIVERY, ExecutionWorld
from tests.integration.waybills.test_waybills import WAYBILLS, loaded, pdf

DETAILS = {"weight_kg": 19_840, "packages": 398, "seals": ["SN-1"], "reserves": {"text": "Bâche usée"}}


def test_reserves_made_before_the_loading_stand_on_it(world: ExecutionWorld) -> None:
    order = world.assigned()
    early = world.action(order, "reserve", 20, stage="pickup", text="Palette humide", packages_damaged=3)
    assert world.states(order.driver, early, world.action(order, "loading", 60, weight_kg=19_000)) == [
        "applied",
        "applied",
    ]
    (waybill,) = order.carrier.get(f"{order.path}waybills/").json()["items"]
    text = pdf(order.carrier, waybill)
    assert text.count("Palette humide — 3 colis abîmé(s)") == 1


def test_one_issued_anew_says_what_the_void_one_said(world: ExecutionWorld) -> None:
    order, first = loaded(world, **DETAILS)
    reserve = world.action(order, "reserve", 4300, stage="delivery", text="Sacs mouillés")
    assert world.states(order.driver, reserve) == ["applied"]
    second = _anew(world, order, first)
    goods = second["content"]["goods"]
    assert (goods["loaded_weight_kg"], goods["loaded_packages"], goods["seals"]) == (19_840, 398, ["SN-1"])
    assert second["content"]["taking_over"]["at"] == first["content"]["taking_over"]["at"]
    assert second["content"]["reserves"] == "Bâche usée"
    text = pdf(order.carrier, second)
    assert text.count("Sacs mouillés") == 1

    proof = {"receiver_name": "Awa Diop", "position": AT_DELIVERY, "reserves": {"text": "Deux sacs ouverts"}}
    assert order.driver.post(f"{order.path}proof-of-delivery/", proof).status_code == 200
    third = _anew(world, order, second)
    text = pdf(order.shipper, third)
    for told in ("Reçu par Awa Diop", "Deux sacs ouverts", "Sacs mouillés", "Bâche usée"):
        assert text.count(told) == 1, told


def _anew(world: ExecutionWorld, order: Any, waybill: dict[str, Any]) -> dict[str, Any]:
    path = f"{WAYBILLS}{waybill['id']}/void/"
    assert order.carrier.post(path, {"reason": "Erreur de nom"}).status_code == 200
    response = order.carrier.post(f"{order.path}waybills/")
    assert response.status_code == 201, response.text
    made: dict[str, Any] = response.json()
    return made
