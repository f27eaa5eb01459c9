"""A truck's visits move an order: the whole life, then late, repeated, revised and retracted crossings."""

import json
import random
from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import Any

import pytest
import redis

from config import database
from config.redis import order_channel
from platform_api.orders import following, tasks
from tests.integration.orders.world import Assigned, Stay, World
from tests.support.api import code_of
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration

LOADED = Stay("pickup", 10, 40)
WHOLE = {"arrived_pickup": 10, "picked_up": 40, "departed_pickup": 40, "arrived_delivery": 90}


def minutes(times: dict[str, float]) -> dict[str, int]:
    return {name: round(value) for name, value in times.items()}


def _hear(live: Any, messages: list[dict[str, str]]) -> int:
    """Take one more message if there is one; how many there are."""
    message = live.get_message(timeout=0.1)
    if message:
        messages.append(json.loads(message["data"]))
    return len(messages)


def unhandled(world: World, order: Assigned) -> int:
    return len(
        world.sql("SELECT id FROM crossings WHERE handled_at IS NULL AND vehicle_id = %s", order.vehicle_id)
    )


def test_whole_life(world: World, redis_url: str) -> None:
    live: Any = redis.Redis.from_url(redis_url).pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]
    order = world.assigned()
    live.subscribe(order_channel(order.id))
    wait_until(lambda: live.get_message(timeout=0.1) is None and live.subscribed)

    assert world.drive(order, Stay("pickup", 10)) == ["arrived_pickup"]
    assert world.state(order)[0] == "PICKUP_PENDING"
    assert world.drive(order, LOADED) == ["picked_up", "departed_pickup"]
    assert world.state(order)[0] == "IN_TRANSIT"
    assert world.drive(order, LOADED, Stay("delivery", 90)) == ["arrived_delivery"]
    status, times = world.state(order)
    assert (status, minutes(times)) == ("IN_TRANSIT", WHOLE)

    proof = {"receiver_name": "Awa Diop", "time": order.at(100).isoformat(),
             "position": {"lat": 14.1655, "lon": -16.0757, "accuracy_m": 10}}  # fmt: skip
    assert order.driver.post(f"{order.path}proof-of-delivery/", proof).json()["status"] == "DELIVERED"
    assert world.drive(order, LOADED, Stay("delivery", 90, 120)) == ["departed_delivery"]
    assert order.shipper.post(f"{order.path}confirm-delivery/").json()["status"] == "COMPLETED"
    status, times = world.state(order)
    assert (status, minutes(times)) == ("COMPLETED", {**WHOLE, "departed_delivery": 120})

    history = world.history(order)
    assert [row["action"] for row in history] == [
        "created", "posted", "bid_placed", "bid_accepted", "arrived_pickup", "picked_up", "departed_pickup",
        "arrived_delivery", "proof_of_delivery", "departed_delivery", "delivery_confirmed",
    ]  # fmt: skip
    departed = next(row for row in history if row["action"] == "departed_pickup")
    assert departed["actor_kind"] == "geofence"
    assert departed["crossing_id"] == departed["evidence"]["crossing_id"]
    assert datetime.fromisoformat(departed["event_time"]) == order.at(40)
    assert departed["evidence"]["geofence_id"] == order.fences["pickup"]
    assert departed["evidence"]["stay_s"] == 1800
    assert [ping["lat"] for ping in departed["evidence"]["pings"]] == [14.6797, 14.6797]
    delivered = next(row for row in history if row["action"] == "proof_of_delivery")
    assert delivered["evidence"]["receiver_name"] == "Awa Diop"
    assert delivered["evidence"]["flags"] == []

    messages: list[dict[str, str]] = []
    wait_until(lambda: _hear(live, messages) == 7, what="seven live messages")
    assert messages[3] == {
        "order_id": str(order.id),
        "status": "IN_TRANSIT",
        "action": "arrived_delivery",
        "event_time": order.at(90).isoformat(),
    }
    live.close()
    (fence,) = world.sql("SELECT valid_until FROM geofences WHERE id = %s", order.fences["delivery"])
    assert fence["valid_until"] > datetime.now(UTC) + timedelta(hours=23)


