"""What a truck does that was not planned: told to its shipper and carrier, and taken back when it was not so."""

from datetime import UTC, datetime

import pytest
from sqlalchemy.orm import Session

from config.database import transaction
from platform_api.actor import Role
from platform_api.watch import service, tasks
from tests.integration.corridor.journey import Journey
from tests.integration.orders.world import Stay, World
from tests.support.api import code_of, person
from tests.support.queries import count_queries
from tests.support.races import race

ROUNDS = 100


@pytest.fixture
def journey(world: World) -> Journey:
    return Journey.planned(world)


def test_on_the_planned_way_nothing_is_told(journey: Journey) -> None:
    journey.drive(Stay("corridor", 5), seen=200)
    journey.drive(Stay("corridor", 5), Stay("delivery", 260), seen=300)
    assert journey.events() == journey.alerts(journey.order.shipper) == []


def test_who_leaves_the_corridor_for_long_is_told_of_until_he_is_back(journey: Journey) -> None:
    order = journey.order
    journey.drive(Stay("corridor", 5, 100), seen=105)
    assert journey.events() == [], "five minutes are a detour around a market"
    journey.drive(Stay("corridor", 5, 100), seen=112)
    (told,) = journey.events()
    assert journey.spans() == [("deviation", 100, None)]
    assert told["evidence"]["geofence_id"] == order.fences["corridor"]
    assert told["evidence"]["lasted_s"] == 12 * 60
    assert told["evidence"]["visit_left"] is not None
    assert told["evidence"]["pings"], "the ping that left is the proof"
    for party in (order.shipper, order.carrier):
        (alert,) = journey.alerts(party, open="true")
        assert (alert["kind"], alert["ended_at"]) == ("corridor_deviation", None)
        assert alert["facts"]["minutes"] == 12
        assert journey.minutes(alert["at"]) == 100
    assert journey.alerts(order.driver) == []
    journey.drive(Stay("corridor", 5, 100), seen=130)
    (told,) = journey.events()
    assert (told["evidence"]["lasted_s"], told["revision"]) == (30 * 60, 0)
    assert journey.alerts(order.shipper)[0]["revision"] == 0, "nobody is told every minute"
    journey.drive(Stay("corridor", 5, 100), Stay("corridor", 150), seen=151)
    assert journey.spans() == [("deviation", 100, 150)]
    (alert,) = journey.alerts(order.shipper)
    assert (journey.minutes(alert["ended_at"]), alert["facts"]["minutes"]) == (150, 50)


def test_far_away_is_told_at_once(journey: Journey) -> None:
    """A fence of the corridor is two kilometres wide; three beyond its border are the limit."""
    for minutes, lat in ((101, 14.60), (102, 14.66), (103, 14.70)):
        journey.ping(minutes, -16.7, lat)
    journey.drive(Stay("corridor", 5, 100), seen=103)
    (told,) = journey.events()
    farthest = told["evidence"]["farthest"]
    assert (farthest["lat"], farthest["lon"], told["evidence"]["fixes"]) == (14.70, -16.7, 3)
    assert farthest["distance_m"] > 3000
    assert journey.alerts(journey.order.shipper)[0]["facts"]["distance_m"] == round(farthest["distance_m"])


def test_late_positions_revise_what_was_told(journey: Journey) -> None:
    order = journey.order
    journey.drive(Stay("corridor", 5, 100), Stay("corridor", 150), seen=160)
    assert journey.spans() == [("deviation", 100, 150)]
    # The truck was still inside at 120, and back at 145.
    journey.drive(Stay("corridor", 5, 120), Stay("corridor", 145), seen=160)
    assert journey.spans() == [("deviation", 120, 145)]
    (alert,) = journey.alerts(order.shipper)
    assert (journey.minutes(alert["at"]), alert["facts"]["minutes"], alert["revision"] > 0) == (120, 25, True)
    # It had never left.
    journey.drive(Stay("corridor", 5), seen=160)
    assert journey.events() == []
    (told,) = journey.events(withdrawn="true")
    assert told["withdrawn_at"] is not None
    for party in (order.shipper, order.carrier):
        (alert,) = journey.alerts(party)
        assert alert["withdrawn_at"] is not None
        assert journey.alerts(party, open="true") == []
    # And then again.
    journey.drive(Stay("corridor", 5, 120), Stay("corridor", 145), seen=160)
    assert journey.spans() == [("deviation", 120, 145)]
    assert len(journey.alerts(order.shipper, open="true")) == 1


def test_nothing_is_told_outside_of_the_journey(journey: Journey) -> None:
    """On the way to the pickup, and once the goods are there, the truck drives where it likes."""
    journey.world.drive(journey.order)
    tasks.judge(str(journey.order.id))
    journey.drive(Stay("corridor", 30, 200), Stay("delivery", 200, 260), seen=600)
    assert journey.events() == journey.alerts(journey.order.shipper) == []


def test_the_arrival_ends_a_deviation_and_bounds_it(journey: Journey) -> None:
    journey.drive(Stay("corridor", 5, 100), seen=180)
    journey.drive(Stay("corridor", 5, 100), Stay("delivery", 200), seen=300)
    assert journey.spans() == [("deviation", 100, 200)]
    # The arrival was at 105, as late positions show: five minutes are nothing to tell.
    journey.drive(Stay("corridor", 5, 100), Stay("delivery", 105), seen=300)
    assert journey.events() == []


def test_late_positions_of_the_corridor_alone_count_after_the_delivery_too(journey: Journey) -> None:
    journey.drive(Stay("corridor", 5, 100), Stay("delivery", 200), seen=300)
    assert journey.spans() == [("deviation", 100, 200)]
    journey.drive(Stay("corridor", 5, 195), Stay("delivery", 200), seen=300)
    assert journey.events() == []


