"""What the order tests play with. Visits are written by ingest's own code, so rows look as they will."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

import psycopg
from httpx import Client
from psycopg.rows import dict_row

from config.database import transaction
from geofence.crossings import Fix
from ingest.diff import Visit, diff
from ingest.visit_store import apply_changes, stored_visits
from platform_api.actor import Actor, Role
from platform_api.bids import service as bids
from platform_api.fleet.models import Vehicle
from platform_api.orders import following, service
from platform_api.orders.bodies import OrderIn
from tests.support.api import Person, code_of, person

_plates = count(1)
PICKUP = {"name": "Port de Dakar", "lat": 14.6797, "lon": -17.4281}
DELIVERY = {"name": "Kaolack", "lat": 14.1652, "lon": -16.0757, "radius_m": 300}
ORDER = {"goods": "Riz brisé, 400 sacs", "weight_kg": 20_000, "pickup": PICKUP, "delivery": DELIVERY}


@dataclass(frozen=True, slots=True)
class Stay:
    """A visit in minutes after the assignment; `leave` None = still there.

    `inferred`: passed through. `expired`: the fence's validity ended around the truck at `leave`.
    """

    place: str
    enter: float
    leave: float | None = None
    inferred: bool = False
    expired: bool = False


@dataclass(frozen=True, slots=True)
class Assigned:
    """An order on its way with its truck."""

    id: UUID
    vehicle_id: int
    assigned_at: datetime
    fences: dict[str, int]
    shipper: Person
    carrier: Person
    driver: Person

    @property
    def path(self) -> str:
        return f"/api/v1/orders/{self.id}/"

    def at(self, minutes: float) -> datetime:
        return self.assigned_at + timedelta(minutes=minutes)


class World:
    def __init__(self, client: Client, database_url: str) -> None:
        self.client = client
        self.database_url = database_url
        self.shipper = person(client, Role.SHIPPER)
        self.carrier, self.driver, self.vehicle_id = self.fleet()

    def fleet(self) -> tuple[Person, Person, int]:
        """A carrier with one driver and one truck."""
        carrier = person(self.client, Role.CARRIER)
        driver = person(self.client, Role.DRIVER, carrier_id=carrier.id)
        with transaction() as session:
            plate = f"DK-{next(_plates):04d}-{str(carrier.id)[:4].upper()}"
            vehicle = Vehicle(carrier_id=carrier.id, driver_id=driver.id, plate=plate)
            session.add(vehicle)
            session.flush()
            return carrier, driver, vehicle.id

    def sql(self, statement: str, *values: Any) -> list[dict[str, Any]]:
        with psycopg.connect(self.database_url, row_factory=dict_row) as connection:
            cursor = connection.execute(statement, values)
            return cursor.fetchall() if cursor.description is not None else []

    def posted(self, shipper: Person | None = None, body: dict[str, Any] | None = None) -> str:
        """The path of an open order."""
        shipper = shipper or self.shipper
        response = shipper.post("/api/v1/orders/", body or ORDER)
        assert response.status_code == 201, response.text
        path = f"/api/v1/orders/{response.json()['id']}/"
        assert code_of(shipper.post(f"{path}post/")) == (200, "")
        return path

    def bid(self, path: str, carrier: Person, vehicle_id: int, amount_xof: int = 500_000) -> str:
        response = carrier.post(f"{path}bids/", {"vehicle_id": vehicle_id, "amount_xof": amount_xof})
        assert response.status_code == 201, response.text
        return str(response.json()["id"])

    def assigned(self, body: dict[str, Any] | None = None) -> Assigned:
        """An order of a fresh fleet, assigned three days ago so that its whole journey is past."""
        carrier, driver, vehicle_id = self.fleet()
        path = self.posted(body=body)
        bid_id = self.bid(path, carrier, vehicle_id)
        answer = self.shipper.post(f"{path}accept-bid/", {"bid_id": bid_id})
        assert answer.status_code == 200, answer.text
        order_id = UUID(answer.json()["id"])
        start = datetime.now(UTC) - timedelta(days=3)
        (row,) = self.sql(
            "UPDATE orders SET assigned_at = %s WHERE id = %s"
            " RETURNING pickup_geofence_id AS pickup, delivery_geofence_id AS delivery",
            start,
            order_id,
        )
        for stop in self.sql("SELECT sequence, geofence_id FROM order_stops WHERE order_id = %s", order_id):
            row[f"stop {stop['sequence']}"] = stop["geofence_id"]
        return Assigned(order_id, vehicle_id, start, row, self.shipper, carrier, driver)

    def tell(self, order: Assigned, *stays: Stay) -> list[int]:
        """The truck's visits are now these, as a refold finds; the crossings that were told."""
        visits = [_visit(order, stay) for stay in stays]
        with psycopg.connect(self.database_url) as connection:
            stored = stored_visits(connection, order.vehicle_id)
            changes = [(order.vehicle_id, change) for change in diff(stored, visits)]
            return [crossing.id for crossing in apply_changes(connection, changes)]

    def handle(self, crossing_ids: Sequence[int]) -> list[str]:
        """Actions written, as the task does it."""
        actions: list[str] = []
        for crossing_id in crossing_ids:
            with transaction() as session:
                actions += following.handle_crossing(session, crossing_id, datetime.now(UTC)).actions
        return actions

    def drive(self, order: Assigned, *stays: Stay) -> list[str]:
        return self.handle(self.tell(order, *stays))

    def state(self, order: Assigned) -> tuple[str, dict[str, float]]:
        """Status, and the times of the journey in minutes after the assignment."""
        body = order.shipper.get(order.path).json()
        names = ("arrived_pickup", "picked_up", "departed_pickup", "arrived_delivery", "departed_delivery")
        times = {
            name: (datetime.fromisoformat(body[f"{name}_at"]) - order.assigned_at) / timedelta(minutes=1)
            for name in names
            if body[f"{name}_at"]
        }
        return body["status"], times

    def history(self, order: Assigned) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = order.shipper.get(f"{order.path}history/").json()["items"]
        return items


