"""A carrier's fleet made over HTTP, and journeys that go through ingest's real pipeline."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import psycopg

from config.settings import get_settings
from ingest.pipeline import BatchResult
from ingest.times import to_us
from tests.support.api import Person
from tests.support.ingest import make_pipeline, message, ping_body

API = "/api/v1"
TELEMETRY = f"{API}/telemetry"
# Whole seconds two days ago: within every default range.
T0 = (datetime.now(UTC) - timedelta(days=2)).replace(microsecond=0)
LAT, LON = 14.7, -17.4
METRE = 1 / 107_600  # of longitude at this latitude, in degrees; to a percent
_numbers = count(1)

Body = dict[str, Any]


@dataclass(frozen=True)
class Fleet:
    carrier: Person
    connection: psycopg.Connection

    def vehicle(self) -> int:
        answer = self.carrier.post(f"{API}/fleet/vehicles/", {"plate": f"TH-{next(_numbers):04d}-T"})
        assert answer.status_code == 201, answer.text
        return int(answer.json()["id"])

    def device(self, vehicle_id: int | None = None, kind: str = "tracker", **more: Any) -> str:
        body = {"uid": f"{kind}-{next(_numbers)}", "kind": kind, **more}
        if vehicle_id is not None:
            body["vehicle_id"] = vehicle_id
        answer = self.carrier.post(f"{API}/fleet/devices/", body)
        assert answer.status_code == 201, answer.text
        return str(body["uid"])

    def truck(self) -> tuple[int, str]:
        """With a tracker."""
        vehicle_id = self.vehicle()
        return vehicle_id, self.device(vehicle_id)

    def send(self, uid: str, pings: Sequence[Body]) -> list[BatchResult]:
        """Through ingest, a message at a time."""
        pipeline = make_pipeline(self.connection, get_settings())
        results = [
            pipeline.process([message(uid, *pings[at : at + 400])]) for at in range(0, len(pings), 400)
        ]
        assert not any(result.totals.rejected for result in results)
        return results


def at(minutes: float) -> datetime:
    return T0 + timedelta(minutes=minutes)


class Journey:
    """A truck's pings one after the other, from T0 on."""

    def __init__(self, minute: float = 0, *, east_m: float = 0) -> None:
        self.now = at(minute)
        self.east_m = east_m
        self.pings: list[Body] = []

    @property
    def lon(self) -> float:
        return LON + self.east_m * METRE

    def ping(self, **values: Any) -> "Journey":
        self.pings.append(ping_body(to_us(self.now), LAT, self.lon, acc=5.0, **values))
        return self

    def stand(self, minutes: float, **values: Any) -> "Journey":
        """A ping every 30 s, up to and including the end."""
        end = self.now + timedelta(minutes=minutes)
        while self.now < end:
            self.now = min(self.now + timedelta(seconds=30), end)
            self.ping(spd=0.0, **values)
        return self

    def drive(self, minutes: float, kmh: float = 60.0, **values: Any) -> "Journey":
        """East, a ping every 10 s."""
        end = self.now + timedelta(minutes=minutes)
        while self.now < end:
            self.now += timedelta(seconds=10)
            self.east_m += kmh / 3.6 * 10
            self.ping(spd=kmh, **values)
        return self

    def wait(self, minutes: float) -> "Journey":
        """Without a ping."""
        self.now += timedelta(minutes=minutes)
        return self


def delivery() -> Journey:
    """20 minutes parked, 10 driving, 5 stopped, 10 driving, 30 parked."""
    return Journey().ping().stand(20).drive(10).stand(5).drive(10).stand(30)


def all_pages(person: Person, path: str, *, limit: int, **params: Any) -> list[dict[str, Any]]:
    """Every item of a list, by its cursors."""
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        answer = person.get(path, params={**params, "limit": limit} | ({"cursor": cursor} if cursor else {}))
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert len(page["items"]) <= limit
        found += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return found
