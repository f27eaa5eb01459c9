"""An order is written, read back, changed while a draft, and shown to each as is his business."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from platform_api.actor import Role
from tests.integration.orders.world import DELIVERY, ORDER, PICKUP, World
from tests.support.api import Person, code_of, person
from tests.support.queries import count_queries

pytestmark = pytest.mark.integration

ORDERS = "/api/v1/orders/"


def ahead(hours: float) -> str:
    return (datetime.now(UTC) + timedelta(hours=hours)).replace(microsecond=0).isoformat()


def full() -> dict[str, Any]:
    return {
        **ORDER,
        "category": "fish",
        "packaging": "boxes",
        "packages": 800,
        "volume_m3": 40.5,
        "value_xof": 12_000_000,
        "needs": ["refrigerated", "fragile"],
        "temperature_min_c": -20,
        "temperature_max_c": -18,
        "vehicle_type": "FRIGO",
        "pickup_window": {"opens_at": ahead(24), "closes_at": ahead(30)},
        "delivery_window": {"closes_at": ahead(48)},
        "pickup_contact": {"name": "Awa Diop", "phone": "77 123 45 67"},
        "delivery_contact": {"name": "Modou Fall", "phone": "+221761234567"},
        "stops": [
            {
                "kind": "delivery",
                "place": {"name": "Thiès", "lat": 14.79, "lon": -16.93},
                "window": {"opens_at": ahead(26)},
                "contact": {"name": "Ndeye", "phone": "701234567"},
                "goods_note": "200 caisses",
            }
        ],
        "instructions": "Quai 3",
        "target_xof": 600_000,
    }


def headers(someone: Person, **more: str) -> dict[str, str]:
    return someone.headers | {name.replace("_", "-"): value for name, value in more.items()}


def created(world: World, body: dict[str, Any]) -> dict[str, Any]:
    answer = world.shipper.post(ORDERS, body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def test_everything_said_is_read_back(world: World) -> None:
    body = created(world, full())
    assert re.fullmatch(r"MESS-\d\d-[0-9A-HJKMNP-TV-Z]{7}", body["reference"])
    assert body["pickup_contact"] == {"name": "Awa Diop", "phone": "+221771234567"}
    assert body["needs"] == ["fragile", "refrigerated"]
    assert body["stops"][0]["contact"]["phone"] == "+221701234567"
    assert body["stops"][0]["place"]["shape"]["properties"] == {"radius_m": 200}
    assert (body["version"], body["value_xof"], body["target_xof"]) == (1, 12_000_000, 600_000)
    read = world.shipper.get(f"{ORDERS}{body['id']}/")
    assert read.json() == body
    assert read.headers["ETag"] == '"1"'
    assert world.shipper.get(ORDERS).json()["items"][0] == body


def test_a_repeated_post_creates_once(world: World) -> None:
    sent = {"Idempotency-Key": "load-1", **world.shipper.headers}
    answers = [world.client.post(ORDERS, json=ORDER, headers=sent) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()


def test_a_draft_is_changed_in_parts(world: World) -> None:
    body = created(world, full())
    path = f"{ORDERS}{body['id']}/"
    changed = world.client.patch(
        path,
        json={"goods": "Thon", "delivery_contact": None, "stops": [], "pickup": {**PICKUP, "radius_m": 400}},
        headers=headers(world.shipper, If_Match='"1"'),
    )
    assert changed.status_code == 200, changed.text
    assert changed.headers["ETag"] == '"2"'
    expected = {
        **body,
        "goods": "Thon",
        "delivery_contact": None,
        "stops": [],
        "version": 2,
        "pickup": {**body["pickup"], "shape": {**body["pickup"]["shape"], "properties": {"radius_m": 400}}},
    }
    assert changed.json() | {"updated_at": 0} == expected | {"updated_at": 0}
    stale = world.client.patch(path, json={"goods": "x"}, headers=headers(world.shipper, If_Match='"1"'))
    assert code_of(stale) == (412, "version_mismatch")
    assert code_of(world.shipper.patch(path, {"goods": None})) == (422, "invalid_body")
    assert code_of(world.shipper.patch(path, {"goods": ""})) == (422, "invalid_body")
    assert code_of(world.shipper.patch(path, {"needs": []})) == (422, "temperature_needed")
    assert code_of(world.shipper.patch(path, {"unknown": 1})) == (422, "invalid_body")
    assert [row["action"] for row in world.shipper.get(f"{path}history/").json()["items"]] == [
        "created",
        "edited",
    ]


def test_what_others_have_read_does_not_change(world: World) -> None:
    path = world.posted()
    assert code_of(world.shipper.patch(path, {"goods": "x"})) == (409, "order_not_draft")
    assert code_of(world.carrier.patch(path, {"goods": "x"})) == (403, "not_your_order")
    assert code_of(world.shipper.delete(path)) == (409, "order_not_draft")
    assert code_of(world.carrier.delete(path)) == (403, "not_your_order")


def test_a_draft_is_thrown_away(world: World) -> None:
    body = created(world, ORDER)
    path = f"{ORDERS}{body['id']}/"
    stranger = person(world.client, Role.SHIPPER)
    assert code_of(stranger.delete(path)) == (404, "order_not_found")
    assert code_of(stranger.patch(path, {"goods": "x"})) == (404, "order_not_found")
    assert [code_of(world.shipper.delete(path)) for _ in range(2)] == [(204, ""), (204, "")]
    read = world.shipper.get(path).json()
    assert (read["status"], read["cancel_reason"]) == ("CANCELLED", "discarded")
    assert code_of(world.shipper.post(f"{path}post/")) == (409, "order_not_draft")


def test_bidders_are_not_told_whom_to_call(world: World) -> None:
    body = created(world, full())
    path = f"{ORDERS}{body['id']}/"
    world.shipper.post(f"{path}post/")
    other, _, other_vehicle = world.fleet()
    world.bid(path, other, other_vehicle)
    for reader in (world.carrier, other):
        answer = reader.get(path)
        shown = answer.json()
        hidden = ("pickup_contact", "delivery_contact", "value_xof", "target_xof", "version", "cancel_reason")
        assert {shown[name] for name in hidden} == {None}
        assert shown["stops"][0]["contact"] is None
        assert (shown["stops"][0]["goods_note"], shown["instructions"]) == ("200 caisses", "Quai 3")
        assert "ETag" not in answer.headers
    accepted = world.bid(path, world.carrier, world.vehicle_id)
    world.shipper.post(f"{path}accept-bid/", {"bid_id": accepted})
    for reader in (world.carrier, world.driver):
        assert reader.get(path).json()["pickup_contact"] == {"name": "Awa Diop", "phone": "+221771234567"}
    assert other.get(path).json()["pickup_contact"] is None


def test_a_price_guide_that_is_shown(world: World) -> None:
    body = created(world, {**ORDER, "target_xof": 700_000, "target_shown": True})
    path = f"{ORDERS}{body['id']}/"
    world.shipper.post(f"{path}post/")
    assert world.carrier.get(path).json()["target_xof"] == 700_000


@pytest.mark.parametrize(
    ("part", "code"),
    [
        ({"pickup_contact": {"name": "Awa", "phone": "12"}}, "invalid_phone"),
        ({"pickup_window": {"opens_at": ahead(3), "closes_at": ahead(2)}}, "window_reversed"),
        ({"expires_at": "2099-12-31T00:00:00Z"}, "window_too_far"),
        ({"needs": ["hazardous"]}, "un_number_needed"),
        ({"needs": ["levitating"]}, "invalid_body"),
        ({"stops": [{"kind": "delivery", "place": {**DELIVERY, "lat": 99}}]}, "invalid_body"),
        ({"value_xof": 1.5}, "invalid_body"),
    ],
)
def test_what_makes_no_sense(world: World, part: dict[str, Any], code: str) -> None:
    assert code_of(world.shipper.post(ORDERS, {**ORDER, **part})) == (422, code)


def test_a_type_of_truck_that_there_is_not(world: World) -> None:
    answer = world.shipper.post(ORDERS, {**ORDER, "vehicle_type": "TAPIS_VOLANT"})
    assert code_of(answer) == (404, "vehicle_type_not_found")


def test_posting_says_until_when(world: World) -> None:
    body = created(world, {**ORDER, "pickup_window": {"closes_at": ahead(30)}})
    posted = world.shipper.post(f"{ORDERS}{body['id']}/post/").json()
    assert posted["expires_at"] == body["pickup_window"]["closes_at"]
    late = created(world, ORDER)
    world.sql("UPDATE orders SET pickup_closes_at = now() - interval '1 minute' WHERE id = %s", late["id"])
    assert code_of(world.shipper.post(f"{ORDERS}{late['id']}/post/")) == (409, "pickup_over")


def test_stops_of_a_page_are_read_at_once(world: World) -> None:
    for _ in range(5):
        created(world, full())
    counts = []
    for limit in (1, 5):
        with count_queries() as statements:
            answer = world.shipper.get(f"{ORDERS}?limit={limit}")
        assert len(answer.json()["items"]) == limit
        counts.append(len(statements))
    assert counts[0] == counts[1]
