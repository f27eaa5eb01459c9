"""Templates and schedules: orders that come again, each day exactly once."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.orm import Session

from config import clock
from platform_api.actor import Role
from platform_api.repeats import service, tasks
from tests.integration.orders.world import ORDER, World, actor_of
from tests.support.api import code_of, person
from tests.support.races import race

pytestmark = pytest.mark.integration

ROUNDS = 100
TEMPLATES, SCHEDULES = "/api/v1/order-templates/", "/api/v1/order-schedules/"
TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
BODY: dict[str, Any] = {
    **ORDER,
    "pickup_window": {
        "opens_at": (TODAY + timedelta(days=5, hours=8)).isoformat(),
        "closes_at": (TODAY + timedelta(days=5, hours=12)).isoformat(),
    },
    "delivery_window": {"closes_at": (TODAY + timedelta(days=6, hours=10)).isoformat()},
    "stops": [{"kind": "delivery", "place": {"name": "Thiès", "lat": 14.79, "lon": -16.93}}],
}
EVERY_DAY = {"weekdays": [1, 2, 3, 4, 5, 6, 7], "at_time": "06:30:00"}


def template(world: World, **parts: Any) -> str:
    answer = world.shipper.post(TEMPLATES, {"name": "Riz du lundi", "order": {**BODY, **parts}})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def schedule(world: World, **parts: Any) -> str:
    body = {"template_id": template(world), **EVERY_DAY, **parts}
    answer = world.shipper.post(SCHEDULES, body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def due(world: World, schedule_id: str, at: datetime | None = None) -> None:
    at = at or clock.now() - timedelta(minutes=1)
    world.sql("UPDATE order_schedules SET next_at = %s WHERE id = %s", at, schedule_id)


def days(world: World, schedule_id: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = world.shipper.get(f"{SCHEDULES}{schedule_id}/occurrences/").json()["items"]
    return items


def test_an_order_of_a_template_keeps_its_hours(world: World) -> None:
    day = (TODAY + timedelta(days=20)).date().isoformat()
    answer = world.shipper.post(
        f"{TEMPLATES}{template(world)}/orders/", {"pickup_date": day, "changes": {"weight_kg": 7_000}}
    )
    assert answer.status_code == 201, answer.text
    order = answer.json()
    assert (order["status"], order["weight_kg"], order["goods"]) == ("DRAFT", 7_000, ORDER["goods"])
    assert order["pickup_window"]["opens_at"] == f"{day}T08:00:00Z"
    assert datetime.fromisoformat(order["delivery_window"]["closes_at"]) == TODAY + timedelta(
        days=21, hours=10
    )
    assert [stop["place"]["name"] for stop in order["stops"]] == ["Thiès"]
    posted = world.shipper.post(f"{TEMPLATES}{template(world)}/orders/", {"pickup_date": day, "post": True})
    assert posted.json()["status"] == "POSTED"


def test_a_template_of_an_order_there_is(world: World) -> None:
    order = world.shipper.post("/api/v1/orders/", {**BODY, "value_xof": 5_000_000}).json()
    made = world.shipper.post(TEMPLATES, {"name": "Encore", "order_id": order["id"]})
    assert (made.status_code, made.json()["order"]["value_xof"]) == (201, 5_000_000)
    again = world.shipper.post(
        f"{TEMPLATES}{made.json()['id']}/orders/", {"pickup_date": made.json()["base_date"]}
    )
    same = ("goods", "pickup", "delivery", "pickup_window", "delivery_window", "stops", "value_xof", "needs")
    assert {name: again.json()[name] for name in same} == {name: order[name] for name in same}
    stranger = person(world.client, Role.SHIPPER)
    assert code_of(stranger.post(TEMPLATES, {"name": "x", "order_id": order["id"]})) == (
        404,
        "order_not_found",
    )
    path = world.posted()
    seen = {"name": "x", "order_id": path.split("/")[-2]}
    assert code_of(world.carrier.post(TEMPLATES, seen)) == (403, "role_not_allowed")
    assert code_of(world.shipper.post(TEMPLATES, {"name": "x"})) == (422, "template_source")


def test_templates_are_changed_and_removed_by_their_own_party(world: World) -> None:
    made = template(world)
    path = f"{TEMPLATES}{made}/"
    tag = world.shipper.get(path).headers["ETag"]
    headers = {**world.shipper.headers, "If-Match": tag}
    assert world.client.patch(path, json={"name": "Mil"}, headers=headers).json()["name"] == "Mil"
    assert code_of(world.client.patch(path, json={"name": "x"}, headers=headers)) == (412, "version_mismatch")
    stranger = person(world.client, Role.SHIPPER)
    for answer in (stranger.get(path), stranger.delete(path), stranger.post(f"{path}orders/", {})):
        assert code_of(answer) == (404, "template_not_found")
    plan = schedule(world, template_id=made)
    assert code_of(world.shipper.delete(path)) == (204, "")
    assert code_of(world.shipper.get(path)) == (404, "template_not_found")
    assert code_of(world.shipper.get(f"{SCHEDULES}{plan}/")) == (404, "schedule_not_found")


def test_a_schedule_makes_its_order_and_posts_it(world: World, standing_clock: datetime) -> None:
    quiet, loud = schedule(world, lead_days=2), schedule(world, posts=True, lead_days=3)
    for made in (quiet, loud):
        due(world, made)
    assert tasks.run_due() >= 2
    assert tasks.run_due() == 0
    for made, status, lead in ((quiet, "DRAFT", 2), (loud, "POSTED", 3)):
        (day,) = days(world, made)
        assert day["problem"] is None
        order = world.shipper.get(f"/api/v1/orders/{day['order_id']}/").json()
        assert order["status"] == status
        pickup = datetime.fromisoformat(order["pickup_window"]["opens_at"])
        occurred = datetime.fromisoformat(f"{day['date']}T00:00:00+00:00")
        assert pickup - occurred == timedelta(days=lead, hours=8)
        next_at = world.shipper.get(f"{SCHEDULES}{made}/").json()["next_at"]
        assert datetime.fromisoformat(next_at) > standing_clock


def test_what_could_not_be_posted_is_told(world: World) -> None:
    # 23 hours ago is not missed yet, and the pickup of that day closed at 12:00
    now = datetime.now(UTC)
    late, long_ago = now - timedelta(hours=23), now - timedelta(days=2)
    # one day a week: whatever the hour of the test is, no other day is due
    over = schedule(world, posts=True, weekdays=[late.isoweekday()])
    missed = schedule(world, weekdays=[long_ago.isoweekday()])
    due(world, over, late)
    due(world, missed, long_ago)
    tasks.run_due()
    (draft,) = days(world, over)
    assert draft["problem"] == "pickup_over"
    assert world.shipper.get(f"/api/v1/orders/{draft['order_id']}/").json()["status"] == "DRAFT"
    (left_out,) = days(world, missed)
    assert (left_out["problem"], left_out["order_id"]) == ("missed", None)
    alerts = [alert["kind"] for alert in world.shipper.get("/api/v1/alerts/").json()["items"]]
    assert alerts.count("order_not_repeated") == 2


def test_paused_and_resumed(world: World, standing_clock: datetime) -> None:
    made = schedule(world)
    path = f"{SCHEDULES}{made}/"
    assert world.shipper.post(f"{path}pause/").json()["paused_at"] is not None
    due(world, made)
    tasks.run_due()
    assert days(world, made) == []
    resumed = world.shipper.post(f"{path}resume/").json()
    assert resumed["paused_at"] is None
    # the day of the pause is not made up for
    assert datetime.fromisoformat(resumed["next_at"]) > standing_clock
    assert code_of(world.carrier.post(f"{path}pause/")) == (404, "schedule_not_found")
    assert code_of(world.shipper.delete(path)) == (204, "")
    due(world, made)
    tasks.run_due()
    assert world.sql("SELECT id FROM schedule_occurrences WHERE schedule_id = %s", made) == []


def test_a_schedule_that_never_comes(world: World) -> None:
    body = {
        "template_id": template(world),
        **EVERY_DAY,
        "until": (TODAY - timedelta(days=1)).date().isoformat(),
    }
    assert code_of(world.shipper.post(SCHEDULES, body)) == (422, "schedule_never")
    assert code_of(world.shipper.post(SCHEDULES, {**body, "weekdays": [8]})) == (422, "invalid_body")


def test_two_workers_at_once_make_one_order(world: World) -> None:
    made = UUID(schedule(world))
    # of one day, should another begin meanwhile
    due_at = clock.now() - timedelta(minutes=1)

    def run(session: Session, now: datetime) -> object:
        return service.run_schedule(session, made, now)

    for number in range(ROUNDS):
        due(world, str(made), due_at)
        # even a worker that is told of a day again makes nothing
        world.sql(
            "UPDATE schedule_occurrences SET date = DATE '2000-01-01' + %s WHERE schedule_id = %s AND date > '2020-01-01'",
            number,
            made,
        )
        assert race(run, run) == ["ok", "ok"]
    rows = world.sql("SELECT order_id, problem FROM schedule_occurrences WHERE schedule_id = %s", made)
    assert len(rows) == ROUNDS
    assert len({row["order_id"] for row in rows}) == ROUNDS
    # the same day, told again
    due(world, str(made), due_at)
    assert race(run, run) == ["ok", "ok"]
    assert len(world.sql("SELECT id FROM schedule_occurrences WHERE schedule_id = %s", made)) == ROUNDS


@pytest.mark.parametrize(
    ("day", "code"), [("9999-12-31", "window_too_far"), ("2300-01-01", "window_too_far"), ("0001-01-01", "invalid_body")]
)  # fmt: skip
def test_days_that_no_order_is_for(world: World, day: str, code: str) -> None:
    answer = world.shipper.post(f"{TEMPLATES}{template(world)}/orders/", {"pickup_date": day})
    assert code_of(answer) == (422, code)


def test_the_time_of_a_schedule_is_of_dakar(world: World) -> None:
    body = {"template_id": template(world), **EVERY_DAY}
    for at_time in ("06:30:00Z", "06:30:00+00:00", "06:30"):
        made = world.shipper.post(SCHEDULES, {**body, "at_time": at_time})
        assert (made.status_code, made.json()["at_time"]) == (201, "06:30:00")
    # 06:30 somewhere else is another time here, perhaps of another day
    for at_time in ("06:30:00+05:00", "06:30:00-01:00"):
        assert code_of(world.shipper.post(SCHEDULES, {**body, "at_time": at_time})) == (422, "invalid_body")


def change(world: World, schedule_id: str, tag: str | None = None, **parts: Any) -> Any:
    headers = {**world.shipper.headers, **({"If-Match": tag} if tag else {})}
    return world.client.patch(f"{SCHEDULES}{schedule_id}/", json=parts, headers=headers)


def test_a_schedule_is_changed(world: World) -> None:
    made = schedule(world, lead_days=1)
    path = f"{SCHEDULES}{made}/"
    tag = world.shipper.get(path).headers["ETag"]
    tomorrow = TODAY + timedelta(days=1)
    answer = change(
        world, made, tag, weekdays=[tomorrow.isoweekday()], at_time="23:15:00Z", lead_days=2, posts=True,
        until=(TODAY + timedelta(days=30)).date().isoformat(),
    )  # fmt: skip
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["weekdays"], body["at_time"], body["lead_days"], body["posts"], body["version"]) == (
        [tomorrow.isoweekday()], "23:15:00", 2, True, 2,
    )  # fmt: skip
    assert datetime.fromisoformat(body["next_at"]) == tomorrow + timedelta(hours=23, minutes=15)
    assert answer.headers["ETag"] == '"2"'
    assert code_of(change(world, made, tag, posts=False)) == (412, "version_mismatch")
    # nothing said, or the same again: nothing changed
    assert change(world, made).json() == change(world, made, posts=True).json() == body
    assert change(world, made, until=None).json()["until"] is None
    over = (TODAY - timedelta(days=1)).date().isoformat()
    for parts, code in (
        ({"until": over}, "schedule_never"),
        ({"weekdays": []}, "invalid_body"),
        ({"weekdays": [0]}, "invalid_body"),
        ({"at_time": None}, "invalid_body"),
        ({"at_time": "08:00:00+01:00"}, "invalid_body"),
        ({"lead_days": 31}, "invalid_body"),
        ({"template_id": made}, "invalid_body"),
    ):
        assert code_of(change(world, made, **parts)) == (422, code)
    assert world.shipper.get(path).json()["version"] == 3
    stranger = person(world.client, Role.SHIPPER)
    assert code_of(stranger.patch(path, {"posts": True})) == (404, "schedule_not_found")


def test_a_day_that_had_its_order_does_not_come_again_at_another_hour(world: World) -> None:
    made = schedule(world)
    # as if midnight were over: today's order is made at once
    due(world, made)
    tasks.run_due()
    (today,) = days(world, made)
    latest = change(world, made, at_time="23:59:59.999999").json()
    assert datetime.fromisoformat(latest["next_at"]).date() > datetime.fromisoformat(today["date"]).date()
    world.shipper.post(f"{SCHEDULES}{made}/pause/")
    resumed = world.shipper.post(f"{SCHEDULES}{made}/resume/").json()
    assert resumed["next_at"] == latest["next_at"]
    assert [day["date"] for day in days(world, made)] == [today["date"]]


def test_what_was_due_before_a_change_comes_as_it_was(world: World) -> None:
    made = schedule(world, lead_days=5)
    at = datetime.now(UTC) - timedelta(minutes=1)
    due(world, made, at)
    # the worker has not come round yet
    later = (at + timedelta(days=2)).isoweekday()
    changed = change(world, made, weekdays=[later], lead_days=7)
    assert changed.status_code == 200, changed.text
    (day,) = days(world, made)
    assert (day["date"], day["problem"]) == (at.date().isoformat(), None)
    order = world.shipper.get(f"/api/v1/orders/{day['order_id']}/").json()
    pickup = datetime.fromisoformat(order["pickup_window"]["opens_at"])
    assert pickup.date() == at.date() + timedelta(days=5)
    assert datetime.fromisoformat(changed.json()["next_at"]).isoweekday() == later
    tasks.run_due()
    assert len(days(world, made)) == 1


def test_changed_while_its_day_is_made(world: World) -> None:
    """Whoever is first: the day has one order, and the next one is by the new terms."""
    made = UUID(schedule(world))
    owner = actor_of(world.shipper)

    def run(session: Session, now: datetime) -> object:
        return service.run_schedule(session, made, now)

    for number in range(ROUNDS):
        world.sql("DELETE FROM schedule_occurrences WHERE schedule_id = %s", made)
        due(world, str(made))
        lead = number % 30

        def edit(session: Session, now: datetime) -> object:
            return service.change_schedule(
                session, owner, made, lambda terms: replace(terms, lead_days=lead), expected=None, now=now  # noqa: B023
            )  # fmt: skip

        assert race(run, edit) == ["ok", "ok"]
        (row,) = world.sql("SELECT next_at, lead_days FROM order_schedules WHERE id = %s", made)
        assert (row["next_at"] > datetime.now(UTC), row["lead_days"]) == (True, lead)
        made_of_it = world.sql("SELECT order_id FROM schedule_occurrences WHERE schedule_id = %s", made)
        assert len(made_of_it) == 1
        assert made_of_it[0]["order_id"] is not None
