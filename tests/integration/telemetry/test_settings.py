"""How vehicles are judged: set over HTTP, obeyed by ingest."""

from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest

from config.settings import get_settings
from ingest.fleet import facts_of
from platform_api.actor import Role
from telemetry.rules import RULES, VehicleRules, platform_rules
from tests.integration.telemetry.world import API, TELEMETRY, Fleet, Journey
from tests.support.api import Person, code_of, person

SETTINGS = f"{TELEMETRY}/settings/"


def of_device(uid: str) -> str:
    return f"{TELEMETRY}/devices/{uid}/settings/"


def put(who: Person, path: str, settings: Any, **params: Any) -> httpx.Response:
    return who.client.put(path, json={"settings": settings}, headers=who.headers, params=params or None)


def effective(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    return {rule["name"]: rule["effective"] for rule in answer.json()["rules"]}


def judged_by(connection: psycopg.Connection, vehicle_id: int) -> VehicleRules:
    """As ingest sees it."""
    return facts_of(connection, vehicle_id, platform_rules(get_settings())).rules


def shown(rules: VehicleRules) -> dict[str, Any]:
    return {name: getattr(rules, name) for name in RULES}


def test_a_fleet_begins_with_the_platforms_own(fleet: Fleet) -> None:
    answer = fleet.carrier.get(SETTINGS)
    body = answer.json()
    assert (body["settings"], body["updated_at"], body["vehicle_id"]) == ({}, None, None)
    assert effective(answer) == shown(platform_rules(get_settings()))
    limit = next(rule for rule in body["rules"] if rule["name"] == "speed_limit_kmh")
    assert limit == {
        "name": "speed_limit_kmh",
        "unit": "km/h",
        "meaning": RULES["speed_limit_kmh"].meaning,
        "limits": {"type": "number", "exclusiveMinimum": 0, "maximum": 1000},
        "default": 90.0,
        "override": None,
        "effective": 90.0,
    }


def test_what_a_fleet_sets_replaces_what_it_had_set(fleet: Fleet) -> None:
    first = put(fleet.carrier, SETTINGS, {"speed_limit_kmh": 80, "mock": "ignore"}).json()
    assert first["settings"] == {"speed_limit_kmh": 80.0, "mock": "ignore"}
    assert first["updated_at"] is not None
    second = put(fleet.carrier, SETTINGS, {"gap_s": 7200})
    assert second.json()["settings"] == {"gap_s": 7200}
    assert second.json() == fleet.carrier.get(SETTINGS).json()
    assert effective(second) == shown(platform_rules(get_settings())) | {"gap_s": 7200}
    for _ in range(2):
        assert fleet.carrier.delete(SETTINGS).status_code == 204
    assert fleet.carrier.get(SETTINGS).json()["settings"] == {}


def test_the_layers_are_those_of_ingest(fleet: Fleet) -> None:
    vehicle_id, tracker = fleet.truck()
    phone = fleet.device(vehicle_id, "phone")
    put(fleet.carrier, SETTINGS, {"speed_limit_kmh": 80, "gap_s": 7200, "mock": "ignore"})
    put(fleet.carrier, of_device(phone), {"speed_limit_kmh": 70, "stop_min_s": 300})
    answer = put(fleet.carrier, of_device(tracker), {"speed_limit_kmh": 60})
    assert answer.json()["vehicle_id"] == vehicle_id
    assert answer.json()["settings"] == {"speed_limit_kmh": 60.0}
    # The best source has the last word, whichever device is asked about.
    assert effective(answer) == shown(judged_by(fleet.connection, vehicle_id))
    assert effective(answer)["speed_limit_kmh"] == 60.0
    of_phone = fleet.carrier.get(of_device(phone))
    assert effective(of_phone) == effective(answer)
    override = {rule["name"]: rule["override"] for rule in of_phone.json()["rules"]}
    assert (override["speed_limit_kmh"], override["stop_min_s"], override["gap_s"]) == (70.0, 300, None)
    assert fleet.carrier.patch(f"{API}/fleet/devices/{phone}/", {"priority": 50}).status_code == 200
    answer = fleet.carrier.get(of_device(tracker))
    assert effective(answer)["speed_limit_kmh"] == 70.0
    assert effective(answer) == shown(judged_by(fleet.connection, vehicle_id))
    assert fleet.carrier.delete(of_device(phone)).status_code == 204
    assert effective(fleet.carrier.get(of_device(tracker)))["stop_min_s"] == 180
    assert effective(fleet.carrier.get(of_device(tracker))) == shown(judged_by(fleet.connection, vehicle_id))


def test_a_device_in_no_vehicle_shows_what_it_would_bring(fleet: Fleet) -> None:
    uid = fleet.device()
    put(fleet.carrier, SETTINGS, {"speed_limit_kmh": 80, "gap_s": 7200})
    answer = put(fleet.carrier, of_device(uid), {"gap_s": 1800})
    assert answer.json()["vehicle_id"] is None
    assert effective(answer) == shown(platform_rules(get_settings())) | {
        "speed_limit_kmh": 80.0,
        "gap_s": 1800,
    }


def test_a_change_is_in_force_from_the_next_position_on(fleet: Fleet) -> None:
    vehicle_id, uid = fleet.truck()
    path = f"{TELEMETRY}/vehicles/{vehicle_id}/intervals/?kind=speeding"
    first = Journey().ping().drive(5, kmh=85)
    fleet.send(uid, first.pings)
    assert fleet.carrier.get(path).json()["items"] == []
    assert put(fleet.carrier, SETTINGS, {"speed_limit_kmh": 80}).status_code == 200
    fleet.send(uid, Journey(5, east_m=first.east_m).drive(5, kmh=85).pings)
    [speeding] = fleet.carrier.get(path).json()["items"]
    assert speeding["details"]["limit_kmh"] == 80.0


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"speed_limit": 80}, (422, "rule_unknown")),
        ({"speed_limit_kmh": "80"}, (422, "rule_wrong_type")),
        ({"speed_limit_kmh": None}, (422, "rule_wrong_type")),
        ({"use_ignition": 1}, (422, "rule_wrong_type")),
        ({"gap_s": 60.5}, (422, "rule_wrong_type")),
        ({"speed_limit_kmh": 0}, (422, "rule_out_of_range")),
        ({"gap_s": 119}, (422, "rule_out_of_range")),
        ({"mock": "believe"}, (422, "rule_out_of_range")),
        ({"speed_limit_kmh": 10**400}, (422, "rule_out_of_range")),
        ([], (422, "invalid_body")),
        (None, (422, "invalid_body")),
    ],
)
def test_settings_that_cannot_be(fleet: Fleet, settings: Any, expected: tuple[int, str]) -> None:
    uid = fleet.device()
    for path in (SETTINGS, of_device(uid)):
        assert code_of(put(fleet.carrier, path, settings)) == expected
        assert fleet.carrier.get(path).json()["settings"] == {}


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "1e999"])
def test_numbers_that_are_none(fleet: Fleet, literal: str) -> None:
    headers = fleet.carrier.headers | {"Content-Type": "application/json"}
    body = f'{{"settings": {{"speed_limit_kmh": {literal}}}}}'
    answer = fleet.carrier.client.put(SETTINGS, content=body, headers=headers)
    assert code_of(answer) in [(422, "rule_out_of_range"), (422, "invalid_body")]


