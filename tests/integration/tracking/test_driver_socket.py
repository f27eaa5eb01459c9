"""ws/tracking/driver/ through a real broker; ingest is played by a client that acks what it is given."""

import json
import secrets
import socket as sockets
from collections.abc import Callable, Iterator
from queue import Queue
from typing import Any

import pytest
from httpx import Client
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from brokers import relay as relay_module
from brokers.topics import acks_topic, pings_topic
from config.settings import Settings, get_settings
from platform_api.actor import Role
from platform_api.tracking import frames, live_socket
from tests.integration.tracking import world
from tests.integration.tracking.viewer import driving, receive, rest, token_of
from tests.support.api import Person, api_client, person
from tests.support.waiting import wait_until

DEADLINE_S = 30.0
PING = '{"t": 1769443022000, "lat": 14.7, "lon": -17.4, "seq": 1, "own":  "é"}'


@pytest.fixture
def settings(
    database_url: str, redis_url: str, mqtt_broker: Any, settings_for: Callable[..., Settings]
) -> Settings:
    return settings_for(
        database_url=database_url,
        redis_url=redis_url,
        mqtt_host=mqtt_broker.host,
        mqtt_port=mqtt_broker.port,
        mqtt_protocol=mqtt_broker.protocol,
    )


class Ingest:
    """Hears every device's pings; acks when told."""

    def __init__(self, settings: Settings) -> None:
        name = f"svc-ingest-{secrets.token_hex(3)}"
        self.heard: Queue[tuple[str, bytes]] = Queue()
        self._subscribed: Queue[bool] = Queue()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id=name, protocol=paho.MQTTv311)
        self._client.username_pw_set(name, settings.mqtt_service_password.get_secret_value())
        self._client.on_connect = lambda *_: self._client.subscribe("v1/devices/+/pings", 1)
        self._client.on_subscribe = lambda *_: self._subscribed.put(True)
        self._client.on_message = lambda _, __, message: self.heard.put((message.topic, message.payload))
        self._client.connect(settings.mqtt_host, settings.mqtt_port)
        self._client.loop_start()
        assert self._subscribed.get(timeout=DEADLINE_S)

    def ack(self, uid: str, seq: int | None, ranges: list[list[int]]) -> None:
        body = json.dumps({"seq": seq, "ranges": ranges})
        self._client.publish(acks_topic(uid), body, qos=1).wait_for_publish(DEADLINE_S)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def ingest(settings: Settings) -> Iterator[Ingest]:
    worker = Ingest(settings)
    yield worker
    worker.close()


@pytest.fixture
def driver(api: Client) -> Person:
    return person(api, Role.DRIVER)


@pytest.fixture
def uid(driver: Person) -> str:
    """The driver's own phone."""
    return world.new_device("phone", user_id=driver.id)[1]


def test_a_frame_becomes_the_phones_own_message_and_its_ack_comes_back(
    api: Client, driver: Person, uid: str, ingest: Ingest
) -> None:
    with driving(api, token_of(driver)) as socket:
        hello = receive(socket)
        assert (hello["type"], hello["device_uid"]) == ("hello", uid)
        assert hello["max_pings_per_frame"] == get_settings().max_pings_per_message
        for frame in (PING, f"[{PING}, {PING}]"):
            socket.send(frame)
            assert ingest.heard.get(timeout=DEADLINE_S) == (pings_topic(uid), frame.encode())
        # Published is not stored: nothing was said to the phone so far.
        ingest.ack(uid, 1, [[1, 1]])
        assert receive(socket) == {"type": "ack", "seq": 1, "ranges": [[1, 1]]}
        ingest.ack(uid, None, [[5, 9], [11, 12]])
        assert receive(socket) == {"type": "ack", "seq": None, "ranges": [[5, 9], [11, 12]]}


def test_acks_of_another_phone_are_not_seen(api: Client, driver: Person, uid: str, ingest: Ingest) -> None:
    other = person(api, Role.DRIVER)
    _, other_uid = world.new_device("phone", user_id=other.id)
    with driving(api, token_of(driver)) as one, driving(api, token_of(other)) as two:
        receive(one)
        receive(two)
        ingest.ack(other_uid, 7, [])
        ingest.ack(uid, 8, [])
        assert receive(one)["seq"] == 8
        assert receive(two)["seq"] == 7


