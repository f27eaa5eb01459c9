"""Bidder and dispatcher are warned of what does not fit; nothing is refused."""

from datetime import timedelta
from typing import Any

from config import clock
from tests.integration.fleet.world import hand_in, in_days
from tests.integration.orders.world import ORDER, World
from tests.support.api import Person
from tests.support.queries import count_queries

UNFIT = ["vehicle_unavailable_at_pickup", "overloaded", "licence_class_unfit"]


def with_window(world: World) -> str:
    opens = clock.now() + timedelta(days=5)
    window = {"opens_at": opens.isoformat(), "closes_at": (opens + timedelta(hours=4)).isoformat()}
    return world.posted(body={**ORDER, "pickup_window": window})


def unavailable(world: World, vehicle_id: int, carrier: Person, days: float) -> None:
    starts = clock.now() + timedelta(days=days)
    body = {
        "starts_at": starts.isoformat(),
        "ends_at": (starts + timedelta(days=1)).isoformat(),
        "reason": "maintenance",
    }
    answer = carrier.post(f"/api/v1/fleet/vehicles/{vehicle_id}/unavailability/", body)
    assert answer.status_code == 201, answer.text


def unfit(world: World) -> tuple[Person, int]:
    """A truck that is too light, away at the pickup, with a driver who may not drive it."""
    carrier, driver, vehicle_id = world.fleet()
    world.sql("UPDATE vehicles SET tare_kg = 8000, ptac_kg = 26000 WHERE id = %s", vehicle_id)
    unavailable(world, vehicle_id, carrier, 4.5)
    answer = hand_in(
        driver, "PERMIS", driver_id=str(driver.id), licence_classes=["B"], expires_on=in_days(400)
    )
    assert answer.status_code == 201, answer.text
    return carrier, vehicle_id


def warned(answer: Any) -> list[str]:
    return [one["code"] for one in answer["warnings"]]


def test_the_bidder_and_who_runs_the_order_are_warned_in_their_language(world: World) -> None:
    path = with_window(world)
    carrier, vehicle_id = unfit(world)
    placed = carrier.post(f"{path}bids/", {"vehicle_id": vehicle_id, "amount_xof": 500_000})
    assert placed.status_code == 201, placed.text
    assert warned(placed.json()) == UNFIT
    bid = f"{path}bids/{placed.json()['id']}/"
    for reader in (carrier, world.shipper):
        for where, french, english in (
            (bid, "Le véhicule est indisponible", "The vehicle cannot be had"),
            (f"{path}bids/", "Le véhicule est indisponible", "The vehicle cannot be had"),
        ):
            for language, begins in (("fr", french), ("en", english)):
                answer = world.client.get(where, headers={**reader.headers, "Accept-Language": language})
                assert answer.headers["Content-Language"] == language
                shown = answer.json().get("items", [answer.json()])[0]
                assert warned(shown) == UNFIT
                assert shown["warnings"][0]["text"].startswith(begins)
    assert world.shipper.get(bid).json()["warnings"][1]["fine_xof"] == 40_000
    assert warned(carrier.patch(bid, {"amount_xof": 490_000}).json()) == UNFIT
    # A bid that is over is nobody's concern.
    carrier.post(f"{bid}withdraw/")
    assert warned(world.shipper.get(bid).json()) == []


def test_what_fits_or_was_never_said_is_not_warned_of(world: World) -> None:
    path = with_window(world)
    carrier, _, vehicle_id = world.fleet()
    for days in (3.9, 5.3):
        unavailable(world, vehicle_id, carrier, days)
    answer = carrier.post(f"{path}bids/", {"vehicle_id": vehicle_id, "amount_xof": 1})
    assert warned(answer.json()) == []


def test_a_driver_named_in_the_bid_is_the_one_who_is_judged(world: World) -> None:
    path = world.posted()
    carrier, vehicle_id = unfit(world)
    other = world.sql("SELECT gen_random_uuid() AS id")[0]["id"]
    world.sql(
        "INSERT INTO users (id, phone, name, role, carrier_id, password_hash) VALUES (%s, %s, 'Second', 'driver', %s, '!')",
        other,
        f"+22176{str(other.int)[:7]}",
        carrier.id,
    )
    body = {"vehicle_id": vehicle_id, "amount_xof": 1, "driver_id": str(other)}
    assert warned(carrier.post(f"{path}bids/", body).json()) == ["overloaded"]


def test_a_list_costs_the_same_however_long(world: World) -> None:
    path = with_window(world)
    counts = []
    for _ in range(2):
        for _ in range(3):
            world.bid(path, *unfit(world))
        with count_queries() as statements:
            shown = world.shipper.get(f"{path}bids/").json()["items"]
        assert all(warned(one) == UNFIT for one in shown)
        counts.append(len(statements))
    assert counts[0] == counts[1]
