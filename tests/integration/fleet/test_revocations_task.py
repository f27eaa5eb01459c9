"""Revocations reach EMQX once, in the state that counts in the end."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from threading import Thread
from typing import Any

import pytest

from brokers.emqx_admin import EmqxAdmin
from config import clock
from config.database import transaction
from platform_api.fleet import revocations
from tests.integration.brokers.test_emqx_admin import FakeEmqx
from tests.integration.fleet.world import FLEET, FleetWorld

_numbers = count(1)


@pytest.fixture
def emqx() -> Iterator[FakeEmqx]:
    server = FakeEmqx()
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def sweep(emqx: FakeEmqx | None) -> int:
    admin = emqx and EmqxAdmin(f"http://127.0.0.1:{emqx.server_port}", key="key", secret="secret")
    return revocations.sweep(transaction, admin, now=clock.now(), token_life=timedelta(hours=12))


def register(world: FleetWorld, **body: Any) -> str:
    uid = f"emqx-{next(_numbers)}"
    answer = world.carrier.post(f"{FLEET}/devices/", {"uid": uid, "kind": "tracker", **body})
    assert answer.status_code == 201, answer.text
    return uid


@pytest.fixture(autouse=True)
def nothing_waits(world: FleetWorld) -> None:
    world.sql("DELETE FROM mqtt_revocations")


def test_a_rotated_tracker_is_disconnected_once(world: FleetWorld, emqx: FakeEmqx) -> None:
    uid = register(world)
    emqx.connected.add(uid)
    world.carrier.post(f"{FLEET}/devices/{uid}/rotate/")
    assert (sweep(emqx), emqx.connected, emqx.banned) == (1, set(), {})
    emqx.connected.add(uid)
    assert (sweep(emqx), emqx.connected) == (0, {uid})


def test_a_phone_is_banned_while_it_is_shut_out_because_its_token_cannot_be_taken_back(
    world: FleetWorld, emqx: FakeEmqx
) -> None:
    uid = register(world, kind="phone", driver_id=str(world.driver.id))
    emqx.connected.add(uid)
    world.carrier.delete(f"{FLEET}/drivers/{world.driver.id}/")
    assert (sweep(emqx), emqx.connected, set(emqx.banned)) == (1, set(), {uid})
    world.carrier.post(f"{FLEET}/devices/{uid}/enable/")
    assert (sweep(emqx), emqx.banned) == (1, {})


def test_disabled_and_enabled_again_before_the_sweep_it_is_not_banned(
    world: FleetWorld, emqx: FakeEmqx
) -> None:
    uid = register(world, kind="phone", driver_id=str(world.driver.id))
    world.carrier.post(f"{FLEET}/devices/{uid}/disable/")
    world.carrier.post(f"{FLEET}/devices/{uid}/enable/")
    assert (sweep(emqx), emqx.banned) == (1, {})


def test_what_emqx_did_not_do_waits(world: FleetWorld, emqx: FakeEmqx) -> None:
    uid = register(world)
    emqx.connected.add(uid)
    world.carrier.post(f"{FLEET}/devices/{uid}/disable/")
    emqx.broken = True
    assert sweep(emqx) == 0
    emqx.broken = False
    assert (sweep(emqx), emqx.connected) == (1, set())


def test_without_emqx_nothing_piles_up(world: FleetWorld) -> None:
    world.carrier.post(f"{FLEET}/devices/{register(world)}/rotate/")
    assert (sweep(None), world.sql("SELECT * FROM mqtt_revocations")) == (1, [])


def test_a_change_during_the_work_is_not_forgotten(world: FleetWorld) -> None:
    uid = register(world)
    world.carrier.post(f"{FLEET}/devices/{uid}/rotate/")
    with transaction() as session:
        seen = revocations.waiting(session, now=clock.now(), token_life=timedelta(hours=1), limit=9)
    world.carrier.post(f"{FLEET}/devices/{uid}/rotate/")
    with transaction() as session:
        revocations.forget(session, seen)
    assert [row["client_id"] for row in world.sql("SELECT client_id FROM mqtt_revocations")] == [uid]
