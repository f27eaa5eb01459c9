"""The catalogue of vehicle types, and the vehicles that have one."""

from itertools import count

from tests.integration.fleet.world import FLEET, FleetWorld
from tests.support.api import Person, code_of

TYPES = f"{FLEET}/vehicle-types/"
SEEDED = [
    "BENNE", "PORTEUR", "SEMI_PLATEAU", "SEMI_TAUTLINER", "FOURGON", "FRIGO", "CITERNE", "PORTE_CONTENEUR",
    "PORTE_ENGINS", "MARAICHER",
]  # fmt: skip
_numbers = count(1)


def new_type(administrator: Person) -> str:
    code = f"TYPE_{next(_numbers)}"
    answer = administrator.post(TYPES, {"code": code, "name_fr": "Grumier", "name_en": "Log truck"})
    assert answer.status_code == 201, answer.text
    return code


def test_everybody_reads_the_catalogue_in_two_languages(world: FleetWorld) -> None:
    items = world.shipper.get(TYPES).json()["items"]
    assert [item["code"] for item in items if not item["code"].startswith("TYPE_")] == SEEDED
    cold = next(item for item in items if item["code"] == "FRIGO")
    assert (cold["name_fr"], cold["name_en"]) == ("Camion frigorifique", "Refrigerated truck")
    assert (cold["min_capacity_kg"], cold["max_capacity_kg"], cold["refrigerated"]) == (3_000, 25_000, True)
    tank = world.driver.get(f"{TYPES}CITERNE/").json()
    assert (tank["min_volume_m3"], tank["max_volume_m3"], tank["liquid"]) == (15, 45, True)
    assert code_of(world.driver.get(f"{TYPES}NONE/")) == (404, "vehicle_type_not_found")
    assert code_of(world.client.get(TYPES)) == (401, "not_authenticated")


def test_only_administrators_edit_it(world: FleetWorld) -> None:
    body = {"code": "GRUMIER", "name_fr": "Grumier", "name_en": "Log truck"}
    assert code_of(world.carrier.post(TYPES, body)) == (403, "role_not_allowed")
    assert code_of(world.carrier.patch(f"{TYPES}BENNE/", {"position": 1})) == (403, "role_not_allowed")
    code = new_type(world.administrator)
    again = {"code": code, "name_fr": "Encore", "name_en": "Again"}
    assert code_of(world.administrator.post(TYPES, again)) == (409, "vehicle_type_taken")
    backwards = {**body, "min_capacity_kg": 10, "max_capacity_kg": 5}
    assert code_of(world.administrator.post(TYPES, backwards)) == (422, "invalid_size_range")
    upside_down = {"min_volume_m3": 9, "max_volume_m3": 8}
    assert code_of(world.administrator.patch(f"{TYPES}{code}/", upside_down)) == (422, "invalid_size_range")


def test_a_change_by_an_old_version_is_refused(world: FleetWorld) -> None:
    path = f"{TYPES}{new_type(world.administrator)}/"
    etag = world.administrator.get(path).headers["ETag"]
    headers = {**world.administrator.headers, "If-Match": etag}
    first = world.client.patch(path, json={"name_fr": "Grumier long"}, headers=headers)
    assert (first.status_code, first.json()["name_fr"], first.headers["ETag"]) == (200, "Grumier long", '"2"')
    assert code_of(world.client.patch(path, json={"name_fr": "Court"}, headers=headers)) == (
        412,
        "version_mismatch",
    )


def test_a_vehicle_has_a_type_and_sizes(world: FleetWorld) -> None:
    sizes = {
        "type_code": "SEMI_PLATEAU", "capacity_kg": 28_000, "volume_m3": 85.5, "tare_kg": 14_000,
        "ptac_kg": 42_000, "axle_configuration": "ARTICULATED_5", "length_m": 16.5, "width_m": 2.55,
        "height_m": 3.9,
    }  # fmt: skip
    path = world.vehicle_path(world.add_vehicle(**sizes))
    assert sizes.items() <= world.carrier.get(path).json().items()
    changed = world.carrier.patch(path, {"height_m": None, "type_code": "PORTE_ENGINS"}).json()
    assert (changed["height_m"], changed["type_code"], changed["volume_m3"]) == (None, "PORTE_ENGINS", 85.5)
    assert code_of(world.carrier.patch(path, {"type_code": "UFO"})) == (404, "vehicle_type_not_found")
    assert code_of(world.save_vehicle(type_code="UFO")) == (404, "vehicle_type_not_found")
    assert code_of(world.carrier.patch(path, {"axle_configuration": "RIGID_9"})) == (422, "invalid_body")


def test_a_retired_type_stays_with_those_who_have_it(world: FleetWorld) -> None:
    code = new_type(world.administrator)
    path = world.vehicle_path(world.add_vehicle(type_code=code))
    assert world.administrator.patch(f"{TYPES}{code}/", {"active": False}).json()["active"] is False
    listed = [item["code"] for item in world.carrier.get(TYPES).json()["items"]]
    assert code not in listed
    assert code in [
        item["code"] for item in world.carrier.get(TYPES, params={"retired": True}).json()["items"]
    ]
    assert code_of(world.carrier.patch(path, {"type_code": code, "name": "Le vieux"})) == (200, "")
    assert code_of(world.save_vehicle(type_code=code)) == (409, "vehicle_type_retired")


def test_two_who_change_a_vehicle_do_not_overwrite_each_other(world: FleetWorld) -> None:
    path = world.vehicle_path()
    headers = {**world.carrier.headers, "If-Match": world.carrier.get(path).headers["ETag"]}
    assert code_of(world.client.patch(path, json={"name": "Un"}, headers=headers)) == (200, "")
    assert code_of(world.client.patch(path, json={"name": "Deux"}, headers=headers)) == (
        412,
        "version_mismatch",
    )


def test_a_vehicle_is_added_once_however_often_it_is_sent(world: FleetWorld) -> None:
    headers = {**world.carrier.headers, "Idempotency-Key": "camion-1"}
    body = {"plate": "ZG-0001-ONCE"}
    first, again = (world.client.post(f"{FLEET}/vehicles/", json=body, headers=headers) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
