"""Commands over HTTP: who may, what is refused and why, and what is shown to whom."""

from typing import Any
from uuid import uuid4

import pytest

from platform_api.actor import Role
from tests.integration.commands.world import COMMANDS, World
from tests.support.api import Person, code_of, person


def test_a_command_for_an_absent_device_waits_for_it(world: World) -> None:
    truck = world.truck(online=False)
    command = world.send(truck, "reporting_interval", parameters={"seconds": 30})
    assert command["state"] == "queued"
    assert (command["waiting"], command["waiting_for"]) == (
        "device_away",
        "waiting until the device is online",
    )
    assert (command["parameters"], command["vehicle_id"]) == ({"seconds": 30}, truck.vehicle_id)
    assert (command["created_by"], command["automatic"]) == (str(world.carrier.id), False)
    assert world.read(command) == command


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"kind": "reporting_interval"}, (422, "invalid_parameters")),
        ({"kind": "reporting_interval", "parameters": {"seconds": 1}}, (422, "invalid_parameters")),
        ({"kind": "position_now", "parameters": {"seconds": 10}}, (422, "invalid_parameters")),
        ({"kind": "explode"}, (422, "invalid_body")),
        ({"kind": "position_now", "expires_in_s": 59}, (422, "invalid_body")),
        ({"kind": "position_now", "expires_in_s": 604_801}, (422, "invalid_body")),
        ({"kind": "position_now", "key": ""}, (422, "invalid_body")),
        ({"kind": "position_now", "key": "a\x00"}, (422, "invalid_value")),
        ({"kind": "position_now", "device_uid": "nobody"}, (404, "device_not_found")),
    ],
)
def test_bad_commands(world: World, body: dict[str, Any], code: tuple[int, str]) -> None:
    truck = world.truck()
    assert code_of(world.carrier.post(COMMANDS, {"device_uid": truck.uid, **body})) == code
    assert code_of(world.carrier.get(COMMANDS))[0] == 200


def test_what_the_device_cannot_do(world: World) -> None:
    def refused(truck: Any, kind: str = "engine_stop") -> tuple[int, str]:
        return code_of(world.carrier.post(COMMANDS, {"device_uid": truck.uid, "kind": kind}))

    assert refused(world.truck("owntracks", "pixel")) == (409, "command_unsupported")
    assert refused(world.truck(None)) == (409, "device_unreachable")
    loose = world.truck()
    world.sql("DELETE FROM device_assignments WHERE device_id = %s", loose.device_id)
    assert refused(loose) == (409, "device_not_assigned")
    assert refused(loose, "position_now") == (201, "")
    world.sql("UPDATE devices SET disabled = true WHERE id = %s", loose.device_id)
    assert refused(loose, "position_now") == (409, "device_disabled")
    truck = world.truck()
    assert refused(truck) == (201, "")
    assert refused(truck) == (409, "engine_stop_open")


def test_the_same_key_gives_the_same_command(world: World) -> None:
    truck, other = world.truck(), world.truck()
    key = uuid4().hex
    first = world.send(truck, "position_now", key=key)
    assert world.send(truck, "position_now", key=key)["id"] == first["id"]
    body = {"device_uid": other.uid, "kind": "position_now", "key": key}
    assert code_of(world.carrier.post(COMMANDS, body)) == (409, "key_reused")
    body = {"device_uid": truck.uid, "kind": "engine_resume", "key": key}
    assert code_of(world.carrier.post(COMMANDS, body)) == (409, "key_reused")
    # keys are each person's own
    assert world.send(truck, "position_now", world.administrator, key=key)["id"] != first["id"]


def test_who_sees_and_who_commands(world: World) -> None:
    truck = world.truck()
    command = world.send(truck, "position_now")
    path = f"{COMMANDS}{command['id']}/"
    shipper = person(world.client, Role.SHIPPER)
    world.sql("UPDATE devices SET user_id = %s WHERE id = %s", world.driver.id, truck.device_id)
    other_driver = person(world.client, Role.DRIVER, carrier_id=world.carrier.id)

    def listed(who: Person) -> list[str]:
        return [item["id"] for item in who.get(COMMANDS).json()["items"]]

    for who in (world.carrier, world.administrator, world.driver):
        assert code_of(who.get(path)) == (200, "")
        assert command["id"] in listed(who)
    for who in (world.stranger, other_driver):
        assert code_of(who.get(path)) == (404, "command_not_found")
        assert code_of(who.get(f"{path}steps/")) == (404, "command_not_found")
        assert listed(who) == []
    assert code_of(shipper.get(path)) == (403, "role_not_allowed")
    body = {"device_uid": truck.uid, "kind": "position_now"}
    assert code_of(world.driver.post(COMMANDS, body)) == (403, "role_not_allowed")
    assert code_of(world.stranger.post(COMMANDS, body)) == (404, "device_not_found")
    for action in ("approve/", "cancel/"):
        assert code_of(world.stranger.post(path + action)) == (404, "command_not_found")
        assert code_of(world.driver.post(path + action)) == (403, "role_not_allowed")


