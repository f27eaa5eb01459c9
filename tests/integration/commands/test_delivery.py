"""From the queue to a device on a real broker and back, as the tasks do it."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cli.parts.mosquitto import Mosquitto
from config.database import transaction
from platform_api.commands import delivery, tasks
from platform_api.commands.rules import CLAIM, NO_ANSWER, PRESUMED
from tests.integration.commands.world import COMMANDS, Truck, World, ear
from tests.support.api import code_of


def down(truck: Truck) -> str:
    return f"v1/devices/{truck.uid}/commands"


def test_a_command_reaches_the_device_and_its_answers_come_back(world: World, broker: Mosquitto) -> None:
    truck = world.truck()
    command = world.send(truck, "reporting_interval", parameters={"seconds": 30})
    with ear(broker, down(truck)) as device:
        assert tasks.deliver([truck.device_id]) == 1
        (body,) = device.wait()
    assert (body["id"], body["kind"], body["params"]) == (
        command["id"],
        "reporting_interval",
        {"seconds": 30},
    )
    sent = world.read(command)
    assert (sent["state"], sent["attempts"], sent["sent_at"] is not None) == ("sent", 1, True)
    world.answer(truck, command["id"], receipt=True)
    tasks.on_results([truck.device_id])
    assert world.state(command) == ("delivered", None)
    world.answer(truck, command["id"], text="30 s")
    tasks.on_results([truck.device_id])
    done = world.read(command)
    assert (done["state"], done["result"]) == ("acknowledged", "30 s")
    assert done["delivered_at"] <= done["acknowledged_at"]
    assert world.steps(command) == ["created", "sent", "delivered", "acknowledged"]
    assert tasks.deliver([truck.device_id]) == 0


def test_it_is_kept_until_the_device_returns(world: World, broker: Mosquitto) -> None:
    truck = world.truck(online=False)
    command = world.send(truck, "position_now")
    with ear(broker, down(truck)) as device:
        assert tasks.sweep() == 0
        assert world.state(command) == ("queued", "device_away")
        world.presence(truck, online=True)
        assert tasks.sweep() == 1
        device.wait()
    assert world.state(command) == ("sent", None)


def test_nobody_subscribed_is_not_sent(world: World, broker: Mosquitto) -> None:
    truck = world.truck()
    command = world.send(truck, "position_now")
    assert tasks.deliver([truck.device_id]) == 0
    assert world.state(command) == ("queued", "not_subscribed")
    with ear(broker, down(truck)) as device:
        assert tasks.deliver([truck.device_id]) == 0  # not at once again
        world.later(command, 16)
        assert tasks.sweep() == 1
        device.wait()


def test_a_broker_that_is_away(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    trucks = [world.truck(), world.truck()]
    commands = [world.send(truck, "position_now") for truck in trucks]
    settings = tasks.get_settings().model_copy(update={"mqtt_port": 1})
    monkeypatch.setattr(tasks, "get_settings", lambda: settings)
    assert tasks.deliver([truck.device_id for truck in trucks]) == 0
    assert [world.state(command) for command in commands] == [("queued", "broker_away")] * 2
    assert [world.read(command)["attempts"] for command in commands] == [0, 0]


def test_an_unanswered_command_is_sent_again_and_fails_at_last(world: World, broker: Mosquitto) -> None:
    truck = world.truck()
    command = world.send(truck, "position_now")
    with ear(broker, down(truck)) as device:
        tasks.deliver([truck.device_id])
        for attempt in range(2, 6):
            assert tasks.sweep() == 0
            world.later(command, 60 * 2 ** (attempt - 2) + 1)
            assert tasks.sweep() == 1
            device.wait(attempt)
        assert len({body["id"] for body in device.bodies}) == 1
        world.later(command, 961)
        assert tasks.sweep() == 0
    failed = world.read(command)
    assert (failed["state"], failed["result"], failed["attempts"]) == ("failed", NO_ANSWER, 5)
    # The device knew better.
    world.answer(truck, command["id"], text="here")
    tasks.sweep()
    done = world.read(command)
    assert (done["state"], done["result"]) == ("acknowledged", "here")


def test_expiry(world: World, broker: Mosquitto) -> None:
    truck = world.truck(online=False)
    command = world.send(truck, "position_now", expires_in_s=60)
    tasks.sweep()
    assert world.state(command)[0] == "queued"
    world.later(command, 61)
    tasks.sweep()
    expired = world.read(command)
    assert (expired["state"], expired["result"], expired["waiting"]) == ("expired", "", None)
    world.presence(truck, online=True)
    with ear(broker, down(truck)) as device:
        assert tasks.sweep() == 0
        assert device.bodies == []


def test_an_engine_is_not_stopped_while_the_vehicle_moves(world: World, broker: Mosquitto) -> None:
    truck = world.truck()
    world.position(truck, 60, "moving")
    command = world.engine_stop(truck)
    with ear(broker, down(truck)) as device:
        assert tasks.deliver([truck.device_id]) == 0
        shown = world.read(command)
        assert (shown["state"], shown["waiting"], shown["waiting_for"]) == (
            "queued",
            "vehicle_moving",
            "waiting until the vehicle stands",
        )
        world.position(truck, 0, "stopped", age_s=600)
        tasks.sweep()
        assert world.state(command) == ("queued", "position_unknown")
        world.position(truck, 0, "stopped")
        assert tasks.sweep() == 1
        (body,) = device.wait()
    assert body["kind"] == "engine_stop"
    valid_s = (datetime.fromisoformat(body["expires"]) - datetime.now(UTC)).total_seconds()
    assert valid_s < 31
    items = world.carrier.get(f"{COMMANDS}{command['id']}/steps/").json()["items"]
    assert [(item["step"], item["details"].get("reason")) for item in items] == [
        ("created", None),
        ("approved", None),
        ("waiting", "vehicle_moving"),
        ("waiting", "position_unknown"),
        ("sent", None),
    ]
    assert items[2]["details"]["speed_kmh"] == 60
    assert (items[4]["details"]["motion"], items[4]["details"]["presence"]) == ("stopped", "online")


def test_an_approval_that_lapsed_is_asked_for_again(world: World, broker: Mosquitto) -> None:
    truck = world.truck()
    world.position(truck, 60, "moving")
    command = world.engine_stop(truck)
    tasks.deliver([truck.device_id])
    world.later(command, 901)
    world.position(truck, 0, "parked")
    with ear(broker, down(truck)) as device:
        assert tasks.sweep() == 0
        assert world.state(command) == ("queued", "approval")
        assert device.bodies == []
        assert code_of(world.second.post(f"{COMMANDS}{command['id']}/approve/")) == (200, "")
        assert tasks.sweep() == 1
    assert world.steps(command)[2:] == ["waiting", "approval_lapsed", "waiting", "approved", "sent"]


def test_a_device_that_moved_to_another_vehicle(world: World) -> None:
    truck, other = world.truck(), world.truck()
    world.position(truck, 0, "parked")
    world.position(other, 0, "parked")
    command = world.engine_stop(truck)
    world.sql(
        "UPDATE device_assignments SET vehicle_id = %s WHERE device_id = %s",
        other.vehicle_id,
        truck.device_id,
    )
    assert tasks.deliver([truck.device_id]) == 0
    assert world.state(command)[0] == "failed"


def test_owntracks(world: World, broker: Mosquitto) -> None:
    truck = world.truck("owntracks", "pixel")
    position = world.send(truck, "position_now")
    interval = world.send(truck, "reporting_interval", parameters={"seconds": 20})
    with ear(broker, f"owntracks/{truck.uid}/pixel/cmd") as phone:
        assert tasks.deliver([truck.device_id]) == 2
        bodies = phone.wait(2)
    assert [body["action"] for body in bodies] == ["reportLocation", "setConfiguration"]
    # A location that says it was asked for answers the one, and tells nothing of the other.
    world.answer(truck, None)
    tasks.on_results([truck.device_id])
    assert (world.state(position)[0], world.state(interval)[0]) == ("acknowledged", "sent")
    world.sql(
        "UPDATE device_presence SET last_seen_at = now() + interval '6 s' WHERE device_id = %s",
        truck.device_id,
    )
    tasks.sweep()
    shown = world.read(interval)
    assert (shown["state"], shown["result"], shown["ended_at"] is not None) == ("delivered", PRESUMED, True)
    world.later(interval, 100_000)
    tasks.sweep()
    assert world.state(interval)[0] == "delivered"


def test_teltonika_is_asked_one_thing_at_a_time(world: World, broker: Mosquitto) -> None:
    truck = world.truck("teltonika", "master/x")
    world.answer(truck, None, text="of long ago")
    tasks.on_results([truck.device_id])
    position = world.send(truck, "position_now")
    interval = world.send(truck, "reporting_interval", parameters={"seconds": 60})
    with ear(broker, f"master/x/teltonika/{truck.uid}/commands") as tracker:
        assert tasks.deliver([truck.device_id]) == 1
        assert tracker.wait() == [{"CMD": "getgps"}]
        assert world.state(interval) == ("queued", "earlier_command")
        world.answer(truck, None, text="GPS:1 Sat:9")
        tasks.on_results([truck.device_id])
        assert tracker.wait(2)[1]["CMD"].startswith("setparam ")
    assert (world.read(position)["state"], world.read(position)["result"]) == ("acknowledged", "GPS:1 Sat:9")
    world.answer(truck, None, text="Unknown command")
    tasks.on_results([truck.device_id])
    assert (world.read(interval)["state"], world.read(interval)["result"]) == ("failed", "Unknown command")


def test_a_tracker_that_keeps_the_stop_for_later_is_told_to_forget_it(
    world: World, broker: Mosquitto
) -> None:
    truck = world.truck("teltonika")
    world.position(truck, 0, "stopped")
    command = world.engine_stop(truck)
    with ear(broker, f"teltonika/{truck.uid}/commands") as tracker:
        tasks.deliver([truck.device_id])
        world.answer(truck, None, text="DOUT1:ON Timeout:INFINITY Speed is above threshold, queued")
        tasks.on_results([truck.device_id])
        assert [body["CMD"] for body in tracker.wait(2)] == ["setdigout 1 ? 5", "setdigout 0"]
    assert world.state(command)[0] == "failed"
    (resume, _) = world.carrier.get(f"{COMMANDS}?device_uid={truck.uid}").json()["items"]
    assert (resume["kind"], resume["automatic"], resume["state"]) == ("engine_resume", True, "sent")


@pytest.mark.parametrize("command_id", ["not a uuid", "00000000-0000-0000-0000-000000000000", None])
def test_an_answer_to_no_command_is_read_and_harms_nobody(world: World, command_id: str | None) -> None:
    truck = world.truck()
    world.answer(truck, command_id)
    tasks.sweep()
    (row,) = world.sql("SELECT handled_at FROM command_results WHERE device_id = %s", truck.device_id)
    assert row["handled_at"] is not None


def test_nobody_answers_for_another(world: World, broker: Mosquitto) -> None:
    truck, other = world.truck(), world.truck()
    command = world.send(truck, "position_now")
    with ear(broker, down(truck)):
        tasks.deliver([truck.device_id])
    world.answer(other, command["id"])
    tasks.on_results([other.device_id])
    assert world.state(command)[0] == "sent"


def test_an_answer_faster_than_the_task(world: World) -> None:
    truck = world.truck()
    command = world.send(truck, "position_now")
    now = datetime.now(UTC)
    with transaction() as session:
        (outgoing,) = delivery.claim_commands(session, truck.device_id, now)
    world.answer(truck, command["id"], text="here")
    tasks.on_results([truck.device_id])
    assert world.state(command)[0] == "acknowledged"
    with transaction() as session:
        delivery.confirm_outgoing(session, outgoing, "taken", now)
    done = world.read(command)
    assert (done["state"], done["attempts"], done["result"]) == ("acknowledged", 1, "here")


def test_a_task_that_died_with_a_command_in_its_hand(world: World, broker: Mosquitto) -> None:
    truck = world.truck()
    command = world.send(truck, "position_now")
    with transaction() as session:
        assert len(delivery.claim_commands(session, truck.device_id, datetime.now(UTC))) == 1
    with ear(broker, down(truck)) as device:
        assert tasks.sweep() == 0
        assert code_of(world.carrier.post(f"{COMMANDS}{command['id']}/cancel/")) == (
            409,
            "command_not_queued",
        )
        world.later(command, CLAIM / timedelta(seconds=1))
        assert tasks.sweep() == 1
        device.wait()


def test_commands_of_a_device_keep_their_order(world: World) -> None:
    truck = world.truck()
    world.send(truck, "reporting_interval", parameters={"seconds": 30})
    now = datetime.now(UTC)
    with transaction() as session:
        (first,) = delivery.claim_commands(session, truck.device_id, now)
    world.send(truck, "position_now")
    with transaction() as session:
        assert delivery.claim_commands(session, truck.device_id, now) == []  # the first is on its way
    with transaction() as session:
        delivery.confirm_outgoing(session, first, "taken", now)
        assert len(delivery.claim_commands(session, truck.device_id, now)) == 1


def test_two_tasks_at_once_send_once(world: World, broker: Mosquitto) -> None:
    trucks = [world.truck() for _ in range(10)]
    commands: list[dict[str, Any]] = [world.send(truck, "position_now") for truck in trucks]
    ids = [truck.device_id for truck in trucks]
    with ear(broker, "v1/devices/+/commands") as devices:
        threads = [threading.Thread(target=tasks.deliver, args=(ids,)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        devices.wait(10)
    assert sorted(body["id"] for body in devices.bodies) == sorted(command["id"] for command in commands)
    assert {world.read(command)["attempts"] for command in commands} == {1}
