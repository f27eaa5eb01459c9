"""A revoked device loses the connection it has, on a real broker, and cannot come back with what it knew."""

import socket
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import psycopg
import pytest

from brokers.embedded_broker import REVOCATION_SWEEP_S
from tests.integration.brokers.conftest import Mqtt, connect_packet, is_closed, read_exactly
from tests.integration.fleet.world import FLEET, FleetWorld
from tests.support.api import code_of
from tests.support.waiting import wait_until

# The broker is told by the database: it needs no sweep for it.
AT_ONCE_S = 3.0
NOT_AUTHORISED = 5
_numbers = count(1)


@pytest.fixture
def mqtt(mqtt_broker: Any) -> Mqtt:
    return Mqtt(mqtt_broker.host, mqtt_broker.port)


@pytest.fixture
def listened(database_url: str, mqtt: Mqtt) -> None:
    """The broker listens to the database."""
    _listener(database_url)


def _listener(database_url: str) -> int:
    with psycopg.connect(database_url, autocommit=True) as connection:

        def found() -> Any:
            return connection.execute(
                "SELECT pid FROM pg_stat_activity WHERE query LIKE 'LISTEN %' AND datname = current_database()"
            ).fetchone()

        wait_until(lambda: found() is not None, what="the broker to listen")
        return int(found()[0])


def register(world: FleetWorld, **body: Any) -> dict[str, str]:
    answer = world.carrier.post(
        f"{FLEET}/devices/", {"uid": f"rev-{next(_numbers)}", "kind": "tracker", **body}
    )
    assert answer.status_code == 201, answer.text
    issued: dict[str, str] = answer.json()
    return issued


def connack(mqtt: Mqtt, uid: str, password: str) -> int:
    with mqtt.raw() as sock:
        sock.sendall(connect_packet(uid, uid, password))
        return read_exactly(sock, 4)[3]


def is_cut(sock: socket.socket, within_s: float) -> bool:
    sock.settimeout(within_s)
    try:
        return is_closed(sock)
    except TimeoutError:
        return False


@pytest.fixture
def connected(mqtt: Mqtt, listened: None) -> Iterator[Callable[[str, str], socket.socket]]:
    open_ones: list[socket.socket] = []

    def connect(uid: str, password: str) -> socket.socket:
        open_ones.append(mqtt.raw_login(uid, password))
        return open_ones[-1]

    yield connect
    for sock in open_ones:
        sock.close()


Connect = Callable[[str, str], socket.socket]


def test_rotating_ends_the_open_connection_and_the_old_secret(
    world: FleetWorld, mqtt: Mqtt, connected: Connect
) -> None:
    issued = register(world)
    uid, old = issued["uid"], issued["mqtt_password"]
    sock = connected(uid, old)
    new = world.carrier.post(f"{FLEET}/devices/{uid}/rotate/").json()["mqtt_password"]
    assert is_cut(sock, AT_ONCE_S)
    assert connack(mqtt, uid, old) == NOT_AUTHORISED
    assert connack(mqtt, uid, new) == 0


def test_disabling_ends_the_open_connection_until_it_is_enabled_with_a_new_secret(
    world: FleetWorld, mqtt: Mqtt, connected: Connect
) -> None:
    issued = register(world)
    uid, old = issued["uid"], issued["mqtt_password"]
    sock = connected(uid, old)
    assert code_of(world.carrier.post(f"{FLEET}/devices/{uid}/disable/")) == (204, "")
    assert is_cut(sock, AT_ONCE_S)
    assert connack(mqtt, uid, old) == NOT_AUTHORISED
    new = world.carrier.post(f"{FLEET}/devices/{uid}/enable/").json()["mqtt_password"]
    assert (connack(mqtt, uid, old), connack(mqtt, uid, new)) == (NOT_AUTHORISED, 0)


def test_other_devices_stay_connected(world: FleetWorld, connected: Connect) -> None:
    issued, other = register(world), register(world)
    sock = connected(issued["uid"], issued["mqtt_password"])
    witness = connected(other["uid"], other["mqtt_password"])
    world.carrier.post(f"{FLEET}/devices/{issued['uid']}/rotate/")
    assert is_cut(sock, AT_ONCE_S)
    witness.sendall(b"\xc0\x00")  # PINGREQ
    witness.settimeout(AT_ONCE_S)
    assert witness.recv(2) == b"\xd0\x00"


def test_the_phone_of_a_detached_driver_is_cut_off_and_its_token_is_no_good(
    world: FleetWorld, mqtt: Mqtt, connected: Connect
) -> None:
    uid = register(world, kind="phone", driver_id=str(world.driver.id))["uid"]
    token = world.driver.post(f"{FLEET}/devices/{uid}/token/").json()["mqtt_password"]
    sock = connected(uid, token)
    assert code_of(world.carrier.delete(f"{FLEET}/drivers/{world.driver.id}/")) == (204, "")
    assert is_cut(sock, AT_ONCE_S)
    assert connack(mqtt, uid, token) == NOT_AUTHORISED


def test_what_was_revoked_while_the_broker_heard_nothing_is_found_by_its_sweep(
    world: FleetWorld, mqtt: Mqtt, connected: Connect, database_url: str
) -> None:
    issued = register(world)
    phone = register(world, kind="phone", driver_id=str(world.driver.id))["uid"]
    token = world.driver.post(f"{FLEET}/devices/{phone}/token/").json()["mqtt_password"]
    sockets = connected(issued["uid"], issued["mqtt_password"]), connected(phone, token)
    with psycopg.connect(database_url, autocommit=True) as connection:
        # A change that fires no trigger is one that nobody heard of.
        connection.execute("SET session_replication_role = replica")
        connection.execute(
            "UPDATE mqtt_credentials SET password_hash = 'other' WHERE client_id = %s", (issued["uid"],)
        )
        connection.execute("UPDATE devices SET disabled = true WHERE uid = %s", (phone,))
    for sock in sockets:
        assert is_cut(sock, 2 * REVOCATION_SWEEP_S + AT_ONCE_S)


def test_a_broker_that_lost_its_database_connection_listens_again(
    world: FleetWorld, connected: Connect, database_url: str
) -> None:
    pid = _listener(database_url)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(%s)", (pid,))
    wait_until(lambda: _listener(database_url) != pid, what="the broker to listen again")
    issued = register(world)
    sock = connected(issued["uid"], issued["mqtt_password"])
    world.carrier.post(f"{FLEET}/devices/{issued['uid']}/rotate/")
    assert is_cut(sock, AT_ONCE_S)


def test_a_loud_client_is_cut_as_well(world: FleetWorld, connected: Connect) -> None:
    """One that sends all the time, as a thief would."""
    issued = register(world)
    sock = connected(issued["uid"], issued["mqtt_password"])
    world.carrier.post(f"{FLEET}/devices/{issued['uid']}/disable/")

    def is_refused() -> bool:
        try:
            sock.sendall(b"\xc0\x00")
        except OSError:
            return True
        return False

    wait_until(is_refused, AT_ONCE_S, what="the connection to end")
