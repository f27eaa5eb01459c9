"""What proves a wait: the visits, and the pings made during them, summed up so that nobody can change them later."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row
from sqlalchemy.orm import Session

from platform_api.detention import repository
from platform_api.detention.repository import Ping
from platform_api.detention.rules import Call, Stint, Terms, Waiting


@dataclass(frozen=True, slots=True)
class Trucks:
    """The one that is on the order, since when, and those that were there before it and called at the place."""

    vehicle_id: int
    since: datetime | None
    former: Sequence[Stint]


def gather(
    session: Session, trucks: Trucks, call: Call, seen: Waiting, terms: Terms, visits: Sequence[Row[Any]]
) -> dict[str, Any]:
    """The `evidence` of a claim, as JSON. Times RFC 3339 UTC. Of each truck only what it did on the order."""
    assert call.arrived_at is not None
    start = call.arrived_at if trucks.since is None else max(call.arrived_at, trucks.since)
    return {
        "vehicle_id": trucks.vehicle_id,
        "arrived_at": call.arrived_at.isoformat(),
        "departed_at": _text(call.departed_at),
        "handed_over_at": _text(call.handed_over_at),
        "called_off_at": _text(call.called_off_at),
        "window_opens_at": _text(call.opens_at),
        "clock_from": seen.clock_from.isoformat(),
        "clock_to": seen.clock_to.isoformat(),
        "terms": {
            "free_minutes": terms.free_minutes,
            "rate_xof": terms.rate_xof,
            "cap_hours": terms.cap_hours,
        },
        "visits": [
            {
                "id": row.id,
                "vehicle_id": row.vehicle_id,
                "geofence_id": row.geofence_id,
                "entered_at": row.entered_at.isoformat(),
                "exited_at": _text(row.exited_at),
                "revision": row.revision,
                "enter_ping": row.enter_evidence,
                "exit_ping": row.exit_evidence if row.exited_at else None,
            }
            for row in visits
            if row.id in seen.visit_ids
        ],
        "pings": sum_up(repository.pings(session, trucks.vehicle_id, start, seen.clock_to)),
        "former_trucks": [
            _former(session, stint, call.arrived_at, seen.clock_to)
            for stint in trucks.former
            if stint.until > call.arrived_at
        ],
    }


def _former(session: Session, stint: Stint, arrived_at: datetime, clock_to: datetime) -> dict[str, Any]:
    start, end = max(stint.since, arrived_at), min(stint.until, clock_to)
    return {
        "vehicle_id": stint.vehicle_id,
        "on_from": stint.since.isoformat(),
        "on_until": stint.until.isoformat(),
        "pings": sum_up(repository.pings(session, stint.vehicle_id, start, end)),
    }


def sum_up(pings: Iterable[Ping]) -> dict[str, Any]:
    """First, last, count, the longest silence, and the sha256 of them all.

    Of a line a ping: `device_id,time,lat,lon`, time RFC 3339 UTC, degrees as Python's repr, ended by a
    newline, in order of time and device. Whoever has the pings can compute it again.
    """
    digest, count, longest_s = hashlib.sha256(), 0, 0.0
    first: Ping | None = None
    last: Ping | None = None
    for ping in pings:
        digest.update(f"{ping.device_id},{ping.time.isoformat()},{ping.lat!r},{ping.lon!r}\n".encode())
        if last is not None:
            longest_s = max(longest_s, (ping.time - last.time).total_seconds())
        first, last, count = first or ping, ping, count + 1
    return {
        "count": count,
        "first": _shown(first),
        "last": _shown(last),
        "max_gap_s": round(longest_s, 3) if count > 1 else None,
        "sha256": digest.hexdigest(),
    }


def sha256_of(evidence: dict[str, Any]) -> str:
    """Of the evidence as JSON with sorted keys and without spaces (RFC 8785 but for its numbers)."""
    text = json.dumps(evidence, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _shown(ping: Ping | None) -> dict[str, Any] | None:
    if ping is None:
        return None
    return {"time": ping.time.isoformat(), "lat": ping.lat, "lon": ping.lon, "device_id": ping.device_id}


def _text(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()