def test_bad_frames_are_answered_and_not_forwarded(
    api: Client, driver: Person, uid: str, ingest: Ingest
) -> None:
    too_large = '{"x": "' + "y" * get_settings().max_payload_bytes + '"}'
    with driving(api, token_of(driver)) as socket:
        receive(socket)
        for frame, code in [
            ("{", "malformed"),
            ("[1]", "wrong_type"),
            (b"\x80", "text_frames_only"),
            (too_large, "payload_too_large"),
            (json.dumps([{}] * 501), "too_many_pings"),
        ]:
            socket.send(frame)
            answer = receive(socket)
            assert (answer["type"], answer["code"]) == ("error", code)
        socket.send(PING)
        assert ingest.heard.get(timeout=DEADLINE_S) == (pings_topic(uid), PING.encode())


def test_too_many_frames_are_refused_then_put_out(
    api: Client, driver: Person, uid: str, ingest: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frames.FrameBudget.__init__, "__kwdefaults__", {"rate": 0.001, "burst": 2})
    monkeypatch.setattr("platform_api.tracking.driver_uplink.MAX_REFUSED", 3)
    with driving(api, token_of(driver)) as socket:
        receive(socket)
        for _ in range(5):
            socket.send(PING)
        messages, code, reason = rest(socket)
    assert [message["code"] for message in messages] == ["too_many_frames"] * 2
    assert (code, reason) == (4429, "too_many_bad_frames")
    assert [ingest.heard.get(timeout=DEADLINE_S)[1] for _ in range(2)] == [PING.encode()] * 2


def test_who_may_not_send_is_told_why(api: Client, driver: Person) -> None:
    world.execute(
        "UPDATE devices SET disabled = true WHERE id = :id",
        id=world.new_device("phone", user_id=driver.id)[0],
    )
    # A tracker with a user is not his phone.
    world.new_device("tracker", user_id=driver.id)
    for token, code, reason in [
        (token_of(driver), 4404, "no_phone_registered"),
        (token_of(person(api, Role.SHIPPER)), 4403, "role_not_allowed"),
        (token_of(person(api, Role.CARRIER)), 4403, "role_not_allowed"),
        (None, 4401, "not_authenticated"),
        ("rubbish", 4401, "invalid_token"),
    ]:
        with driving(api, token) as socket:
            messages, closed_code, closed_reason = rest(socket)
        assert (closed_code, closed_reason) == (code, reason)
        assert [message["code"] for message in messages] == [reason]


def test_a_disabled_phone_is_put_out(
    api: Client, driver: Person, uid: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_socket, "RECHECK_S", 0.2)
    with driving(api, token_of(driver)) as socket:
        receive(socket)
        world.execute("UPDATE devices SET disabled = true WHERE uid = :uid", uid=uid)
        _, code, reason = rest(socket)
    assert (code, reason) == (4404, "no_phone_registered")


def test_the_broker_is_away_and_comes_back(
    api: Client,
    driver: Person,
    uid: str,
    settings: Settings,
    mqtt_broker: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if not hasattr(mqtt_broker, "restart"):
        pytest.skip("an external broker is not ours to stop")
    monkeypatch.setattr(relay_module, "CONNECT_TIMEOUT_S", 0.5)
    monkeypatch.setattr(relay_module, "CALL_TIMEOUT_S", 0.5)
    monkeypatch.setattr(relay_module, "RECONNECT_S", 0.1)
    with driving(api, token_of(driver)) as socket:
        receive(socket)
        mqtt_broker.stop()
        try:
            socket.send(PING)
            assert receive(socket)["code"] == "broker_unavailable"
        finally:
            mqtt_broker.start()
        ingest = Ingest(settings)
        try:
            wait_until(lambda: _sent(socket, ingest), what="the relay to reconnect")
            # Its subscription is back too.
            ingest.ack(uid, 1, [])
            answers = [receive(socket)]
            while answers[-1]["type"] == "error":
                answers.append(receive(socket))
            assert answers[-1]["seq"] == 1
        finally:
            ingest.close()


def test_without_a_broker_the_phone_is_told_to_come_again(
    settings: Settings, settings_for: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_module, "CONNECT_TIMEOUT_S", 0.3)
    with sockets.socket() as nobody_listens:
        nobody_listens.bind(("127.0.0.1", 0))
        settings_for(
            database_url=settings.database_url,
            redis_url=settings.redis_url,
            mqtt_port=nobody_listens.getsockname()[1],
        )
        with api_client() as api:
            driver = person(api, Role.DRIVER)
            world.new_device("phone", user_id=driver.id)
            with driving(api, token_of(driver)) as socket:
                assert rest(socket) == ([], 1013, "try_again_later")


def _sent(socket: Any, ingest: Ingest) -> bool:
    socket.send(PING)
    wait_until(lambda: not ingest.heard.empty() or _has_answer(socket), what="an answer")
    return not ingest.heard.empty()


def _has_answer(socket: Any) -> bool:
    try:
        socket.recv(timeout=0.05)
    except TimeoutError:
        return False
    return True
