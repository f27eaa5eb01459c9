"""A carrier with a truck and a driver, and the others who may want to look at them."""

from datetime import timedelta
from itertools import count
from typing import Any

import psycopg
from httpx import Client, Response
from psycopg.rows import dict_row

from config import clock
from platform_api.actor import Actor, Role
from tests.support.api import Person, person

FLEET = "/api/v1/fleet"
_numbers = count(1)


class FleetWorld:
    def __init__(self, client: Client, database_url: str) -> None:
        self.client = client
        self.database_url = database_url
        self.administrator = person(client, Role.ADMINISTRATOR)
        self.carrier = person(client, Role.CARRIER)
        self.other_carrier = person(client, Role.CARRIER)
        self.driver = person(client, Role.DRIVER, carrier_id=self.carrier.id)
        self.shipper = person(client, Role.SHIPPER)
        self.vehicle_id = self.add_vehicle(driver_id=str(self.driver.id))

    def add_vehicle(self, carrier: Person | None = None, **body: Any) -> int:
        answer = self.save_vehicle(carrier, **body)
        assert answer.status_code == 201, answer.text
        return int(answer.json()["id"])

    def save_vehicle(self, carrier: Person | None = None, **body: Any) -> Response:
        plate = f"TH-{next(_numbers):05d}-F"
        return (carrier or self.carrier).post(f"{FLEET}/vehicles/", {"plate": plate, **body})

    def vehicle_path(self, vehicle_id: int | None = None) -> str:
        return f"{FLEET}/vehicles/{vehicle_id or self.vehicle_id}/"

    def sql(self, statement: str, *values: Any) -> list[dict[str, Any]]:
        with psycopg.connect(self.database_url, row_factory=dict_row) as connection:
            cursor = connection.execute(statement, values)
            return cursor.fetchall() if cursor.description is not None else []


def actor_of(someone: Person) -> Actor:
    """As `accounts.authenticate` makes him."""
    return Actor(someone.id, someone.role, carrier_id=someone.id if someone.role is Role.CARRIER else None)


def upload_file(someone: Person) -> str:
    """A one-page PDF of his; its id."""
    answer = someone.client.post(
        "/api/v1/files/",
        content=b"%PDF-1.4\n%%EOF\n",
        headers={**someone.headers, "Content-Type": "application/pdf"},
    )
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def in_days(days: int) -> str:
    """A date by the server's clock."""
    return (clock.now().date() + timedelta(days=days)).isoformat()


def hand_in(someone: Person, kind: str, **body: Any) -> Response:
    """A document with a file of its own."""
    if "file_id" not in body:
        body["file_id"] = upload_file(someone)
    return someone.post(f"{FLEET}/documents/", {"kind": kind, **body})
