"""Tables that belong to SQL text and to ingest: autogenerate would drop what it does not know."""

from typing import Any

HANDS_OFF = frozenset(
    {
        "pings", "rejected_pings", "vehicle_states", "vehicle_snapshots", "dirty_vehicles",
        "visits", "crossings", "ingest_totals", "device_acks", "mqtt_credentials",
        "geofence_version", "fleet_version", "intervals", "interval_changes", "telemetry_settings",
        "dead_letters", "device_days", "gap_days", "ingest_ledger",
        "device_presence", "presence_changes", "command_results",
        "ping_floors", "duty_version", "phone_changes", "phone_owners", "erased_uids",
    }
)  # fmt: skip


def include_name(name: str | None, kind: str, parents: Any) -> bool:
    """Alembic's hook: whether autogenerate may look at this table."""
    return not (kind == "table" and name in HANDS_OFF)