def test_a_new_corridor_is_not_judged_before_ingest_has(journey: Journey) -> None:
    journey.world.sql(
        "INSERT INTO dirty_vehicles (vehicle_id, reason) VALUES (%s, 'geofence')", journey.order.vehicle_id
    )
    journey.drive(seen=200)
    assert journey.events() == []
    journey.folded()
    tasks.sweep()
    assert journey.spans() == [("deviation", 40, None)]


def test_a_stop_at_no_known_place_is_told(journey: Journey) -> None:
    order = journey.order
    journey.stands(100)
    journey.drive(Stay("corridor", 5), seen=140)
    assert journey.events() == [], "a meal"
    journey.drive(Stay("corridor", 5), seen=146)
    assert journey.spans() == [("unplanned_stop", 100, None)]
    for party in (order.shipper, order.carrier):
        (alert,) = journey.alerts(party, kind="unplanned_stop")
        assert (alert["facts"]["lat"], alert["facts"]["lon"], alert["facts"]["minutes"]) == (14.4, -16.5, 46)


def test_late_positions_revise_a_stop(journey: Journey) -> None:
    interval_id = journey.stands(100, 160)
    journey.drive(Stay("corridor", 5), seen=200)
    assert journey.spans() == [("unplanned_stop", 100, 160)]
    journey.world.sql("UPDATE intervals SET ended_at = %s WHERE id = %s", journey.order.at(120), interval_id)
    journey.told(interval_id, "revised")
    tasks.sweep()
    assert journey.events() == []
    assert journey.alerts(journey.order.shipper, open="true") == []


def test_a_retracted_stop_is_withdrawn_even_after_the_delivery(journey: Journey) -> None:
    interval_id = journey.stands(100, 160)
    journey.drive(Stay("corridor", 5), Stay("delivery", 250), seen=300)
    assert journey.spans() == [("unplanned_stop", 100, 160)]
    journey.world.sql("UPDATE intervals SET retracted_at = now() WHERE id = %s", interval_id)
    journey.told(interval_id, "retracted")
    tasks.sweep()
    assert journey.events() == []


def test_stops_at_known_places_are_excused(journey: Journey) -> None:
    order, now = journey.order, datetime.now(UTC)
    # before the gate of the delivery
    journey.stands(100, 190, at=(-16.0757, 14.1652 + 0.01))
    # at a depot that the carrier has drawn
    depot = order.carrier.post(
        "/api/v1/geofences/",
        {
            "name": "Dépôt de Fatick",
            "vehicle_id": order.vehicle_id,
            "valid_from": (order.assigned_at).isoformat(),
            "shape": {
                "type": "Feature",
                "geometry": {"type": "Point", "coordinates": [-16.4, 14.34]},
                "properties": {"radius_m": 300},
            },
        },
    )
    assert depot.status_code == 201, depot.text
    journey.folded()
    journey.stands(200, 300, at=(-16.4, 14.34))
    journey.order.fences["depot"] = depot.json()["id"]
    journey.drive(Stay("corridor", 5), Stay("depot", 195, 305), seen=320)
    assert journey.events() == []
    # A fence around half the country is no place.
    journey.world.sql(
        "UPDATE geofences SET shape = jsonb_set(shape, '{properties,radius_m}', '50000'), updated_at = %s WHERE id = %s",
        now,
        depot.json()["id"],
    )
    tasks.judge(str(order.id))
    assert journey.spans() == [("unplanned_stop", 200, 300)]


def test_only_the_parties_read_the_events(journey: Journey) -> None:
    journey.drive(Stay("corridor", 5, 100), seen=112)
    path = f"{journey.order.path}route-events/"
    for someone in (journey.order.carrier, journey.order.driver):
        assert len(someone.get(path).json()["items"]) == 1
    for stranger in (person(journey.world.client, Role.CARRIER), person(journey.world.client, Role.SHIPPER)):
        assert code_of(stranger.get(path)) == (404, "order_not_found")
    assert journey.world.client.get(path).status_code == 401
    # Who looked at the driver's way is written down for him.
    (row,) = journey.world.sql(
        "SELECT count(*) FROM access_log WHERE subject_id = %s AND actor_id = %s",
        journey.order.driver.id,
        journey.order.carrier.id,
    )
    assert row["count"] == 1


def test_two_who_judge_at_once_tell_once(journey: Journey) -> None:
    journey.drive(Stay("corridor", 5, 100), seen=102)
    order_id = journey.order.id
    for _ in range(ROUNDS):
        journey.world.sql("DELETE FROM route_events WHERE order_id = %s", order_id)
        journey.world.sql("DELETE FROM alerts WHERE order_id = %s", order_id)
        journey.world.sql(
            "UPDATE vehicle_states SET time = %s WHERE vehicle_id = %s",
            journey.order.at(120),
            journey.order.vehicle_id,
        )

        def act(session: Session, now: datetime) -> None:
            service.judge(session, order_id, now)

        assert race(act, act) == ["ok", "ok"]
        assert len(journey.events()) == 1
        assert [alert["revision"] for alert in journey.alerts(journey.order.shipper)] == [0]


def test_a_look_costs_the_same_however_long_the_journey(journey: Journey) -> None:
    def cost() -> int:
        with count_queries() as seen, transaction() as session:
            service.judge(session, journey.order.id, datetime.now(UTC))
        return len(seen)

    journey.drive(Stay("corridor", 5), seen=50)
    few = cost()
    for start in range(50, 250, 10):
        journey.stands(start, start + 5)
    journey.drive(Stay("corridor", 5), seen=260)
    assert cost() == few
