"""Legal limits are rows with a history; what they say of a vehicle is shown when it is saved."""

from datetime import date
from typing import Any

from config import clock
from config.database import transaction
from platform_api.fleet import service as fleet
from platform_api.limits import service
from tests.integration.fleet.world import FLEET, FleetWorld, actor_of
from tests.support.api import code_of

LIMITS = f"{FLEET}/limits/"


def limit(**changes: Any) -> dict[str, Any]:
    usual = {
        "country": "ML", "what": "height", "amount": 4.3, "unit": "m", "source": "Circulaire", "confirmed": True,
        "valid_from": "2020-01-01",
    }  # fmt: skip
    return {**usual, **changes}


def test_the_limits_of_senegal_are_there_with_their_sources(world: FleetWorld) -> None:
    items = world.shipper.get(LIMITS).json()["items"]
    assert len(items) == 31
    heaviest = next(
        item
        for item in items
        if (item["what"], item["axle_configuration"]) == ("gross_weight", "ARTICULATED_6")
    )
    assert (heaviest["amount"], heaviest["unit"], heaviest["confirmed"]) == (51_000, "kg", True)
    assert world.shipper.get(LIMITS, params={"on": "2000-01-01"}).json()["items"] == []
    assert code_of(world.shipper.get(LIMITS, params={"country": "xx"})) == (400, "invalid_parameter")


def test_administrators_add_limits_and_history_stays(world: FleetWorld) -> None:
    assert code_of(world.carrier.post(LIMITS, limit())) == (403, "role_not_allowed")
    for amount, day in ((4.0, "2010-01-01"), (4.3, "2020-01-01"), (4.5, "2099-01-01")):
        assert world.administrator.post(LIMITS, limit(amount=amount, valid_from=day)).status_code == 201
    assert code_of(world.administrator.post(LIMITS, limit())) == (409, "limit_exists")
    assert code_of(world.administrator.post(LIMITS, limit(unit="kg"))) == (422, "limit_unit_wrong")

    def heights(**params: object) -> list[float]:
        items = world.carrier.get(LIMITS, params={"country": "ML", **params}).json()["items"]
        return [item["amount"] for item in items]

    assert heights() == [4.3]
    assert heights(on="2015-05-05") == [4.0]
    assert heights(history=True) == [4.5, 4.3, 4.0]


def test_warnings_are_shown_when_a_vehicle_is_saved_and_refuse_nothing(world: FleetWorld) -> None:
    saved = world.save_vehicle(axle_configuration="RIGID_2", ptac_kg=19_000, tare_kg=8_000, width_m=2.6)
    assert saved.status_code == 201
    body = saved.json()
    assert [one["code"] for one in body["warnings"]] == ["width_above_limit", "gross_above_limit"]
    assert body["warnings"][0]["text_fr"] == "La largeur (2,6 m) dépasse la limite légale (2,55 m)."
    assert body["warnings"][0]["fine_xof"] == 100_000
    path = world.vehicle_path(body["id"])
    cooled = world.carrier.patch(path, {"type_code": "FRIGO", "ptac_kg": 18_000}).json()
    assert cooled["warnings"] == []


def test_a_load_in_mind(world: FleetWorld) -> None:
    path = world.vehicle_path(world.add_vehicle(axle_configuration="RIGID_2", ptac_kg=18_000, tare_kg=8_000))
    assert world.carrier.get(f"{path}warnings/", params={"cargo_kg": 10_000}).json() == {"items": []}
    (overload,) = world.carrier.get(f"{path}warnings/", params={"cargo_kg": 11_500}).json()["items"]
    assert (overload["code"], overload["fine_xof"]) == ("overloaded", 40_000)
    assert code_of(world.other_carrier.get(f"{path}warnings/")) == (404, "vehicle_not_found")


def test_others_ask_with_a_day(world: FleetWorld) -> None:
    vehicle_id = world.add_vehicle(height_m=4.2)
    with transaction() as session:
        vehicle = fleet.get_vehicle(session, actor_of(world.carrier), vehicle_id)
        assert [one.code for one in service.warnings_for(session, vehicle, None, on=clock.now().date())] == [
            "height_above_limit"
        ]
        assert service.warnings_for(session, vehicle, None, on=date(2000, 1, 1)) == []
