"""News after the commit: live viewers by Redis, orders by task queue. Losing it loses no data."""

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
import redis.exceptions

from config.celery_app import queue
from config.logging import get_logger
from config.redis import async_redis, live_channel
from config.settings import Settings
from ingest.interval_store import ToldInterval
from ingest.metrics import Metrics
from ingest.ping import normal_form, rfc3339
from ingest.pipeline import LivePing
from ingest.presence_store import PresenceChange
from ingest.visit_store import Crossing

log = get_logger(__name__)

ON_CROSSINGS = "orders.on_crossings"
ON_RETURN = "commands.deliver"
ON_ANSWERS = "commands.on_results"
# So that one task stays short and a fleet's crossings spread over the task workers.
_CROSSINGS_PER_TASK = 50
_DEVICES_PER_TASK = 50
_MAX_WAITING = 200
_encode = msgspec.json.Encoder().encode


class News(msgspec.Struct, frozen=True):
    """What one commit has to tell."""

    live: Sequence[LivePing] = ()
    crossings: Sequence[Crossing] = ()
    intervals: Sequence[ToldInterval] = ()
    presence: Sequence[PresenceChange] = ()
    answered: Sequence[int] = ()  # devices with answers to commands

    def __bool__(self) -> bool:
        return bool(self.live or self.crossings or self.intervals or self.presence or self.answered)


def channel_messages(news: News, shards: int) -> dict[str, dict[str, list[Any]]]:
    """One message a shard, as `config.redis.live_channel` documents it."""
    messages: dict[str, dict[str, list[Any]]] = {}

    def of(vehicle_id: int) -> dict[str, list[Any]]:
        channel = live_channel(vehicle_id, shards)
        empty: dict[str, list[Any]] = {"pings": [], "crossings": [], "intervals": [], "presence": []}
        return messages.setdefault(channel, empty)

    for seen in news.live:
        of(seen.vehicle_id)["pings"].append(
            {
                "vehicle_id": seen.vehicle_id,
                "device_id": seen.device_id,
                "source": seen.source,
                **normal_form(seen.ping),
            }
        )
    for interval in news.intervals:
        of(interval.vehicle_id)["intervals"].append(
            {
                "id": interval.interval_id,
                "vehicle_id": interval.vehicle_id,
                "kind": interval.kind,
                "change": interval.change,
                "started_at": rfc3339(interval.started_us),
                "ended_at": None if interval.ended_us is None else rfc3339(interval.ended_us),
            }
        )
    for change in news.presence:
        if change.vehicle_id is not None:
            of(change.vehicle_id)["presence"].append(_of_presence(change))
    for crossing in news.crossings:
        of(crossing.vehicle_id)["crossings"].append(
            {
                "id": crossing.id,
                "vehicle_id": crossing.vehicle_id,
                "geofence_id": crossing.geofence_id,
                "kind": crossing.kind,
                "change": crossing.change,
                "time": rfc3339(crossing.time_us),
            }
        )
    return messages


def _of_presence(change: PresenceChange) -> dict[str, Any]:
    return {
        "device_id": change.device_id,
        "vehicle_id": change.vehicle_id,
        "state": change.state,
        "at": rfc3339(change.at_us),
    }


class Announcer:
    """Sends news from a task of its own, so that a slow or absent Redis never holds up a batch."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._settings = settings
        self._metrics = metrics
        self._news: asyncio.Queue[News] = asyncio.Queue()
        self._redis = async_redis()

    def tell(self, news: News) -> None:
        """Put in line. When viewers cannot be reached for long, positions are dropped; the rest is not."""
        if self._news.qsize() >= _MAX_WAITING and news.live:
            self._metrics.news_dropped.inc()
            news = msgspec.structs.replace(news, live=())
        if news:
            self._news.put_nowait(news)

    async def run(self) -> None:
        while True:
            news = await self._news.get()
            try:
                await self._send(news)
            except (redis.exceptions.RedisError, OSError) as error:
                self._metrics.news_dropped.inc()
                log.warning("live viewers not told", error=str(error))
            finally:
                self._news.task_done()

    async def _send(self, news: News) -> None:
        messages = channel_messages(news, self._settings.live_shards)
        async with self._redis.pipeline(transaction=False) as pipe:
            for channel, message in messages.items():
                pipe.publish(channel, _encode(message))
            await asyncio.wait_for(pipe.execute(), 5)
        if news.crossings:
            # Celery's client blocks; the sweep finds what could not be queued.
            await asyncio.to_thread(_queue_all, [crossing.id for crossing in news.crossings])
        back = [change.device_id for change in news.presence if change.state == "online"]
        if back or news.answered:
            await asyncio.to_thread(_queue_devices, back, list(news.answered))

    async def drain(self, deadline_s: float = 5.0) -> None:
        """Wait until all is sent, but not for ever; then close."""
        try:
            await asyncio.wait_for(self._news.join(), deadline_s)
        except TimeoutError:
            log.warning("left without telling everybody", batches=self._news.qsize())
        await self._redis.aclose()


def _queue_devices(back: list[int], answered: list[int]) -> None:
    for start in range(0, len(back), _DEVICES_PER_TASK):
        queue(ON_RETURN, device_ids=back[start : start + _DEVICES_PER_TASK])
    if answered:
        queue(ON_ANSWERS, device_ids=answered)


def _queue_all(crossing_ids: list[int]) -> None:
    for start in range(0, len(crossing_ids), _CROSSINGS_PER_TASK):
        if not queue(ON_CROSSINGS, crossing_ids=crossing_ids[start : start + _CROSSINGS_PER_TASK]):
            return