def test_fences_that_expire_around_a_waiting_truck_say_nothing(world: World) -> None:
    order = world.assigned()
    world.drive(order, LOADED, Stay("delivery", 90))
    proof = {"receiver_name": "Awa Diop", "time": order.at(100).isoformat()}
    order.driver.post(f"{order.path}proof-of-delivery/", proof)
    order.shipper.post(f"{order.path}confirm-delivery/")
    assert world.drive(order, LOADED, Stay("delivery", 90, 3000, expired=True)) == []
    status, times = world.state(order)
    assert (status, minutes(times)) == ("COMPLETED", WHOLE)


@pytest.mark.parametrize("seed", range(6))
def test_backlog_in_any_order_and_repeated_ends_the_same(world: World, seed: int) -> None:
    order = world.assigned()
    stays = [LOADED, Stay("delivery", 90, 120), Stay("pickup", 4, 6), Stay("delivery", 3, 5, inferred=True)]
    shuffle = random.Random(seed)
    crossings: list[int] = []
    for number in range(1, len(stays) + 1):
        known = shuffle.sample(stays, number) if number < len(stays) else stays
        crossings += world.tell(order, *known)
    shuffle.shuffle(crossings)
    world.handle([*crossings, *crossings[:3]])
    status, times = world.state(order)
    assert (status, minutes(times)) == ("IN_TRANSIT", {**WHOLE, "departed_delivery": 120})
    assert unhandled(world, order) == 0


def test_leaving_early_is_noted_and_changes_nothing(world: World) -> None:
    order = world.assigned()
    world.drive(order, Stay("pickup", 10))
    assert world.drive(order, Stay("pickup", 10, 12)) == ["left_pickup_early"]
    status, times = world.state(order)
    assert (status, minutes(times)) == ("PICKUP_PENDING", {"arrived_pickup": 10})
    assert world.drive(order, Stay("pickup", 10, 12), Stay("pickup", 30)) == ["visit_superseded"]
    assert world.drive(order, Stay("pickup", 10, 12), Stay("pickup", 30, 60)) == [
        "picked_up",
        "departed_pickup",
    ]


def test_driver_confirms_loading_then_leaves_soon(world: World) -> None:
    order = world.assigned()
    world.drive(order, Stay("pickup", 10))
    body = {"time": order.at(11).isoformat()}
    assert order.driver.post(f"{order.path}confirm-loading/", body).json()["status"] == "PICKED_UP"
    # the same tap again
    assert order.driver.post(f"{order.path}confirm-loading/", body).json()["status"] == "PICKED_UP"
    assert world.drive(order, Stay("pickup", 10, 12)) == ["departed_pickup"]
    status, times = world.state(order)
    assert status == "IN_TRANSIT"
    assert minutes(times) == {"arrived_pickup": 10, "picked_up": 11, "departed_pickup": 12}
    rows = [row for row in world.history(order) if row["action"] == "loading_confirmed"]
    assert [(row["actor_kind"], row["actor_id"]) for row in rows] == [("person", str(order.driver.id))]


def test_confirmation_that_was_offline_corrects_the_automatic_time(world: World) -> None:
    order = world.assigned()
    world.drive(order, LOADED)
    body = {"time": order.at(35).isoformat()}
    assert order.driver.post(f"{order.path}confirm-loading/", body).json()["status"] == "IN_TRANSIT"
    assert minutes(world.state(order)[1])["picked_up"] == 35


def test_revised_visit_corrects_times_with_the_old_and_the_new(world: World) -> None:
    order = world.assigned()
    world.drive(order, LOADED)
    assert world.drive(order, Stay("pickup", 8, 42)) == ["visit_revised"]
    status, times = world.state(order)
    assert status == "IN_TRANSIT"
    assert minutes(times) == {"arrived_pickup": 8, "picked_up": 42, "departed_pickup": 42}
    row = world.history(order)[-1]
    assert row["evidence"]["corrections"]["arrived_pickup"] == {
        "old": order.at(10).isoformat(),
        "new": order.at(8).isoformat(),
    }


def test_retraction_takes_back_what_nobody_confirmed(world: World) -> None:
    order = world.assigned()
    world.drive(order, Stay("pickup", 10))
    assert world.drive(order) == ["visit_retracted"]
    assert world.state(order) == ("ASSIGNED", {})
    # and it may become true again
    assert world.drive(order, LOADED) == ["arrived_pickup", "picked_up", "departed_pickup"]


