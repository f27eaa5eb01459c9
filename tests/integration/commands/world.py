"""A carrier with a truck, its tracker, and a device's end of MQTT. Presence and positions are rows that ingest writes."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

import paho.mqtt.client as paho
import psycopg
from httpx import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from psycopg.rows import dict_row

from platform_api.actor import Actor, Role
from tests.support.api import Person, person
from tests.support.waiting import wait_until

_numbers = count(1)
COMMANDS = "/api/v1/commands/"


@dataclass(frozen=True, slots=True)
class Truck:
    """A vehicle with one device in it."""

    vehicle_id: int
    device_id: int
    uid: str


class World:
    def __init__(self, client: Client, database_url: str) -> None:
        self.client = client
        self.database_url = database_url
        self.carrier = person(client, Role.CARRIER)
        self.driver = person(client, Role.DRIVER, carrier_id=self.carrier.id)
        self.administrator = person(client, Role.ADMINISTRATOR)
        self.second = person(client, Role.ADMINISTRATOR)
        self.stranger = person(client, Role.CARRIER)

    def sql(self, statement: str, *values: Any) -> list[dict[str, Any]]:
        with psycopg.connect(self.database_url, row_factory=dict_row) as connection:
            cursor = connection.execute(statement, values)
            return cursor.fetchall() if cursor.description is not None else []

    def truck(self, downlink: str | None = "native", address: str = "", *, online: bool = True) -> Truck:
        number = next(_numbers)
        (vehicle,) = self.sql(
            "INSERT INTO vehicles (carrier_id, plate) VALUES (%s, %s) RETURNING id",
            self.carrier.id,
            f"DK-{number:04d}-{str(self.carrier.id)[:4].upper()}",
        )
        uid = f"tracker-{number}-{str(self.carrier.id)[:4]}"
        (device,) = self.sql(
            "INSERT INTO devices (uid, kind, carrier_id) VALUES (%s, 'tracker', %s) RETURNING id",
            uid,
            self.carrier.id,
        )
        self.sql(
            "INSERT INTO device_assignments (device_id, vehicle_id) VALUES (%s, %s)",
            device["id"],
            vehicle["id"],
        )
        self.sql("INSERT INTO vehicle_states (vehicle_id) VALUES (%s)", vehicle["id"])
        truck = Truck(vehicle["id"], device["id"], uid)
        self.sql(
            "UPDATE device_presence SET downlink = %s, downlink_address = %s WHERE device_id = %s",
            downlink,
            address,
            truck.device_id,
        )
        self.presence(truck, online=online)
        return truck

    def presence(self, truck: Truck, *, online: bool) -> None:
        self.sql(
            "UPDATE device_presence SET state = %s, since = now(), last_seen_at = now() WHERE device_id = %s",
            "online" if online else "offline",
            truck.device_id,
        )

    def position(
        self, truck: Truck, speed_kmh: float | None, motion: str | None, *, age_s: float = 1
    ) -> None:
        self.sql(
            "UPDATE vehicle_states SET time = %s, lat = 14.7, lon = -17.4, speed_kmh = %s, motion = %s"
            " WHERE vehicle_id = %s",
            datetime.now(UTC) - timedelta(seconds=age_s),
            speed_kmh,
            motion,
            truck.vehicle_id,
        )

    def answer(
        self, truck: Truck, command_id: str | None, *, ok: bool = True, receipt: bool = False, text: str = ""
    ) -> None:
        """As ingest writes it."""
        self.sql(
            "INSERT INTO command_results (device_id, command_id, receipt, ok, text, received_at)"
            " VALUES (%s, %s, %s, %s, %s, clock_timestamp())",
            truck.device_id,
            command_id,
            receipt,
            ok,
            text,
        )

    def send(self, truck: Truck, kind: str, who: Person | None = None, **body: Any) -> dict[str, Any]:
        answer = (who or self.carrier).post(COMMANDS, {"device_uid": truck.uid, "kind": kind, **body})
        assert answer.status_code == 201, answer.text
        sent: dict[str, Any] = answer.json()
        return sent

    def engine_stop(self, truck: Truck, *, approved: bool = True) -> dict[str, Any]:
        command = self.send(truck, "engine_stop")
        if approved:
            assert self.administrator.post(f"{COMMANDS}{command['id']}/approve/").status_code == 200
        return self.read(command)

    def read(self, command: dict[str, Any]) -> dict[str, Any]:
        answer = self.administrator.get(f"{COMMANDS}{command['id']}/")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def state(self, command: dict[str, Any]) -> tuple[str, str | None]:
        found = self.read(command)
        return found["state"], found["waiting"]

    def steps(self, command: dict[str, Any]) -> list[str]:
        items = self.administrator.get(f"{COMMANDS}{command['id']}/steps/?limit=200").json()["items"]
        return [item["step"] for item in items]

    def later(self, command: dict[str, Any], seconds: float) -> None:
        """As if so much time had passed for this command."""
        self.sql(
            "UPDATE device_commands SET created_at = created_at - %(by)s, expires_at = expires_at - %(by)s,"
            " sent_at = sent_at - %(by)s, next_attempt_at = next_attempt_at - %(by)s,"
            " claimed_at = claimed_at - %(by)s, approved_at = approved_at - %(by)s WHERE id = %(id)s".replace(
                "%(by)s", "make_interval(secs => %s)"
            ).replace("%(id)s", "%s"),
            *[seconds] * 6,
            UUID(command["id"]),
        )


class Ear:
    """A device's subscription, and everything that came."""

    def __init__(self, client: paho.Client) -> None:
        self.client = client
        self.heard: list[tuple[str, dict[str, Any]]] = []

    def wait(self, count: int = 1) -> list[dict[str, Any]]:
        wait_until(lambda: len(self.heard) >= count, what=f"{count} commands")
        return [body for _, body in self.heard]

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [body for _, body in self.heard]


@contextmanager
def ear(broker: Any, topic: str) -> Iterator[Ear]:
    """Subscribed with QoS 1 when it is handed out."""
    client = paho.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
    listening = Ear(client)
    subscribed: list[bool] = []
    client.on_message = lambda _c, _u, message: listening.heard.append(
        (message.topic, json.loads(message.payload))
    )
    client.on_subscribe = lambda *_: subscribed.append(True)
    client.connect(broker.host, broker.port)
    client.loop_start()
    try:
        client.subscribe(topic, qos=1)
        wait_until(lambda: subscribed, what="the subscription")
        yield listening
    finally:
        client.disconnect()
        client.loop_stop()


def actor_of(someone: Person) -> Actor:
    return Actor(someone.id, someone.role, carrier_id=someone.id if someone.role is Role.CARRIER else None)
