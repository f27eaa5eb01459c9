"""Rules meet what the road tells: visits written by ingest's own code, handled by the tasks that run in production."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest

from geofence.crossings import Fix
from ingest.diff import Visit, diff
from ingest.visit_store import apply_changes, stored_visits
from platform_api.actor import Role
from platform_api.alert_rules import tasks
from platform_api.orders.tasks import on_crossings
from tests.integration.orders.world import World
from tests.support.api import Person, api_on, code_of, person
from tests.support.races import race

RULES, FENCES = "/api/v1/alert-rules/", "/api/v1/geofences/"
CIRCLE = {
    "type": "Feature",
    "geometry": {"type": "Point", "coordinates": [-17.4281, 14.6797]},
    "properties": {"radius_m": 300},
}


@pytest.fixture(scope="module")
def client(database_url: str, redis_url: str) -> Iterator[httpx.Client]:
    with api_on(database_url, redis_url) as client:
        yield client


@pytest.fixture
def world(client: httpx.Client, database_url: str) -> World:
    return World(client, database_url)


def fence(owner: Person, **more: Any) -> int:
    answer = owner.post(FENCES, {"name": "Dépôt de Rufisque", "shape": CIRCLE, **more})
    assert answer.status_code == 201, answer.text
    return int(answer.json()["id"])


def rule(owner: Person, **more: Any) -> dict[str, Any]:
    answer = owner.post(RULES, {"name": "La nuit", "trigger": "enter", **more})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def ago(minutes: float) -> datetime:
    return datetime.now(UTC) + timedelta(minutes=5) - timedelta(minutes=minutes)


def tell(world: World, vehicle_id: int, *stays: tuple[int, datetime, datetime | None]) -> None:
    """The truck's visits are now these (fence, entered, left), and the tasks have run."""
    visits = [_visit(*stay) for stay in stays]
    with psycopg.connect(world.database_url) as connection:
        stored = stored_visits(connection, vehicle_id)
        changes = [(vehicle_id, change) for change in diff(stored, visits)]
        crossings = [crossing.id for crossing in apply_changes(connection, changes)]
    on_crossings(crossings)


def _visit(fence_id: int, entered: datetime, left: datetime | None) -> Visit:
    def fix(time: datetime) -> Fix:
        return Fix(round(time.timestamp() * 1_000_000), -17.4281, 14.6797, 8.0, 1)

    entry = fix(entered)
    if left is None:
        return Visit(fence_id, entry.time_us, None, entry.time_us, False, entry)
    leave = fix(left)
    return Visit(fence_id, entry.time_us, leave.time_us, leave.time_us, False, entry, leave)


def inbox(owner: Person, **query: Any) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = owner.get("/api/v1/alerts/", params=query).json()["items"]
    return items


def test_a_truck_enters_and_leaves(world: World) -> None:
    yard = fence(world.carrier)
    rule(world.carrier, geofence_id=yard)
    rule(world.carrier, trigger="exit", geofence_id=yard)
    tell(world, world.vehicle_id, (yard, ago(3), None))
    (entered,) = inbox(world.carrier)
    assert entered["kind"] == "geofence_enter"
    assert "Dépôt de Rufisque" in entered["title"]
    tell(world, world.vehicle_id, (yard, ago(3), ago(1)))
    assert [alert["kind"] for alert in inbox(world.carrier)] == ["geofence_exit", "geofence_enter"]


def test_late_positions_correct_and_take_back_what_was_told(world: World) -> None:
    yard = fence(world.carrier)
    rule(world.carrier, geofence_id=yard)
    tell(world, world.vehicle_id, (yard, ago(3), None))
    tell(world, world.vehicle_id, (yard, ago(4), None))
    (alert,) = inbox(world.carrier, open=True)
    assert datetime.fromisoformat(alert["at"]) < ago(3)
    tell(world, world.vehicle_id)
    assert inbox(world.carrier, open=True) == []
    assert inbox(world.carrier)[0]["withdrawn_at"] is not None


