"""ws/tracking/order/<id>/ over a real server, database and Valkey."""

import socket as sockets
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from httpx import Client

from config import clock
from config.redis import live_channel, sync_redis
from config.settings import Settings, get_settings
from platform_api.actor import Role
from platform_api.tracking import live_socket, outbox
from platform_api.tracking.times import rfc3339
from tests.integration.tracking import world
from tests.integration.tracking.viewer import receive, receive_until, rest, token_of, watching
from tests.support.api import Person, access_token, api_client, person
from tests.support.standing_clock import clock_stands
from tests.support.waiting import wait_until


@pytest.fixture
def shipper(api: Client) -> Person:
    return person(api, Role.SHIPPER)


def test_the_snapshot_then_live_pings_and_crossings(api: Client, shipper: Person) -> None:
    truck = world.new_truck(api)
    order_id = world.new_order(shipper, truck)
    pickup = world.execute("SELECT pickup_geofence_id FROM orders WHERE id = :id", id=order_id)
    seen_at = clock.now() - timedelta(minutes=1)
    world.set_position(truck, 14.7, -17.3, seen_at)
    with watching(api, order_id, token_of(shipper)) as socket:
        hello = receive(socket)
        assert hello["type"] == "snapshot"
        assert (hello["status"], hello["live"], hello["vehicle_id"]) == ("IN_TRANSIT", True, truck.vehicle_id)
        assert hello["position"] == {
            "time": rfc3339(seen_at),
            "lat": 14.7,
            "lon": -17.3,
            "speed_kmh": 42.0,
            "heading_deg": None,
            "accuracy_m": None,
            "source": "tracker",
            "trusted": True,
        }
        assert hello["intervals"] == []
        crossing = {"id": 1, "vehicle_id": truck.vehicle_id, "geofence_id": pickup, "kind": "enter"}
        crossing |= {"change": "created", "time": rfc3339(clock.now())}
        world.announce(
            truck.vehicle_id, world.live_ping(truck.vehicle_id, speed_kmh=33.0), crossings=[crossing]
        )
        ping, crossed = receive(socket), receive(socket)
        assert (ping["type"], ping["speed_kmh"], ping["source"]) == ("ping", 33.0, "tracker")
        assert ping["trusted"] is True
        assert "device_id" not in ping
        assert crossed == {
            "type": "crossing",
            "kind": "enter",
            "change": "created",
            "time": crossing["time"],
            "place": "pickup",
        }


def test_other_trucks_of_the_shard_and_other_times_are_not_seen(api: Client, shipper: Person) -> None:
    truck = world.new_truck(api)
    order_id = world.new_order(shipper, truck)
    with watching(api, order_id, token_of(shipper)) as socket:
        receive(socket)
        stranger = truck.vehicle_id + get_settings().live_shards
        before = clock.now() - timedelta(hours=2)
        fence = world.new_fence(world.PICKUP)
        crossing = {"id": 1, "vehicle_id": truck.vehicle_id, "geofence_id": fence, "kind": "enter"}
        crossing |= {"change": "created", "time": rfc3339(clock.now())}
        world.announce(
            truck.vehicle_id,
            world.live_ping(stranger),
            world.live_ping(truck.vehicle_id, before, seq=1),
            world.live_ping(truck.vehicle_id, seq=2),
            crossings=[crossing],
        )
        world.announce(truck.vehicle_id, world.live_ping(truck.vehicle_id, seq=3))
        assert [receive(socket)["seq"], receive(socket)["seq"]] == [2, 3]


@pytest.mark.parametrize("way", ["query", "header"])
def test_the_token_travels_in_query_or_header(api: Client, shipper: Person, way: str) -> None:
    order_id = world.new_order(shipper, world.new_truck(api))
    token = token_of(shipper)
    options = {"additional_headers": {"Authorization": f"Bearer {token}"}} if way == "header" else {}
    with watching(api, order_id, token if way == "query" else None, **options) as socket:
        assert receive(socket)["type"] == "snapshot"