def test_retraction_never_undoes_what_a_person_confirmed(world: World) -> None:
    order = world.assigned()
    world.drive(order, Stay("pickup", 10))
    order.driver.post(f"{order.path}confirm-loading/", {"time": order.at(20).isoformat()})
    assert world.drive(order) == ["visit_retracted"]
    status, times = world.state(order)
    assert (status, minutes(times)) == ("PICKED_UP", {"picked_up": 20})
    proof = {"receiver_name": "Awa Diop", "time": order.at(100).isoformat()}
    assert order.driver.post(f"{order.path}proof-of-delivery/", proof).json()["status"] == "DELIVERED"
    assert world.history(order)[-1]["evidence"]["flags"] == ["not_seen_at_fence"]


def test_pass_through_and_early_visits_and_other_trucks_do_not_count(world: World) -> None:
    order, other = world.assigned(), world.assigned()
    assert world.drive(order, Stay("pickup", 10, 40, inferred=True)) == []
    assert world.drive(order, Stay("pickup", -60, -20)) == []
    # another truck that somehow has a visit to this order's fence
    world.tell(other, Stay("pickup", 10))
    (crossing,) = world.sql(
        "UPDATE crossings SET geofence_id = %s WHERE vehicle_id = %s RETURNING id",
        order.fences["pickup"],
        other.vehicle_id,
    )
    assert world.handle([crossing["id"]]) == []
    assert world.state(order) == ("ASSIGNED", {})
    assert unhandled(world, order) == 0


def test_crossings_after_cancelling_change_nothing(world: World) -> None:
    order = world.assigned()
    assert code_of(order.shipper.post(f"{order.path}cancel/", {"reason": "plus besoin"})) == (200, "")
    assert world.drive(order, LOADED) == []
    assert world.state(order) == ("CANCELLED", {})
    retired = world.sql("SELECT retired_at FROM geofences WHERE id = ANY (%s)", list(order.fences.values()))
    assert all(row["retired_at"] for row in retired)


def test_two_workers_on_one_crossing_write_once(world: World) -> None:
    order = world.assigned()
    (crossing,) = world.tell(order, Stay("pickup", 10))
    results: list[following.Handled] = []

    def work() -> None:
        with database.transaction() as session:
            results.append(following.handle_crossing(session, crossing, datetime.now(UTC)))

    workers = [Thread(target=work) for _ in range(2)]
    with database.transaction() as session:
        # Both are past their first look before either may go on.
        session.connection().exec_driver_sql("SELECT FROM orders WHERE id = %s FOR UPDATE", (order.id,))
        for worker in workers:
            worker.start()
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        wait_until(lambda: world.sql(waiting)[0]["count"] == 2, what="both workers at the lock")
    for worker in workers:
        worker.join()
    assert sorted(result.repeated for result in results) == [False, True]
    assert [row["action"] for row in world.history(order)].count("arrived_pickup") == 1


def test_sweep_handles_what_the_queue_lost_and_a_bad_one_stops_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    order, broken = world.assigned(), world.assigned()
    bad = world.tell(broken, Stay("pickup", 10))
    good = world.tell(order, LOADED)
    assert tasks.sweep_crossings() == 0, "young crossings are left to the queue"
    world.sql("UPDATE crossings SET recorded_at = recorded_at - interval '1 minute'")
    handle = following.handle_crossing

    def failing(session: object, crossing_id: int, now: datetime) -> following.Handled:
        if crossing_id in bad:
            raise RuntimeError("planted")
        return handle(session, crossing_id, now)  # type: ignore[arg-type]

    monkeypatch.setattr(following, "handle_crossing", failing)
    assert tasks.sweep_crossings() == len(good)
    assert world.state(order)[0] == "IN_TRANSIT"
    assert world.state(broken)[0] == "ASSIGNED"
    monkeypatch.undo()


def test_silence_completes_an_order_counted_from_when_the_proof_was_known(world: World) -> None:
    order = world.assigned()
    world.drive(order, LOADED)
    # Taken long ago, uploaded now: the shipper has had no time to object.
    proof = {"receiver_name": "Awa Diop", "time": order.at(60).isoformat()}
    order.driver.post(f"{order.path}proof-of-delivery/", proof)
    assert tasks.complete_silent() == 0
    world.sql(
        "UPDATE order_history SET recorded_at = now() - interval '73 hours'"
        " WHERE order_id = %s AND action = 'proof_of_delivery'",
        order.id,
    )
    assert tasks.complete_silent() == 1
    assert world.state(order)[0] == "COMPLETED"
    assert world.history(order)[-1]["actor_kind"] == "system"
