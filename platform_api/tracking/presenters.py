"""Rows and values of tracking as JSON: the one place that knows how a ping looks outside."""

from typing import Any

from sqlalchemy import Row

from platform_api.tracking.repository import GoingOn, LastPosition
from platform_api.tracking.route import Way, line_geometry
from platform_api.tracking.rules import PING_KEYS, RankedDriver, is_trusted, shown_ping
from platform_api.tracking.schemas import AvailableDriverOut, FeatureOut, RouteOut
from platform_api.tracking.service import Route
from platform_api.tracking.times import rfc3339
from telemetry.kinds import KINDS

_COLUMNS = tuple(key for key in PING_KEYS if key not in ("alarms", "attributes"))


def ping_json(row: Row[Any], kinds: frozenset[str]) -> dict[str, Any]:
    """A row of `repository.pings` in the normal form of a ping, with `device_uid`, `source` and `trusted`."""
    extra = row.extra or {}
    ping = {key: getattr(row, key) for key in _COLUMNS}
    ping |= {"alarms": extra.get("alarms"), "attributes": extra.get("attributes")}
    return {
        **shown_ping(ping, kinds),
        "device_uid": row.device_uid,
        "source": row.source,
        "trusted": is_trusted(row.mock),
    }


def position_json(position: LastPosition | None) -> dict[str, Any] | None:
    if position is None:
        return None
    return {
        "time": rfc3339(position.time),
        "lat": position.lat,
        "lon": position.lon,
        "speed_kmh": position.speed_kmh,
        "heading_deg": position.heading_deg,
        "accuracy_m": position.accuracy_m,
        "source": position.source,
        "trusted": is_trusted(position.mock),
    }


def going_on_json(interval: GoingOn) -> dict[str, Any]:
    """As an `interval` message, without what changed."""
    return {
        "id": interval.id,
        "kind": interval.kind,
        "severity": KINDS[interval.kind].severity,
        "started_at": rfc3339(interval.started_at),
        "ended_at": None,
    }


def driver_out(driver: RankedDriver) -> AvailableDriverOut:
    candidate = driver.candidate
    return AvailableDriverOut(
        driver_id=candidate.driver_id,
        driver_name=candidate.driver_name,
        vehicle_id=candidate.vehicle_id,
        plate=candidate.plate,
        vehicle_name=candidate.vehicle_name,
        capacity_kg=candidate.capacity_kg,
        lat=candidate.lat,
        lon=candidate.lon,
        distance_km=round(driver.distance_km, 3),
        position_time=candidate.time,
        position_age_s=round(driver.position_age_s, 1),
        source=candidate.source,  # type: ignore[arg-type]  # no gateway is in a vehicle
        trusted=candidate.trusted,
    )


def route_out(route: Route) -> RouteOut:
    places = route.places
    planned = {
        "kind": "planned",
        "distance_km": round(route.planned_km, 3),
        "straight_line": places.planned_route is None,
    }
    return RouteOut(
        features=[
            FeatureOut(geometry=line_geometry(route.planned), properties=planned),
            FeatureOut(geometry=line_geometry(route.actual.points), properties=_way_properties(route.actual)),
            _untrusted(route.actual),
            _point("pickup", places.pickup_name, places.pickup),
            _point("delivery", places.delivery_name, places.delivery),
            _fence("pickup_fence", places.pickup_name, places.pickup_shape),
            _fence("delivery_fence", places.delivery_name, places.delivery_shape),
        ]
    )


def _way_properties(way: Way) -> dict[str, Any]:
    return {
        "kind": "actual",
        "distance_km": round(way.distance_km, 3),
        "started_at": rfc3339(way.started_at) if way.started_at else None,
        "ended_at": rfc3339(way.ended_at) if way.ended_at else None,
        "fixes": way.fixes,
        "untrusted_fixes": way.untrusted_fixes,
    }


def _untrusted(way: Way) -> FeatureOut:
    points = [list(point) for point in way.untrusted]
    geometry = {"type": "MultiPoint", "coordinates": points} if points else None
    return FeatureOut(geometry=geometry, properties={"kind": "untrusted", "fixes": way.untrusted_fixes})


def _point(kind: str, name: str, lon_lat: tuple[float, float]) -> FeatureOut:
    return FeatureOut(
        geometry={"type": "Point", "coordinates": list(lon_lat)}, properties={"kind": kind, "name": name}
    )


def _fence(kind: str, name: str, shape: dict[str, Any]) -> FeatureOut:
    """The shape's own properties stay: a circle is a Point with `radius_m`."""
    own = shape.get("properties") or {}
    return FeatureOut(geometry=shape.get("geometry"), properties={**own, "kind": kind, "name": name})