def token_for(user: Person, lifetime: timedelta) -> str:
    begun = clock.now() + lifetime - timedelta(minutes=15)
    return access_token(user.id, user.role, user.session_id, now=begun)


def test_strangers_are_refused_with_a_code(api: Client, shipper: Person) -> None:
    truck = world.new_truck(api)
    order_id = world.new_order(shipper, truck)
    other = token_of(person(api, Role.SHIPPER))
    driver = token_of(person(api, Role.DRIVER))
    good = token_of(shipper)
    expired = token_for(shipper, timedelta(seconds=-1))
    for target, token, code, reason in [
        (order_id, other, 4404, "order_not_found"),
        (order_id, driver, 4404, "order_not_found"),
        (uuid4(), good, 4404, "order_not_found"),
        ("nonsense", good, 4404, "order_not_found"),
        (order_id, None, 4401, "not_authenticated"),
        (order_id, "rubbish", 4401, "invalid_token"),
        (order_id, expired, 4401, "token_expired"),
    ]:
        with watching(api, target, token) as socket:
            messages, closed_code, closed_reason = rest(socket)
        assert (closed_code, closed_reason) == (code, reason)
        assert [message["code"] for message in messages] == [reason]


def test_the_socket_ends_with_its_token(api: Client, shipper: Person) -> None:
    order_id = world.new_order(shipper, world.new_truck(api))
    with ExitStack() as opened:
        with clock_stands():  # however long it takes to connect
            token = token_for(shipper, timedelta(seconds=2))
            socket = opened.enter_context(watching(api, order_id, token))
            assert receive(socket)["type"] == "snapshot"
        messages, code, reason = rest(socket)
    assert (code, reason) == (4401, "token_expired")
    assert [message["type"] for message in messages] == ["error"]


def test_a_completed_order_closes_and_the_next_job_is_not_seen(api: Client, shipper: Person) -> None:
    truck = world.new_truck(api)
    order_id = world.new_order(shipper, truck, status="DELIVERED")
    world.update_order(order_id, delivered_at=clock.now(), arrived_delivery_at=clock.now())
    with watching(api, order_id, token_of(shipper)) as socket:
        assert receive(socket)["live"] is True
        world.update_order(order_id, status="COMPLETED", completed_at=clock.now())
        world.announce_order(order_id, "COMPLETED")
        # The truck's next order: on the wire behind the completion, on the same channel as before.
        world.new_order(person(api, Role.SHIPPER), truck, status="ASSIGNED", assigned_at=clock.now())
        for number in range(50):
            world.announce(truck.vehicle_id, world.live_ping(truck.vehicle_id, seq=number))
        messages, code, reason = rest(socket)
    assert [message["type"] for message in messages] == ["order", "end"]
    assert (messages[0]["status"], messages[0]["action"]) == ("COMPLETED", "confirmed")
    assert messages[1]["status"] == "COMPLETED"
    assert (code, reason) == (1000, "order_finished")
    with watching(api, order_id, token_of(shipper)) as socket:
        messages, code, _ = rest(socket)
    assert [message["type"] for message in messages] == ["snapshot", "end"]
    assert (messages[0]["live"], messages[0]["position"], code) == (False, None, 1000)


def test_an_end_whose_message_was_lost_is_found(
    api: Client, shipper: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_socket, "RECHECK_S", 0.2)
    order_id = world.new_order(shipper, world.new_truck(api))
    with watching(api, order_id, token_of(shipper)) as socket:
        receive(socket)
        world.update_order(order_id, status="CANCELLED", cancelled_at=clock.now())
        messages, code, _ = rest(socket)
    assert ([message["type"] for message in messages], code) == (["end"], 1000)


def test_a_disabled_account_is_put_out(api: Client, shipper: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_socket, "RECHECK_S", 0.2)
    order_id = world.new_order(shipper, world.new_truck(api))
    with watching(api, order_id, token_of(shipper)) as socket:
        receive(socket)
        world.execute("UPDATE users SET disabled = true WHERE id = :id", id=shipper.id)
        _, code, reason = rest(socket)
    assert (code, reason) == (4401, "account_disabled")


