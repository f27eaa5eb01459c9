"""Names and phones of senders and receivers go when their order is long over."""

from datetime import timedelta
from typing import Any

import pytest

from config import clock
from config.database import transaction
from config.settings import get_settings
from platform_api.orders import tasks
from tests.integration.orders.world import ORDER, World

PHONE = "+221771234567"
CONTACT = {"name": "Awa Diop", "phone": PHONE}
STOP = {
    "kind": "delivery",
    "place": {"name": "Thiès", "lat": 14.79, "lon": -16.93},
    "contact": {"name": "Ndeye", "phone": "+221701234567"},
}
BODY = {**ORDER, "pickup_contact": CONTACT, "delivery_contact": CONTACT, "stops": [STOP]}


def over(world: World, status: str, days: float) -> str:
    """An order that ended so many days ago."""
    path = world.posted(body=BODY)
    ended = clock.now() - timedelta(days=days)
    column = "cancelled_at" if status == "CANCELLED" else "completed_at"
    world.sql(
        f"UPDATE orders SET status = %s, {column} = %s WHERE id = %s", status, ended, path.split("/")[-2]
    )
    return path


def known(world: World, path: str) -> list[Any]:
    body = world.shipper.get(path).json()
    return [body["pickup_contact"], body["delivery_contact"], *(stop["contact"] for stop in body["stops"])]


@pytest.mark.parametrize("status", ["COMPLETED", "RESOLVED", "CANCELLED"])
def test_they_are_blank_some_time_after_the_end(world: World, status: str) -> None:
    keep = get_settings().contact_keep_days
    old, young = over(world, status, keep + 0.01), over(world, status, keep - 0.01)
    before, version = known(world, young), world.shipper.get(old).json()["version"]
    assert [contact["name"] for contact in before] == ["Awa Diop", "Awa Diop", "Ndeye"]
    assert known(world, old) == before
    assert tasks.forget_contacts() == 1
    assert tasks.forget_contacts() == 0
    assert known(world, old) == [None, None, None]
    assert known(world, young) == before
    # nobody has edited it
    assert world.shipper.get(old).json()["version"] == version
    assert world.sql(
        "SELECT count(*) AS left FROM orders o LEFT JOIN order_stops s ON s.order_id = o.id WHERE o.id = %s"
        " AND concat(pickup_contact_name, pickup_contact_phone, delivery_contact_name, delivery_contact_phone,"
        " contact_name, contact_phone) <> ''",
        old.split("/")[-2],
    ) == [{"left": 0}]
    world.sql("UPDATE orders SET contacts_forgotten_at = now() WHERE id = %s", young.split("/")[-2])


def test_an_order_that_is_not_over_keeps_them(world: World) -> None:
    path = world.posted(body=BODY)
    world.sql("UPDATE orders SET updated_at = now() - interval '9 years' WHERE id = %s", path.split("/")[-2])
    assert tasks.forget_contacts() == 0
    assert None not in known(world, path)


def test_in_pieces_and_past_a_locked_one(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [over(world, "COMPLETED", 4000) for _ in range(3)]
    monkeypatch.setattr(tasks, "CONTACTS_AT_ONCE", 1)
    with transaction() as session:
        held = session.connection()
        held.exec_driver_sql(f"SELECT FROM orders WHERE id = '{paths[0].split('/')[-2]}' FOR UPDATE")
        assert tasks.forget_contacts() == 2
    assert tasks.forget_contacts() == 1
    assert all(known(world, path) == [None, None, None] for path in paths)
