"""Waiting at an order that is called off while the truck waits."""

from datetime import UTC, datetime, timedelta

from platform_api.detention import tasks
from tests.integration.detention.test_detention import alerts, at_pickup, claim, recent
from tests.integration.orders.world import Stay, World
from tests.support.api import code_of


def test_the_clock_ends_when_the_order_is_cancelled(world: World) -> None:
    order = recent(world, minutes_ago=300)
    world.drive(order, Stay("pickup", 10))
    tasks.remind()
    assert at_pickup(order)["running"] is True
    answer = order.shipper.post(f"{order.path}cancel/", {"reason_code": "goods_not_ready", "reason": ""})
    assert answer.status_code == 200, answer.text
    cancelled_at = datetime.fromisoformat(answer.json()["cancelled_at"])
    # As if it had been an hour ago.
    world.sql("UPDATE orders SET cancelled_at = cancelled_at - interval '1 hour' WHERE id = %s", order.id)
    ended = cancelled_at - timedelta(hours=1)
    place = at_pickup(order)
    assert place["running"] is False
    assert datetime.fromisoformat(place["clock_to"]) == ended
    assert place["waited_s"] == round((ended - order.at(10)).total_seconds())
    tasks.remind()
    (told,) = [each for each in alerts(order.carrier, order) if each["kind"] == "detention_running"]
    assert datetime.fromisoformat(told["ended_at"]) == ended
    made = claim(order)
    assert made.status_code == 201, made.text
    assert made.json()["clock_to"] == place["clock_to"]


def test_a_cancelled_order_can_be_claimed_for_a_while_only(world: World) -> None:
    order = recent(world, minutes_ago=300)
    world.drive(order, Stay("pickup", 10))
    order.shipper.post(f"{order.path}cancel/", {"reason_code": "goods_not_ready", "reason": ""})
    back = timedelta(hours=25)
    for column in ("assigned_at", "arrived_pickup_at", "cancelled_at"):
        world.sql(f"UPDATE orders SET {column} = {column} - %s WHERE id = %s", back, order.id)
    world.sql("UPDATE visits SET entered_at = entered_at - %s WHERE vehicle_id = %s", back, order.vehicle_id)
    assert at_pickup(order)["clock_to"] < datetime.now(UTC).isoformat()
    assert code_of(claim(order)) == (409, "detention_too_late")
