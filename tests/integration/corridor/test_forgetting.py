"""What journeys and claims keep of a driver whose positions were erased: times and figures, no place."""

from datetime import UTC, datetime
from typing import Any

from config.database import transaction
from platform_api.detention import forgetting as detention
from platform_api.privacy.rules import PhoneSpan
from platform_api.watch import forgetting as watch
from platform_api.watch import service
from tests.integration.corridor.journey import Journey
from tests.integration.orders.world import Stay, World

PHONE, TRACKER = 7, 8
NOON = "2026-03-01T12:00:00+00:00"
SPANS = [PhoneSpan(PHONE, None, None)]


def is_his(ping: Any) -> bool:
    return any(span.has(ping) for span in SPANS)


def ping(device_id: int) -> dict[str, Any]:
    return {"device_id": device_id, "time": NOON, "lat": 14.5, "lon": -16.5}


def nowhere(device_id: int) -> dict[str, Any]:
    return ping(device_id) | {"lat": None, "lon": None}


def test_pings_of_his_phone_lose_their_place() -> None:
    evidence = {"farthest": ping(PHONE), "pings": [ping(PHONE), ping(TRACKER)], "lasted_s": 9}
    left = watch.without(evidence, is_his, everywhere=False)
    assert left == {"farthest": nowhere(PHONE), "pings": [nowhere(PHONE), ping(TRACKER)], "lasted_s": 9}
    assert watch.without({"farthest": None, "pings": []}, is_his, everywhere=True) == {
        "farthest": None,
        "pings": [],
    }
    stop = {"interval_id": 1, "lat": 14.4, "lon": -16.5}
    assert watch.without(stop, is_his, everywhere=True) == {"interval_id": 1, "lat": None, "lon": None}
    assert watch.without(stop, is_his, everywhere=False) == stop


def test_claims_lose_the_place_and_keep_the_rest() -> None:
    visit = {"id": 1, "enter_ping": ping(PHONE), "exit_ping": ping(TRACKER)}
    pings = {"count": 2, "first": ping(PHONE), "last": None, "max_gap_s": 60, "sha256": "ab"}
    left = detention.without({"visits": [visit], "pings": pings, "terms": {}}, is_his)
    assert left["visits"] == [{"id": 1, "enter_ping": nowhere(PHONE), "exit_ping": ping(TRACKER)}]
    assert left["pings"] == pings | {"first": nowhere(PHONE)}


def test_the_rows_of_his_orders_are_changed_and_of_no_other(world: World) -> None:
    his, other = Journey.planned(world), Journey.planned(world)
    for journey in (his, other):
        journey.stands(100)
        journey.drive(Stay("corridor", 5), seen=146)
    with transaction() as session:
        # The event, and the alerts of shipper and carrier.
        assert watch.forget(session, his.order.driver.id, is_his) == 3
        assert watch.forget(session, his.order.driver.id, is_his) == 0
    (event,) = his.events()
    assert (event["evidence"]["lat"], event["evidence"]["lasted_s"]) == (None, 46 * 60)
    (alert,) = his.alerts(his.order.shipper)
    assert alert["facts"]["lat"] is None
    assert "—, —" in alert["detail"]
    assert other.events()[0]["evidence"]["lat"] == 14.4
    assert other.alerts(other.order.shipper)[0]["facts"]["lat"] == 14.4


def test_a_journey_of_long_ago_is_not_looked_at_again(world: World) -> None:
    """Retention may have taken the visits: the truck would seem to have been outside all the way."""
    journey = Journey.planned(world)
    journey.drive(Stay("corridor", 5), Stay("delivery", 200), seen=300)
    world.sql(
        "UPDATE orders SET departed_pickup_at = departed_pickup_at - interval '40 days',"
        " arrived_delivery_at = arrived_delivery_at - interval '40 days' WHERE id = %s",
        journey.order.id,
    )
    with transaction() as session:
        found = service.judge(session, journey.order.id, datetime.now(UTC))
    assert found == service.NOTHING
    assert journey.events() == []
