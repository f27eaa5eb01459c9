"""A driver with a phone, an order he drove, and positions that can be told from all others."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import psycopg
from httpx import Client

from config import clock
from config.settings import get_settings
from ingest import forget
from ingest.intake import Message
from ingest.times import to_us
from platform_api.actor import Role
from platform_api.privacy import erasing, tasks
from tests.integration.orders.world import Assigned, World
from tests.support.api import Person, person
from tests.support.ingest import make_pipeline
from tests.support.traces import tables_with
from tests.support.waiting import wait_until

PRIVACY = "/api/v1/privacy"
MINUTE = timedelta(minutes=1)
_numbers = count(1)

# A lettre de voiture is proof of the carriage and is kept as it was issued, its driver's name in it.
PROOFS = ("waybills",)


class Driver:
    """His order began three days ago; he is registered by name, number and password."""

    def __init__(self, client: Client, database_url: str) -> None:
        number = next(_numbers)
        self.world, self.database_url = World(client, database_url), database_url
        self.order: Assigned = self.world.assigned()
        self.person: Person = self.order.driver
        self.name, self.phone = f"Moussa Unverwechselbar {number}", f"+2217655{number:05d}"
        self.sql(
            "UPDATE users SET name = %s, phone = %s WHERE id = %s", self.name, self.phone, self.person.id
        )
        self.uid = f"phone-of-moussa-{number}"
        self.lat = 14.712_345_678 + number * 1e-6
        answer = self.order.carrier.post(
            "/api/v1/fleet/devices/",
            {
                "uid": self.uid,
                "kind": "phone",
                "vehicle_id": self.order.vehicle_id,
                "driver_id": str(self.person.id),
            },
        )
        assert answer.status_code == 201, answer.text

    def sql(self, statement: str, *values: Any) -> list[Any]:
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            cursor = connection.execute(statement, values)
            return cursor.fetchall() if cursor.description is not None else []

    def at(self, minutes: float) -> datetime:
        return self.order.at(minutes)

    def drive(self, *minutes: float) -> None:
        """Positions of his phone, as ingest takes them."""
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            pipeline = make_pipeline(connection, get_settings())
            for minute in minutes:
                body = {
                    "t": to_us(self.at(minute)) // 1000,
                    "lat": self.lat,
                    "lon": -17.4 + minute * 1e-3,
                    "spd": 40,
                }
                now_us = round(clock.now().timestamp() * 1e6)
                pipeline.process([Message(f"v1/devices/{self.uid}/pings", json.dumps(body).encode(), now_us)])
            pipeline.close()

    def deliver(self, minutes: float) -> None:
        """He hands over, and says where he was."""
        self.order.driver.post(f"{self.order.path}confirm-loading/", {})
        answer = self.order.driver.post(
            f"{self.order.path}proof-of-delivery/",
            {
                "receiver_name": "Ousmane",
                "position": {"lat": self.lat, "lon": -16.0757, "accuracy_m": 12},
            },
        )
        assert answer.status_code == 200, answer.text
        self.sql("UPDATE orders SET delivered_at = %s WHERE id = %s", self.at(minutes), self.order.id)
        assert self.order.shipper.post(f"{self.order.path}confirm-delivery/").status_code == 200

    def on_duty(self) -> None:
        assert self.person.post("/api/v1/duty/start/").status_code == 200

    def traces(self) -> dict[str, int]:
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            of_his = [self.phone, self.uid, self.lat]
            return tables_with(connection, [self.name], besides=PROOFS) | tables_with(connection, of_his)

    # Erasure ------------------------------------------------------------------

    def ask(self, by: Person | None = None) -> tuple[str, str]:
        """Path of the erasure, and its code."""
        by = by or self.person
        body = None if by is self.person else {"subject_id": str(self.person.id)}
        answer = by.post(f"{PRIVACY}/erasures/", body)
        assert answer.status_code == 201, answer.text
        return f"{PRIVACY}/erasures/{answer.json()['id']}/", answer.json()["confirmation_code"]

    def confirmed(self) -> str:
        path, code = self.ask()
        assert self.person.post(f"{path}confirm/", {"code": code}).json()["state"] == "waiting"
        return path

    def make_due(self) -> None:
        self.sql("UPDATE erasures SET due_at = now() - interval '1 s' WHERE subject_id = %s", self.person.id)

    def erase(self, path: str, administrator: Person) -> dict[str, Any]:
        """Tasks and ingest take turns until it is done."""
        key = path.rstrip("/").rpartition("/")[2]

        def done() -> dict[str, Any] | None:
            tasks.erase(key)
            ingest_erases(self.database_url)
            shown: dict[str, Any] = administrator.get(path).json()
            return shown if shown["state"] == "done" else None

        shown: dict[str, Any] | None = wait_until(done, 60, "the erasure")
        assert shown is not None
        return shown


def ingest_erases(database_url: str, rows: int = 500) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        for _ in forget.pieces(connection, rows, clock.now()):
            pass


def administrator(client: Client) -> Person:
    return person(client, Role.ADMINISTRATOR)


@contextmanager
def raising(*, after: int) -> Iterator[None]:
    """As if the process were killed in the middle of the `after`-th piece: nothing of it happens."""
    steps, left = dict(erasing._STEPS), [after]

    def killed(step: Any) -> Any:
        def run(*arguments: Any) -> Any:
            answer = step(*arguments)
            left[0] -= 1
            if left[0] == 0:
                raise KeyboardInterrupt
            return answer

        return run

    erasing._STEPS.update({name: killed(step) for name, step in steps.items()})
    try:
        yield
    finally:
        erasing._STEPS.update(steps)