def test_lists_are_filtered_and_paged(world: World) -> None:
    first, second = world.truck(online=False), world.truck(online=False)
    ids = [world.send(first, "reporting_interval", parameters={"seconds": 10 + n})["id"] for n in range(3)]
    world.send(second, "position_now")
    page = world.carrier.get(f"{COMMANDS}?device_uid={first.uid}&limit=2").json()
    assert [item["id"] for item in page["items"]] == ids[:0:-1]
    rest = world.carrier.get(f"{COMMANDS}?device_uid={first.uid}&limit=2&cursor={page['next_cursor']}").json()
    assert ([item["id"] for item in rest["items"]], rest["next_cursor"]) == (ids[:1], None)
    queued = world.carrier.get(f"{COMMANDS}?device_uid={first.uid}&state=queued").json()["items"]
    assert [item["id"] for item in queued] == ids[2:]
    assert code_of(world.carrier.get(f"{COMMANDS}?state=lost")) == (400, "invalid_parameter")


def test_a_newer_interval_takes_the_place_of_the_older(world: World) -> None:
    truck = world.truck(online=False)
    older = world.send(truck, "reporting_interval", parameters={"seconds": 30})
    newer = world.send(truck, "reporting_interval", parameters={"seconds": 60})
    assert newer["supersedes"] == older["id"]
    assert world.state(older) == ("superseded", None)
    assert world.state(newer) == ("queued", "device_away")
    assert world.steps(older) == ["created", "superseded"]


def test_a_resume_takes_the_stop_back(world: World) -> None:
    truck = world.truck(online=False)
    stop = world.engine_stop(truck)
    resume = world.send(truck, "engine_resume")
    assert (world.state(stop)[0], resume["supersedes"]) == ("superseded", stop["id"])
    # A request alone does not keep an engine stopped; its approval does.
    again = world.send(truck, "engine_stop")
    assert world.state(resume)[0] == "queued"
    assert code_of(world.administrator.post(f"{COMMANDS}{again['id']}/approve/")) == (200, "")
    assert world.state(resume)[0] == "superseded"


def test_two_people_stop_an_engine(world: World) -> None:
    truck = world.truck()
    command = world.engine_stop(truck, approved=False)
    path = f"{COMMANDS}{command['id']}/approve/"
    assert (command["state"], command["waiting"]) == ("queued", "approval")
    assert code_of(world.carrier.post(path)) == (403, "same_person")
    approved = world.administrator.post(path).json()
    assert (approved["approved_by"], approved["waiting"]) == (str(world.administrator.id), None)
    assert code_of(world.administrator.post(path)) == (200, "")
    assert code_of(world.second.post(path)) == (409, "already_approved")
    items = world.carrier.get(f"{COMMANDS}{command['id']}/steps/").json()["items"]
    assert [(item["step"], item["actor_kind"], item["actor_id"]) for item in items] == [
        ("created", "person", str(world.carrier.id)),
        ("approved", "person", str(world.administrator.id)),
    ]


def test_cancelling(world: World) -> None:
    command = world.send(world.truck(online=False), "position_now")
    path = f"{COMMANDS}{command['id']}/cancel/"
    cancelled = world.carrier.post(path).json()
    assert (cancelled["state"], cancelled["waiting"]) == ("cancelled", None)
    assert cancelled["ended_at"] is not None
    assert code_of(world.carrier.post(path)) == (200, "")
    assert world.steps(command) == ["created", "cancelled"]
    stop = world.engine_stop(world.truck(), approved=False)
    assert world.carrier.post(f"{COMMANDS}{stop['id']}/cancel/").json()["state"] == "cancelled"
    assert code_of(world.administrator.post(f"{COMMANDS}{stop['id']}/approve/")) == (409, "command_not_open")


def test_presence_is_shown_to_those_who_see_the_device(world: World) -> None:
    truck = world.truck("owntracks", "pixel")
    world.sql(
        "UPDATE device_presence SET goodbye_at = now() + interval '1 s', report = %s, reported_at = now()"
        " WHERE device_id = %s",
        '{"battery_optimised": true}',
        truck.device_id,
    )
    path = f"/api/v1/fleet/devices/{truck.uid}/presence/"
    shown = world.carrier.get(path).json()
    assert (shown["uid"], shown["state"], shown["commands_by"]) == (truck.uid, "online", "owntracks")
    assert shown["report"] == {"battery_optimised": True}
    assert shown["leaving_since"] is not None
    world.presence(truck, online=False)
    assert world.carrier.get(path).json()["leaving_since"] is None
    assert code_of(world.stranger.get(path)) == (404, "device_not_found")
    for state in ("online", "offline"):
        world.sql(
            "INSERT INTO presence_changes (device_id, vehicle_id, state, at) VALUES (%s, %s, %s, now())",
            truck.device_id,
            truck.vehicle_id,
            state,
        )
    changes = world.carrier.get(f"{path}changes/").json()["items"]
    assert [change["state"] for change in changes] == ["offline", "online"]
    assert code_of(world.stranger.get(f"{path}changes/")) == (404, "device_not_found")