def test_a_stay_becomes_long_while_nothing_else_happens(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    yard = fence(world.carrier)
    rule(world.carrier, trigger="dwell", geofence_id=yard, dwell_minutes=2)
    tell(world, world.vehicle_id, (yard, ago(4), None))
    assert inbox(world.carrier) == []
    now = datetime.now(UTC)
    monkeypatch.setattr("config.clock.now", lambda: now + timedelta(minutes=10))
    assert tasks.sweep_dwells() == 1
    assert tasks.sweep_dwells() == 0, "told once"
    monkeypatch.undo()
    (alert,) = inbox(world.carrier)
    assert (alert["kind"], alert["ended_at"]) == ("geofence_dwell", None)
    left = ago(0)
    tell(world, world.vehicle_id, (yard, ago(4), left))
    (alert,) = inbox(world.carrier)
    assert datetime.fromisoformat(alert["ended_at"]) == left
    # It had left before it was long: late positions say so.
    tell(world, world.vehicle_id, (yard, ago(4), ago(3)))
    assert inbox(world.carrier, open=True) == []


def test_rules_of_a_group_of_a_vehicle_and_of_everything(world: World) -> None:
    group = world.carrier.post("/api/v1/geofence-groups/", {"name": "Dépôts"}).json()["id"]
    inside, outside = fence(world.carrier, group_id=group), fence(world.carrier)
    rule(world.carrier, name="groupe", group_id=group)
    rule(world.carrier, name="tout")
    other = world.carrier.post(
        "/api/v1/fleet/vehicles/", {"plate": f"AA-{str(world.carrier.id)[:8]}"}
    ).json()["id"]
    rule(world.carrier, name="autre camion", vehicle_id=other)
    tell(world, world.vehicle_id, (inside, ago(3), ago(2)), (outside, ago(2), None))
    told = sorted((alert["facts"]["rule"], alert["facts"]["geofence_id"]) for alert in inbox(world.carrier))
    assert told == sorted([("groupe", inside), ("tout", inside), ("tout", outside)])


def test_others_are_told_nothing(world: World) -> None:
    yard = fence(world.carrier)
    rule(world.carrier)
    stranger, _, _ = world.fleet()
    rule(stranger)
    assert code_of(stranger.post(RULES, {"name": "x", "trigger": "enter", "geofence_id": yard})) == (
        404,
        "geofence_not_found",
    )
    tell(world, world.vehicle_id, (yard, ago(3), None))
    assert inbox(stranger) == []
    assert len(inbox(world.carrier)) == 1


def interval(world: World, vehicle_id: int, kind: str, *, minutes: float = 3) -> int:
    (row,) = world.sql(
        "INSERT INTO intervals (vehicle_id, kind, family, origin, device_id, started_at, ended_at, seen_at)"
        " VALUES (%s, %s, %s, 'platform', 0, %s, NULL, now()) RETURNING id",
        vehicle_id, kind, kind, ago(minutes),
    )  # fmt: skip
    change(world, row["id"], "created")
    return int(row["id"])


def change(world: World, interval_id: int, what: str) -> None:
    world.sql(
        "INSERT INTO interval_changes (interval_id, vehicle_id, kind, change, started_at)"
        " SELECT id, vehicle_id, kind, %s, started_at FROM intervals WHERE id = %s",
        what,
        interval_id,
    )


def test_what_vehicles_do_is_told_to_their_carrier_once_and_taken_back(world: World) -> None:
    rule(world.carrier, trigger="interval", kinds=["tow", "speeding"])
    other, _, foreign = world.fleet()
    found = interval(world, world.vehicle_id, "tow")
    interval(world, world.vehicle_id, "trip")
    interval(world, foreign, "tow")
    assert tasks.sweep_intervals() >= 3
    assert tasks.sweep_intervals() == 0
    (alert,) = inbox(world.carrier)
    assert (alert["kind"], alert["facts"]["event"]) == ("vehicle_event", "tow")
    assert inbox(other) == []
    world.sql("UPDATE intervals SET retracted_at = now() WHERE id = %s", found)
    change(world, found, "retracted")
    tasks.sweep_intervals()
    assert inbox(world.carrier, open=True) == []


def test_two_workers_tell_it_once(world: World) -> None:
    rule(world.carrier, trigger="interval", kinds=["tow"], sms_to=[str(world.carrier.id)])
    for number in range(30):
        interval(world, world.vehicle_id, "tow", minutes=3 - number / 60)
        assert race(*[lambda *_: tasks.sweep_intervals()] * 2) == ["ok", "ok"]
    assert len(inbox(world.carrier, limit=100)) == 30


def texts(world: World, phone: str) -> list[str]:
    rows = world.sql(
        "SELECT text FROM sms_messages WHERE phone = %s AND purpose = 'alert' ORDER BY id", phone
    )
    return [row["text"] for row in rows]


def test_people_whom_a_rule_names_get_a_text_for_news_alone(world: World) -> None:
    yard = fence(world.carrier)
    rule(world.carrier, geofence_id=yard, sms_to=[str(world.carrier.id)])
    tell(world, world.vehicle_id, (yard, ago(3), None))
    tell(world, world.vehicle_id, (yard, ago(4), None))
    (told,) = texts(world, world.carrier.phone)
    assert "Rufisque" in told
    old = ago(600)
    world.sql("UPDATE alert_rules SET created_at = %s", old - timedelta(days=1))
    tell(world, world.vehicle_id, (yard, old, ago(590)))
    assert len(texts(world, world.carrier.phone)) == 1, "not for what happened ten hours ago"


def test_texts_have_a_limit_a_day(world: World) -> None:
    yard = fence(world.carrier)
    rule(world.carrier, geofence_id=yard, sms_to=[str(world.carrier.id)])
    stays = [(yard, ago(4 - n / 10), ago(4 - n / 10 - 0.05)) for n in range(25)]
    tell(world, world.vehicle_id, *stays)
    assert len(inbox(world.carrier, limit=100)) == 25
    assert len(texts(world, world.carrier.phone)) == 20


def test_only_people_of_the_party_are_texted(world: World) -> None:
    body = {"name": "x", "trigger": "enter", "sms_to": [str(world.shipper.id)]}
    assert code_of(world.carrier.post(RULES, body)) == (422, "not_of_your_party")


def test_texts_for_alerts_that_the_platform_raises_anyway(world: World) -> None:
    order = world.assigned()
    rule(order.carrier, trigger="alert", kinds=["geofence_exit"], sms_to=[str(order.carrier.id)])
    yard = fence(order.carrier)
    rule(order.carrier, trigger="exit", geofence_id=yard)
    before = len(texts(world, order.carrier.phone))
    tell(world, order.vehicle_id, (yard, ago(3), ago(1)))
    assert len(texts(world, order.carrier.phone)) == before + 1


@pytest.mark.parametrize(
    ("role", "body", "expected"),
    [
        (Role.SHIPPER, {"trigger": "interval", "kinds": ["tow"]}, (403, "role_not_allowed")),
        (Role.CARRIER, {"trigger": "dwell"}, (422, "invalid_alert_rule")),
        (Role.CARRIER, {"trigger": "interval", "kinds": ["dance"]}, (422, "unknown_alert_kinds")),
        (Role.CARRIER, {"trigger": "enter", "geofence_id": 1, "group_id": 1}, (404, "geofence_not_found")),
        (Role.CARRIER, {"trigger": "enter", "schedule": [{"days": [8], "start": "1", "end": "2"}]}, (422, "invalid_body")),
    ],
)  # fmt: skip
def test_rules_that_cannot_be(
    client: httpx.Client, role: Role, body: dict[str, Any], expected: tuple[int, str]
) -> None:
    assert code_of(person(client, role).post(RULES, {"name": "x", **body})) == expected


def test_change_switch_off_and_remove(world: World) -> None:
    yard = fence(world.carrier)
    path = f"{RULES}{rule(world.carrier, geofence_id=yard)['id']}/"
    stale = world.carrier.headers | {"If-Match": '"7"'}
    assert code_of(world.client.patch(path, json={"enabled": False}, headers=stale)) == (
        412,
        "version_mismatch",
    )
    off = world.carrier.patch(
        path, {"enabled": False, "schedule": [{"days": [1], "start": "20:00", "end": "06:00"}]}
    )
    assert (off.json()["enabled"], off.json()["version"], off.headers["etag"]) == (False, 2, '"2"')
    tell(world, world.vehicle_id, (yard, ago(3), None))
    assert inbox(world.carrier) == []
    assert world.carrier.delete(path).status_code == 204
    assert code_of(world.carrier.get(path)) == (404, "alert_rule_not_found")
    assert world.carrier.get(RULES).json()["items"] == []
