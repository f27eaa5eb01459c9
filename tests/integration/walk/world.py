"""One carrier, one shipper, an order between them, and strangers of every role."""

import io
from functools import cached_property
from itertools import count
from typing import Any
from uuid import UUID

import psycopg
from httpx import Client
from PIL import Image
from psycopg.rows import dict_row

from platform_api.actor import Role
from tests.support.api import Person, person

_numbers = count(1)
PICKUP = {"name": "Port de Dakar", "lat": 14.6797, "lon": -17.4281}
DELIVERY = {"name": "Kaolack", "lat": 14.1652, "lon": -16.0757, "radius_m": 300}
ORDER = {"goods": "Riz brisé, 400 sacs", "weight_kg": 20_000, "pickup": PICKUP, "delivery": DELIVERY}


def picture() -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (2, 2)).save(content, "PNG")
    return content.getvalue()


class World:
    """`secrets` collects what no stranger may ever read."""

    def __init__(self, client: Client, database_url: str) -> None:
        self.client, self.database_url = client, database_url
        self.secrets: set[str] = set()
        self.shipper = person(client, Role.SHIPPER)
        self.carrier = person(client, Role.CARRIER)
        self.driver = person(client, Role.DRIVER, carrier_id=self.carrier.id)
        self.broker = person(client, Role.BROKER)
        self.administrator = person(client, Role.ADMINISTRATOR)
        self.other_shipper = person(client, Role.SHIPPER)
        self.other_carrier = person(client, Role.CARRIER)
        self.other_driver = person(client, Role.DRIVER, carrier_id=self.other_carrier.id)
        self.other_broker = person(client, Role.BROKER)
        for each in (self.shipper, self.carrier, self.driver, self.broker):
            self.secrets |= {str(each.id), each.phone}

    def caller(self, name: str) -> Person | None:
        return None if name == "nobody" else getattr(self, name)

    def again(self) -> "World":
        """Other people on the same API."""
        return World(self.client, self.database_url)

    def sql(self, statement: str, *values: Any) -> list[dict[str, Any]]:
        with psycopg.connect(self.database_url, row_factory=dict_row) as connection:
            cursor = connection.execute(statement, values)
            return cursor.fetchall() if cursor.description is not None else []

    def made(self, someone: Person, path: str, body: Any = None, *, name: str = "id") -> Any:
        """What POST answers under `name`; from then on no stranger may read it."""
        answer = someone.post(path, body)
        assert answer.status_code in (200, 201, 202), f"{path}: {answer.text}"
        value = answer.json()[name]
        if isinstance(value, str):
            self.secrets.add(value)
        return value

    def file(self, someone: Person) -> str:
        answer = self.client.post("/api/v1/files/", content=picture(), headers=someone.headers)
        assert answer.status_code == 201, answer.text
        self.secrets.add(answer.json()["id"])
        return str(answer.json()["id"])

    # fleet

    def vehicle(self, carrier: Person | None = None, driver_id: UUID | None = None) -> int:
        """A truck of the carrier, with its driver."""
        carrier = carrier or self.carrier
        (row,) = self.sql(
            "INSERT INTO vehicles (carrier_id, driver_id, plate) VALUES (%s, %s, %s) RETURNING id",
            carrier.id,
            driver_id,
            f"DK-{next(_numbers):04d}-{str(carrier.id)[:4].upper()}",
        )
        return int(row["id"])

    def free_vehicle(self) -> int:
        """Of the carrier and the driver, both free: one truck and one driver carry one order at a time."""
        self.sql(
            "UPDATE orders SET status = 'COMPLETED', completed_at = now() WHERE driver_id = %s"
            " AND status NOT IN ('COMPLETED', 'CANCELLED')",
            self.driver.id,
        )
        return self.vehicle(driver_id=self.driver.id)

    @cached_property
    def vehicle_id(self) -> int:
        return self.vehicle(driver_id=self.driver.id)

    def device(self, **fields: Any) -> str:
        uid = f"walk-{next(_numbers)}-{str(self.carrier.id)[:6]}"
        return str(
            self.made(
                self.carrier,
                "/api/v1/fleet/devices/",
                {"uid": uid, "kind": "tracker"} | fields,
                name="uid",
            )
        )

    @cached_property
    def uid(self) -> str:
        """A tracker in the standing vehicle."""
        return self.device(vehicle_id=self.vehicle_id)

    @cached_property
    def phone_uid(self) -> str:
        return self.device(kind="phone", driver_id=str(self.driver.id))

    # orders

    def draft(self, shipper: Person | None = None) -> str:
        return str(self.made(shipper or self.shipper, "/api/v1/orders/", ORDER))

    def posted(self) -> str:
        order_id = self.draft()
        answer = self.shipper.post(f"/api/v1/orders/{order_id}/post/")
        assert answer.status_code == 200, answer.text
        return order_id

    def bid(self, order_id: str, vehicle_id: int | None = None) -> str:
        body = {"vehicle_id": vehicle_id or self.vehicle_id, "amount_xof": 450_000}
        return str(self.made(self.carrier, f"/api/v1/orders/{order_id}/bids/", body))

    def assigned(self) -> str:
        """An order of the carrier and the driver, in a truck of its own."""
        order_id = self.posted()
        bid_id = self.bid(order_id, self.free_vehicle())
        answer = self.shipper.post(f"/api/v1/orders/{order_id}/accept-bid/", {"bid_id": bid_id})
        assert answer.status_code == 200, answer.text
        return order_id

    def loaded(self) -> str:
        order_id = self.assigned()
        answer = self.driver.post(f"/api/v1/orders/{order_id}/confirm-loading/")
        assert answer.status_code == 200, answer.text
        return order_id

    def in_status(self, status: str) -> str:
        """An assigned order that has come as far as this; the times are not those of a real journey."""
        order_id = self.assigned()
        self.sql("UPDATE orders SET status = %s WHERE id = %s", status, order_id)
        return order_id

    @cached_property
    def order_id(self) -> str:
        """Assigned to the carrier and the driver."""
        return self.assigned()

    @cached_property
    def letter_id(self) -> int:
        """A refused message of the standing device, of which more than the beginning was kept."""
        (row,) = self.sql(
            "INSERT INTO dead_letters (received_at, topic, device_id, device_uid, payload, payload_bytes, worker)"
            " SELECT now(), 'v1/devices/x/pings', id, uid, 'no', 2, 'walk' FROM devices WHERE uid = %s"
            " RETURNING id",
            self.uid,
        )
        return int(row["id"])
