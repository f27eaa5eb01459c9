"""Ratings both ways, unseen until both have rated; and what the last loads say of a carrier."""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from platform_api.actor import Role
from platform_api.ratings import service
from platform_api.ratings.rules import RATE_WITHIN
from tests.integration.aftermath.world import After
from tests.integration.orders.world import Assigned, actor_of
from tests.support.api import Person, code_of, person
from tests.support.races import race


def rate(order: Assigned, by: Person, stars: int = 5) -> tuple[int, str]:
    return code_of(by.post(f"{order.path}rate/", {"stars": stars, "comment": "Bien"}))


def seen_by(order: Assigned, by: Person) -> list[tuple[str, int]]:
    items = by.get(f"{order.path}ratings/").json()["items"]
    return [(each["side"], each["stars"]) for each in items]


def test_nobody_reads_the_others_rating_before_his_own(world: After) -> None:
    order = world.completed()
    assert rate(order, order.shipper, 2) == (201, "")
    assert (seen_by(order, order.shipper), seen_by(order, order.carrier)) == ([("customer", 2)], [])
    public = f"/api/v1/profiles/{order.carrier.id}/ratings/"
    assert order.shipper.get(f"{public}summary/").json() == {"average": None, "count": 0}
    assert rate(order, order.carrier, 4) == (201, "")
    both = [("customer", 2), ("carrier", 4)]
    assert (seen_by(order, order.shipper), seen_by(order, order.carrier)) == (both, both)
    assert order.shipper.get(f"{public}summary/").json() == {"average": 2.0, "count": 1}
    (shown,) = order.shipper.get(public).json()["items"]
    assert "order_id" not in shown


def test_after_the_time_for_it_one_rating_is_seen_alone(world: After) -> None:
    order = world.completed()
    rate(order, order.shipper, 3)
    past = RATE_WITHIN + timedelta(minutes=1)
    world.sql("UPDATE order_ratings SET shown_at = shown_at - %s WHERE order_id = %s", past, order.id)
    world.sql("UPDATE orders SET completed_at = completed_at - %s WHERE id = %s", past, order.id)
    assert seen_by(order, order.carrier) == [("customer", 3)]
    assert rate(order, order.carrier) == (409, "rating_too_late")


def test_once_a_side_and_changed_until_it_is_read(world: After) -> None:
    order = world.completed()
    rate(order, order.shipper, 2)
    assert rate(order, order.shipper) == (409, "rating_exists")
    changed = order.shipper.patch(f"{order.path}rate/", {"stars": 4})
    assert (changed.json()["stars"], changed.headers["etag"]) == (4, '"2"')
    rate(order, order.carrier)
    assert code_of(order.shipper.patch(f"{order.path}rate/", {"stars": 1})) == (409, "rating_fixed")
    assert code_of(order.driver.patch(f"{order.path}rate/", {"stars": 1})) == (409, "not_rated")


def test_who_rates_when(world: After) -> None:
    order = world.delivered()
    assert rate(order, order.shipper) == (409, "order_not_done")
    assert rate(order, order.driver) == (403, "not_your_order")
    assert rate(order, person(world.client, Role.SHIPPER)) == (404, "order_not_found")
    assert code_of(order.shipper.post(f"{order.path}rate/", {"stars": 6})) == (422, "invalid_body")


def test_words_that_break_the_rules_are_hidden(world: After) -> None:
    order = world.completed()
    rate(order, order.shipper, 1)
    rate(order, order.carrier)
    rating_id = order.shipper.get(f"{order.path}ratings/").json()["items"][0]["id"]
    root = person(world.client, Role.ADMINISTRATOR)
    public = f"/api/v1/profiles/{order.carrier.id}/ratings/summary/"
    assert root.post(f"/api/v1/ratings/{rating_id}/hide/").status_code == 200
    assert order.carrier.get(public).json()["count"] == 0
    assert root.post(f"/api/v1/ratings/{rating_id}/show/").status_code == 200
    assert order.carrier.get(public).json()["count"] == 1