def test_who_waits_for_a_truck_sees_it_once_assigned(api: Client, shipper: Person) -> None:
    order_id = world.new_order(shipper, None, status="BIDDING")
    truck = world.new_truck(api)
    with watching(api, order_id, token_of(shipper)) as socket:
        hello = receive(socket)
        assert (hello["status"], hello["live"], hello["vehicle_id"]) == ("BIDDING", False, None)
        world.update_order(
            order_id,
            status="ASSIGNED",
            vehicle_id=truck.vehicle_id,
            assigned_at=clock.now() - timedelta(seconds=1),
        )
        world.announce_order(order_id, "ASSIGNED", "bid accepted")
        assert receive(socket)["status"] == "ASSIGNED"
        wait_until(lambda: world.announce(truck.vehicle_id, world.live_ping(truck.vehicle_id, seq=5)))
        assert receive(socket)["seq"] == 5


def test_heartbeats_keep_a_quiet_socket_known(
    api: Client, shipper: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_socket, "HEARTBEAT_S", 0.2)
    order_id = world.new_order(shipper, world.new_truck(api))
    with watching(api, order_id, token_of(shipper)) as socket:
        assert [receive(socket)["type"] for _ in range(3)] == ["snapshot", "heartbeat", "heartbeat"]


def test_viewers_of_a_process_share_one_subscription(api: Client, shipper: Person) -> None:
    truck = world.new_truck(api)
    order_id = world.new_order(shipper, truck)
    channel = live_channel(truck.vehicle_id, get_settings().live_shards)
    with watching(api, order_id, token_of(shipper)) as one, watching(api, order_id, token_of(shipper)) as two:
        receive(one)
        receive(two)
        assert world.subscribers(channel) == 1
        world.announce(truck.vehicle_id, world.live_ping(truck.vehicle_id, seq=1))
        assert [receive(one)["seq"], receive(two)["seq"]] == [1, 1]
        one.close()
        # The first to leave takes nothing from the other.
        world.announce(truck.vehicle_id, world.live_ping(truck.vehicle_id, seq=2))
        assert receive(two)["seq"] == 2
    wait_until(lambda: world.subscribers(channel) == 0, what="the last viewer's subscription to end")
    with watching(api, order_id, token_of(shipper)) as again:
        receive(again)
        world.announce(truck.vehicle_id, world.live_ping(truck.vehicle_id, seq=3))
        assert receive(again)["seq"] == 3


def test_a_lost_redis_connection_is_made_anew_and_told(api: Client, shipper: Person) -> None:
    truck = world.new_truck(api)
    order_id = world.new_order(shipper, truck)
    with watching(api, order_id, token_of(shipper)) as socket:
        receive(socket)
        sync_redis().execute_command("CLIENT", "KILL", "TYPE", "pubsub")
        # A new snapshot says that something may have been missed.
        assert receive(socket)["type"] == "snapshot"
        world.announce(truck.vehicle_id, world.live_ping(truck.vehicle_id, seq=1))
        assert receive(socket)["seq"] == 1


