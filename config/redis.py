"""Redis connections and the names of the live channels that ingest fills and the API forwards."""

from functools import lru_cache

import redis
import redis.asyncio

from config.settings import get_settings


@lru_cache
def sync_redis() -> redis.Redis:
    """One pooled client per process, for synchronous code."""
    return redis.Redis.from_url(get_settings().redis_url)


def async_redis() -> redis.asyncio.Redis:
    """A fresh asynchronous client; the caller closes it with `aclose()`."""
    return redis.asyncio.Redis.from_url(get_settings().redis_url)


def live_channel(vehicle_id: int, shards: int) -> str:
    """The sharded channel that carries this vehicle's live updates.

    One message per ingest batch and shard, a JSON object:
    `{"pings": [{"vehicle_id", "device_id", "source": "tracker"|"phone", ...ping in normal form...}],
    "crossings": [{"id", "vehicle_id", "geofence_id", "kind", "change", "time"}],
    "intervals": [{"id", "vehicle_id", "kind", "change", "started_at", "ended_at"}],
    "presence": [{"device_id", "vehicle_id", "state": "online"|"offline", "at"}]}`. `pings` holds the
    newest position of each vehicle in the batch, `mock` among its keys; late and unused pings are not
    announced. `id` of an interval is that of its row, which may be told of several times.
    """
    return f"mess:live:{vehicle_id % shards}"


def alerts_channel(party_id: object) -> str:
    """Tells of a party's inbox: `{"ids": [...]}`, alerts that are new or have changed; null = too many to name."""
    return f"mess:alerts:{party_id}"


def order_channel(order_id: object) -> str:
    """Carries one JSON object per change of the order: `{"order_id", "status", "action", "event_time"}`."""
    return f"mess:order:{order_id}"
