"""Colleagues do one business: what one began another goes on with, and what was done stays the business's.

That a colleague reads what the owner reads, everywhere, is in `tests/integration/walk/test_colleagues.py`.
"""

from typing import Any

import pytest
from httpx import Client

from platform_api.actor import MemberRole, Role
from tests.integration.orders.world import ORDER, World
from tests.support.api import Person, code_of, person
from tests.support.people import colleague


@pytest.fixture
def world(client: Client, database_url: str) -> World:
    return World(client, database_url)


def bids_in_history(someone: Person, path: str) -> list[dict[str, Any]]:
    items = someone.get(f"{path}history/").json()["items"]
    return [item for item in items if item["action"] == "bid_placed"]


def test_a_bid_of_one_is_the_bid_of_all(world: World) -> None:
    path = world.posted()
    first, second = colleague(world.carrier), colleague(world.carrier)
    bid_id = world.bid(path, first, world.vehicle_id)
    other_carrier, _, other_vehicle = world.fleet()
    world.bid(path, other_carrier, other_vehicle)
    for someone in (world.carrier, first, second):
        (seen,) = bids_in_history(someone, path)
        assert (seen["actor_id"], seen["evidence"]["bid_id"]) == (str(first.id), bid_id)
        assert [bid["id"] for bid in someone.get(f"{path}bids/").json()["items"]] == [bid_id]
    # One open bid of the business, whoever places it; another of its people withdraws it.
    body = {"vehicle_id": world.vehicle_id, "amount_xof": 1}
    assert code_of(second.post(f"{path}bids/", body)) == (409, "bid_exists")
    assert first.post("/api/v1/organisations/leave/").status_code == 204
    assert bids_in_history(first, path) == []
    assert first.get(f"{path}bids/").json()["items"] == []
    assert code_of(first.post(f"{path}bids/{bid_id}/withdraw/")) in (
        (403, "not_your_bid"),
        (404, "bid_not_found"),
    )
    # What he did stays the business's.
    assert len(bids_in_history(world.carrier, path)) == 1
    assert second.post(f"{path}bids/{bid_id}/withdraw/").status_code == 200


def test_colleagues_carry_an_order_through(world: World) -> None:
    clerk, boss = colleague(world.shipper), colleague(world.shipper, MemberRole.MANAGER)
    dispatcher = colleague(world.carrier)
    order = clerk.post("/api/v1/orders/", ORDER).json()
    assert order["shipper_id"] == str(world.shipper.id)
    path = f"/api/v1/orders/{order['id']}/"
    assert boss.post(f"{path}post/").status_code == 200
    bid_id = world.bid(path, dispatcher, world.vehicle_id)
    accepted = clerk.post(f"{path}accept-bid/", {"bid_id": bid_id})
    assert accepted.json()["carrier_id"] == str(world.carrier.id)
    assert dispatcher.post(f"{path}confirm-loading/", {}).status_code == 200
    actors = {item["action"]: item["actor_id"] for item in boss.get(f"{path}history/").json()["items"]}
    assert (actors["created"], actors["posted"]) == (str(clerk.id), str(boss.id))
    assert actors["loading_confirmed"] == str(dispatcher.id)
    viewer = colleague(world.shipper, MemberRole.VIEWER)
    assert viewer.get(path).json() == world.shipper.get(path).json()
    assert code_of(viewer.post(f"{path}cancel/", {"reason": "no"})) == (403, "read_only_member")


def test_a_fleet_is_the_carriers_whoever_registers_it(world: World) -> None:
    dispatcher = colleague(world.carrier)
    made = dispatcher.post("/api/v1/fleet/vehicles/", {"plate": f"TH-{dispatcher.phone[-4:]}-W"}).json()
    uid = f"by-{dispatcher.phone[-6:]}"
    body = {"uid": uid, "kind": "tracker", "vehicle_id": made["id"]}
    assert dispatcher.post("/api/v1/fleet/devices/", body).status_code == 201
    dispatcher.post("/api/v1/organisations/leave/")
    assert world.carrier.get(f"/api/v1/fleet/vehicles/{made['id']}/").status_code == 200
    assert world.carrier.get(f"/api/v1/fleet/devices/{uid}/").status_code == 200
    assert code_of(dispatcher.get(f"/api/v1/fleet/vehicles/{made['id']}/")) == (404, "vehicle_not_found")
    assert code_of(dispatcher.post(f"/api/v1/fleet/devices/{uid}/rotate/")) == (404, "device_not_found")


def test_a_key_of_somebody_who_left_opens_nothing(world: World) -> None:
    member = colleague(world.shipper)
    made = member.post("/api/v1/api-keys/", {"name": "ERP", "scopes": ["orders:read"]}).json()
    headers = {"Authorization": f"Bearer {made['key']}"}
    assert world.client.get("/api/v1/orders/", headers=headers).status_code == 200
    member.post("/api/v1/organisations/leave/")
    assert code_of(world.client.get("/api/v1/orders/", headers=headers)) == (401, "api_key_revoked")


def test_where_the_news_goes_is_for_who_manages(world: World) -> None:
    """Else somebody who left would go on reading what his own server is sent."""
    hooks = "/api/v1/webhooks/"
    body = {"url": "https://erp.example.sn/mess", "events": ["order.changed"]}
    member, manager = colleague(world.shipper), colleague(world.shipper, MemberRole.MANAGER)
    assert code_of(member.post(hooks, body)) == (403, "managers_only")
    made = f"{hooks}{manager.post(hooks, body).json()['id']}/"
    assert member.get(made).status_code == 200
    assert code_of(member.patch(made, {"url": "https://mine.example.sn/"})) == (403, "managers_only")
    assert code_of(member.post(f"{made}rotate-secret/")) == (403, "managers_only")
    assert code_of(member.delete(made)) == (403, "managers_only")
    assert manager.delete(made).status_code == 204


def test_one_uploads_and_another_uses(world: World, client: Client) -> None:
    first, second = colleague(world.shipper), colleague(world.shipper)
    answer = client.post("/api/v1/files/", content=b"%PDF-1.4\n%%EOF\n", headers=first.headers)
    path = f"/api/v1/files/{answer.json()['id']}/"
    assert second.get(path).status_code == 200
    assert code_of(person(client, Role.SHIPPER).get(path)) == (404, "file_not_found")
