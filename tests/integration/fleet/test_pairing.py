"""A tracker from stock finds its vehicle by the code on its label."""

import random
from dataclasses import replace
from datetime import datetime
from itertools import count
from uuid import uuid4

from sqlalchemy.orm import Session

from config import clock
from platform_api.actor import Actor
from platform_api.errors import PlatformError
from platform_api.pairing import codes, service
from tests.integration.fleet.world import FLEET, FleetWorld, actor_of
from tests.support.api import Person, code_of, person
from tests.support.races import Act, race

ROUNDS = 100
PLACED = (
    "FROM devices d JOIN device_assignments a ON a.device_id = d.id JOIN vehicles v ON v.id = a.vehicle_id"
    " WHERE d.uid = %s"
)
_numbers = count(1)


def stock(world: FleetWorld, owner: Person | None = None) -> str:
    """A tracker without a vehicle; its uid."""
    uid = f"stock-{next(_numbers)}"
    answer = (owner or world.administrator).post(f"{FLEET}/devices/", {"uid": uid, "kind": "tracker"})
    assert answer.status_code == 201, answer.text
    return uid


def label(world: FleetWorld, uid: str, owner: Person | None = None) -> str:
    answer = (owner or world.administrator).post(f"{FLEET}/devices/{uid}/pairing-code/")
    assert answer.status_code == 200, answer.text
    assert answer.json().keys() == {"code"}
    return str(answer.json()["code"])


def unknown_code() -> str:
    return codes.new_code(random.randrange)


