"""Adaptive reporting: one look at all vehicles, and a command to each device whose interval no longer fits."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from config.logging import get_logger
from config.settings import get_settings
from geofence.errors import FenceError
from geofence.geojson import parse_shape
from geofence.shapes import signed_distance_m
from platform_api.commands import adaptive, repository
from platform_api.commands.adaptive import Situation, Told
from platform_api.commands.encoders import ABILITIES
from platform_api.commands.models import Command
from platform_api.commands.service import queue_command
from platform_api.commands.states import CommandState, Kind
from platform_api.orders.rules import UNDERWAY, OrderStatus

log = get_logger(__name__)

# An older position says nothing of where the vehicle is now.
FRESH = timedelta(minutes=30)
# An interval that could not be told so long no longer fits.
EXPIRY_S = 900
_BEFORE_LOADING = (OrderStatus.ASSIGNED, OrderStatus.PICKUP_PENDING)
_TAKEN = (CommandState.QUEUED, CommandState.SENT, CommandState.DELIVERED, CommandState.ACKNOWLEDGED)

# The device's own word, then its fleet's, then the platform's.
_DEVICES = text("""
SELECT p.device_id, s.motion, s.lat, s.lon, o.place,
       c.parameters, c.created_at, c.created_by IS NOT NULL AS by_person, c.state
FROM device_presence p
JOIN devices d ON d.id = p.device_id
CROSS JOIN LATERAL (
    SELECT vehicle_id FROM device_assignments a
    WHERE a.device_id = d.id AND (a.valid_from IS NULL OR a.valid_from <= :now)
        AND (a.valid_to IS NULL OR :now < a.valid_to)
    ORDER BY a.id LIMIT 1) a
JOIN vehicles v ON v.id = a.vehicle_id
JOIN vehicle_states s ON s.vehicle_id = v.id
LEFT JOIN telemetry_settings own ON own.device_id = d.id
LEFT JOIN telemetry_settings fleet ON fleet.carrier_id = v.carrier_id
LEFT JOIN LATERAL (
    SELECT CASE WHEN status = ANY (:before_loading) THEN pickup_shape ELSE delivery_shape END AS place
    FROM orders WHERE vehicle_id = v.id AND status = ANY (:underway)
    ORDER BY assigned_at DESC, id LIMIT 1) o ON true
LEFT JOIN LATERAL (
    SELECT parameters, created_at, created_by, state FROM device_commands
    WHERE device_id = d.id AND kind = 'reporting_interval' AND state NOT IN ('cancelled', 'superseded')
    ORDER BY created_at DESC, id LIMIT 1) c ON true
WHERE p.state = 'online' AND p.downlink = ANY (:downlinks) AND NOT d.disabled
  AND s.time BETWEEN :now - CAST(:fresh AS interval) AND :now + CAST(:fresh AS interval)
  AND coalesce(own.settings->>'adaptive_reporting' = 'true', fleet.settings->>'adaptive_reporting' = 'true', :platform)
ORDER BY p.device_id
""")


@dataclass(frozen=True, slots=True)
class Change:
    device_id: int
    seconds: int


def plan_changes(session: Session, now: datetime) -> list[Change]:
    """The devices to tell a new interval; one query, whatever the fleet."""
    rows = session.execute(
        _DEVICES,
        {
            "now": now,
            "fresh": FRESH,
            "downlinks": [downlink for downlink, kind in ABILITIES if kind is Kind.REPORTING_INTERVAL],
            "before_loading": list(_BEFORE_LOADING),
            "underway": list(UNDERWAY),
            "platform": get_settings().adaptive_reporting,
        },
    )
    changes = []
    for row in rows:
        seconds = adaptive.change_s(_situation(row), _told(row), now)
        if seconds is not None:
            changes.append(Change(row.device_id, seconds))
    return changes


def tell_change(session: Session, change: Change, now: datetime) -> Command:
    """Queue the new interval, in the place of an older one. Raises what `service.queue_command` raises."""
    device = repository.lock_device(session, change.device_id)
    return queue_command(
        session,
        device,
        Kind.REPORTING_INTERVAL,
        {"seconds": change.seconds},
        actor=None,
        now=now,
        expires_in_s=EXPIRY_S,
    )


def _situation(row: Row[Any]) -> Situation:
    return Situation(row.motion, None if row.place is None else _distance_m(row.place, row.lon, row.lat))


def _distance_m(place: Mapping[str, Any], lon: float, lat: float) -> float | None:
    try:
        return float(signed_distance_m(parse_shape(place), np.array([lon]), np.array([lat]))[0])
    except FenceError as error:
        log.error("the place of an order cannot be read", error=str(error))
        return None


def _told(row: Row[Any]) -> Told | None:
    if row.state is None:
        return None
    return Told(row.parameters["seconds"], row.created_at, row.by_person, row.state in _TAKEN)