def test_too_many_sockets_of_one_account(
    api: Client, shipper: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform_api.tracking.sockets.MAX_SOCKETS_PER_USER", 1)
    order_id = world.new_order(shipper, world.new_truck(api))
    with watching(api, order_id, token_of(shipper)) as one:
        receive(one)
        with watching(api, order_id, token_of(shipper)) as two:
            _, code, reason = rest(two)
        assert (code, reason) == (4429, "too_many_sockets")


@pytest.fixture
def slow_line() -> Iterator[sockets.socket]:
    """A client whose window is small, so that the server feels soon that it does not read."""
    line = sockets.socket()
    line.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
    with line:
        yield line


def test_a_slow_viewer_loses_old_pings_but_no_events(
    api: Client, shipper: Person, slow_line: sockets.socket
) -> None:
    truck = world.new_truck(api)  # its carrier sees attributes, which make pings large
    order_id = world.new_order(shipper, truck)
    slow_line.connect((api.base_url.host, api.base_url.port))
    count, padding = 3000, {"padding": "x" * 5000}
    with (
        watching(
            api, order_id, token_of(truck.carrier), sock=slow_line, max_queue=1, compression=None
        ) as slow,
        watching(api, order_id, token_of(truck.carrier)) as quick,
    ):
        receive(slow)
        receive(quick)
        told: list[dict[str, Any]] = []
        for start in range(0, count, 100):
            pings = [
                world.live_ping(truck.vehicle_id, seq=start + index, attributes=padding)
                for index in range(100)
            ]
            world.announce(truck.vehicle_id, *pings)
            if start % 1000 == 0:
                world.announce_order(order_id, "IN_TRANSIT", f"note {start}")
            told += receive_until(quick, lambda message, last=start + 99: message.get("seq") == last)
        world.announce_order(order_id, "IN_TRANSIT", "last")
        late = receive_until(slow, lambda message: message.get("action") == "last")
    assert not [message for message in told if message["type"] == "dropped"]
    numbers = [message["seq"] for message in late if message["type"] == "ping"]
    dropped = sum(message["count"] for message in late if message["type"] == "dropped")
    assert dropped > 0
    assert len(numbers) + dropped == count
    assert numbers == sorted(numbers)
    assert numbers[-1] == count - 1
    notes = [message["action"] for message in late if message["type"] == "order"]
    assert notes == ["note 0", "note 1000", "note 2000", "last"]
    assert len(numbers) < count - outbox.MAX_QUEUED_PINGS


def test_a_viewer_who_does_not_read_is_put_out(
    api: Client, shipper: Person, slow_line: sockets.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_socket, "SEND_TIMEOUT_S", 0.5)
    truck = world.new_truck(api)
    order_id = world.new_order(shipper, truck)
    channel = live_channel(truck.vehicle_id, get_settings().live_shards)
    slow_line.connect((api.base_url.host, api.base_url.port))
    with watching(
        api,
        order_id,
        token_of(truck.carrier),
        sock=slow_line,
        max_queue=1,
        compression=None,
        close_timeout=0.2,
    ) as slow:
        receive(slow)
        padding = {"padding": "x" * 50_000}
        for _ in range(500):
            if not world.subscribers(channel):
                break
            world.announce(truck.vehicle_id, world.live_ping(truck.vehicle_id, attributes=padding))
        wait_until(lambda: world.subscribers(channel) == 0, what="the server to give up")


def test_an_unreadable_live_message_does_not_end_the_view(api: Client, shipper: Person) -> None:
    truck = world.new_truck(api)
    order_id = world.new_order(shipper, truck)
    channel = live_channel(truck.vehicle_id, get_settings().live_shards)
    with watching(api, order_id, token_of(shipper)) as socket:
        receive(socket)
        for junk in (b"{", b"[]", msgspec.json.encode({"pings": [{"lat": 1}], "crossings": [{}]})):
            sync_redis().publish(channel, junk)
        broken = world.live_ping(truck.vehicle_id) | {"time": "noon"}
        sync_redis().publish(channel, msgspec.json.encode({"pings": [broken]}))
        world.announce(truck.vehicle_id, world.live_ping(truck.vehicle_id, datetime.now(UTC), seq=1))
        assert receive(socket)["seq"] == 1


def test_without_redis_the_client_is_told_to_come_again(
    settings: Settings, settings_for: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform_api.tracking.hub.SUBSCRIBE_TIMEOUT_S", 0.3)
    with sockets.socket() as nobody_listens:
        nobody_listens.bind(("127.0.0.1", 0))
        port = nobody_listens.getsockname()[1]
        settings_for(database_url=settings.database_url, redis_url=f"redis://127.0.0.1:{port}/0")
        with api_client() as api:
            shipper = person(api, Role.SHIPPER)
            order_id = world.new_order(shipper, world.new_truck(api))
            with watching(api, order_id, token_of(shipper)) as socket:
                assert rest(socket) == ([], 1013, "try_again_later")