def test_a_tracker_from_stock_is_the_carriers_and_in_the_vehicle_from_now_on(world: FleetWorld) -> None:
    uid = stock(world)
    assert world.carrier.get(f"{FLEET}/devices/{uid}/").status_code == 404
    code, before = label(world, uid), clock.now()
    body = {"code": code.lower(), "vehicle_id": world.vehicle_id}
    answer = world.carrier.post(f"{FLEET}/pair/", body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["uid"] == uid
    assert "mqtt_password" not in answer.json()
    [span] = answer.json()["assignments"]
    assert (span["vehicle_id"], span["valid_to"]) == (world.vehicle_id, None)
    [row] = world.sql(
        "SELECT valid_from FROM device_assignments a JOIN devices d ON d.id = device_id WHERE uid = %s", uid
    )
    assert row["valid_from"] >= before
    assert world.carrier.get(f"{FLEET}/devices/{uid}/").json()["assignments"] == [span]
    assert code_of(world.carrier.post(f"{FLEET}/pair/", body)) == (404, "pairing_code_unknown")


def test_wrong_spent_rotated_and_others_codes_are_told_alike(world: FleetWorld) -> None:
    uid = stock(world)
    old, new = label(world, uid), label(world, uid)
    foreign = label(world, stock(world, world.other_carrier), world.other_carrier)
    answers = []
    for code in (unknown_code(), old, foreign):
        answer = world.carrier.post(f"{FLEET}/pair/", {"code": code, "vehicle_id": world.vehicle_id})
        answers.append({**answer.json(), "status": answer.status_code, "request_id": ""})
    assert answers[0] == answers[1] == answers[2]
    assert (answers[0]["status"], answers[0]["code"]) == (404, "pairing_code_unknown")
    body = {"code": foreign, "vehicle_id": world.add_vehicle(world.other_carrier)}
    assert world.other_carrier.post(f"{FLEET}/pair/", body).status_code == 200
    body = {"code": new, "vehicle_id": world.vehicle_id}
    assert world.carrier.post(f"{FLEET}/pair/", body).status_code == 200


def test_a_typing_mistake_is_found_and_costs_no_try(world: FleetWorld) -> None:
    code = label(world, stock(world))
    typo = ("0" if code[0] != "0" else "2") + code[1:]
    for _ in range(service.PAIR_USER.times + 1):
        answer = world.carrier.post(f"{FLEET}/pair/", {"code": typo, "vehicle_id": world.vehicle_id})
        assert code_of(answer) == (422, "invalid_pairing_code")
    right = world.carrier.post(f"{FLEET}/pair/", {"code": code, "vehicle_id": world.vehicle_id})
    assert right.status_code == 200


def test_wrong_codes_are_counted_and_right_ones_are_not(world: FleetWorld) -> None:
    world.sql("DELETE FROM rate_limits")
    for _ in range(service.PAIR_USER.times + 1):
        body = {"code": label(world, stock(world)), "vehicle_id": world.vehicle_id}
        assert world.carrier.post(f"{FLEET}/pair/", body).status_code == 200
    for _ in range(service.PAIR_USER.times):
        body = {"code": unknown_code(), "vehicle_id": world.vehicle_id}
        assert world.carrier.post(f"{FLEET}/pair/", body).status_code == 404
    code = label(world, stock(world))
    refused = world.carrier.post(f"{FLEET}/pair/", {"code": code, "vehicle_id": world.vehicle_id})
    assert code_of(refused) == (429, "too_many_requests")
    assert int(refused.headers["Retry-After"]) > 0
    body = {"code": code, "vehicle_id": world.add_vehicle(world.other_carrier)}
    assert world.other_carrier.post(f"{FLEET}/pair/", body).status_code == 200


def test_wrong_codes_are_counted_by_network_too(world: FleetWorld) -> None:
    world.sql("DELETE FROM rate_limits")
    statuses = []
    for _ in range(service.PAIR_NETWORK.times // service.PAIR_USER.times + 1):
        carrier = person(world.client, world.carrier.role)
        vehicle_id = world.add_vehicle(carrier)
        statuses += [
            carrier.post(f"{FLEET}/pair/", {"code": unknown_code(), "vehicle_id": vehicle_id}).status_code
            for _ in range(service.PAIR_USER.times)
        ]
    world.sql("DELETE FROM rate_limits")
    # A try is given back each minute, should this take as long.
    assert service.PAIR_NETWORK.times <= statuses.count(404) <= service.PAIR_NETWORK.times + 2
    assert 429 in statuses


def test_a_carriers_own_tracker_moves_by_its_label(world: FleetWorld) -> None:
    uid = stock(world, world.carrier)
    first, second = world.vehicle_id, world.add_vehicle()
    for vehicle_id in (first, second):
        body = {"code": label(world, uid, world.carrier), "vehicle_id": vehicle_id}
        answer = world.carrier.post(f"{FLEET}/pair/", body)
        assert answer.status_code == 200, answer.text
    spans = answer.json()["assignments"]
    assert [span["vehicle_id"] for span in spans] == [first, second]
    assert spans[0]["valid_to"] == spans[1]["valid_from"]
    assert spans[1]["valid_to"] is None


def test_a_disabled_tracker_is_not_paired_and_keeps_its_code(world: FleetWorld) -> None:
    uid = stock(world, world.carrier)
    code = label(world, uid, world.carrier)
    body = {"code": code, "vehicle_id": world.vehicle_id}
    assert world.carrier.post(f"{FLEET}/devices/{uid}/disable/").status_code == 204
    assert code_of(world.carrier.post(f"{FLEET}/pair/", body)) == (409, "device_disabled")
    assert world.carrier.post(f"{FLEET}/devices/{uid}/enable/").status_code == 200
    assert world.carrier.post(f"{FLEET}/pair/", body).status_code == 200


def test_nobody_pairs_into_a_vehicle_of_others_and_the_code_is_kept(world: FleetWorld) -> None:
    code = label(world, stock(world))
    answer = world.other_carrier.post(f"{FLEET}/pair/", {"code": code, "vehicle_id": world.vehicle_id})
    assert code_of(answer) == (404, "vehicle_not_found")
    assert (
        world.carrier.post(f"{FLEET}/pair/", {"code": code, "vehicle_id": world.vehicle_id}).status_code
        == 200
    )


def test_stock_holds_trackers_without_vehicles_and_only_they_have_codes(world: FleetWorld) -> None:
    def register(someone: Person, **body: object) -> tuple[int, str]:
        answer = someone.post(f"{FLEET}/devices/", {"uid": f"stock-{next(_numbers)}", **body})
        return code_of(answer) if answer.is_error else (answer.status_code, answer.json()["uid"])

    assert register(world.administrator, kind="gateway") == (409, "not_a_tracker")
    refused = (409, "stock_device_unassigned")
    assert register(world.administrator, kind="tracker", vehicle_id=world.vehicle_id) == refused
    _, uid = register(world.carrier, kind="gateway")
    assert code_of(world.carrier.post(f"{FLEET}/devices/{uid}/pairing-code/")) == (409, "not_a_tracker")
    uid = stock(world)
    assert code_of(world.carrier.post(f"{FLEET}/devices/{uid}/pairing-code/")) == (404, "device_not_found")


def test_no_code_is_stored(world: FleetWorld) -> None:
    uid = stock(world)
    code = label(world, uid)
    [row] = world.sql(
        "SELECT c::text AS said FROM device_pairing_codes c JOIN devices d ON d.id = c.device_id WHERE uid = %s",
        uid,
    )
    assert code.replace("-", "") not in row["said"]


def pairing(actor: Actor, code: str, vehicle_id: int) -> Act:
    """Each from a network of his own: what is counted for both would let them in one by one."""

    def act(session: Session, now: datetime) -> None:
        outcome = service.pair(
            session, actor, typed=code, vehicle_id=vehicle_id, network=str(actor.user_id), now=now
        )
        if isinstance(outcome, PlatformError):
            raise outcome

    return act


def test_of_two_carriers_who_pair_one_tracker_at_once_one_wins(world: FleetWorld) -> None:
    theirs = world.add_vehicle(world.other_carrier)
    one, other = actor_of(world.carrier), actor_of(world.other_carrier)
    for _ in range(ROUNDS):
        uid = stock(world)
        code = label(world, uid)
        world.sql("DELETE FROM rate_limits")
        outcomes = race(pairing(one, code, world.vehicle_id), pairing(other, code, theirs))
        assert sorted(outcomes) == ["ok", "pairing_code_unknown"]
        [row] = world.sql(f"SELECT d.carrier_id, v.carrier_id AS of_vehicle {PLACED}", uid)
        winner = (one, other)[outcomes.index("ok")]
        assert row["carrier_id"] == row["of_vehicle"] == winner.carrier_id


def test_of_two_colleagues_who_pair_one_tracker_at_once_one_wins(world: FleetWorld) -> None:
    second = world.add_vehicle()
    owner = actor_of(world.carrier)
    colleague = replace(owner, user_id=uuid4(), acts_for=owner.user_id)
    for _ in range(ROUNDS):
        uid = stock(world)
        code = label(world, uid)
        world.sql("DELETE FROM rate_limits")
        outcomes = race(pairing(owner, code, world.vehicle_id), pairing(colleague, code, second))
        assert sorted(outcomes) == ["ok", "pairing_code_unknown"]
        [row] = world.sql(f"SELECT a.vehicle_id {PLACED}", uid)
        assert row["vehicle_id"] == (world.vehicle_id, second)[outcomes.index("ok")]


def test_rotating_and_pairing_at_once_leave_the_new_code_or_none(world: FleetWorld) -> None:
    """Whoever comes second sees what the first did; nobody waits for the other for ever."""
    actor = actor_of(world.carrier)

    def spending(code: str) -> Act:
        return lambda session, now: service.pair(
            session, actor, typed=code, vehicle_id=world.vehicle_id, network="race", now=now
        )

    def rotating(uid: str) -> Act:
        return lambda session, now: service.make_code(session, actor, uid, now=now)

    for _ in range(ROUNDS):
        uid = stock(world, world.carrier)
        code = label(world, uid, world.carrier)
        world.sql("DELETE FROM rate_limits")
        outcomes = race(spending(code), rotating(uid))
        assert outcomes == ["ok", "ok"]
        [left] = world.sql(
            "SELECT count(*) AS codes FROM device_pairing_codes c JOIN devices d ON d.id = c.device_id WHERE uid = %s",
            uid,
        )
        assert left["codes"] == 1
