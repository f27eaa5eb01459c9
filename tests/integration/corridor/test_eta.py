"""Estimated arrivals: from positions as ingest writes them to endpoint, alert and socket."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from config.database import transaction
from platform_api.actor import Role
from platform_api.eta import repository, service, tasks
from platform_api.routing.plan import length_m
from tests.integration.corridor.journey import LOADED, Journey
from tests.integration.corridor.road import BEND, DURATION_S, KAOLACK, PORT, ROAD
from tests.integration.orders.world import Stay, World
from tests.integration.tracking.viewer import receive, receive_until, token_of, watching
from tests.support.api import code_of, person
from tests.unit.platform_api.routing.fake_engine import FakeEngine

WHOLE_M = length_m(ROAD)
# The truck was seen here, minutes after the assignment; from the bend the plan takes so long.
AT = 100.0
REST_S = DURATION_S * length_m(ROAD[2:]) / WHOLE_M


@pytest.fixture
def journey(world: World) -> Journey:
    return Journey.planned(world)


def seen(journey: Journey, minutes: float, lon: float, lat: float) -> None:
    journey.world.sql(
        "INSERT INTO vehicle_states (vehicle_id, time, lat, lon) VALUES (%s, %s, %s, %s) ON CONFLICT (vehicle_id)"
        " DO UPDATE SET time = excluded.time, lat = excluded.lat, lon = excluded.lon",
        journey.order.vehicle_id, journey.order.at(minutes), lat, lon,
    )  # fmt: skip


def estimate(journey: Journey) -> dict[str, Any]:
    """As the task does it, whatever was estimated just now."""
    journey.world.sql(
        "UPDATE order_etas SET computed_at = computed_at - interval '1 hour' WHERE order_id = %s",
        journey.order.id,
    )
    tasks.sweep()
    response = journey.order.shipper.get(f"{journey.order.path}eta/")
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    return body


def eta_minutes(journey: Journey, body: dict[str, Any]) -> float:
    minutes = journey.minutes(body["eta_at"])
    assert minutes is not None
    return minutes


def in_transit(journey: Journey) -> None:
    journey.world.drive(journey.order, *LOADED, Stay("corridor", 5))


def test_nothing_is_said_before_the_truck_is_seen(journey: Journey) -> None:
    tasks.sweep()
    assert code_of(journey.order.shipper.get(f"{journey.order.path}eta/")) == (404, "eta_not_found")
    seen(journey, -5, *PORT)
    tasks.sweep()
    assert code_of(journey.order.shipper.get(f"{journey.order.path}eta/")) == (404, "eta_not_found"), (
        "a position of before the order"
    )


def test_on_the_way_the_plan_and_the_position_tell(journey: Journey) -> None:
    in_transit(journey)
    seen(journey, AT, *BEND)
    body = estimate(journey)
    assert (body["method"], body["stops_left"], body["arrived_at"]) == ("plan", 0, None)
    assert body["remaining_m"] == pytest.approx(length_m(ROAD[2:]), abs=50)
    assert eta_minutes(journey, body) == pytest.approx(AT + REST_S / 60, abs=0.2)
    assert body["low_at"] < body["eta_at"] < body["high_at"]
    assert journey.minutes(body["position_time"]) == AT


def test_a_slow_truck_is_expected_later(journey: Journey) -> None:
    in_transit(journey)
    seen(journey, AT, *BEND)
    on_time = eta_minutes(journey, estimate(journey))
    # An hour at 20 km/h.
    for minute in range(61):
        journey.ping(AT - 60 + minute, BEND[0] - (60 - minute) / 325, BEND[1])
    seen(journey, AT + 0.1, *BEND)
    assert eta_minutes(journey, estimate(journey)) > on_time + REST_S / 60 * 0.1


def test_before_the_pickup_the_way_there_and_the_loading_count(journey: Journey) -> None:
    """A straight line to the port, an hour of loading, and the whole plan."""
    seen(journey, 1, PORT[0] + 0.1, PORT[1])
    there_s = length_m([(PORT[0] + 0.1, PORT[1]), PORT]) * 1.3 / (50 / 3.6)
    expected = 1 + (there_s + 3600 + DURATION_S) / 60
    assert eta_minutes(journey, estimate(journey)) == pytest.approx(expected, abs=0.2)
    # Half of the loading is done.
    journey.world.drive(journey.order, Stay("pickup", 10))
    seen(journey, 40, *PORT)
    assert eta_minutes(journey, estimate(journey)) == pytest.approx(40 + (1800 + DURATION_S) / 60, abs=0.2)


def test_without_a_plan_the_straight_line(world: World, engine: FakeEngine) -> None:
    engine.answers[:] = [(400, {"code": "NoRoute", "message": "none"})]
    journey = Journey.planned(world)
    journey.world.drive(journey.order, *LOADED)
    seen(journey, AT, *BEND)
    body = estimate(journey)
    assert body["method"] == "straight_line"
    assert body["remaining_m"] == pytest.approx(length_m([BEND, KAOLACK]) * 1.3, abs=50)


def test_stops_on_the_way_count_until_the_truck_has_left_them(journey: Journey) -> None:
    in_transit(journey)
    journey.world.sql(
        "INSERT INTO order_stops (order_id, sequence, kind, name, lat, lon, shape) VALUES (%s, 1, 'delivery',"
        " 'Fatick', 14.4, -16.5, '{}')",
        journey.order.id,
    )
    seen(journey, AT, *BEND)
    body = estimate(journey)
    assert body["stops_left"] == 1
    assert eta_minutes(journey, body) == pytest.approx(AT + REST_S / 60 + 60, abs=0.2)
    journey.world.sql(
        "UPDATE order_stops SET arrived_at = %s WHERE order_id = %s",
        journey.order.at(AT - 30),
        journey.order.id,
    )
    seen(journey, AT + 0.01, *BEND)
    assert eta_minutes(journey, estimate(journey)) == pytest.approx(AT + REST_S / 60 + 30, abs=0.2)


def test_it_is_not_estimated_more_often_than_is_of_use(journey: Journey) -> None:
    in_transit(journey)
    seen(journey, AT, *BEND)
    first = estimate(journey)
    seen(journey, AT + 1, *BEND)
    tasks.sweep()
    again = journey.order.shipper.get(f"{journey.order.path}eta/").json()
    assert again == first
    with transaction() as session:
        due = repository.due(session, datetime.now(UTC), every=timedelta(0), limit=1000)
    assert journey.order.id in due


def test_who_will_be_late_is_told_once_and_taken_back(journey: Journey) -> None:
    order = journey.order
    in_transit(journey)
    on_time = AT + REST_S / 60

    def window_ends(minutes: float) -> None:
        journey.world.sql(
            "UPDATE orders SET delivery_closes_at = %s WHERE id = %s", order.at(minutes), order.id
        )

    window_ends(on_time - 29)
    seen(journey, AT, *BEND)
    assert estimate(journey)["late"] is False
    window_ends(on_time - 31)
    broker = person(journey.world.client, Role.BROKER)
    journey.world.sql("UPDATE orders SET broker_id = %s WHERE id = %s", broker.id, order.id)
    seen(journey, AT + 0.01, *BEND)
    assert estimate(journey)["late"] is True
    for party in (order.shipper, order.carrier, broker):
        (alert,) = journey.alerts(party)
        assert (alert["kind"], alert["ended_at"], alert["facts"]["late_minutes"]) == (
            "late_arrival",
            None,
            31,
        )
    # Better, but not good: the alert neither ends nor comes again.
    window_ends(on_time - 20)
    seen(journey, AT + 0.02, *BEND)
    assert estimate(journey)["late"] is True
    window_ends(on_time - 9)
    seen(journey, AT + 0.03, *BEND)
    assert estimate(journey)["late"] is False
    (alert,) = journey.alerts(order.shipper)
    assert alert["ended_at"] is not None


def test_the_arrival_ends_estimates_and_lateness(journey: Journey) -> None:
    order = journey.order
    in_transit(journey)
    journey.world.sql("UPDATE orders SET delivery_closes_at = %s WHERE id = %s", order.at(50), order.id)
    seen(journey, AT, *BEND)
    assert estimate(journey)["late"] is True
    journey.world.drive(order, *LOADED, Stay("corridor", 5), Stay("delivery", 200))
    seen(journey, 210, *KAOLACK)
    body = estimate(journey)
    assert (body["late"], journey.minutes(body["arrived_at"])) == (False, 200)
    assert journey.minutes(body["position_time"]) == AT, "what was thought last"
    (alert,) = journey.alerts(order.shipper)
    assert journey.minutes(alert["ended_at"]) == 200


def test_viewers_are_sent_each_estimate(journey: Journey) -> None:
    in_transit(journey)
    # A viewer is shown the present: the order is followed now.
    seen(journey, AT, *BEND)
    with watching(journey.world.client, journey.order.id, token_of(journey.order.shipper)) as socket:
        assert receive(socket)["type"] == "snapshot"
        estimate(journey)
        frame = receive_until(socket, lambda message: message["type"] == "eta")[-1]
    assert set(frame) == {"type", "eta_at", "low_at", "high_at", "method", "remaining_m", "position_time"}
    assert frame["method"] == "plan"


def test_only_the_parties_read_it(journey: Journey) -> None:
    in_transit(journey)
    seen(journey, AT, *BEND)
    estimate(journey)
    path = f"{journey.order.path}eta/"
    for someone in (journey.order.carrier, journey.order.driver):
        assert someone.get(path).status_code == 200
    for stranger in (person(journey.world.client, Role.CARRIER), person(journey.world.client, Role.SHIPPER)):
        assert code_of(stranger.get(path)) == (404, "order_not_found")


def test_an_order_that_is_no_more_is_not_estimated(journey: Journey) -> None:
    seen(journey, AT, *BEND)
    journey.order.shipper.post(f"{journey.order.path}cancel/", {"reason": "no goods"})
    with transaction() as session:
        assert service.refresh(session, journey.order.id, datetime.now(UTC)) is None


def test_an_order_that_was_given_back_is_no_longer_estimated(journey: Journey) -> None:
    order, world = journey.order, journey.world
    world.sql("UPDATE orders SET delivery_closes_at = %s WHERE id = %s", order.at(AT + 10), order.id)
    seen(journey, AT, *BEND)
    assert estimate(journey)["late"] is True
    (told,) = journey.alerts(order.shipper)
    assert (told["kind"], told["ended_at"]) == ("late_arrival", None)
    back = order.carrier.post(f"{order.path}withdraw/", {"reason_code": "breakdown", "note": ""})
    assert back.status_code == 200, back.text
    assert code_of(order.shipper.get(f"{order.path}eta/")) == (404, "eta_not_found")
    tasks.sweep()
    with transaction() as session:
        due = repository.due(session, datetime.now(UTC), every=timedelta(0), limit=1000)
    assert order.id not in due, "it would be looked at for ever"
    (ended,) = journey.alerts(order.shipper, kind="late_arrival")
    assert ended["ended_at"] is not None


def test_another_truck_is_estimated_from_its_own_positions(journey: Journey) -> None:
    order, world = journey.order, journey.world
    seen(journey, AT, *BEND)
    assert estimate(journey)["remaining_m"] > 0
    world.sql(
        "INSERT INTO order_crews (order_id, vehicle_id, driver_id, since) VALUES (%s, %s, %s, %s), (%s, %s, %s, %s)",
        order.id, order.vehicle_id, order.driver.id, order.assigned_at,
        order.id, world.vehicle_id, world.driver.id, order.at(AT + 5),
    )  # fmt: skip
    world.sql("UPDATE orders SET vehicle_id = %s WHERE id = %s", world.vehicle_id, order.id)
    assert code_of(order.shipper.get(f"{order.path}eta/")) == (404, "eta_not_found")


def test_a_driver_who_has_driven_for_long_pauses(journey: Journey) -> None:
    in_transit(journey)
    order = journey.order
    seen(journey, AT, *BEND)
    rested = eta_minutes(journey, estimate(journey))
    journey.world.sql(
        "INSERT INTO intervals (vehicle_id, kind, family, origin, device_id, started_at, seen_at)"
        " VALUES (%s, 'trip', 'motion', 'platform', 0, %s, %s)",
        order.vehicle_id, order.at(-600), order.at(-600),
    )  # fmt: skip
    assert eta_minutes(journey, estimate(journey)) == pytest.approx(rested, abs=0.01), (
        "what he drove before he was on the order is none of its business"
    )
    journey.world.sql(
        "UPDATE orders SET assigned_at = assigned_at - interval '10 hours' WHERE id = %s", order.id
    )
    seen(journey, AT + 0.01, *BEND)
    assert eta_minutes(journey, estimate(journey)) == pytest.approx(rested + 45, abs=0.2)
    journey.world.sql(
        "UPDATE intervals SET ended_at = %s WHERE vehicle_id = %s", order.at(AT - 46), order.vehicle_id
    )
    seen(journey, AT + 0.02, *BEND)
    assert eta_minutes(journey, estimate(journey)) == pytest.approx(rested, abs=0.2), "he has paused"
