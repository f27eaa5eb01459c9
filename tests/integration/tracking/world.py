"""A small fleet in the database, written as ingest and the order service would have left it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import msgspec
from httpx import Client
from sqlalchemy import text

from config import clock
from config.database import transaction
from config.redis import live_channel, order_channel, sync_redis
from config.settings import get_settings
from platform_api.actor import Role
from platform_api.fleet.rules import DEFAULT_PRIORITIES, DeviceKind
from platform_api.tracking.rules import PING_KEYS
from platform_api.tracking.times import rfc3339
from tests.support.api import Person, person

_numbers = count(1)
POINT = '{"type": "Feature", "geometry": {"type": "Point", "coordinates": [%s, %s]}, "properties": {"radius_m": 200}}'
PICKUP = (-17.4441, 14.6937)
DELIVERY = (-16.9256, 14.7910)


def execute(sql: str, **values: Any) -> Any:
    """The first column of the first row, when there is one."""
    with transaction() as session:
        result = session.execute(text(sql), values)
        return result.scalar() if result.returns_rows else None


@dataclass(frozen=True, slots=True)
class Truck:
    carrier: Person
    driver: Person
    vehicle_id: int
    device_id: int
    device_uid: str


def new_device(kind: str, *, user_id: UUID | None = None, priority: int | None = None) -> tuple[int, str]:
    uid = f"{kind}-{next(_numbers)}"
    device_id = execute(
        "INSERT INTO devices (uid, kind, priority, user_id) VALUES (:uid, :kind, :priority, :user_id) RETURNING id",
        uid=uid,
        kind=kind,
        priority=DEFAULT_PRIORITIES[DeviceKind(kind)] if priority is None else priority,
        user_id=user_id,
    )
    return device_id, uid


def assign(
    device_id: int, vehicle_id: int, *, valid_from: datetime | None = None, valid_to: datetime | None = None
) -> None:
    execute(
        "INSERT INTO device_assignments (device_id, vehicle_id, valid_from, valid_to)"
        " VALUES (:device_id, :vehicle_id, :valid_from, :valid_to)",
        device_id=device_id,
        vehicle_id=vehicle_id,
        valid_from=valid_from,
        valid_to=valid_to,
    )


def new_truck(client: Client, *, carrier: Person | None = None) -> Truck:
    """With a driver and a tracker of its own."""
    carrier = carrier or person(client, Role.CARRIER)
    driver = person(client, Role.DRIVER, carrier_id=carrier.id)
    vehicle_id = execute(
        "INSERT INTO vehicles (carrier_id, driver_id, plate, name) VALUES (:carrier, :driver, :plate, 'Mack')"
        " RETURNING id",
        carrier=carrier.id,
        driver=driver.id,
        plate=f"DK-{next(_numbers):04d}-A",
    )
    device_id, uid = new_device("tracker")
    assign(device_id, vehicle_id)
    return Truck(carrier, driver, vehicle_id, device_id, uid)


def new_fence(lon_lat: tuple[float, float]) -> int:
    fence: int = execute(
        "INSERT INTO geofences (name, shape) VALUES ('fence', CAST(:shape AS jsonb)) RETURNING id",
        shape=POINT % lon_lat,
    )
    return fence


def new_order(
    shipper: Person, truck: Truck | None, *, status: str = "IN_TRANSIT", assigned_at: datetime | None = None
) -> UUID:
    """With both fences; `assigned_at` is an hour ago unless given, and null without a truck."""
    order_id = uuid4()
    when = (assigned_at or clock.now() - timedelta(hours=1)) if truck else None
    execute(
        "INSERT INTO orders (id, shipper_id, status, goods, pickup_name, pickup_lat, pickup_lon, pickup_shape,"
        " delivery_name, delivery_lat, delivery_lon, delivery_shape, pickup_geofence_id, delivery_geofence_id,"
        " carrier_id, driver_id, vehicle_id, assigned_at) VALUES (:id, :shipper, :status, 'riz', 'Port',"
        " :pickup_lat, :pickup_lon, CAST(:pickup_shape AS jsonb), 'Marché', :delivery_lat, :delivery_lon,"
        " CAST(:delivery_shape AS jsonb), :pickup_fence, :delivery_fence, :carrier, :driver, :vehicle, :when)",
        id=order_id,
        shipper=shipper.id,
        status=status,
        pickup_lat=PICKUP[1],
        pickup_lon=PICKUP[0],
        pickup_shape=POINT % PICKUP,
        delivery_lat=DELIVERY[1],
        delivery_lon=DELIVERY[0],
        delivery_shape=POINT % DELIVERY,
        pickup_fence=new_fence(PICKUP),
        delivery_fence=new_fence(DELIVERY),
        carrier=truck.carrier.id if truck else None,
        driver=truck.driver.id if truck else None,
        vehicle=truck.vehicle_id if truck else None,
        when=when,
    )
    return order_id


def update_order(order_id: UUID, **columns: Any) -> None:
    assignments = ", ".join(f"{name} = :{name}" for name in columns)
    execute(f"UPDATE orders SET {assignments} WHERE id = :order_id", order_id=order_id, **columns)


def store_ping(
    device_id: int,
    time: datetime,
    lat: float = 14.7,
    lon: float = -17.4,
    *,
    extra: str | None = None,
    **more: Any,
) -> None:
    columns = dict.fromkeys(("speed_kmh", "accuracy_m", "seq", "ignition", "mock")) | more
    execute(
        "INSERT INTO pings (device_id, time, received_at, lat, lon, speed_kmh, accuracy_m, seq, ignition, mock, extra)"
        " VALUES (:device_id, :time, :time, :lat, :lon, :speed_kmh, :accuracy_m, :seq, :ignition, :mock,"
        " CAST(:extra AS jsonb))",
        device_id=device_id,
        time=time,
        lat=lat,
        lon=lon,
        extra=extra,
        **columns,
    )


def set_position(truck: Truck, lat: float, lon: float, time: datetime, *, mock: bool = False) -> None:
    execute(
        "INSERT INTO vehicle_states (vehicle_id, time, lat, lon, speed_kmh, device_id, mock)"
        " VALUES (:vehicle, :time, :lat, :lon, 42, :device, :mock)"
        " ON CONFLICT (vehicle_id) DO UPDATE SET time = :time, lat = :lat, lon = :lon, mock = :mock",
        mock=mock,
        vehicle=truck.vehicle_id,
        time=time,
        lat=lat,
        lon=lon,
        device=truck.device_id,
    )


def live_ping(vehicle_id: int, time: datetime | None = None, **more: Any) -> dict[str, Any]:
    """As ingest announces it."""
    form = dict.fromkeys(PING_KEYS) | {"alarms": [], "attributes": {}, "lat": 14.7, "lon": -17.4}
    form["time"] = rfc3339(time or datetime.now(UTC))
    return {"vehicle_id": vehicle_id, "device_id": 1, "source": "tracker", **form, **more}


def announce(
    vehicle_id: int,
    *pings: dict[str, Any],
    crossings: Sequence[dict[str, Any]] = (),
    intervals: Sequence[dict[str, Any]] = (),
) -> int:
    """Publish as ingest does after its commit; returns how many Redis clients heard it."""
    body = msgspec.json.encode({"pings": pings, "crossings": crossings, "intervals": intervals})
    heard: int = sync_redis().publish(live_channel(vehicle_id, get_settings().live_shards), body)
    return heard


def announce_order(order_id: UUID, status: str, action: str = "confirmed") -> None:
    body = {"order_id": str(order_id), "status": status, "action": action, "event_time": rfc3339(clock.now())}
    sync_redis().publish(order_channel(order_id), msgspec.json.encode(body))


def subscribers(channel: str) -> int:
    [(_, number)] = sync_redis().pubsub_numsub(channel)
    return int(number)