@dataclass(frozen=True, slots=True)
class Market:
    """An open order with two bids of two carriers."""

    order_id: UUID
    shipper: Actor
    carriers: tuple[Actor, Actor]
    bid_ids: tuple[UUID, UUID]


def open_market(world: World, vehicles: Sequence[tuple[Person, int]]) -> Market:
    """Straight through the services: the races need many."""
    shipper, now = actor_of(world.shipper), datetime.now(UTC)
    body = OrderIn.model_validate(ORDER)
    with transaction() as session:
        order = service.create_order(session, shipper, body.content(), now=now)
        service.post_order(session, shipper, order.id, now)
        placed = [
            bids.place_bid(
                session,
                actor_of(carrier),
                order.id,
                vehicle_id=vehicle_id,
                driver_id=None,
                amount_xof=400_000,
                message="",
                now=now,
            ).id
            for carrier, vehicle_id in vehicles
        ]
    (first, _), (second, _) = vehicles
    return Market(order.id, shipper, (actor_of(first), actor_of(second)), (placed[0], placed[1]))


def actor_of(someone: Person) -> Actor:
    return Actor(someone.id, someone.role)


def _visit(order: Assigned, stay: Stay) -> Visit:
    place = PICKUP if stay.place == "pickup" else DELIVERY  # where exactly does not matter

    def fix(minutes: float) -> Fix:
        time_us = round(order.at(minutes).timestamp() * 1_000_000)
        return Fix(time_us, float(str(place["lon"])), float(str(place["lat"])), 8.0, 1)

    entry = fix(stay.enter)
    visit = Visit(order.fences[stay.place], entry.time_us, None, entry.time_us, stay.inferred, entry)
    if stay.leave is None:
        return visit
    left = fix(stay.leave)
    # A pass begins and ends with one ping.
    exit_fix = entry if stay.inferred else left
    inferred = stay.inferred or stay.expired
    return Visit(visit.geofence_id, entry.time_us, left.time_us, left.time_us, inferred, entry, exit_fix)
