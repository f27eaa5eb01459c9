"""What a rule may be about, and that it can be changed when that is gone; stays that its schedule leaves out."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from platform_api.actor import Role
from platform_api.alert_rules import tasks, watching
from tests.integration.alert_rules.test_alert_rules import (
    CIRCLE,
    FENCES,
    RULES,
    ago,
    change,
    fence,
    inbox,
    interval,
    rule,
    tell,
)
from tests.integration.orders.world import World
from tests.support.api import Person, api_on, code_of, person


@pytest.fixture(scope="module")
def client(database_url: str, redis_url: str) -> Iterator[httpx.Client]:
    with api_on(database_url, redis_url) as client:
        yield client


@pytest.fixture
def world(client: httpx.Client, database_url: str) -> World:
    return World(client, database_url)


def refusal(owner: Person, **wish: object) -> tuple[int, str]:
    return code_of(owner.post(RULES, {"name": "x", **wish}))


@pytest.mark.parametrize("wish", [{"trigger": "enter"}, {"trigger": "alert", "kinds": ["late_arrival"]}])
def test_a_vehicle_of_nobody_or_of_somebody_else(world: World, wish: dict[str, object]) -> None:
    unknown = (404, "vehicle_not_found")
    stranger = person(world.client, Role.CARRIER)
    for owner in (stranger, world.shipper):
        for vehicle_id in (world.vehicle_id, 2**31 + 7):
            assert refusal(owner, vehicle_id=vehicle_id, **wish) == unknown
    assert refusal(world.carrier, vehicle_id=world.vehicle_id, **wish) == (201, "")


def test_a_shipper_names_a_truck_while_it_carries_for_him(world: World) -> None:
    order = world.assigned()
    assert refusal(order.shipper, trigger="enter", vehicle_id=order.vehicle_id) == (201, "")


def test_no_rule_about_a_fence_that_judges_nothing_any_more(world: World) -> None:
    yard = fence(world.carrier)
    wider = {**CIRCLE, "properties": {"radius_m": 900}}
    assert world.carrier.patch(f"{FENCES}{yard}/", {"shape": wider}).status_code == 200
    assert refusal(world.carrier, trigger="enter", geofence_id=yard) == (409, "geofence_retired")


def test_a_rule_can_be_switched_off_when_its_truck_is_sold_or_its_reader_gone(world: World) -> None:
    made = rule(
        world.carrier,
        trigger="interval",
        kinds=["tow"],
        vehicle_id=world.vehicle_id,
        sms_to=[str(world.carrier.id)],
    )
    stranger = person(world.client, Role.CARRIER)
    world.sql("UPDATE vehicles SET carrier_id = %s WHERE id = %s", stranger.id, world.vehicle_id)
    gone = f'["{stranger.id}"]'
    world.sql("UPDATE alert_rules SET sms_to = %s::jsonb WHERE id = %s", gone, made["id"])
    path = f"{RULES}{made['id']}/"
    off = world.carrier.patch(path, {"enabled": False})
    assert (off.status_code, off.json().get("enabled")) == (200, False), off.text
    again = world.carrier.patch(path, {"sms_to": [str(stranger.id)]})
    assert code_of(again) == (422, "not_of_your_party")


def schedule(at: datetime, hours: int) -> list[dict[str, object]]:
    """The hour that begins so many hours after `at`."""
    start, end = at + timedelta(hours=hours), at + timedelta(hours=hours + 1)
    return [{"days": [1, 2, 3, 4, 5, 6, 7], "start": f"{start:%H:%M}", "end": f"{end:%H:%M}"}]


def test_a_long_stay_outside_the_schedule_is_left_alone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    yard, other = fence(world.carrier), fence(world.carrier)
    entered = ago(4)
    due = (entered + timedelta(minutes=2)).astimezone(UTC)
    long = {"trigger": "dwell", "dwell_minutes": 2}
    rule(world.carrier, geofence_id=yard, schedule=schedule(due, 3), **long)
    rule(world.carrier, geofence_id=other, schedule=schedule(due, 5), **long)
    rule(world.carrier, geofence_id=other, schedule=schedule(due - timedelta(minutes=30), 0), **long)
    tell(world, world.vehicle_id, (yard, entered, None), (other, entered, None))
    judged: list[int] = []
    judge = watching.on_visit

    def count(session: object, visit_id: int, now: datetime) -> int:
        judged.append(visit_id)
        return judge(session, visit_id, now)  # type: ignore[arg-type]

    monkeypatch.setattr(watching, "on_visit", count)
    monkeypatch.setattr(tasks, "ROWS_AT_ONCE", 1)  # each visit and rule is a page of its own
    now = datetime.now(UTC)
    monkeypatch.setattr("config.clock.now", lambda: now + timedelta(minutes=10))
    assert tasks.sweep_dwells() == 1
    assert tasks.sweep_dwells() == 0
    monkeypatch.undo()
    (alert,) = inbox(world.carrier)
    assert (alert["kind"], alert["facts"]["geofence_id"], len(judged)) == ("geofence_dwell", other, 1)


def test_a_shipper_is_told_of_the_truck_while_it_carries_for_him_and_not_of_its_next_job(
    world: World,
) -> None:
    order = world.assigned()
    world.sql("UPDATE orders SET assigned_at = %s WHERE id = %s", ago(300), order.id)
    yard = fence(order.shipper, vehicle_id=order.vehicle_id)
    rule(order.shipper, trigger="enter", geofence_id=yard)
    world.sql("UPDATE alert_rules SET created_at = %s WHERE geofence_id = %s", ago(300), yard)
    tell(world, order.vehicle_id, (yard, ago(100), ago(90)))
    assert len(inbox(order.shipper, kind="geofence_enter")) == 1
    world.sql("UPDATE orders SET status = 'CANCELLED', cancelled_at = %s WHERE id = %s", ago(60), order.id)
    tell(world, order.vehicle_id, (yard, ago(100), ago(90)), (yard, ago(30), None))
    assert len(inbox(order.shipper, kind="geofence_enter")) == 1


def test_an_administrators_fence_watches_any_truck(world: World) -> None:
    root = person(world.client, Role.ADMINISTRATOR)
    yard = fence(root, vehicle_id=world.vehicle_id)
    rule(root, geofence_id=yard)
    tell(world, world.vehicle_id, (yard, ago(3), None))
    assert len(inbox(root)) == 1


@pytest.mark.parametrize("how", ["removed", "switched off", "redrawn"])
def test_what_did_not_happen_is_taken_back_whatever_became_of_the_rule(world: World, how: str) -> None:
    yard = fence(world.carrier)
    path = f"{RULES}{rule(world.carrier, geofence_id=yard)['id']}/"
    tell(world, world.vehicle_id, (yard, ago(4), None))
    assert len(inbox(world.carrier, open=True)) == 1
    if how == "removed":
        assert world.carrier.delete(path).status_code == 204
    elif how == "switched off":
        assert world.carrier.patch(path, {"enabled": False}).status_code == 200
    else:
        wider = {**CIRCLE, "properties": {"radius_m": 900}}
        assert world.carrier.patch(f"{FENCES}{yard}/", {"shape": wider}).status_code == 200
    tell(world, world.vehicle_id)
    assert inbox(world.carrier, open=True) == []


def test_nor_what_a_truck_did_not_do(world: World) -> None:
    path = f"{RULES}{rule(world.carrier, trigger='interval', kinds=['tow'])['id']}/"
    interval_id = interval(world, world.vehicle_id, "tow")
    tasks.sweep_intervals()
    assert len(inbox(world.carrier, open=True)) == 1
    world.carrier.delete(path)
    world.sql("UPDATE intervals SET retracted_at = now() WHERE id = %s", interval_id)
    change(world, interval_id, "retracted")
    tasks.sweep_intervals()
    assert inbox(world.carrier, open=True) == []