def test_a_gateway_judges_nothing(fleet: Fleet) -> None:
    uid = fleet.device(kind="gateway")
    expected = (409, "gateway_on_no_vehicle")
    assert code_of(fleet.carrier.get(of_device(uid))) == expected
    assert code_of(put(fleet.carrier, of_device(uid), {"gap_s": 1800})) == expected
    assert code_of(fleet.carrier.delete(of_device(uid))) == expected


# Who may ------------------------------------------------------------------------


def calls(who: Person, path: str) -> list[tuple[int, str]]:
    return [
        code_of(who.get(path)),
        code_of(put(who, path, {"gap_s": 1800})),
        code_of(who.delete(path)),
    ]


@pytest.mark.parametrize("role", [Role.SHIPPER, Role.DRIVER, Role.BROKER])
def test_only_carriers_and_administrators_set(client: httpx.Client, fleet: Fleet, role: Role) -> None:
    caller = person(client, role, carrier_id=fleet.carrier.id if role is Role.DRIVER else None)
    for path in (SETTINGS, of_device(fleet.device())):
        assert calls(caller, path) == [(403, "role_not_allowed")] * 3


def test_nobody_without_a_token(client: httpx.Client, fleet: Fleet) -> None:
    for path in (SETTINGS, of_device(fleet.device())):
        for method in ("GET", "PUT", "DELETE"):
            answer = client.request(method, path, json={"settings": {}} if method == "PUT" else None)
            assert code_of(answer) == (401, "not_authenticated")


def test_another_carriers_settings_do_not_exist(client: httpx.Client, fleet: Fleet) -> None:
    uid = fleet.device()
    other = person(client, Role.CARRIER)
    assert calls(other, of_device(uid)) == [(404, "device_not_found")] * 3
    assert calls(other, f"{SETTINGS}?carrier={fleet.carrier.id}") == [(404, "carrier_not_found")] * 3
    put(other, SETTINGS, {"gap_s": 1800})
    assert fleet.carrier.get(SETTINGS).json()["settings"] == {}


def test_an_administrator_sets_any_fleet_by_name(client: httpx.Client, fleet: Fleet) -> None:
    administrator = person(client, Role.ADMINISTRATOR)
    assert calls(administrator, SETTINGS) == [(400, "carrier_missing")] * 3
    assert calls(administrator, f"{SETTINGS}?carrier={uuid4()}") == [(404, "carrier_not_found")] * 3
    answer = put(administrator, SETTINGS, {"gap_s": 1800}, carrier=str(fleet.carrier.id))
    assert answer.status_code == 200
    assert fleet.carrier.get(SETTINGS).json() == answer.json()
    assert put(administrator, of_device(fleet.device()), {"gap_s": 7200}).status_code == 200
    assert administrator.delete(f"{SETTINGS}?carrier={fleet.carrier.id}").status_code == 204
    assert fleet.carrier.get(SETTINGS).json()["settings"] == {}
