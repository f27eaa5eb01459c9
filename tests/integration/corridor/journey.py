"""An order with its corridor, and what ingest would have written of its truck."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from platform_api.routing import tasks as routing
from platform_api.watch import tasks as watch
from tests.integration.orders.world import Assigned, Stay, World
from tests.support.api import Person

LOADED = (Stay("pickup", 10, 40),)


@dataclass(frozen=True, slots=True)
class Journey:
    """Minutes are after the assignment. The corridor is a place of its own."""

    world: World
    order: Assigned

    @classmethod
    def planned(cls, world: World) -> "Journey":
        order = world.assigned()
        routing.plan(str(order.id))
        (row,) = world.sql(
            "SELECT geofence_id FROM planned_routes WHERE order_id = %s AND superseded_at IS NULL", order.id
        )
        fences = (
            order.fences if row["geofence_id"] is None else order.fences | {"corridor": row["geofence_id"]}
        )
        journey = cls(world, replace(order, fences=fences))
        journey.folded()
        return journey

    def folded(self) -> None:
        """No ingest runs here: nobody else takes note that the fences are new."""
        self.world.sql("DELETE FROM dirty_vehicles WHERE vehicle_id = %s", self.order.vehicle_id)

    def drive(self, *stays: Stay, seen: float) -> None:
        """The truck's visits are now these, and it was seen last at this minute."""
        self.world.sql(
            "INSERT INTO vehicle_states (vehicle_id, time, lat, lon) VALUES (%s, %s, 14.5, -16.5)"
            " ON CONFLICT (vehicle_id) DO UPDATE SET time = excluded.time",
            self.order.vehicle_id,
            self.order.at(seen),
        )
        self.world.drive(self.order, *LOADED, *stays)
        watch.sweep()

    def stands(
        self, start: float, end: float | None = None, *, at: tuple[float, float] = (-16.5, 14.4)
    ) -> int:
        """An interval of ingest, and that it was told."""
        times = self.order.at(start), None if end is None else self.order.at(end)
        (row,) = self.world.sql(
            "INSERT INTO intervals (vehicle_id, kind, family, origin, device_id, started_at, ended_at, seen_at,"
            " start_lon, start_lat) VALUES (%s, 'stop', 'standing', 'platform', 0, %s, %s, %s, %s, %s) RETURNING id",
            self.order.vehicle_id, *times, times[0], *at,
        )  # fmt: skip
        self.told(row["id"], "created")
        return int(row["id"])

    def told(self, interval_id: int, change: str) -> None:
        self.world.sql(
            "INSERT INTO interval_changes (interval_id, vehicle_id, kind, change, started_at, ended_at)"
            " SELECT id, vehicle_id, kind, %s, started_at, ended_at FROM intervals WHERE id = %s",
            change, interval_id,
        )  # fmt: skip

    def ping(self, minutes: float, lon: float, lat: float) -> None:
        (device,) = self.world.sql(
            "INSERT INTO devices (uid, kind, carrier_id) VALUES (%s, 'tracker', %s)"
            " ON CONFLICT (uid) DO UPDATE SET disabled = false RETURNING id",
            f"tracker-{self.order.vehicle_id}", self.order.carrier.id,
        )  # fmt: skip
        self.world.sql(
            "INSERT INTO device_assignments (device_id, vehicle_id) VALUES (%s, %s) ON CONFLICT DO NOTHING",
            device["id"], self.order.vehicle_id,
        )  # fmt: skip
        self.world.sql(
            "INSERT INTO pings (device_id, time, received_at, lat, lon) VALUES (%s, %s, %s, %s, %s)",
            device["id"], self.order.at(minutes), datetime.now(UTC), lat, lon,
        )  # fmt: skip

    def events(self, **query: Any) -> list[dict[str, Any]]:
        response = self.order.shipper.get(f"{self.order.path}route-events/", params=query)
        assert response.status_code == 200, response.text
        items: list[dict[str, Any]] = response.json()["items"]
        return items

    def spans(self) -> list[tuple[str, float, float | None]]:
        """Kind, start and end in minutes, newest first."""
        return [
            (e["kind"], self.minutes(e["started_at"]), self.minutes(e["ended_at"])) for e in self.events()
        ]  # type: ignore[misc]

    def minutes(self, time: str | None) -> float | None:
        return (
            None
            if time is None
            else (datetime.fromisoformat(time) - self.order.assigned_at).total_seconds() / 60
        )

    def alerts(self, person: Person, **query: Any) -> list[dict[str, Any]]:
        params = {"order_id": str(self.order.id), **query}
        items: list[dict[str, Any]] = person.get("/api/v1/alerts/", params=params).json()["items"]
        # Bids are told of as well.
        return [item for item in items if not item["kind"].startswith("bid_")]