def test_both_rate_at_once_and_both_are_read(world: After) -> None:
    order = world.completed()

    def rating(by: Person) -> object:
        def act(session: Session, now: datetime) -> object:
            return service.rate(session, actor_of(by), order.id, stars=5, comment="", now=now)

        return act

    for _ in range(100):
        assert race(rating(order.shipper), rating(order.carrier)) == ["ok", "ok"]  # type: ignore[arg-type]
        assert len(seen_by(order, order.shipper)) == len(seen_by(order, order.carrier)) == 2
        world.sql("DELETE FROM order_ratings WHERE order_id = %s", order.id)


def reliability(world: After, carrier: Person) -> dict[str, object]:
    answer = world.shipper.get(f"/api/v1/profiles/{carrier.id}/reliability/")
    assert answer.status_code == 200, answer.text
    shown: dict[str, object] = answer.json()
    return shown


def loads(world: After, order: Assigned, number: int, *, late: bool = False) -> None:
    """So many finished orders of this order's carrier, copies of it, each a day older."""
    due = "interval '1 hour'" if late else "interval '-1 hour'"
    stored = world.sql(
        "SELECT column_name AS name FROM information_schema.columns"
        " WHERE table_name = 'orders' AND is_generated = 'NEVER'"
    )
    columns = ", ".join(column["name"] for column in stored)
    world.sql(
        f"INSERT INTO orders ({columns}) SELECT {columns} FROM ("
        " SELECT (jsonb_populate_record(o, jsonb_build_object("
        " 'id', gen_random_uuid(), 'reference', left(md5(random()::text), 12), 'status', 'COMPLETED',"
        " 'pickup_geofence_id', NULL, 'delivery_geofence_id', NULL,"
        " 'assigned_at', o.assigned_at - n * interval '1 day', 'arrived_pickup_at', o.assigned_at,"
        f" 'arrived_delivery_at', o.assigned_at, 'delivery_closes_at', o.assigned_at - {due}))).*"
        " FROM orders o, generate_series(1, %s) n WHERE o.id = %s) copies",
        number,
        order.id,
    )


def test_a_new_carrier_has_no_score(world: After) -> None:
    order = world.completed()
    assert reliability(world, order.carrier) == {
        "loads": 1, "withdrawn_share": 0.0, "pickup_on_time": None, "delivery_on_time": None,
        "score": None, "grade": "new",
    }  # fmt: skip


def test_late_loads_and_withdrawals_count_until_they_are_waived(world: After) -> None:
    order = world.assigned()
    loads(world, order, 8)
    assert reliability(world, order.carrier)["grade"] == "top"
    withdrawn = order.carrier.post(f"{order.path}withdraw/", {"reason_code": "breakdown", "note": "Panne"})
    assert withdrawn.status_code == 200, withdrawn.text
    shown = reliability(world, order.carrier)
    assert (shown["loads"], shown["withdrawn_share"], shown["grade"]) == (9, 0.1111, "at_risk")
    root = person(world.client, Role.ADMINISTRATOR)
    body = {"carrier_id": str(order.carrier.id), "fault": "withdrawn", "reason": "Route coupée"}
    waiver = root.post(f"{order.path}waivers/", body)
    assert waiver.status_code == 201, waiver.text
    assert code_of(root.post(f"{order.path}waivers/", body)) == (409, "waived_already")
    assert reliability(world, order.carrier)["grade"] == "top"
    assert root.delete(f"{order.path}waivers/{waiver.json()['id']}/").status_code == 204
    assert reliability(world, order.carrier)["grade"] == "at_risk"


def test_a_carrier_that_never_had_the_order_has_nothing_to_waive(world: After) -> None:
    order = world.completed()
    root = person(world.client, Role.ADMINISTRATOR)
    for carrier_id in (person(world.client, Role.CARRIER).id, order.id):
        body = {"carrier_id": str(carrier_id), "fault": "late_delivery", "reason": "Bac fermé"}
        assert code_of(root.post(f"{order.path}waivers/", body)) == (422, "carrier_not_of_order")


def test_late_deliveries_lower_the_score(world: After) -> None:
    order = world.assigned()
    loads(world, order, 5)
    loads(world, order, 5, late=True)
    shown = reliability(world, order.carrier)
    assert (shown["delivery_on_time"], shown["grade"]) == (0.5, "at_risk")
