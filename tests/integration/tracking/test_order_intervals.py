"""What lasted or happened on the truck, as its order's people see it live; told by ingest itself."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from typing import Any

import msgspec
import psycopg
import pytest
from httpx import Client

from config import clock
from config.redis import sync_redis
from config.settings import Settings, get_settings
from ingest.announce import News, channel_messages
from ingest.ping import rfc3339 as rfc3339_us
from ingest.pipeline import BatchResult
from ingest.times import to_us
from platform_api.actor import Role
from platform_api.tracking import outbox
from platform_api.tracking.times import rfc3339
from tests.integration.tracking import world
from tests.integration.tracking.viewer import receive, receive_until, token_of, watching
from tests.support.api import Person, person
from tests.support.ingest import make_pipeline, message, ping_body

MINUTE = timedelta(minutes=1)
METRE = 1 / 107_600


@pytest.fixture
def shipper(api: Client) -> Person:
    return person(api, Role.SHIPPER)


@pytest.fixture
def ingest(settings: Settings) -> Iterator[Callable[[str, list[dict[str, Any]]], BatchResult]]:
    """Store pings as a worker does, and announce what came of them."""
    with psycopg.connect(settings.database_url, autocommit=True) as connection:

        def take(uid: str, pings: list[dict[str, Any]]) -> BatchResult:
            result = make_pipeline(connection, get_settings()).process([message(uid, *pings)])
            news = News(result.live, result.crossings, result.intervals)
            for channel, body in channel_messages(news, get_settings().live_shards).items():
                sync_redis().publish(channel, msgspec.json.encode(body))
            return result

        yield take


def standing(start: datetime, minutes: float, **values: Any) -> list[dict[str, Any]]:
    return [
        ping_body(to_us(start + number * MINUTE / 2), 14.7, -17.4, acc=5.0, spd=0.0, **values)
        for number in range(int(minutes * 2) + 1)
    ]


def intervals(messages: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(each["kind"], each["change"]) for each in messages if each["type"] == "interval"]


def until_ping(socket: Any, time: str) -> list[dict[str, Any]]:
    """What comes with a batch: intervals follow the ping, so a marker behind it says that all have come."""
    return receive_until(socket, lambda each: each.get("time") == time)


def test_each_of_the_orders_people_sees_what_concerns_him(
    api: Client, shipper: Person, ingest: Callable[..., BatchResult]
) -> None:
    truck = world.new_truck(api)
    order_id = world.new_order(shipper, truck)
    start = (clock.now() - 40 * MINUTE).replace(microsecond=0)
    pings = standing(start, 10)
    pings[4] |= {"alarms": ["jamming"]}
    pings[6] |= {"alarms": ["harsh_cornering", "fuel_drop"]}
    end = start + 11 * MINUTE
    with ExitStack() as stack:
        sockets = [
            stack.enter_context(watching(api, order_id, token_of(who)))
            for who in (shipper, truck.carrier, truck.driver)
        ]
        assert [receive(socket)["intervals"] for socket in sockets] == [[], [], []]
        ingest(truck.device_uid, pings)
        world.announce(truck.vehicle_id, world.live_ping(truck.vehicle_id, end))
        shown = [{kind for kind, _ in intervals(until_ping(socket, rfc3339(end)))} for socket in sockets]
    everything = {"stop", "jamming", "harsh_cornering", "fuel_drop"}
    assert shown == [{"stop", "jamming"}, everything, {"stop"}]


def test_a_stop_grows_and_the_next_viewer_finds_it_in_the_snapshot(
    api: Client, shipper: Person, ingest: Callable[..., BatchResult]
) -> None:
    truck = world.new_truck(api)
    order_id = world.new_order(shipper, truck)
    start = (clock.now() - 50 * MINUTE).replace(microsecond=0)
    with watching(api, order_id, token_of(shipper)) as socket:
        receive(socket)
        ingest(truck.device_uid, standing(start, 5))
        ping, stop = receive(socket), receive(socket)
        assert (ping["type"], ping["trusted"]) == ("ping", True)
        assert stop == {
            "type": "interval",
            "id": stop["id"],
            "kind": "stop",
            "severity": "info",
            "change": "created",
            "started_at": rfc3339(start),
            "ended_at": None,
        }
        ingest(truck.device_uid, standing(start + 6 * MINUTE, 14, alarms=["low_battery"]))
        assert receive(socket)["type"] == "ping"
        parking = receive(socket)
        assert (parking["id"], parking["kind"], parking["change"]) == (stop["id"], "parking", "revised")
    with watching(api, order_id, token_of(shipper)) as socket:
        assert receive(socket)["intervals"] == [
            {
                "id": stop["id"],
                "kind": "parking",
                "severity": "info",
                "started_at": rfc3339(start),
                "ended_at": None,
            }
        ]

    with watching(api, order_id, token_of(truck.carrier)) as socket:
        assert {each["kind"] for each in receive(socket)["intervals"]} == {"parking", "low_battery"}


def test_what_began_before_the_order_is_not_shown(
    api: Client, shipper: Person, ingest: Callable[..., BatchResult]
) -> None:
    truck = world.new_truck(api)
    start = (clock.now() - 90 * MINUTE).replace(microsecond=0)
    ingest(truck.device_uid, standing(start, 20))
    order_id = world.new_order(shipper, truck, assigned_at=start + 30 * MINUTE)
    with watching(api, order_id, token_of(shipper)) as socket:
        hello = receive(socket)
        assert (hello["live"], hello["intervals"]) == (True, [])
        away = start + 40 * MINUTE
        ingest(truck.device_uid, [
            ping_body(to_us(away + number * timedelta(seconds=10)), 14.7, -17.4 + number * 170 * METRE, acc=5.0)
            for number in range(40)
        ])  # fmt: skip
        world.announce(truck.vehicle_id, world.live_ping(truck.vehicle_id, away + 10 * MINUTE))
        told = until_ping(socket, rfc3339(away + 10 * MINUTE))
    # The parking ended on this order, and the trip began at its end: where it stood before is not told.
    assert ("parking", "ended") not in intervals(told)
    assert intervals(told) == []


def test_a_change_of_the_source_is_told(
    api: Client, shipper: Person, ingest: Callable[..., BatchResult]
) -> None:
    truck = world.new_truck(api)
    phone_id, phone = world.new_device("phone")
    world.assign(phone_id, truck.vehicle_id)
    order_id = world.new_order(shipper, truck)
    start = (clock.now() - 50 * MINUTE).replace(microsecond=0)

    def moving(minute: float) -> list[dict[str, Any]]:
        at = start + minute * MINUTE
        return [ping_body(to_us(at), 14.7, -17.4 + minute * 1000 * METRE, acc=5.0, mock=minute == 8)]

    with watching(api, order_id, token_of(shipper)) as socket:
        receive(socket)
        ingest(truck.device_uid, moving(0))
        ingest(phone, moving(8))
        ingest(truck.device_uid, moving(9))
        world.announce(truck.vehicle_id, world.live_ping(truck.vehicle_id, start + 10 * MINUTE))
        told = until_ping(socket, rfc3339_us(to_us(start + 10 * MINUTE)))
    sources = [(each["source"], each["trusted"]) for each in told[:-1] if each["type"] == "ping"]
    assert sources == [("tracker", True), ("phone", False), ("tracker", True)]
    assert [each for each in intervals(told) if each[0] != "mock_location"] == [
        ("takeover", "created"),
        ("handback", "created"),
    ]


def test_very_many_at_once_become_a_snapshot(api: Client, shipper: Person) -> None:
    truck = world.new_truck(api)
    order_id = world.new_order(shipper, truck)
    now = rfc3339(clock.now())
    told = [
        {"id": number, "vehicle_id": truck.vehicle_id, "kind": "stop", "change": "revised"}
        | {"started_at": now, "ended_at": now}
        for number in range(outbox.MAX_QUEUED_EVENTS + 200)
    ]
    with watching(api, order_id, token_of(shipper)) as socket:
        assert receive(socket)["type"] == "snapshot"
        world.announce(truck.vehicle_id, intervals=told)
        world.announce_order(order_id, "IN_TRANSIT", "last")
        messages = receive_until(socket, lambda each: each.get("action") == "last")
    assert "snapshot" in [each["type"] for each in messages]
    assert 0 < len(intervals(messages)) <= outbox.MAX_QUEUED_INTERVALS
